"""WireGuard: the preshared key of a tunnel, which is mixed into its handshake (WireGuard white paper, section 5.2).

A new preshared key counts from the next handshake only, up to two minutes later, and a peer that is set anew drops what
is under way. So the tunnel has two interfaces, each with the other end as its one peer, and the routes lead through one
of them. A key goes to the idle one, whose peer is set anew: it has no session, and what handshakes there has done so
under the new key. Then the routes change. The interface that was in use still takes what is under way.
"""

import asyncio
import base64
import re
import secrets
from pathlib import Path

from qit4n.errors import RotationError
from qit4n.service.encryptors.command import run

KEY_BYTES = 32
HANDSHAKE_S = 5.0
POLL_S = 0.02
SET_BY_THE_AGENT = re.compile(r"^(PresharedKey|PersistentKeepalive)\s*=.*\n?", re.MULTILINE)
STRICT = 1


class WireGuard:
    """Two interfaces of one tunnel, made by the operator with ``ip`` and ``wg``."""

    def __init__(self, first: str, second: str) -> None:
        """Their names. Keys of even numbers go to the first."""
        self._interfaces = (first, second)
        self._peer = ""
        self._routes: list[str] = []

    async def start(self) -> int:
        """Read the peer, its allowed IPs, which become routes, and which interface they lead through."""
        found = [await self._peer_of(name) for name in self._interfaces]
        if found[0] != found[1]:
            first, second = self._interfaces
            raise RotationError(f"{first} and {second} need the same peer with the same allowed IPs; see wg show")
        self._peer, self._routes = found[0]
        for name in self._interfaces:
            _check_filter(name)
        shown = await run("ip", "route", "show", self._routes[0])
        return 1 if f"dev {self._interfaces[1]} " in f"{shown} " else 0

    async def install(self, number: int, key_id: str, key: bytes) -> None:  # noqa: ARG002 - WireGuard has no name for it
        """Set the peer of the idle interface anew, with the key; it does not shake hands before it is used."""
        if len(key) != KEY_BYTES:
            raise RotationError(f"WireGuard's preshared keys have {8 * KEY_BYTES} bits; this one has {8 * len(key)}")
        await self._set_anew(number, key)

    async def use(self, number: int, *, first: bool) -> None:
        """Wait for a handshake under the key, which the first end begins; then change the routes."""
        name = self._interface(number)
        if first:  # to be kept alive is a reason to shake hands at once
            await run("wg", "set", name, "peer", self._peer, "persistent-keepalive", "25")
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                while (await run("wg", "show", name, "latest-handshakes")).split()[-1:] in ([], ["0"]):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)  # WireGuard tells nobody
        except TimeoutError as error:
            text = f"no handshake on {name} within {HANDSHAKE_S:g} s: the two ends have different keys, or no way"
            raise RotationError(text) from error
        for route in self._routes:
            await run("ip", "route", "replace", route, "dev", name)

    async def drop(self, number: int) -> None:
        """Set the peer of the idle interface anew, under a key that nobody has."""
        await self._set_anew(number, secrets.token_bytes(KEY_BYTES))

    def _interface(self, number: int) -> str:
        return self._interfaces[number % 2]

    async def _set_anew(self, number: int, key: bytes) -> None:
        name = self._interface(number)
        kept = SET_BY_THE_AGENT.sub("", await run("wg", "showconf", name)).rstrip("\n")
        line = f"PresharedKey = {base64.b64encode(key).decode()}"
        await run("wg", "setconf", name, "/dev/stdin", given=f"{kept}\n{line}\n".encode())

    async def _peer_of(self, name: str) -> tuple[str, list[str]]:
        peers = [line.split("\t") for line in (await run("wg", "show", name, "allowed-ips")).splitlines()]
        if len(peers) != 1:
            raise RotationError(f"{name} has {len(peers)} peers; the agent drives tunnels with one")
        peer, allowed = peers[0]
        routes = [one for one in allowed.split() if one != "(none)"]
        if not routes:
            raise RotationError(
                f"the peer of {name} has no allowed IPs; add them: wg set {name} peer {peer} allowed-ips"
            )
        return peer, sorted(routes)


def _check_filter(name: str) -> None:
    """Packets may come through the interface that the routes do not lead through (RFC 3704)."""
    files = [Path(f"/proc/sys/net/ipv4/conf/{one}/rp_filter") for one in ("all", name)]
    if max((int(file.read_text()) for file in files if file.is_file()), default=0) == STRICT:
        raise RotationError(f"packets through {name} would be filtered; sysctl -w net.ipv4.conf.all.rp_filter=2")
