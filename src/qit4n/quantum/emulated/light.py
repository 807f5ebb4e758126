"""What the emulated quantum channel carries, and what each end keeps to itself."""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

BIT, BASIS = 1, 2
KEY_BASIS, TEST_BASIS = 0, 1
SIGNAL, DECOY = 0, 1


class Light(msgspec.Struct, frozen=True, kw_only=True):
    """One segment of pulses: those of which at least one photon would be detected.

    Loss of the fibre, loss of the receiver and detector efficiency commute, so the emulation thins the photons by
    all of them at the source and carries only what matters. ``slots`` are offsets (uint32, little endian) from
    ``first_slot``, ascending; ``photons`` their numbers (uint8); ``states`` bit 0 the bit, bit 1 the basis.
    The intensity is nowhere in it: only the transmitter knows.
    """

    first_slot: int
    pulses: int
    slots: bytes
    photons: bytes
    states: bytes

    def slot_array(self) -> NDArray[np.int64]:
        """Slots, counted from the beginning of the session."""
        return self.first_slot + np.frombuffer(self.slots, "<u4").astype(np.int64)

    def photon_array(self) -> NDArray[np.uint8]:
        """Photon numbers."""
        return np.frombuffer(self.photons, np.uint8)

    def state_array(self) -> NDArray[np.uint8]:
        """Bits and bases."""
        return np.frombuffer(self.states, np.uint8)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the transmitter prepared in some slots: arrays of equal length (uint8)."""

    bits: NDArray[np.uint8]
    bases: NDArray[np.uint8]
    intensities: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Detections:
    """What the receiver detected: slots (int64, ascending), its bases and bits (uint8)."""

    slots: NDArray[np.int64]
    bases: NDArray[np.uint8]
    bits: NDArray[np.uint8]
