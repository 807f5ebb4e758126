"""Sifting: both ends keep the detections with equal bases and cut them into the same blocks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels
from qit4n.physics.finite_key import BasisCounts
from qit4n.quantum.distillation.messages import Sifted, packed_bits, unpack
from qit4n.quantum.emulated.light import BASIS, BIT, DECOY, ERROR, INTENSITY, TEST_BASIS, Detections, Prepared

Bits = NDArray[np.uint8]
KINDS = 16


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Sifted detections: slots (int64) and marks (uint8), arrays of equal length. Secret, so it has no repr.

    A mark has the layout of ``qit4n.quantum.emulated.light``; wrong bits of the test basis are marked as errors at
    the receiver, none at the transmitter.
    """

    slots: NDArray[np.int64]
    marks: Bits

    def __repr__(self) -> str:
        """The amount only."""
        return f"Kept({self.slots.size} slots)"

    def key_bits(self) -> int:
        """How many are of the key basis."""
        return self.marks.size - int(np.count_nonzero(self.marks & BASIS))


def compare(first_slot: int, slots: NDArray[np.int64], prepared: Prepared, bases: Bits) -> tuple[Kept, Sifted]:
    """The transmitter's half: what has the receiver's bases, and what the receiver is told.

    Args:
        first_slot: of the segment.
        slots: that the receiver announced.
        prepared: what was sent in them.
        bases: that the receiver announced, packed.
    """
    compiled = kernels()
    if compiled is not None:
        kept_slots, marks, *packed = compiled.compare(slots, prepared.bits, prepared.bases, prepared.intensities, bases)
    else:
        kept = prepared.bases == np.unpackbits(bases, count=slots.size)
        bits, own, levels = prepared.bits[kept], prepared.bases[kept], prepared.intensities[kept]
        kept_slots, marks = slots[kept], bits * np.uint8(BIT) | own * np.uint8(BASIS) | levels * np.uint8(INTENSITY)
        packed = [np.packbits(column) for column in (kept, levels, bits[own == TEST_BASIS])]
    told = [column.tobytes() for column in packed]
    sifted = Sifted(first_slot=first_slot, kept=told[0], intensities=told[1], test_bits=told[2])
    return Kept(slots=kept_slots, marks=marks), sifted


def keep(detections: Detections, sifted: Sifted) -> Kept:
    """The receiver's half: what the transmitter says is to be kept, errors of the test basis marked.

    Raises:
        ProtocolError: the parts of the message do not fit the detections or each other.
    """
    slots, bits, bases = detections.slots, detections.bits, detections.bases
    verdicts = packed_bits(sifted.kept, slots.size)
    compiled = kernels()
    if compiled is not None:
        parts = (np.frombuffer(part, np.uint8) for part in (sifted.intensities, sifted.test_bits))
        kept_slots, marks, tests = compiled.keep(slots, bits, bases, verdicts, *parts)
        packed_bits(sifted.intensities, marks.size)
        packed_bits(sifted.test_bits, tests)
        return Kept(slots=kept_slots, marks=marks)
    kept = np.unpackbits(verdicts, count=slots.size).astype(np.bool_)
    bits, bases = bits[kept], bases[kept]
    test = bases == TEST_BASIS
    errors = np.zeros(bits.size, np.uint8)
    errors[test] = bits[test] ^ unpack(sifted.test_bits, int(np.count_nonzero(test)))
    marks = bits * np.uint8(BIT) | bases * np.uint8(BASIS) | errors * np.uint8(ERROR)
    return Kept(slots=slots[kept], marks=marks | unpack(sifted.intensities, bits.size) * np.uint8(INTENSITY))


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: the key-basis bits with their intensities, the counts, the pulses it took. ``repr`` hides bits."""

    key: Bits
    key_intensities: Bits
    test_counts: tuple[int, int]
    test_errors: tuple[int, int]
    pulses: int

    def __repr__(self) -> str:
        """Amounts only."""
        return f"Block({self.key.size} key bits, test counts {self.test_counts}, {self.pulses} pulses)"

    def key_counts(self) -> tuple[int, int]:
        """Key-basis detections of signal and decoy."""
        return by_intensity(self.key_intensities)

    def counts(self, key_errors: tuple[int, int], test_errors: tuple[int, int]) -> tuple[BasisCounts, BasisCounts]:
        """What parameter estimation needs, given the errors."""
        return basis_counts(self.key_counts(), key_errors), basis_counts(self.test_counts, test_errors)


def basis_counts(found: tuple[int, int], errors: tuple[int, int]) -> BasisCounts:
    """Counts of one basis from (signal, decoy) pairs."""
    return BasisCounts(signal=found[0], decoy=found[1], signal_errors=errors[0], decoy_errors=errors[1])


def by_intensity(intensities: Bits) -> tuple[int, int]:
    """How many are signals, how many decoys."""
    decoys = int(np.count_nonzero(intensities == DECOY))
    return intensities.size - decoys, decoys


class SiftedBuffer:
    """Sifted detections that wait to become a block, in the order of their slots."""

    def __init__(self) -> None:
        """Empty; the first block begins at slot 0."""
        self._parts: list[Kept] = []
        self._start = 0
        self.key_bits = 0

    def add(self, kept: Kept) -> None:
        """Append one segment."""
        self._parts.append(kept)
        self.key_bits += kept.key_bits()

    def cut(self, block_bits: int) -> Block | None:
        """The next block: everything up to its last key-basis bit; None while there are fewer."""
        if self.key_bits < block_bits:
            return None
        whole, missing = 0, block_bits
        while (found := self._parts[whole].key_bits()) < missing:
            missing -= found
            whole += 1
        last = self._parts[whole]
        end = int(np.flatnonzero(last.marks & BASIS == 0)[missing - 1]) + 1
        marks = np.concatenate([*(part.marks for part in self._parts[:whole]), last.marks[:end]])
        self._parts = [Kept(slots=last.slots[end:], marks=last.marks[end:]), *self._parts[whole + 1 :]]
        self.key_bits -= block_bits
        start, self._start = self._start, int(last.slots[end - 1]) + 1
        key = marks[marks & BASIS == 0]
        kinds = np.bincount(marks, minlength=KINDS).reshape(2, 2, 2, 2).sum(axis=3)  # error, intensity, basis
        return Block(
            key=key & np.uint8(BIT),
            key_intensities=key // np.uint8(INTENSITY),
            test_counts=_pair(kinds[:, :, TEST_BASIS].sum(axis=0)),
            test_errors=_pair(kinds[1, :, TEST_BASIS]),
            pulses=self._start - start,
        )


def _pair(counts: NDArray[np.int64]) -> tuple[int, int]:
    signal, decoy = counts.tolist()
    return signal, decoy
