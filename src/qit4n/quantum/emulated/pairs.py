"""Emulated source of entangled pairs at the transmitter's end, with its own receiver: BBM92.

Pulsed parametric down-conversion (Ma, Fung and Lo, PRA 76, 012307 (2007)): in any basis the pairs of each of the two
bits are thermal in number, with mean ``lambda``, half of the mean pairs per pulse, and independent of each other. Of
every pair one photon goes to the receiver at this end, the other down the line. What this end chose and measured is,
seen from the other end, what a transmitter of BB84 prepared; slots in which it detected nothing are known to nobody.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.sampling import Dice, Stream, successes
from qit4n.physics.bbm92 import BBM92
from qit4n.quantum.emulated.light import (
    MOST_OTHERS,
    MOST_PULSES,
    OTHERS_SHIFT,
    Announced,
    Light,
    Prepared,
    locate,
    union,
)

MOST_PHOTONS = 255


@dataclass(frozen=True, kw_only=True)
class _Segment:
    """What this end detected in slots up to ``end`` - 1: slots (ascending), bits and bases."""

    end: int
    slots: NDArray[np.int64]
    bits: NDArray[np.uint8]
    bases: NDArray[np.uint8]


class EmulatedPairs:
    """Emits one photon of each pair, and remembers what it measured of the others until it is asked.

    One thread may emit while another asks and forgets.
    """

    def __init__(self, link: BBM92, dice: Dice) -> None:
        """A source at slot 0."""
        self.retune(link)
        self._dice = dice
        self._open = Announced()
        self._measured: deque[_Segment] = deque()
        self._thermal = 1.0 / (1.0 + link.pairs_per_pulse / 2.0)

    def retune(self, link: BBM92) -> None:
        """The line changes before the next segment. The source stays as it is."""
        self._link = link

    def emit(self, pulses: int) -> Light:
        """The next ``pulses`` pulses.

        Raises:
            ValueError: not between 1 and 2^32 pulses.
        """
        if not 0 < pulses <= MOST_PULSES:
            raise ValueError(f"a segment has 1 to 2^32 pulses, not {pulses}")
        offsets = successes(pulses, 1.0 - self._thermal**2, Stream.drawn(self._dice))
        pairs = self._pairs(offsets.size)
        here, there = (self._dice.binomial(pairs, eta) for eta in self._link.transmittances)
        bases = self._bases(offsets.size)
        first = self._open.emitted(pulses)
        self._measure(first, pulses, offsets.astype(np.int64), here, bases)
        lit = np.flatnonzero(there.any(axis=0))
        zeros, ones = there[:, lit]
        bits = zeros == 0
        photons, others = np.where(bits, ones, zeros), np.where(bits, 0, ones)
        states = bits | bases[lit] << 1 | np.minimum(others, MOST_OTHERS) << OTHERS_SHIFT
        return Light(
            first_slot=first,
            pulses=pulses,
            slots=offsets[lit].astype("<u4").tobytes(),
            photons=np.minimum(photons, MOST_PHOTONS).astype(np.uint8).tobytes(),
            states=states.astype(np.uint8).tobytes(),
        )

    def prepared(self, slots: NDArray[np.int64]) -> Prepared:
        """What was measured in ``slots``, which the receiver announces; then all up to the last of them is forgotten.

        Raises:
            ProtocolError: the slots are not strictly ascending, were asked for before, or are not emitted yet.
        """
        self._open.check(slots)
        bits, bases = np.zeros(slots.size, np.uint8), np.zeros(slots.size, np.uint8)
        known = np.zeros(slots.size, np.bool_)
        for segment in list(self._measured):  # another thread may append meanwhile
            hit, place = locate(segment.slots, slots)
            bits[hit], bases[hit], known[hit] = segment.bits[place], segment.bases[place], True
        if slots.size:
            self.forget_before(int(slots[-1]) + 1)
        return Prepared(bits=bits, bases=bases, intensities=np.zeros(slots.size, np.uint8), known=known)

    def forget_before(self, slot: int) -> None:
        """Forget all slots below ``slot``: nobody will ask for them."""
        self._open.forget_before(slot)
        while self._measured and self._measured[0].end <= self._open.first_open:
            self._measured.popleft()

    def _pairs(self, count: int) -> NDArray[np.int64]:
        """Pairs of either bit, at least one in all: (2, count). The first of either kind comes with its own chance."""
        pairs = self._dice.geometric(self._thermal, (2, count)) - 1
        empty = np.flatnonzero(~pairs.any(axis=0))
        while empty.size:
            pairs[:, empty] = self._dice.geometric(self._thermal, (2, empty.size)) - 1
            empty = empty[~pairs[:, empty].any(axis=0)]
        return pairs

    def _bases(self, count: int) -> NDArray[np.uint8]:
        return (self._dice.random(count) >= self._link.key_basis_probability).astype(np.uint8)

    def _measure(
        self, first: int, pulses: int, offsets: NDArray[np.int64], here: NDArray[np.int64], bases: NDArray[np.uint8]
    ) -> None:
        """Clicks of this end: photons of pairs and dark counts, a double click at random."""
        clicked = [offsets[found > 0] for found in here]
        dark = [successes(pulses, self._link.dark_count_probability, Stream.drawn(self._dice)) for _ in range(2)]
        fired = [union(one, other.astype(np.int64)) for one, other in zip(clicked, dark, strict=True)]
        slots = union(*fired)
        zero, one = (np.isin(slots, found, assume_unique=True) for found in fired)
        random = self._dice.integers(0, 2, slots.size, np.uint8)
        chosen = self._bases(slots.size)
        hit, place = locate(offsets, slots)
        chosen[hit] = bases[place]
        bits = np.where(zero & one, random, one).astype(np.uint8)
        self._measured.append(_Segment(end=first + pulses, slots=first + slots, bits=bits, bases=chosen))
