"""What the two modules of a link say to each other on the classical channel. Bits travel packed, eight to a byte."""

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.quantum.distillation.reconcile import Plan
from qit4n.refpoints import Message

Bits = NDArray[np.uint8]


class Announce(Message, frozen=True, kw_only=True):
    """Receiver: in which slots of one segment it clicked, as gaps (:func:`pack_slots`), and the bases it had chosen.

    With ``intensities`` where both ends send light to a middle, which has told it where two detectors clicked.
    """

    first_slot: int
    pulses: int
    clicks: int
    gaps: bytes
    bases: bytes
    intensities: bytes = b""


class Sifted(Message, frozen=True, kw_only=True):
    """Transmitter: which of them have equal bases; their intensities, 0 the signal; its bits in the test basis.

    Where both ends send light, pairs of intensities: its own times their number at the other end, plus the other's.
    Of sending or not sending all are kept, with their kind, and its choices in the test basis (:mod:`.pairing`).
    """

    first_slot: int
    kept: bytes
    intensities: bytes
    test_bits: bytes


class ReportErrors(Message, frozen=True, kw_only=True):
    """Receiver: a block is full; errors in the test basis, by intensity.

    Of sending or not sending also its pairs, what is left over, and its bit there (:class:`.pairing.Pairing`).
    """

    errors: tuple[int, ...]
    pairs: bytes = b""
    left: bytes = b""
    left_bit: int = 0


class StartBlock(Message, frozen=True, kw_only=True):
    """Transmitter: number of the block, public plan of its correction and why this one, the one-time key to be used.

    Of sending or not sending also which pairs are odd, and its bits of all others (:mod:`.pairing`).
    """

    block: int
    plan: Plan
    reason: str
    one_time_key: str
    parities: bytes = b""
    told: bytes = b""


class RefuseKey(Message, frozen=True, kw_only=True):
    """Receiver: that one-time key is not here, or was used."""

    one_time_key: str


class Parities(Message, frozen=True, kw_only=True):
    """Either end: its own parities of the nodes that are next in a group of frames; the receiver begins."""

    group: int
    bits: bytes


class Corrected(Message, frozen=True, kw_only=True):
    """Receiver: nothing is left to ask."""


class Verify(Message, frozen=True, kw_only=True):
    """Transmitter: a hash function drawn just now, and its value for the key."""

    function: bytes
    value: bytes


class Verified(Message, frozen=True, kw_only=True):
    """Receiver: the value fits; errors in the key basis, by intensity."""

    errors: tuple[int, ...]


class Amplify(Message, frozen=True, kw_only=True):
    """Transmitter: length of the secret key in bits, and the seed of the Toeplitz matrix."""

    length: int
    seed: bytes


class Tag(Message, frozen=True, kw_only=True):
    """Either end: authenticates all messages of both directions up to these numbers, since its last tag."""

    block: int
    forward: int
    backward: int
    tag: bytes


class AbortBlock(Message, frozen=True, kw_only=True):
    """Either end: no key from this block; both begin anew."""

    reason: str
    text: str
    qber: float = -1.0


ClassicalMessage = (
    Announce
    | Sifted
    | ReportErrors
    | StartBlock
    | RefuseKey
    | Parities
    | Corrected
    | Verify
    | Verified
    | Amplify
    | Tag
    | AbortBlock
)


def pack_slots(slots: NDArray[np.int64], first_slot: int) -> bytes:
    """Gaps between ascending slots, from ``first_slot`` on: uint16 where all of them fit, else uint32."""
    gaps = np.diff(slots, prepend=first_slot)
    fits = not gaps.size or int(gaps.max()) <= np.iinfo(np.uint16).max
    return gaps.astype("<u2" if fits else "<u4").tobytes()


def unpack_slots(packed: bytes, count: int, first_slot: int, pulses: int) -> NDArray[np.int64]:
    """The slots.

    Raises:
        ProtocolError: they are not ``count``, not ascending, or not within the segment.
    """
    if count < 0 or len(packed) not in {2 * count, 4 * count}:
        raise ProtocolError(f"{count} clicks announced, {len(packed)} bytes of slots came")
    gaps = np.frombuffer(packed, "<u2" if len(packed) == 2 * count else "<u4")
    slots = first_slot + np.cumsum(gaps, dtype=np.int64)
    if slots.size and (np.any(gaps[1:] == 0) or slots[-1] >= first_slot + pulses):
        raise ProtocolError("announced slots are not ascending within their segment")
    return slots


def pack(bits: Bits | NDArray[np.bool_]) -> bytes:
    """Eight bits to a byte."""
    return np.packbits(bits).tobytes()


def pack_intensities(intensities: Bits, kinds: int) -> bytes:
    """As many planes of bits as the number of ``kinds`` needs, the lowest first."""
    return b"".join(pack(intensities >> np.uint8(plane) & np.uint8(1)) for plane in range((kinds - 1).bit_length()))


def unpack_intensities(packed: bytes, count: int, kinds: int) -> Bits:
    """The first ``count`` intensities.

    Raises:
        ProtocolError: ``packed`` is not of the length for them, or one is none of ``kinds``.
    """
    planes, each = (kinds - 1).bit_length(), (count + 7) // 8
    if len(packed) != planes * each:
        raise ProtocolError(f"{count} intensities announced, {len(packed)} bytes came")
    found = np.zeros(count, np.uint8)
    for plane in range(planes):
        found |= unpack(packed[plane * each : (plane + 1) * each], count) << np.uint8(plane)
    if np.any(found >= kinds):
        raise ProtocolError(f"an intensity came that is none of {kinds}")
    return found


def unpack(packed: bytes, count: int) -> Bits:
    """The first ``count`` bits.

    Raises:
        ProtocolError: ``packed`` is not of the length for ``count`` bits.
    """
    if len(packed) != (count + 7) // 8:
        raise ProtocolError(f"{count} bits announced, {len(packed)} bytes came")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count)
