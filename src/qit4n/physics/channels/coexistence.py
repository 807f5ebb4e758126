"""One fibre for classical channels and a quantum channel: the noise of all neighbours, and where to put the latter."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qit4n.physics.channels import fourwave, raman
from qit4n.physics.channels.fibre import Fibre, attenuation_db_per_km, band

GRID_THZ = 0.1
ANCHOR_THZ = 193.1


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A classical channel in the same fibre.

    Attributes:
        wavelength_nm: of its carrier.
        launch_dbm: power where it enters the fibre.
        counter: it runs towards the quantum transmitter.
    """

    wavelength_nm: float
    launch_dbm: float
    counter: bool = False


@dataclass(frozen=True, kw_only=True)
class SharedFibre:
    """The common fibre and the filter in front of the quantum receiver.

    Attributes:
        length_km: of the common fibre.
        fibre: its kind.
        filter_ghz: full width of the receiver's filter.
        isolation_db: by which multiplexers and filters keep each neighbour from the receiver.
        raman_calibration: factor on the Raman coefficient from first principles.
    """

    length_km: float
    fibre: Fibre = "G.652.D"
    filter_ghz: float = 50.0
    isolation_db: float = 110.0
    raman_calibration: float = raman.CALIBRATION


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Photons per second at the receiver's input, by cause."""

    raman_forward: float
    raman_backward: float
    mixing: float
    leakage: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.raman_forward + self.raman_backward + self.mixing + self.leakage


def noise(line: SharedFibre, signal_nm: float, neighbours: Iterable[Neighbour]) -> Noise:
    """What the neighbours put into the quantum channel at ``signal_nm``."""
    found = {False: 0.0, True: 0.0}
    leaked = 0.0
    with_us: list[tuple[float, float]] = []
    width_nm = line.filter_ghz * 1e-3 * signal_nm / float(raman.frequency_thz(signal_nm))
    at_signal = float(attenuation_db_per_km(signal_nm, line.fibre))
    for one in neighbours:
        at_pump = float(attenuation_db_per_km(one.wavelength_nm, line.fibre))
        rho = raman.coefficient(one.wavelength_nm, signal_nm, calibration=line.raman_calibration)
        found[one.counter] += float(
            raman.photons_per_s(
                one.launch_dbm,
                pump_nm=one.wavelength_nm,
                signal_nm=signal_nm,
                length_km=line.length_km,
                pump_db_per_km=at_pump,
                signal_db_per_km=at_signal,
                filter_nm=width_nm,
                counter=one.counter,
                rho=rho,
            )
        )
        received = one.launch_dbm - (0.0 if one.counter else at_pump * line.length_km)
        leaked += fourwave.leakage_photons_per_s(received, line.isolation_db, one.wavelength_nm)
        if not one.counter:
            with_us.append((one.wavelength_nm, one.launch_dbm))
    mixed = fourwave.mixing_photons_per_s(
        with_us, signal_nm, length_km=line.length_km, db_per_km=at_signal, filter_thz=line.filter_ghz * 1e-3
    )
    return Noise(raman_forward=found[False], raman_backward=found[True], mixing=mixed, leakage=leaked)


def dwdm_nm(thz_from: float, thz_to: float) -> list[float]:
    """Wavelengths of the 100 GHz grid of ITU-T G.694.1 between two frequencies."""
    first, last = (
        int(np.ceil((thz_from - ANCHOR_THZ) / GRID_THZ - 1e-9)),
        int((thz_to - ANCHOR_THZ) / GRID_THZ + 1e-9),
    )
    return [float(raman.frequency_thz(ANCHOR_THZ + GRID_THZ * n)) for n in range(first, last + 1)]


def candidates(neighbours: Sequence[Neighbour], guard_ghz: float = 100.0) -> Iterator[float]:
    """Places for a quantum channel: the O band every 100 GHz from 1265 to 1330 nm, and free C-band channels.

    Places nearer than ``guard_ghz`` to a neighbour are left out.
    """
    taken = np.array([float(raman.frequency_thz(one.wavelength_nm)) for one in neighbours])
    for wavelength in [*dwdm_nm(191.6, 195.9), *dwdm_nm(225.5, 236.9)]:
        gap = np.abs(taken - float(raman.frequency_thz(wavelength)))
        if not taken.size or gap.min() > guard_ghz * 1e-3 - 1e-6:
            yield wavelength


def band_of(wavelength_nm: float) -> str:
    """The ITU-T band of a candidate."""
    return band(wavelength_nm)
