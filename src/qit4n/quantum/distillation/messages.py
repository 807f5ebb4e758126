"""What the two modules of a link say to each other on the classical channel. Bits travel packed, eight to a byte."""

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.refpoints import Message

Bits = NDArray[np.uint8]


class Announce(Message, frozen=True, kw_only=True):
    """Receiver: the slots of one segment in which it clicked (uint32 offsets) and the bases it had chosen."""

    first_slot: int
    pulses: int
    slots: bytes
    bases: bytes


class Sifted(Message, frozen=True, kw_only=True):
    """Transmitter: which of them have equal bases; their intensities; its bits in the test basis."""

    first_slot: int
    kept: bytes
    intensities: bytes
    test_bits: bytes


class ReportErrors(Message, frozen=True, kw_only=True):
    """Receiver: a block is full; errors in the test basis, by intensity."""

    signal: int
    decoy: int


class StartBlock(Message, frozen=True, kw_only=True):
    """Transmitter: number of the block, public seed and error rate for Cascade, the one-time key to be used."""

    block: int
    seed: int
    qber: float
    one_time_key: str


class RefuseKey(Message, frozen=True, kw_only=True):
    """Receiver: that one-time key is not here, or was used."""

    one_time_key: str


class Ask(Message, frozen=True, kw_only=True):
    """Receiver: parities of these blocks, please (pass, level: uint8; index: uint32)."""

    passes: bytes
    levels: bytes
    indices: bytes


class Parities(Message, frozen=True, kw_only=True):
    """Transmitter: the parities, in the order asked for."""

    count: int
    bits: bytes


class Corrected(Message, frozen=True, kw_only=True):
    """Receiver: nothing is left to ask."""


class Verify(Message, frozen=True, kw_only=True):
    """Transmitter: a hash function drawn just now, and its value for the key."""

    function: bytes
    value: bytes


class Verified(Message, frozen=True, kw_only=True):
    """Receiver: the value fits; errors in the key basis, by intensity, and how much was asked."""

    signal: int
    decoy: int


class Amplify(Message, frozen=True, kw_only=True):
    """Transmitter: length of the final key in bits, and the seed of the Toeplitz matrix."""

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
    | Ask
    | Parities
    | Corrected
    | Verify
    | Verified
    | Amplify
    | Tag
    | AbortBlock
)


def pack(bits: Bits) -> bytes:
    """Eight bits to a byte."""
    return np.packbits(bits).tobytes()


def unpack(packed: bytes, count: int) -> Bits:
    """The first ``count`` bits.

    Raises:
        ProtocolError: ``packed`` is not of the length for ``count`` bits.
    """
    return np.unpackbits(packed_bits(packed, count), count=count)


def packed_bits(packed: bytes, count: int) -> Bits:
    """``count`` bits as they came, eight in each element.

    Raises:
        ProtocolError: ``packed`` is not of the length for ``count`` bits.
    """
    if len(packed) != (count + 7) // 8:
        raise ProtocolError(f"{count} bits announced, {len(packed)} bytes came")
    return np.frombuffer(packed, np.uint8)
