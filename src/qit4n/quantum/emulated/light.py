"""What the emulated quantum channel carries, and what each end keeps to itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError

BIT, BASIS = 1, 2
OTHERS_SHIFT, MOST_OTHERS = 2, 7
KIND_SHIFT = 5
KEY_BASIS, TEST_BASIS = 0, 1
MOST_PULSES = 1 << 32
LAST_SEGMENT = 1 << 62

_SLOT_BYTES = 4


class Light(msgspec.Struct, frozen=True, kw_only=True):
    """One segment of pulses: those of which at least one photon would be detected.

    Loss of the fibre, loss of the receiver and detector efficiency commute, so the emulation thins the photons by
    all of them at the source and carries only what matters. The intensity is nowhere in it: only the transmitter
    knows. Of twin fields the other end's pulse matters too, so pulses with a candidate for a photon are in it, with
    their amplitude and phase (:mod:`.twinfield`).

    Attributes:
        first_slot: slot of the first pulse, counted from the beginning of the session (beyond 2^32 as well).
        pulses: how many pulses the segment has, at most 2^32.
        slots: offsets from ``first_slot``, strictly ascending (uint32, little endian).
        photons: photons that would be detected, of twin fields candidates for them, at least one (uint8).
        states: bit 0 the bit, bit 1 the basis, 0 key and 1 test, bits 2 to 4 how many photons more are in the
            opposite state, as pairs of several entangled photons leave them; of twin fields bits 0 to 4 the phase in
            parts of 1/32 of a turn, bits 5 and 6 the kind of pulse (:attr:`.twosenders.TwinFields.pulses`; uint8).
        emitted_at: when the first pulse left, by the clock; only where an optical switch is on the way.
    """

    first_slot: int
    pulses: int
    slots: bytes
    photons: bytes
    states: bytes
    emitted_at: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a segment that contradicts itself; while decoding, msgspec makes it a ValidationError.

        Raises:
            ValueError: the arrays differ in length, or the numbers are out of range.
        """
        count = len(self.photons)
        if len(self.slots) != _SLOT_BYTES * count or len(self.states) != count:
            raise ValueError(
                f"light of {count} pulses has {len(self.slots)} bytes of slots and {len(self.states)} states"
            )
        if not 0 <= self.first_slot <= LAST_SEGMENT or not 0 < self.pulses <= MOST_PULSES:
            raise ValueError(f"light of {self.pulses} pulses from slot {self.first_slot} is out of range")
        offsets = np.frombuffer(self.slots, "<u4")
        if count and (int(offsets[-1]) >= self.pulses or bool(np.any(offsets[1:] <= offsets[:-1]))):
            raise ValueError(f"the slots of light are not ascending below its {self.pulses} pulses")

    def slot_array(self) -> NDArray[np.int64]:
        """Slots, counted from the beginning of the session."""
        return self.first_slot + np.frombuffer(self.slots, "<u4").astype(np.int64)

    def photon_array(self) -> NDArray[np.uint8]:
        """Photon numbers."""
        return np.frombuffer(self.photons, np.uint8)

    def state_array(self) -> NDArray[np.uint8]:
        """Bits and bases, or phases and kinds of pulses."""
        return np.frombuffer(self.states, np.uint8)


def joined(parts: Sequence[Light]) -> Light:
    """Segments that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0].first_slot
    slots = [part.slot_array() - first for part in parts]
    return Light(
        first_slot=first,
        pulses=sum(part.pulses for part in parts),
        slots=np.concatenate(slots).astype("<u4").tobytes(),
        photons=b"".join(part.photons for part in parts),
        states=b"".join(part.states for part in parts),
    )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the transmitter prepared in some slots: arrays of equal length (uint8). Secret, so it has no repr.

    ``intensities``: of sending or not sending the phases of decoys. ``known``: an end that holds a source of pairs
    knows nothing of slots in which it detected nothing.
    """

    bits: NDArray[np.uint8]
    bases: NDArray[np.uint8]
    intensities: NDArray[np.uint8]
    known: NDArray[np.bool_]

    def __repr__(self) -> str:
        """The amount only."""
        return f"Prepared({self.bits.size} slots)"


@dataclass(frozen=True, kw_only=True)
class Detections:
    """What the receiver detected: slots (int64, ascending), its bases and bits (uint8). Secret, so it has no repr.

    ``double_clicks`` of them had both detectors fire and got a random bit. ``intensities`` are those that this end sent
    itself, where both ends send (uint8), of sending or not sending phases of decoys; otherwise empty.
    """

    slots: NDArray[np.int64]
    bases: NDArray[np.uint8]
    bits: NDArray[np.uint8]
    double_clicks: int
    intensities: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))

    def __repr__(self) -> str:
        """The amount only."""
        return f"Detections({self.slots.size} slots)"


class Announced:
    """Which slots are open to announcement: emitted, and neither asked for nor forgotten yet."""

    def __init__(self) -> None:
        """Before slot 0."""
        self.first_open = 0
        self.next_slot = 0

    def emitted(self, pulses: int) -> int:
        """So many slots more; the first of them."""
        first, self.next_slot = self.next_slot, self.next_slot + pulses
        return first

    def forget_before(self, slot: int) -> None:
        """Nobody will ask for slots below ``slot``."""
        self.first_open = max(self.first_open, slot)

    def check(self, slots: NDArray[np.int64]) -> None:
        """Refuse slots that are not open.

        Raises:
            ProtocolError: they are not strictly ascending, were asked for before, or are not emitted yet.
        """
        if slots.size and (slots[0] < self.first_open or slots[-1] >= self.next_slot):
            raise ProtocolError(
                f"slots {slots[0]} to {slots[-1]} are announced; "
                f"{self.first_open} to {self.next_slot - 1} are open to announcement"
            )
        if np.any(slots[1:] <= slots[:-1]):
            raise ProtocolError(f"the {slots.size} announced slots are not strictly ascending")


def union(*slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """All of these slots once, ascending. Runs that ascend already are merged, which hashing them is no match for."""
    found = np.sort(np.concatenate(slots), kind="stable")
    return found[np.diff(found, prepend=-1) > 0]


def locate(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where ascending slots meet: indices into ``wanted`` of those that are known, and their indices into ``known``."""
    if not known.size or not wanted.size:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    place = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    hit = np.flatnonzero(known[place] == wanted)
    return hit, place[hit]
