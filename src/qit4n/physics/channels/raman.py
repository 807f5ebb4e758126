"""Spontaneous Raman scattering: photons that classical channels leave in a quantum channel of the same fibre.

The coefficient follows from the Raman gain of silica and the occupation of its phonons, ``2 h f g (1 + n)`` on the
Stokes side and ``2 h f g n`` on the other (both polarisations). Measured coefficients are smaller by 1.3 to 2.4: 3e-9
per km and nm in the C band (Kumar, Qin, Alleaume, New J. Phys. 17, 043027 (2015)), 1.5e-9 to 4e-9 (Eraerds, Walenta,
Legre, Gisin, Zbinden, New J. Phys. 12, 063027 (2010)). Hence :data:`CALIBRATION`, one half: a receiver of one
polarisation, and about what was measured. Whoever has measured a fibre enters its own.
"""

import csv
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics.channels.fibre import Array
from qit4n.physics.channels.sky import LIGHT_M_S, PLANCK_J_S

BOLTZMANN_J_K = 1.380649e-23
PUMP_OF_TABLE_THZ = 206.184634112792
CALIBRATION = 0.5
FIBRE_K = 300.0


@cache
def _gain_table() -> tuple[Array, Array]:
    """Shifts in THz and gains in 1/(W m) of ``raman_gain.csv``."""
    text = resources.files("qit4n.physics.channels").joinpath("raman_gain.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return np.array([float(row["shift_thz"]) for row in rows]), np.array([float(row["gain_per_w_m"]) for row in rows])


def frequency_thz(wavelength_nm: ArrayLike) -> Array:
    """C / lambda."""
    return np.asarray(LIGHT_M_S / np.asarray(wavelength_nm, np.float64) * 1e-3, np.float64)


def coefficient(pump_nm: ArrayLike, signal_nm: ArrayLike, *, calibration: float = CALIBRATION) -> Array:
    """rho: share of the pump's power scattered into the guided signal band, per km of fibre and nm of filter.

    The gain is that of a pump at 1454 nm, in proportion to the higher of the two frequencies, whose photon is the pump
    of the same transition seen either way; no gain beyond 42 THz.
    """
    pump, signal = frequency_thz(pump_nm), frequency_thz(signal_nm)
    shifts, gains = _gain_table()
    shift = np.abs(pump - signal)
    gain = np.interp(shift, shifts, gains, right=0.0) * np.maximum(pump, signal) / PUMP_OF_TABLE_THZ
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        phonons = 1.0 / np.expm1(PLANCK_J_S * shift * 1e12 / (BOLTZMANN_J_K * FIBRE_K))
        occupied = np.where(signal < pump, gain * (1.0 + phonons), gain * phonons)
    occupied = np.where(shift > 0.0, occupied, 0.0)
    hertz_per_nm = signal * 1e12 / np.asarray(signal_nm, np.float64)
    return np.asarray(calibration * 2.0 * PLANCK_J_S * signal * 1e12 * occupied * hertz_per_nm * 1e3, np.float64)


def photons_per_s(
    launch_dbm: ArrayLike,
    *,
    pump_nm: ArrayLike,
    signal_nm: ArrayLike,
    length_km: ArrayLike,
    pump_db_per_km: ArrayLike,
    signal_db_per_km: ArrayLike,
    filter_nm: ArrayLike,
    counter: ArrayLike = False,
    rho: ArrayLike | None = None,
) -> Array:
    """Raman photons per second at the receiver's end of the fibre, before its optics.

    Forward: ``P rho dlambda e^(-a_s L) (1 - e^(-(a_p - a_s) L))/(a_p - a_s)``; against the light, with P launched at
    the receiver's end: ``P rho dlambda (1 - e^(-(a_p + a_s) L))/(a_p + a_s)`` (Eraerds et al. 2010, equations 5 and 6).

    Args:
        launch_dbm: power of the classical channel where it enters the fibre.
        pump_nm: its wavelength.
        signal_nm: wavelength of the quantum channel.
        length_km: of the common fibre.
        pump_db_per_km: attenuation at the classical wavelength.
        signal_db_per_km: attenuation at the quantum wavelength.
        filter_nm: width of the receiver's filter.
        counter: the classical channel runs towards the quantum transmitter.
        rho: measured coefficient per km and nm; :func:`coefficient` if not given.
    """
    nepers = np.log(10.0) / 10.0
    a_p, a_s = np.multiply(pump_db_per_km, nepers), np.multiply(signal_db_per_km, nepers)
    length = np.asarray(length_km, np.float64)
    forward = np.exp(-a_s * length) * length * _mean_exponential((a_p - a_s) * length)
    backward = length * _mean_exponential((a_p + a_s) * length)
    scattering = coefficient(pump_nm, signal_nm) if rho is None else np.asarray(rho, np.float64)
    power = 1e-3 * 10.0 ** (np.asarray(launch_dbm, np.float64) / 10.0) * scattering * np.asarray(filter_nm, np.float64)
    energy = PLANCK_J_S * frequency_thz(signal_nm) * 1e12
    return np.asarray(power * np.where(counter, backward, forward) / energy, np.float64)


def _mean_exponential(x: ArrayLike) -> Array:
    """``(1 - e^-x)/x``, 1 at x = 0."""
    value = np.asarray(x, np.float64)
    safe = np.where(value == 0.0, 1.0, value)
    return np.asarray(np.where(value == 0.0, 1.0, -np.expm1(-safe) / safe), np.float64)
