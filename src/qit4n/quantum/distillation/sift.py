"""Sifting: both ends keep the detections with equal bases and cut them into the same blocks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.physics.finite_key import BasisCounts, Counts
from qit4n.quantum.emulated.light import KEY_BASIS, TEST_BASIS

Bits = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Sifted detections, arrays of equal length. ``errors`` marks wrong bits of the test basis (receiver only)."""

    slots: NDArray[np.int64]
    bases: Bits
    bits: Bits
    intensities: Bits
    errors: Bits

    def part(self, start: int, end: int) -> "Kept":
        """Some of them."""
        where = slice(start, end)
        return Kept(
            slots=self.slots[where],
            bases=self.bases[where],
            bits=self.bits[where],
            intensities=self.intensities[where],
            errors=self.errors[where],
        )


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: the key-basis bits with their intensities, the counts, the pulses it took. ``repr`` hides bits."""

    key: Bits
    key_intensities: Bits
    key_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    test_errors: tuple[int, ...]
    pulses: int

    def __repr__(self) -> str:
        """Amounts only."""
        return f"Block({self.key.size} key bits, test counts {self.test_counts}, {self.pulses} pulses)"

    def key_errors(self, wrong: NDArray[np.bool_]) -> tuple[int, ...]:
        """Wrong key-basis bits by intensity."""
        return by_intensity(self.key_intensities[wrong], len(self.key_counts))

    def counts(self, key_errors: tuple[int, ...], test_errors: tuple[int, ...]) -> Counts:
        """What parameter estimation needs, given the errors."""
        return Counts(
            key=BasisCounts(detections=self.key_counts, wrong=key_errors),
            test=BasisCounts(detections=self.test_counts, wrong=test_errors),
        )


def by_intensity(intensities: Bits, kinds: int) -> tuple[int, ...]:
    """How many there are of each of ``kinds`` intensities."""
    return tuple(int(one) for one in np.bincount(intensities, minlength=kinds))


class SiftedBuffer:
    """Sifted detections that wait to become a block, in the order of their slots."""

    def __init__(self, intensities: int) -> None:
        """Empty; the first block begins at slot 0."""
        self._intensities = intensities
        self._parts: list[Kept] = []
        self._start = 0
        self.key_bits = 0

    def add(self, kept: Kept) -> None:
        """Append one segment."""
        self._parts.append(kept)
        self.key_bits += int(np.count_nonzero(kept.bases == KEY_BASIS))

    def cut(self, block_bits: int) -> Block | None:
        """The next block: everything up to its last key-basis bit; None while there are fewer."""
        if self.key_bits < block_bits:
            return None
        waiting = _join(self._parts)
        places = np.flatnonzero(waiting.bases == KEY_BASIS)
        end = int(places[block_bits - 1]) + 1
        taken, rest = waiting.part(0, end), waiting.part(end, waiting.slots.size)
        self._parts = [rest]
        self.key_bits -= block_bits
        last = int(taken.slots[-1]) + 1
        pulses, self._start = last - self._start, last
        key, test = taken.bases == KEY_BASIS, taken.bases == TEST_BASIS
        wrong = taken.intensities[test & (taken.errors == 1)]
        return Block(
            key=taken.bits[key],
            key_intensities=taken.intensities[key],
            key_counts=by_intensity(taken.intensities[key], self._intensities),
            test_counts=by_intensity(taken.intensities[test], self._intensities),
            test_errors=by_intensity(wrong, self._intensities),
            pulses=pulses,
        )


def _join(parts: list[Kept]) -> Kept:
    return Kept(
        slots=np.concatenate([part.slots for part in parts]),
        bases=np.concatenate([part.bases for part in parts]),
        bits=np.concatenate([part.bits for part in parts]),
        intensities=np.concatenate([part.intensities for part in parts]),
        errors=np.concatenate([part.errors for part in parts]),
    )
