"""Emulated middle of MDI-QKD, with the source of the second end: pulses of both meet at a beam splitter.

The photons of either pulse come thinned by all losses, which commute with the beam splitter, so whatever comes makes a
click, unless the detectors are dead. Which of them click is drawn from the joint chances of both pulses
(:mod:`qit4n.physics.interference`), so two-photon interference is in it, and events that the photons of one end make
alone. What the middle announces is what it has; nobody asks how it came to it.
"""

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.kernels.deadtime import DeadTime
from qit4n.kernels.sampling import Dice, Stream, successes
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.interference import MINUS, PLUS, fock_clicks
from qit4n.physics.mdi import MDI
from qit4n.quantum.emulated.fades import Fades
from qit4n.quantum.emulated.light import BASIS, BIT, TEST_BASIS, Detections, Light, Prepared, locate, union
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter

MOST = 7
"""More photons of one pulse count as so many: below 1e-8 of the pulses where a detector sees 0.3 photons."""


def arm(link: MDI, end: int) -> DecoyBB84:
    """The source of one end and its way to the detectors, as the transmitter of BB84."""
    return DecoyBB84(
        pulse_rate_hz=link.pulse_rate_hz,
        source=link.source,
        key_basis_probability=link.key_basis_probability,
        channel_loss_db=link.channel_losses_db[end],
        receiver_loss_db=link.receiver_loss_db,
        detector_efficiency=link.detector_efficiency,
        dark_count_probability=link.dark_count_probability,
        misalignment=link.misalignment,
        dead_time_s=0.0,
        afterpulse_probability=0.0,
    )


class EmulatedMiddle:
    """Turns the light of the first end into what the second end has to say: bits, bases and intensities of its own."""

    def __init__(self, link: MDI, dice: Dice, fades: Fades | None = None) -> None:
        """A source at slot 0, whose beam may fade, and detectors that are live."""
        self._dice = dice
        self._next_slot = 0
        self._chances = np.cumsum(fock_clicks(MOST), axis=-1)
        self._link = link
        self._source = EmulatedTransmitter(arm(link, 1), dice)
        self._fades = fades
        self._filter = DeadTime(
            dead_gates=link.dead_gates,
            afterpulse_probability=0.0,
            release_probability=1.0,
            stream=Stream.drawn(dice),
        )

    def retune(self, link: MDI) -> None:
        """Line and dark counts of the next segment are those of ``link``."""
        self._link = link
        self._source.retune(arm(link, 1))

    def detect(self, light: Light) -> Detections:
        """The successful events of one segment.

        Raises:
            ProtocolError: the segment does not follow the one before.
        """
        if light.first_slot != self._next_slot:
            raise ProtocolError(f"light from slot {light.first_slot} comes after slot {self._next_slot - 1}")
        self._next_slot = light.first_slot + light.pulses
        slots, masks = self._meet(light, self._emit(light.pulses))
        plus = np.isin(masks, PLUS)
        found = plus | np.isin(masks, MINUS)
        slots, plus = slots[found], plus[found]
        own = self._source.prepared(slots)
        self._source.forget_before(self._next_slot)
        return self._said(slots, plus, own)

    def _emit(self, pulses: int) -> Light:
        if self._fades is None:
            return self._source.emit(pulses)
        return self._fades.emit(self._source, arm(self._link, 1), pulses)

    def _said(self, slots: NDArray[np.int64], plus: NDArray[np.bool_], own: Prepared) -> Detections:
        """The second end turns its bit over unless the outcome says that the bits are equal: psi+ in the test basis."""
        bits = own.bits ^ (~(plus & (own.bases == TEST_BASIS))).astype(np.uint8)
        return Detections(slots=slots, bases=own.bases, bits=bits, double_clicks=0, intensities=own.intensities)

    def _meet(self, here: Light, there: Light) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Slots, ascending, in which two detectors may have clicked, and which have (masks)."""
        sides = [(light.slot_array(), light.photon_array(), light.state_array()) for light in (here, there)]
        dark = [self._dark_counts(here) for _ in range(4)]
        (one, photons, _), (other, more, _) = sides
        several = [one[locate(other, one)[0]], one[photons > 1], other[more > 1]]
        slots = union(*several, *dark)
        if self._filter.dead_gates:
            live = self._live(union(one, other, *dark))
            slots, *dark = (some[locate(live, some)[0]] for some in (slots, *dark))
        (n, state), (m, opposite) = (_at(slots, *side) for side in sides)
        turned = self._dice.random(slots.size) < self._link.misalignment
        chances = self._chances[n, m, state ^ turned, opposite]
        drawn = (self._dice.random(slots.size)[:, np.newaxis] >= chances[:, :-1]).sum(axis=1)
        masks = drawn.astype(np.uint8)
        for detector, counts in enumerate(dark):
            masks[np.searchsorted(slots, counts)] |= np.uint8(1 << detector)
        return slots, masks

    def _live(self, clicked: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of the slots in which some detector would click those in which they are not dead."""
        return self._filter.accept(clicked, np.zeros(clicked.size, np.uint16), self._next_slot)[0]

    def _dark_counts(self, light: Light) -> NDArray[np.int64]:
        found = successes(light.pulses, self._link.dark_count_probability, Stream.drawn(self._dice))
        return light.first_slot + found.astype(np.int64)


def _at(
    slots: NDArray[np.int64], lit: NDArray[np.int64], photons: NDArray[np.uint8], states: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Photons and states of one pulse in ``slots``; none and any where it has no light."""
    number, state = np.zeros(slots.size, np.intp), np.zeros(slots.size, np.intp)
    hit, place = locate(lit, slots)
    number[hit] = np.minimum(photons[place], MOST)
    state[hit] = states[place] & (BIT | BASIS)
    return number, state
