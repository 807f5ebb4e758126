"""Emulated transmitter of random BB84 states: a pulsed laser with signal and decoy intensities, or single photons."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels
from qit4n.kernels.sampling import Dice, Marks, Stream, mark, photon_classes, poissonian, successes, threshold
from qit4n.physics.decoy_bb84 import BB84
from qit4n.physics.single_photons import SinglePhotonBB84
from qit4n.quantum.emulated.light import BASIS, BIT, MOST_PULSES, Announced, Light, Prepared, locate


@dataclass(frozen=True, kw_only=True)
class _Segment:
    """What was emitted in slots ``first`` to ``end`` - 1: the pulses with light, as offsets, and their marks."""

    first: int
    end: int
    offsets: NDArray[np.uint32]
    marks: NDArray[np.uint8]
    dark: "_Dark"


class EmulatedTransmitter:
    """Emits segments of pulses, and remembers what it prepared until it is asked.

    One thread may emit while another asks and forgets.
    """

    def __init__(self, link: BB84, dice: Dice) -> None:
        """A source at slot 0."""
        self._dice = dice
        self._open = Announced()
        self._emitted: deque[_Segment] = deque()
        self._stream = Stream.drawn(dice)
        self.retune(link)

    def retune(self, link: BB84) -> None:
        """The line changes before the next segment: a satellite moves. The source stays as it is."""
        self._link = link
        eta = link.transmittance
        self._detectable = float(sum(share * link.lit(mu) for share, mu in link.intensities))
        test_from = threshold(link.key_basis_probability, 31)
        sources = [(share, mu * eta) for share, mu in link.intensities]
        numbers = link.source.numbers if isinstance(link, SinglePhotonBB84) else poissonian
        self._lit = Marks(test_from, photon_classes(sources, numbers), len(sources))
        dimmest = min(mean for _, mean in sources)  # that of a source so bright that exp(-mean) is zero
        dark = np.cumsum([share * math.exp(dimmest - mean) for share, mean in sources])
        begins = np.array([threshold(one, 32) for one in dark[:-1] / dark[-1]], np.uint64)
        self._dark = _Dark(test_from, begins, self._stream)

    def emit(self, pulses: int) -> Light:
        """The next ``pulses`` pulses.

        Raises:
            ValueError: not between 1 and 2^32 pulses.
        """
        if not 0 < pulses <= MOST_PULSES:
            raise ValueError(f"a segment has 1 to 2^32 pulses, not {pulses}")
        offsets = successes(pulses, self._detectable, Stream.drawn(self._dice))
        marks, photons = self._lit.draw(offsets.size, Stream.drawn(self._dice))
        first = self._open.emitted(pulses)
        self._emitted.append(_Segment(first=first, end=first + pulses, offsets=offsets, marks=marks, dark=self._dark))
        return Light(
            first_slot=first,
            pulses=pulses,
            slots=offsets.astype("<u4", copy=False).tobytes(),
            photons=photons.tobytes(),
            states=(marks & (BIT | BASIS)).tobytes(),
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
        self._open.check(slots)
        emitted = list(self._emitted)  # another thread may append meanwhile
        known = [segment for segment in emitted if slots.size and segment.first <= slots[-1]]
        cuts = np.searchsorted(slots, [segment.end for segment in known])
        parts = np.split(slots, cuts[:-1])
        found = [segment.dark.recall(segment, part) for segment, part in zip(known, parts, strict=False)]
        marks = np.concatenate(found) if found else np.empty(0, np.uint8)
        if slots.size:
            self.forget_before(int(slots[-1]) + 1)
        return Prepared(
            bits=marks & np.uint8(BIT),
            bases=marks >> np.uint8(1) & np.uint8(1),
            intensities=marks >> np.uint8(2),
            known=np.ones(marks.size, np.bool_),
        )

    def forget_before(self, slot: int) -> None:
        """Forget all slots below ``slot``: nobody will ask for them."""
        self._open.forget_before(slot)
        while self._emitted and self._emitted[0].end <= self._open.first_open:
            self._emitted.popleft()


@dataclass(frozen=True)
class _Dark:
    """Draws what dark slots held: a function of the slot."""

    test_from: int
    intensities_from: NDArray[np.uint64]
    stream: Stream

    def recall(self, segment: _Segment, slots: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The marks of ascending slots of one segment, whether there was light or not."""
        compiled = kernels()
        if compiled is not None:
            marks: NDArray[np.uint8] = compiled.recall(
                segment.first,
                segment.offsets,
                segment.marks,
                slots,
                *self.stream.key,
                self.test_from,
                self.intensities_from,
            )
            return marks
        words = self.stream.words(slots.astype(np.uint64))
        intensities = np.searchsorted(self.intensities_from, words >> np.uint64(32), "right")
        marks = mark(words, self.test_from, intensities)
        hit, place = locate(segment.first + segment.offsets.astype(np.int64), slots)
        marks[hit] = segment.marks[place]
        return marks
