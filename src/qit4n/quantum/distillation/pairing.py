"""Sending or not sending: which windows the ends tell each other, and actively odd-parity pairing (AOPP) of the rest.

The protocol, and what its proof asks of the ends: :mod:`qit4n.physics.protocols.sendingornot`.

Sifting: where not both chose the key window the transmitter tells its own choice, and of two decoys whether their
phases are in the slices and the click was wrong; how often the receiver had sent follows with the block.

Pairing, when a block is full: the receiver pairs each of its zeros (it sent) with one of its ones, and tells the pairs
and what it left over. Which is which shows nowhere, as a pair is told by place alone: the earlier window first, pairs
in the order of these. Which zero meets which one is drawn from entropy that is never told: with a public seed anybody
could tell zeros from ones by their ranks. The transmitter tells in which pairs its own bits differ. These are kept, the
bit of the first window being that of the pair. Of all others it tells its bits: the counts of the proof are of both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.entropy import Entropy
from qit4n.errors import BlockRefusedError, ProtocolError
from qit4n.physics.finite_key import BasisCounts
from qit4n.physics.protocols.sendingornot import SNSCounts
from qit4n.physics.sendingornot import PHASES, SLICE, PairedCounts
from qit4n.quantum.distillation.messages import pack, unpack
from qit4n.quantum.distillation.sift import Bits, Block, states
from qit4n.quantum.emulated.light import Detections, Prepared

KEYS, FIRST, SECOND, SLICED, REST = range(5)
"""Clicks: both chose the key window; the first end alone a test window; the second alone; both, in the slices; not."""
HALF_TURN = PHASES // 2
DRAWN_AT_ONCE = 4096


def choices_of_transmitter(own: Prepared, bases: Bits, phases: Bits) -> Bits:
    """Sifted states at the transmitter, all of them kept: of test windows the bit is what it tells.

    Args:
        own: what it prepared.
        bases: of the receiver.
        phases: of the receiver's decoys, turned where detector d clicked.
    """
    apart = own.intensities - phases & np.uint8(PHASES - 1)
    near = (apart + np.uint8(SLICE // 2)) % np.uint8(HALF_TURN) < SLICE
    wrong = (apart + np.uint8(HALF_TURN // 2)) % np.uint8(PHASES) >= HALF_TURN
    kinds = np.where(own.bases == 1, np.where(bases == 1, np.where(near, SLICED, REST), FIRST), KEYS + SECOND * bases)
    told = np.select([kinds == FIRST, kinds >= SLICED], [True, near & wrong], own.bits == 1)
    return states(told.astype(np.uint8), (kinds > KEYS).astype(np.uint8), kinds.astype(np.uint8))


def choices_of_receiver(own: Detections, kinds: Bits) -> Bits:
    """The same at the receiver, before it compares. Beside a decoy it is the end that sent which "errs".

    Raises:
        ProtocolError: the kinds contradict its own choices.
    """
    if kinds.size != own.bases.size or np.any((kinds >= SECOND) != (own.bases == 1)):
        raise ProtocolError("choices of windows came that are not those of the receiver")
    return states(own.bits, (kinds > KEYS).astype(np.uint8), kinds)


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Key windows of a block by place: pairs, in ascending order of their first windows, and what is left over.

    Attributes:
        firsts: (int64).
        seconds: (int64), each after its first.
        left: (int64), ascending.
        left_bit: of the receiver, in all that are left.
    """

    firsts: NDArray[np.int64]
    seconds: NDArray[np.int64]
    left: NDArray[np.int64]
    left_bit: int

    @staticmethod
    def drawn(bits: Bits, entropy: Entropy) -> "Pairing":
        """Zeros with ones at random."""
        places = np.flatnonzero(bits == 0), np.flatnonzero(bits == 1)
        left_bit = int(places[1].size > places[0].size)
        many, few = places[left_bit], places[1 - left_bit]
        many = many[np.argsort(_words(many.size, entropy))]
        pairs = np.sort(np.stack([few, many[: few.size]]), axis=0)
        pairs = pairs[:, np.argsort(pairs[0])]
        return Pairing(firsts=pairs[0], seconds=pairs[1], left=np.sort(many[few.size :]), left_bit=left_bit)

    def packed(self, size: int) -> tuple[bytes, bytes]:
        """Seconds in four bytes each, and which of ``size`` windows are left; firsts are the others, in order."""
        left = np.zeros(size, np.bool_)
        left[self.left] = True
        return self.seconds.astype("<u4").tobytes(), pack(left)

    @staticmethod
    def unpacked(pairs: bytes, left: bytes, left_bit: int, size: int) -> "Pairing":
        """The pairs of ``size`` windows.

        Raises:
            ProtocolError: they are no pairs of them.
        """
        seconds = np.frombuffer(pairs, "<u4").astype(np.int64)
        free = unpack(left, size) == 0
        remaining = np.flatnonzero(~free)
        if np.any(seconds >= size) or not np.all(free[seconds]) or left_bit not in {0, 1}:
            raise ProtocolError("windows are paired that are not in the block, or left over")
        free[seconds] = False
        firsts = np.flatnonzero(free)
        if firsts.size != seconds.size or remaining.size + 2 * firsts.size != size or np.any(firsts >= seconds):
            raise ProtocolError(f"{seconds.size} windows are no partners of {firsts.size}")
        return Pairing(firsts=firsts, seconds=seconds, left=remaining, left_bit=left_bit)


def _words(count: int, entropy: Entropy) -> NDArray[np.uint64]:
    """Random words of 64 bits, so many that a slow source is asked for them in pieces and has time for each."""
    sizes = [min(DRAWN_AT_ONCE, count - begin) for begin in range(0, count, DRAWN_AT_ONCE)]
    return np.frombuffer(b"".join(entropy(8 * size) for size in sizes), "<u8")


@dataclass(frozen=True, kw_only=True, repr=False)
class PairedBlock(Block):
    """A block whose key is one bit of each pair that is kept. ``repr`` hides bits.

    Attributes:
        even: pairs that are not kept, and those of them in which the transmitter had sent.
        left: windows that no partner was left for, and those of them in which it had sent.
        left_bit: of the receiver, in these.
    """

    even: tuple[int, int]
    left: tuple[int, int]
    left_bit: int

    def counts(self, key_errors: tuple[int, ...], test_errors: tuple[int, ...]) -> PairedCounts:
        """What the proof needs: what both ends sent in all windows that were told, and in the pairs by their errors."""
        wrong, (even, even_sent), (left, left_sent) = sum(key_errors), self.even, self.left
        left_zeros, left_ones = (left, 0) if self.left_bit == 0 else (0, left)
        silent = left - left_sent
        right, even_silent = self.size - wrong, even - even_sent
        counts = SNSCounts(
            empty=wrong + even_silent + (silent if self.left_bit else 0),
            weak=(self.test_counts[FIRST] - test_errors[FIRST], self.test_counts[SECOND] - test_errors[SECOND]),
            strong=(
                right + even_sent + (left_sent if self.left_bit else 0),
                right + even_silent + (0 if self.left_bit else silent),
            ),
            wrong=test_errors[SLICED],
            zeros=self.size + even + left_zeros,
            ones=self.size + even + left_ones,
        )
        return PairedCounts(
            key=BasisCounts(detections=(self.size,), wrong=(wrong,)),
            test=BasisCounts(detections=(self.test_counts[SLICED],), wrong=(test_errors[SLICED],)),
            windows=counts,
        )


def told_by_transmitter(block: Block, pairing: Pairing) -> tuple[bytes, bytes]:
    """In which pairs the transmitter's bits differ; its bits of the other pairs, then of what is left over."""
    bits = np.unpackbits(block.key, count=block.size)
    odd = bits[pairing.firsts] != bits[pairing.seconds]
    return pack(odd), pack(np.concatenate([bits[pairing.firsts[~odd]], bits[pairing.left]]))


def paired(block: Block, pairing: Pairing, parities: bytes, told: bytes) -> PairedBlock:
    """The pairs that are kept, at either end.

    Raises:
        ProtocolError: what was told is not of this pairing.
        BlockRefusedError: no pair is kept.
    """
    odd = unpack(parities, pairing.firsts.size) == 1
    even = int(np.count_nonzero(~odd))
    sent = unpack(told, even + pairing.left.size)
    bits = np.unpackbits(block.key, count=block.size)
    kept = bits[pairing.firsts[odd]]
    if not kept.size:
        raise BlockRefusedError("too-little-statistics", f"of {odd.size} pairs of key windows none is kept")
    return PairedBlock(
        size=kept.size,
        key=np.packbits(kept),
        masks=(np.packbits(np.ones(kept.size, np.uint8)),),
        test_counts=block.test_counts,
        test_errors=block.test_errors,
        pulses=block.pulses,
        even=(even, int(sent[:even].sum(dtype=np.int64))),
        left=(pairing.left.size, int(sent[even:].sum(dtype=np.int64))),
        left_bit=pairing.left_bit,
    )
