"""Who has to wait after wrong passwords, so that guessing is slow and nobody else can keep an account's owner out.

A name from one address waits after five; an address after twenty, whatever the names; a name after a hundred from
all over (the most that NIST SP 800-63B allows in a row, recalled), but not from where its password was right before.
An address of IPv6 is its network of 64 bits, of which one host has as many as it likes.
"""

import ipaddress
from collections.abc import Iterator

FREE_ATTEMPTS = 5
FREE_OF_ADDRESS = 20
FREE_OF_NAME = 100
WAIT_S = 30.0
PREFIX_BITS = 64

Counted = tuple[str, str]
"""Name and address; an empty one stands for all."""


class Attempts:
    """Wrong passwords lately, and where names have logged in."""

    def __init__(self) -> None:
        """Nobody has failed."""
        self._wrong: dict[Counted, tuple[int, float]] = {}
        self._known: set[Counted] = set()

    def _limits(self, name: str, address: str) -> Iterator[tuple[Counted, int]]:
        yield (name, address), FREE_ATTEMPTS
        yield ("", address), FREE_OF_ADDRESS
        if (name, address) not in self._known:
            yield (name, ""), FREE_OF_NAME

    def _count(self, counted: Counted, now: float) -> int:
        count, last = self._wrong.get(counted, (0, now))
        return count if now - last < WAIT_S else 0

    def waits(self, name: str, source: str, now: float) -> bool:
        """Whether this name has to wait at this address."""
        limits = self._limits(name, network_of(source))
        return any(self._count(counted, now) >= limit for counted, limit in limits)

    def wrong(self, name: str, source: str, now: float) -> None:
        """A wrong password for a name from an address."""
        self._wrong = {one: found for one, found in self._wrong.items() if now - found[1] < WAIT_S}
        for counted, _ in self._limits(name, network_of(source)):
            self._wrong[counted] = (self._count(counted, now) + 1, now)

    def right(self, name: str, source: str) -> bool:
        """The right password; whether it is the first time from there."""
        one = (name, network_of(source))
        self._wrong.pop(one, None)
        fresh = one not in self._known
        self._known.add(one)
        return fresh


def network_of(source: str) -> str:
    """The address that counts for a source."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if address.version == 4:  # noqa: PLR2004
        return source
    return str(ipaddress.ip_network((int(address), PREFIX_BITS), strict=False))
