"""Emulated transmitter: a pulsed laser with two intensities and random BB84 states."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.sampling import Dice, successes, truncated_poisson
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.quantum.emulated.light import BASIS, BIT, DECOY, KEY_BASIS, SIGNAL, TEST_BASIS, Light, Prepared


class EmulatedTransmitter:
    """Emits segments of pulses and remembers what it prepared, until it is asked."""

    def __init__(self, link: DecoyBB84, dice: Dice) -> None:
        """A laser at slot 0."""
        self._link = link
        self._dice = dice
        self._next_slot = 0
        self._emitted: deque[tuple[NDArray[np.int64], Prepared]] = deque()
        detectable = [share * -np.expm1(-mu * link.transmittance) for share, mu in link.intensities]
        dark = [share * np.exp(-mu * link.transmittance) for share, mu in link.intensities]
        self._detectable = float(sum(detectable))
        self._decoy_if_light = detectable[DECOY] / self._detectable
        self._decoy_if_dark = dark[DECOY] / sum(dark)

    def emit(self, pulses: int) -> Light:
        """The next ``pulses`` pulses."""
        offsets = successes(pulses, self._detectable, self._dice)
        prepared = self._draw(offsets.size, self._decoy_if_light)
        means = np.array([mu for _, mu in self._link.intensities]) * self._link.transmittance
        photons = truncated_poisson(means[prepared.intensities], self._dice)
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

    def _draw(self, count: int, decoy: float) -> Prepared:
        test = self._dice.random(count) >= self._link.key_basis_probability
        return Prepared(
            bits=self._dice.integers(0, 2, count, np.uint8),
            bases=np.where(test, TEST_BASIS, KEY_BASIS).astype(np.uint8),
            intensities=np.where(self._dice.random(count) < decoy, DECOY, SIGNAL).astype(np.uint8),
        )

    def prepared(self, slots: NDArray[np.int64]) -> Prepared:
        """What was prepared in ``slots`` (ascending). A slot is asked for once; older segments are forgotten.

        A slot from which no photon would have been detected was not materialised: its preparation is drawn now,
        from the distribution that holds given that no photon was detectable.
        """
        answer = self._draw(slots.size, self._decoy_if_dark)
        if not slots.size:
            return answer
        for known, prepared in self._emitted:
            if not known.size:
                continue
            place = np.minimum(np.searchsorted(known, slots), known.size - 1)
            hit = np.flatnonzero(known[place] == slots)
            for mine, theirs in zip(
                (answer.bits, answer.bases, answer.intensities),
                (prepared.bits, prepared.bases, prepared.intensities),
                strict=True,
            ):
                mine[hit] = theirs[place[hit]]
        return answer

    def forget_before(self, slot: int) -> None:
        """Drop what lies wholly before ``slot``."""
        while self._emitted and (not self._emitted[0][0].size or self._emitted[0][0][-1] < slot):
            self._emitted.popleft()
