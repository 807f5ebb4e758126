"""Emulated receiver: active basis choice and two gated threshold detectors."""

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.deadtime import Accepted, Live, accept
from qit4n.kernels.sampling import Dice, successes
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.quantum.emulated.light import BASIS, BIT, KEY_BASIS, TEST_BASIS, Detections, Light

NEITHER, BOTH = 0, 3


class EmulatedReceiver:
    """Turns light into detections; dead time and afterpulses carry over from segment to segment."""

    def __init__(self, link: DecoyBB84, dice: Dice) -> None:
        """Detectors that are live."""
        self._link = link
        self._dice = dice
        self._live = Live()

    def detect(self, light: Light) -> Detections:
        """The clicks of one segment. A double click gives a random bit."""
        slots, bases, fired = self._candidates(light)
        end = light.first_slot + light.pulses
        accepted = accept(
            slots, end, self._link.dead_gates, self._link.afterpulse_probability, self._live, self._dice
        )
        self._live = accepted.live
        return self._read(accepted, bases, fired)

    def _choose_bases(self, count: int) -> NDArray[np.uint8]:
        test = self._dice.random(count) >= self._link.key_basis_probability
        return np.where(test, TEST_BASIS, KEY_BASIS).astype(np.uint8)

    def _candidates(self, light: Light) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]:
        """Gates in which a detector would fire, the basis there, and which detectors (bit 0: zero, bit 1: one)."""
        slots = light.slot_array()
        bases = self._choose_bases(slots.size)
        fired = self._photons(light, bases)
        dark = [
            light.first_slot + successes(light.pulses, self._link.dark_count_probability, self._dice) for _ in range(2)
        ]
        if not dark[0].size and not dark[1].size:
            return slots, bases, fired
        masks = [np.full(one.size, 1 << detector, np.uint8) for detector, one in enumerate(dark)]
        every = np.concatenate([slots, *dark])
        order = np.argsort(every, kind="stable")
        gates, first = np.unique(every[order], return_index=True)
        all_bases = np.concatenate([bases, self._choose_bases(every.size - slots.size)])[order]
        all_fired = np.concatenate([fired, *masks])[order]
        return gates, all_bases[first], np.bitwise_or.reduceat(all_fired, first)

    def _photons(self, light: Light, bases: NDArray[np.uint8]) -> NDArray[np.uint8]:
        states, photons = light.state_array(), light.photon_array()
        bits, prepared = states & BIT, (states & BASIS) // BASIS
        wrong_chance = np.where(bases == prepared, self._link.misalignment, 0.5)
        wrong = self._dice.binomial(photons, wrong_chance)
        right_mask = (wrong < photons).astype(np.uint8) << bits
        wrong_mask = (wrong > 0).astype(np.uint8) << (1 - bits)
        return (right_mask | wrong_mask).astype(np.uint8)

    def _read(self, accepted: Accepted, bases: NDArray[np.uint8], fired: NDArray[np.uint8]) -> Detections:
        count = accepted.gates.size
        chosen = self._choose_bases(count)
        masks = np.zeros(count, np.uint8)
        real = accepted.candidates >= 0
        chosen[real] = bases[accepted.candidates[real]]
        masks[real] = fired[accepted.candidates[real]]
        stray = np.flatnonzero(accepted.afterpulses)
        masks[stray] |= (1 << self._dice.integers(0, 2, stray.size)).astype(np.uint8)
        random_bits = self._dice.integers(0, 2, count, np.uint8)
        bits = np.where(masks == BOTH, random_bits, masks >> 1).astype(np.uint8)
        return Detections(slots=accepted.gates, bases=chosen, bits=bits)
