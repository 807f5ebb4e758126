"""Emulated transmitter: a pulsed laser with signal and decoy intensities and random BB84 states."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.kernels.sampling import Dice, successes, truncated_poisson
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.quantum.emulated.light import (
    BASIS,
    BIT,
    KEY_BASIS,
    MOST_PULSES,
    TEST_BASIS,
    Light,
    Prepared,
    locate,
)


class EmulatedTransmitter:
    """Emits segments of pulses, and remembers what it prepared until it is asked."""

    def __init__(self, link: DecoyBB84, dice: Dice) -> None:
        """A laser at slot 0."""
        self._link = link
        self._dice = dice
        self._next_slot = 0
        self._first_known = 0
        self._emitted: deque[tuple[NDArray[np.int64], Prepared]] = deque()
        shares, self._means = (np.array(one) for one in zip(*link.intensities, strict=True))
        dark = np.exp(-self._means * link.transmittance)
        self._if_light, self._if_dark = np.cumsum(shares * (1.0 - dark)), np.cumsum(shares * dark)
        self._detectable = float(self._if_light[-1])

    def emit(self, pulses: int) -> Light:
        """The next ``pulses`` pulses.

        Raises:
            ValueError: not between 1 and 2^32 pulses.
        """
        if not 0 < pulses <= MOST_PULSES:
            raise ValueError(f"a segment has 1 to 2^32 pulses, not {pulses}")
        offsets = successes(pulses, self._detectable, self._dice)
        prepared = self._draw(offsets.size, self._if_light)
        photons = truncated_poisson(self._means[prepared.intensities] * self._link.transmittance, self._dice)
        first = self._next_slot
        self._next_slot += pulses
        self._emitted.append((first + offsets, prepared))
        return Light(
            first_slot=first,
            pulses=pulses,
            slots=offsets.astype("<u4").tobytes(),
            photons=photons.tobytes(),
            states=(prepared.bits * BIT + prepared.bases * BASIS).tobytes(),
        )

    def prepared(self, slots: NDArray[np.int64]) -> Prepared:
        """What was prepared in ``slots``, which the receiver announces; then all up to the last of them is forgotten.

        A slot from which no photon would have been detected was not materialised: what it held is drawn now, from
        the distribution given that. An intensity that is sent with probability p and leaves no detectable photon
        with probability ``exp(-mu transmittance)`` was there with the product of both, normalised; bit and basis
        have nothing to do with it. So nobody can tell the slot from one that was drawn when it was emitted.

        Raises:
            ProtocolError: the slots are not strictly ascending, were asked for before, or are not emitted yet.
        """
        self._check(slots)
        answer = self._draw(slots.size, self._if_dark)
        for known, record in self._emitted:
            hit, place = locate(known, slots)
            answer.bits[hit] = record.bits[place]
            answer.bases[hit] = record.bases[place]
            answer.intensities[hit] = record.intensities[place]
        if slots.size:
            self.forget_before(int(slots[-1]) + 1)
        return answer

    def forget_before(self, slot: int) -> None:
        """Forget all slots below ``slot``: nobody will ask for them."""
        self._first_known = max(self._first_known, slot)
        while self._emitted and (not self._emitted[0][0].size or self._emitted[0][0][-1] < self._first_known):
            self._emitted.popleft()

    def _check(self, slots: NDArray[np.int64]) -> None:
        if slots.size and (slots[0] < self._first_known or slots[-1] >= self._next_slot):
            raise ProtocolError(
                f"slots {slots[0]} to {slots[-1]} are announced; "
                f"{self._first_known} to {self._next_slot - 1} are open to announcement"
            )
        if np.any(slots[1:] <= slots[:-1]):
            raise ProtocolError(f"the {slots.size} announced slots are not strictly ascending")

    def _draw(self, count: int, shares: NDArray[np.float64]) -> Prepared:
        """Random states; ``shares`` are the cumulated weights of the intensities."""
        test = self._dice.random(count) >= self._link.key_basis_probability
        return Prepared(
            bits=self._dice.integers(0, 2, count, np.uint8),
            bases=np.where(test, TEST_BASIS, KEY_BASIS).astype(np.uint8),
            intensities=np.searchsorted(shares[:-1], self._dice.random(count) * shares[-1], "right").astype(np.uint8),
        )
