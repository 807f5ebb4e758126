"""Authentication of the classical channel: one-time Poly1305 over the transcript of both directions.

Each block uses one one-time key of 64 bytes: 32 (r, s) for the transmitter's tag, 32 for the receiver's. A tag
covers every message of both directions since the last one, so that one tag per block and end is enough. A forgery
succeeds with probability at most ``8 ceil(L/16) / 2**106`` for L bytes of transcript (Bernstein, FSE 2005).
"""

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from qit4n.errors import AuthenticationError, OutOfKeyError
from qit4n.quantum.distillation.messages import ClassicalMessage, Tag

ONE_TIME_KEY_BYTES = 64
TRANSMITTER, RECEIVER = "transmitter", "receiver"
LENGTH_BYTES = 8


class Transcript:
    """Messages *forward* (from the transmitter) and *backward*, as this end has sent or received them."""

    def __init__(self) -> None:
        """Nothing said yet."""
        self._streams: dict[str, list[bytes]] = {"forward": [], "backward": []}
        self._starts = {"forward": 0, "backward": 0}
        self._covered = {TRANSMITTER: {"forward": 0, "backward": 0}, RECEIVER: {"forward": 0, "backward": 0}}

    def add(self, direction: str, message: ClassicalMessage) -> None:
        """Note a message; tags are not part of the transcript."""
        self._streams[direction].append(msgspec.msgpack.encode(message))

    def numbers(self) -> tuple[int, int]:
        """How many messages there were so far, forward and backward."""
        forward, backward = (self._starts[one] + len(self._streams[one]) for one in ("forward", "backward"))
        return forward, backward

    def tag(self, role: str, block: int, key: bytes) -> tuple[Tag, int]:
        """This end's tag over all so far, and the bytes it covers."""
        forward, backward = self.numbers()
        poly = Poly1305(_half(role, key))
        size = self._feed(poly, role, block, forward, backward)
        self._cover(role, forward, backward)
        return Tag(block=block, forward=forward, backward=backward, tag=poly.finalize()), size

    def check(self, role: str, block: int, key: bytes, tag: Tag, *, at_least: tuple[int, int]) -> int:
        """Check the tag of the other end, whose role is ``role``; returns the bytes it covers.

        Raises:
            AuthenticationError: it does not fit what this end has seen, or covers less than ``at_least``.
        """
        forward, backward = self.numbers()
        in_range = at_least[0] <= tag.forward <= forward and at_least[1] <= tag.backward <= backward
        if tag.block != block or not in_range:
            raise AuthenticationError(f"the tag of block {tag.block} covers other messages than this end has seen")
        poly = Poly1305(_half(role, key))
        size = self._feed(poly, role, block, tag.forward, tag.backward)
        try:
            poly.verify(tag.tag)
        except (InvalidSignature, ValueError) as error:
            raise AuthenticationError(
                f"the {role}'s tag of block {block} does not fit: a message was altered"
            ) from error
        self._cover(role, tag.forward, tag.backward)
        return size

    def _feed(self, poly: Poly1305, role: str, block: int, forward: int, backward: int) -> int:
        """What a tag covers: a head that says whose it is and how much, then the messages, each after its length."""
        messages: list[bytes] = []
        for direction, end in (("forward", forward), ("backward", backward)):
            start = self._starts[direction]
            messages += self._streams[direction][self._covered[role][direction] - start : end - start]
        size = 0
        for part in (msgspec.msgpack.encode([role, block, forward, backward]), *messages):
            poly.update(len(part).to_bytes(LENGTH_BYTES))
            poly.update(part)
            size += LENGTH_BYTES + len(part)
        return size

    def _cover(self, role: str, forward: int, backward: int) -> None:
        self._covered[role] = {"forward": forward, "backward": backward}
        for direction, stream in self._streams.items():
            done = min(covered[direction] for covered in self._covered.values())
            del stream[: done - self._starts[direction]]
            self._starts[direction] = done


def _half(role: str, key: bytes) -> bytes:
    return key[:32] if role == TRANSMITTER else key[32:]


class OneTimeKeys:
    """The one-time keys of this end, in the order of use. Each is used for one block, whatever becomes of it."""

    def __init__(self, keys: list[tuple[str, bytes]]) -> None:
        """Names and keys of 64 bytes."""
        self._keys = dict(keys)

    def first(self) -> str:
        """Name of the next key.

        Raises:
            OutOfKeyError: none is left.
        """
        for name in self._keys:
            return name
        raise OutOfKeyError(
            "no one-time key that both ends have is left for authentication; if it stays so, make a new pre-shared key "
            "at both ends: qit pki FILE --state DIR --renew-psk LINK"
        )

    def __contains__(self, name: str) -> bool:
        """Whether the key is here, unused."""
        return name in self._keys

    def take(self, name: str) -> bytes:
        """Use a key; it and all before it are gone."""
        for earlier in list(self._keys):
            key = self._keys.pop(earlier)
            if earlier == name:
                return key
        raise OutOfKeyError(f"one-time key {name} is not here")

    def drop(self, name: str) -> None:
        """Forget a key that the other end does not have."""
        self._keys.pop(name, None)

    def add(self, name: str, key: bytes) -> None:
        """Append a harvested key."""
        self._keys[name] = key
