"""Emulated receiver: active basis choice and two gated threshold detectors, dead together."""

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.kernels.compiled import kernels
from qit4n.kernels.deadtime import COUNTED, RELEASED, STATE, DeadTime
from qit4n.kernels.sampling import Dice, Stream, successes, threshold
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import BB84
from qit4n.quantum.emulated.light import BASIS, BIT, MOST_OTHERS, OTHERS_SHIFT, Detections, Light, locate

BOTH = 3  # of the two detectors; detector b is bit b of a mask
PHOTON_NUMBERS = 256
OTHERS = 13


class EmulatedReceiver:
    """Turns light into detections; dead time and afterpulses carry over from segment to segment."""

    def __init__(self, link: BB84 | BBM92, dice: Dice) -> None:
        """Detectors that are live."""
        self._link = link
        self._dice = dice
        self._next_slot = 0
        self._filter = DeadTime(
            dead_gates=link.dead_gates,
            afterpulse_probability=link.afterpulse_probability,
            release_probability=link.release_probability,
            stream=Stream.drawn(dice),
        )
        self._clicks = _Clicks(link, Stream.drawn(dice))

    def retune(self, link: BB84 | BBM92) -> None:
        """Dark counts of the next segment are those of ``link``: neighbours in the fibre light up."""
        self._link = link

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
        gates, seen = _together(light, *(self._dark_counts(light.pulses) for _ in range(2)))
        gates, seen = self._filter.accept(gates, seen, self._next_slot)
        bases, bits, doubles = self._clicks.answer(gates, seen)
        return Detections(slots=gates, bases=bases, bits=bits, double_clicks=doubles)

    def _dark_counts(self, gates: int) -> NDArray[np.uint32]:
        link = self._link
        dark = link.far_dark_count_probability if isinstance(link, BBM92) else link.dark_count_probability
        return successes(gates, dark, Stream.drawn(self._dice))


class _Clicks:
    """Chooses bases and leads photons to detectors: what a click says is a function of its gate and what it saw."""

    def __init__(self, link: BB84 | BBM92, stream: Stream) -> None:
        """Tabulate, for equal bases and for different ones, when all photons meet at the wrong or right detector."""
        self._stream = stream
        self._test_from = threshold(link.key_basis_probability, 31)
        wrong = np.array([link.misalignment, 0.5])[:, np.newaxis, np.newaxis]
        others, photons = np.arange(MOST_OTHERS + 1)[:, np.newaxis], np.arange(PHOTON_NUMBERS)
        all_wrong, all_right = wrong**photons * (1.0 - wrong) ** others, (1.0 - wrong) ** photons * wrong**others
        self._wrong_below = np.rint(all_wrong * 2.0**31).astype(np.uint32).ravel()
        self._right_from = np.rint((1.0 - all_right) * 2.0**31).astype(np.uint32).ravel()

    def answer(
        self, gates: NDArray[np.int64], seen: NDArray[np.uint16]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int]:
        """Bases and bits of the clicks, and how many were double.

        Each photon goes wrong on its own; in the wrong basis, half of them do.
        """
        compiled = kernels()
        if compiled is not None:
            bases, bits, doubles = compiled.answer(
                gates, seen, *self._stream.key, self._test_from, self._wrong_below, self._right_from
            )
            return bases, bits, doubles
        words = self._stream.words(gates.astype(np.uint64))
        random, stray = (words & np.uint64(1)).astype(np.uint8), (words >> np.uint64(1) & np.uint64(1)).astype(np.uint8)
        tests = (words >> np.uint64(2) & np.uint64(0x7FFFFFFF)) >= self._test_from
        route = words >> np.uint64(33)
        photons = seen & 255
        other = (tests ^ (seen >> (STATE + 1) & 1).astype(np.bool_)).astype(np.intp)
        row = (other * (MOST_OTHERS + 1) + (seen >> OTHERS)) * PHOTON_NUMBERS + photons
        all_wrong, all_right = route < self._wrong_below[row], route >= self._right_from[row]
        single = np.uint8(1) << ((seen >> STATE & 1).astype(np.uint8) ^ all_wrong)
        fired = np.where(photons == 0, 0, np.where(all_wrong | all_right, single, BOTH)).astype(np.uint8)
        fired |= (seen >> COUNTED & BOTH).astype(np.uint8)
        fired |= np.where(seen & RELEASED, np.uint8(1) << stray, 0).astype(np.uint8)
        double = fired == BOTH
        return tests.astype(np.uint8), np.where(double, random, fired >> 1), int(np.count_nonzero(double))


def _together(light: Light, *dark: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Gates, ascending, with light or a dark count (offsets, for each detector), and what they saw."""
    lit = np.frombuffer(light.slots, "<u4").astype(np.uint32, copy=False)
    photons, states = light.photon_array(), light.state_array()
    compiled = kernels()
    if compiled is not None:
        gates, seen = compiled.together(light.first_slot, lit, photons, states, *dark)
        return gates, seen
    slots, more = light.slot_array(), light.first_slot + np.union1d(*dark).astype(np.int64)
    wide = states.astype(np.uint16)
    seen = photons.astype(np.uint16) | (wide & (BIT | BASIS)) << STATE | (wide >> OTHERS_SHIFT & MOST_OTHERS) << OTHERS
    new = np.delete(more, locate(slots, more)[0])
    places = np.searchsorted(slots, new)
    gates, seen = np.insert(slots, places, new), np.insert(seen, places, 0)
    for detector, counts in enumerate(dark):
        seen[np.searchsorted(gates, light.first_slot + counts.astype(np.int64))] |= 1 << (COUNTED + detector)
    return gates, seen
