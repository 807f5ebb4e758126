"""Sifting: both ends keep the detections with equal bases and cut them into the same blocks.

A sifted detection is one byte: its bit, basis, whether it is an error (test basis, at the receiver), its intensity.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.sift import BASIS, BIT, INTENSITY_SHIFT, split
from qit4n.physics.finite_key import BasisCounts, Counts
from qit4n.quantum.emulated.light import KEY_BASIS

Bits = NDArray[np.uint8]


def states(bits: Bits, bases: Bits, intensities: Bits) -> Bits:
    """One byte for each sifted detection."""
    found: Bits = bits * np.uint8(BIT) | bases * np.uint8(BASIS) | intensities << np.uint8(INTENSITY_SHIFT)
    return found


def in_basis(kept: Bits, basis: int) -> NDArray[np.bool_]:
    """Which of them are in a basis."""
    found: NDArray[np.bool_] = (kept & BASIS == 0) == (basis == KEY_BASIS)
    return found


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: the key-basis bits, packed; the counts by intensity; the pulses it took. ``repr`` hides bits.

    ``masks`` marks, for each intensity, the key-basis bits that came from it, packed as the key is.
    """

    size: int
    key: Bits
    masks: tuple[Bits, ...]
    test_counts: tuple[int, ...]
    test_errors: tuple[int, ...]
    pulses: int

    def __repr__(self) -> str:
        """Amounts only."""
        return f"Block({self.size} key bits, test counts {self.test_counts}, {self.pulses} pulses)"

    @property
    def key_counts(self) -> tuple[int, ...]:
        """Key-basis bits by intensity."""
        return tuple(ones(mask) for mask in self.masks)

    def key_errors(self, corrected: Bits) -> tuple[int, ...]:
        """Wrong key-basis bits by intensity, given the corrected key, packed."""
        return tuple(ones((corrected ^ self.key) & mask) for mask in self.masks)

    def counts(self, key_errors: tuple[int, ...], test_errors: tuple[int, ...]) -> Counts:
        """What parameter estimation needs, given the errors."""
        return Counts(
            key=BasisCounts(detections=self.key_counts, wrong=key_errors),
            test=BasisCounts(detections=self.test_counts, wrong=test_errors),
            pulses=self.pulses,
        )


def ones(packed: Bits) -> int:
    """How many bits are set."""
    return int(np.bitwise_count(packed).sum(dtype=np.int64))


@dataclass(frozen=True)
class _Segment:
    """Sifted detections of one segment: slots, states, and how many are in the key basis."""

    slots: NDArray[np.int64]
    kept: Bits
    key_bits: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_bits", int(np.count_nonzero(in_basis(self.kept, KEY_BASIS))))


class SiftedBuffer:
    """Sifted detections that wait to become a block, in the order of their slots."""

    def __init__(self, intensities: int) -> None:
        """Empty; the first block begins at slot 0."""
        self._intensities = intensities
        self._segments: list[_Segment] = []
        self._start = 0
        self.key_bits = 0

    def add(self, slots: NDArray[np.int64], kept: Bits) -> None:
        """Append one segment."""
        self._segments.append(_Segment(slots, kept))
        self.key_bits += self._segments[-1].key_bits

    def cut(self, block_bits: int) -> Block | None:
        """The next block: everything up to its last key-basis bit; None while there are fewer."""
        if self.key_bits < block_bits:
            return None
        lacking, count = block_bits, 0
        while self._segments[count].key_bits < lacking:
            lacking -= self._segments[count].key_bits
            count += 1
        last = self._segments[count]
        end = int(np.flatnonzero(in_basis(last.kept, KEY_BASIS))[lacking - 1]) + 1
        taken = np.concatenate([*(segment.kept for segment in self._segments[:count]), last.kept[:end]])
        self._segments[: count + 1] = [_Segment(last.slots[end:], last.kept[end:])]
        self.key_bits -= block_bits
        start, self._start = self._start, int(last.slots[end - 1]) + 1
        return self._block(taken, block_bits, self._start - start)

    def _block(self, taken: Bits, block_bits: int, pulses: int) -> Block:
        parts = split(taken, block_bits, self._intensities)
        return Block(
            size=block_bits,
            key=parts.key,
            masks=tuple(parts.masks),
            test_counts=parts.test_counts,
            test_errors=parts.test_errors,
            pulses=pulses,
        )
