"""Emulated receiver: active basis choice and two gated threshold detectors, dead together."""

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.kernels.deadtime import DeadTime
from qit4n.kernels.sampling import Dice, successes
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.quantum.emulated.light import BASIS, BIT, KEY_BASIS, TEST_BASIS, Detections, Light, locate

BOTH = 3  # of the two detectors; detector b is bit b of a mask


class EmulatedReceiver:
    """Turns light into detections; dead time and afterpulses carry over from segment to segment."""

    def __init__(self, link: DecoyBB84, dice: Dice) -> None:
        """Detectors that are live."""
        self._link = link
        self._dice = dice
        self._next_slot = 0
        self._filter = DeadTime(
            dead_gates=link.dead_gates,
            afterpulse_probability=link.afterpulse_probability,
            release_probability=link.release_probability,
        )

    def detect(self, light: Light) -> Detections:
        """The detections of one segment.

        A gate clicks whatever basis is chosen for it, so dead time comes first, and bases are chosen and photons
        led to detectors only for the clicks that are left. A double click gives a random bit.

        Raises:
            ProtocolError: the segment lies before one that was detected already.
        """
        if light.first_slot < self._next_slot:
            raise ProtocolError(f"light from slot {light.first_slot} comes after slot {self._next_slot - 1}")
        self._next_slot = light.first_slot + light.pulses
        lit = light.slot_array()
        dark = [light.first_slot + self._dark_counts(light.pulses) for _ in range(2)]
        accepted = self._filter.accept(_together(lit, *dark), self._next_slot, self._dice)
        gates = accepted.gates
        test = self._dice.random(gates.size) >= self._link.key_basis_probability
        bases = np.where(test, TEST_BASIS, KEY_BASIS).astype(np.uint8)
        fired = np.zeros(gates.size, np.uint8)
        hit, place = locate(lit, gates)
        fired[hit] = self._photons(light.state_array()[place], light.photon_array()[place], bases[hit])
        for detector, counts in enumerate(dark):
            fired[locate(counts, gates)[0]] |= 1 << detector
        strays = np.flatnonzero(accepted.afterpulses)
        fired[strays] |= np.uint8(1) << self._dice.integers(0, 2, strays.size, np.uint8)
        doubles = int(np.count_nonzero(fired == BOTH))
        return Detections(slots=gates, bases=bases, bits=self._bits(fired), double_clicks=doubles)

    def _dark_counts(self, gates: int) -> NDArray[np.int64]:
        return successes(gates, self._link.dark_count_probability, self._dice)

    def _photons(
        self, states: NDArray[np.uint8], photons: NDArray[np.uint8], bases: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Which detectors fire. Each photon goes wrong on its own; in the wrong basis, half of them do."""
        bits, prepared = states & BIT, (states & BASIS) // BASIS
        wrong = np.where(bases == prepared, self._link.misalignment, 0.5)
        dice = self._dice.random(photons.size)
        all_wrong = dice < wrong**photons
        all_right = dice >= 1.0 - (1.0 - wrong) ** photons
        single = np.uint8(1) << (bits ^ all_wrong)
        return np.where(all_wrong | all_right, single, BOTH).astype(np.uint8)

    def _bits(self, fired: NDArray[np.uint8]) -> NDArray[np.uint8]:
        random = self._dice.integers(0, 2, fired.size, np.uint8)
        return np.where(fired == BOTH, random, fired >> 1).astype(np.uint8)


def _together(slots: NDArray[np.int64], *others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ascending union of ascending slots; the others are few."""
    more = np.union1d(*others)
    known, _ = locate(slots, more)
    new = np.delete(more, known)
    return np.insert(slots, np.searchsorted(slots, new), new) if new.size else slots
