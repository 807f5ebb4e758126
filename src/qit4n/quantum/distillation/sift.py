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
    """Sifted detections of one segment: slots, states, and which of them fill a block."""

    slots: NDArray[np.int64]
    kept: Bits
    fills: NDArray[np.bool_]
    filling: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "filling", int(np.count_nonzero(self.fills)))

    def after(self, end: int) -> "_Segment":
        """Without its first ``end`` detections."""
        return _Segment(self.slots[end:], self.kept[end:], self.fills[end:])


class SiftedBuffer:
    """Sifted detections that wait to become a block, in the order of their slots."""

    def __init__(self, intensities: int, *, by_clicks: bool = False) -> None:
        """Empty; the first block begins at slot 0. It is full by its key-basis bits, or by its clicks of any basis."""
        self._intensities = intensities
        self._by_clicks = by_clicks
        self._segments: list[_Segment] = []
        self._start = 0
        self.waiting = 0

    def add(self, slots: NDArray[np.int64], kept: Bits) -> None:
        """Append one segment."""
        fills = np.ones(kept.size, np.bool_) if self._by_clicks else in_basis(kept, KEY_BASIS)
        self._segments.append(_Segment(slots, kept, fills))
        self.waiting += self._segments[-1].filling

    def cut(self, block_bits: int) -> Block | None:
        """The next block: everything up to the last detection that fills it; None while there are fewer."""
        if self.waiting < block_bits:
            return None
        lacking, count = block_bits, 0
        while self._segments[count].filling < lacking:
            lacking -= self._segments[count].filling
            count += 1
        last = self._segments[count]
        end = int(np.flatnonzero(last.fills)[lacking - 1]) + 1
        taken = np.concatenate([*(segment.kept for segment in self._segments[:count]), last.kept[:end]])
        self._segments[: count + 1] = [last.after(end)]
        self.waiting -= block_bits
        start, self._start = self._start, int(last.slots[end - 1]) + 1
        return self._block(taken, self._start - start)

    def _block(self, taken: Bits, pulses: int) -> Block:
        size = int(np.count_nonzero(in_basis(taken, KEY_BASIS)))
        parts = split(taken, size, self._intensities)
        return Block(
            size=size,
            key=parts.key,
            masks=tuple(parts.masks),
            test_counts=parts.test_counts,
            test_errors=parts.test_errors,
            pulses=pulses,
        )
