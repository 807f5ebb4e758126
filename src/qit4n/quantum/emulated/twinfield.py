"""Emulated twin fields: two sources of pulses with a phase, and two detectors behind the beam splitter of a middle.

Pulses of a and b detectable mean photons with the phase difference D make independent Poissonian counts: at the two
detectors ``(a + b)/2 +- (1 - 2e) sqrt(ab) cos D`` in the mean, e being the share of the light at the wrong port. Both
are thinned out of one Poisson process that knows nothing of the pulses, of mean m, that of the brightest two: each
candidate counts at a detector with the chance ``mean/m``. So the first end sends candidates with the pulses of their
slots, and only for those the second end looks at its own. A pulse is a function of its slot, whether it has candidates
or not: nothing is remembered. What the ends read off their pulses depends on the protocol: the phase of a pulse, or
whether there was one (sending or not sending).

A random phase is one of 32. A gain holds the mean of ``exp(x cos D)`` over D, which over N steps is
``I0(x) + 2 I_N(x) + ...``: for N = 32 and x below 1 the same to 1e-44.
"""

import math

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.kernels.sampling import Dice, Stream, photon_classes, successes, threshold
from qit4n.physics.sendingornot import PHASES, SendingOrNot
from qit4n.physics.twosenders import TwinFields
from qit4n.quantum.emulated.light import (
    KEY_BASIS,
    KIND_SHIFT,
    MOST_PULSES,
    Announced,
    Detections,
    Light,
    Prepared,
    locate,
)

C_ALONE, D_ALONE = 1, 2  # masks of the two detectors; c has the light of equal phases
KINDS = 4
CANDIDATES = 256
AT_ONCE = 1 << 14
OPPOSITE = np.uint8(PHASES // 2)
STATES = np.arange(KINDS * PHASES, dtype=np.uint8)
TWO_PHASES = np.where(STATES < PHASES, STATES & OPPOSITE, STATES)  # without phase post-selection: of the key basis


class EmulatedPhases:
    """Emits pulses of coherent light with a phase; what it prepared in a slot is a function of the slot.

    One thread may emit while another asks and forgets.
    """

    def __init__(self, link: TwinFields, dice: Dice) -> None:
        """A laser at slot 0."""
        self._dice = dice
        self._open = Announced()
        self._stream = Stream.drawn(dice)
        self._sends = isinstance(link, SendingOrNot)
        self._of_kind = STATES if self._sends else TWO_PHASES
        begins = np.cumsum([share for share, _ in link.pulses])[:-1]
        self._kinds_from = [np.uint64(threshold(float(one), 32)) for one in begins]
        self.retune(link)

    def retune(self, link: TwinFields) -> None:
        """The line changes before the next segment. The source stays as it is."""
        self._mean = candidates_mean(link)
        self._more_from = photon_classes([(1.0, self._mean)])

    def emit(self, pulses: int) -> Light:
        """The candidates of the next ``pulses`` pulses.

        Raises:
            ValueError: not between 1 and 2^32 pulses.
        """
        if not 0 < pulses <= MOST_PULSES:
            raise ValueError(f"a segment has 1 to 2^32 pulses, not {pulses}")
        offsets = successes(pulses, -math.expm1(-self._mean), Stream.drawn(self._dice))
        several = np.searchsorted(self._more_from, self._dice.integers(0, 1 << 32, offsets.size, np.uint32), "right")
        first = self._open.emitted(pulses)
        return Light(
            first_slot=first,
            pulses=pulses,
            slots=offsets.astype("<u4", copy=False).tobytes(),
            photons=(1 + several).astype(np.uint8).tobytes(),
            states=self.states(first + offsets.astype(np.int64)).tobytes(),
        )

    def states(self, slots: NDArray[np.int64]) -> NDArray[np.uint8]:
        """What is sent in these slots: phase and kind of the pulse, as in :class:`Light`."""
        found = np.empty(slots.size, np.uint8)
        for begin in range(0, slots.size, AT_ONCE):
            words = self._stream.words(slots[begin : begin + AT_ONCE].astype(np.uint64))
            chosen = words >> np.uint64(32)
            kinds = sum((chosen >= one).view(np.uint8) for one in self._kinds_from)
            found[begin : begin + AT_ONCE] = self._of_kind[kinds << KIND_SHIFT | words.astype(np.uint8) & (PHASES - 1)]
        return found

    def prepared(self, slots: NDArray[np.int64]) -> Prepared:
        """What was prepared in ``slots``, which the middle announces; then all up to the last of them is forgotten.

        Raises:
            ProtocolError: the slots are not strictly ascending, were asked for before, or are not emitted yet.
        """
        self._open.check(slots)
        if slots.size:
            self._open.forget_before(int(slots[-1]) + 1)
        return self.recall(slots)

    def recall(self, slots: NDArray[np.int64]) -> Prepared:
        """The same without a look at what is open."""
        return self.read(self.states(slots))

    def read(self, states: NDArray[np.uint8]) -> Prepared:
        """What such pulses mean to the first end. In the test basis no bit is sent: it is 0."""
        kinds, known = states >> np.uint8(KIND_SHIFT), np.ones(states.size, np.bool_)
        if self._sends:
            tests = (kinds > 1).view(np.uint8)
            phases = states & np.uint8(PHASES - 1)
            return Prepared(bits=(kinds == 1).view(np.uint8), bases=tests, intensities=phases * tests, known=known)
        return Prepared(
            bits=np.where(kinds == 0, states // OPPOSITE, 0).astype(np.uint8),
            bases=(kinds > 0).astype(np.uint8),
            intensities=np.maximum(kinds, 1) - np.uint8(1),
            known=known,
        )

    def forget_before(self, slot: int) -> None:
        """Nobody will ask for slots below ``slot``."""
        self._open.forget_before(slot)


class EmulatedTwinMiddle:
    """Turns the light of the first end into what the second end has to say: bits, bases and intensities of its own."""

    def __init__(self, link: TwinFields, dice: Dice) -> None:
        """A source at slot 0, and detectors that are live."""
        self._dice = dice
        self._next_slot = 0
        self._source = EmulatedPhases(link, dice)
        self._reads_oppositely = isinstance(link, SendingOrNot)
        self.retune(link)

    def retune(self, link: TwinFields) -> None:
        """Line and dark counts of the next segment are those of ``link``."""
        self._dark = link.dark_count_probability
        c, d = (counts / candidates_mean(link) for counts in _mean_counts(link))
        number = np.arange(CANDIDATES)[:, np.newaxis]
        neither = np.maximum(0.0, 1.0 - c - d) ** number
        only_c, only_d = (1.0 - d) ** number - neither, (1.0 - c) ** number - neither
        self._clicks = 1.0 - neither
        self._from_d, self._from_both = only_c, only_c + only_d

    def detect(self, light: Light) -> Detections:
        """The events of one segment: exactly one detector clicked; where it was d, the second end turns its phase.

        Raises:
            ProtocolError: the segment lies before one that was detected already.
        """
        if light.first_slot < self._next_slot:
            raise ProtocolError(f"light from slot {light.first_slot} comes after slot {self._next_slot - 1}")
        self._next_slot = light.first_slot + light.pulses
        slots, masks = self._meet(light)
        alone = (masks == C_ALONE) | (masks == D_ALONE)
        slots, turned = slots[alone], masks[alone] == D_ALONE
        own = self._source.read(self._source.states(slots) ^ turned * OPPOSITE)
        bits = own.bits ^ (self._reads_oppositely & (own.bases == KEY_BASIS))
        return Detections(slots=slots, bases=own.bases, bits=bits, double_clicks=0, intensities=own.intensities)

    def _meet(self, light: Light) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Slots, ascending, in which a detector clicked, and which did (masks)."""
        lit, numbers, states = light.slot_array(), light.photon_array(), light.state_array()
        parts = [slice(begin, begin + AT_ONCE) for begin in range(0, lit.size, AT_ONCE)]
        found = [self._clicked(lit[part], numbers[part], states[part]) for part in parts]
        slots = np.concatenate([np.empty(0, np.int64), *(part for part, _ in found)])
        masks = np.concatenate([np.empty(0, np.uint8), *(part for _, part in found)])
        dark = [self._dark_counts(light) for _ in range(2)]
        counted = np.union1d(*dark)
        new = np.delete(counted, locate(slots, counted)[0])
        places = np.searchsorted(slots, new)
        slots, masks = np.insert(slots, places, new), np.insert(masks, places, 0)
        for detector, counts in enumerate(dark):
            masks[np.searchsorted(slots, counts)] |= np.uint8(1 << detector)
        return slots, masks

    def _clicked(
        self, slots: NDArray[np.int64], numbers: NDArray[np.uint8], here: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """What becomes of so many candidates in some slots: where there were clicks, and which."""
        pair = _pair(here, self._source.states(slots))
        drawn = self._dice.random(slots.size)
        hit = np.flatnonzero(drawn < self._clicks[numbers, pair])
        drawn, where = drawn[hit], (numbers[hit], pair[hit])
        masks = C_ALONE + (drawn >= self._from_d[where]) + (drawn >= self._from_both[where])
        return slots[hit], masks.astype(np.uint8)

    def _dark_counts(self, light: Light) -> NDArray[np.int64]:
        found = successes(light.pulses, self._dark, Stream.drawn(self._dice))
        return light.first_slot + found.astype(np.int64)


def candidates_mean(link: TwinFields) -> float:
    """m: counts of both detectors if either end sent its brightest pulse."""
    return max(mean for _, mean in link.pulses) * sum(link.transmittances)


def _pair(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Kinds of both pulses and the difference of their phases, as one index."""
    one, other = (states >> np.uint8(KIND_SHIFT) & np.uint8(KINDS - 1) for states in (here, there))
    found: NDArray[np.intp] = (one.astype(np.intp) * KINDS + other) * PHASES + (here - there & np.uint8(PHASES - 1))
    return found


def _mean_counts(link: TwinFields) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean counts at c and at d, by that index."""
    means = np.zeros((KINDS, 1))
    means[: len(link.pulses), 0] = [mean for _, mean in link.pulses]
    one, other = link.transmittances
    a, b = means[:, np.newaxis] * one, means * other
    cross = (1.0 - 2.0 * link.misalignment) * np.sqrt(a * b) * np.cos(2.0 * np.pi / PHASES * np.arange(PHASES))
    half = np.broadcast_to((a + b) / 2.0, cross.shape)
    return (half + cross).ravel(), (half - cross).ravel()
