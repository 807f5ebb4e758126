"""Light that is not ours: the sky seen by a receiver, and where the Sun is."""

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics.channels.fibre import Array

PLANCK_J_S = 6.62607015e-34
LIGHT_M_S = 299_792_458.0

RADIANCE = {
    "day, clouds": 150.0,
    "day, haze": 15.0,
    "day, clear": 1.5,
    "night, full moon": 1.5e-3,
    "night, new moon": 1.5e-5,
}
"""W/(m2 sr um) at 800 to 1550 nm, order of magnitude: Er-long et al., New J. Phys. 7, 215 (2005), table recalled."""


def photon_energy_j(wavelength_nm: ArrayLike) -> Array:
    """H c / lambda."""
    return np.asarray(PLANCK_J_S * LIGHT_M_S / np.multiply(wavelength_nm, 1e-9), np.float64)


def sky_photons_per_s(
    radiance: ArrayLike,
    *,
    wavelength_nm: ArrayLike,
    filter_nm: ArrayLike,
    aperture_m: ArrayLike,
    field_of_view_rad: ArrayLike,
) -> Array:
    """Background photons per second that enter a receiver: ``H Omega A dlambda / (h c/lambda)``.

    Args:
        radiance: H in W/(m2 sr um), see :data:`RADIANCE`.
        wavelength_nm: of the signal.
        filter_nm: width of the filter.
        aperture_m: diameter of the telescope.
        field_of_view_rad: full angle of the cone that it sees.
    """
    solid_angle = np.pi * (np.asarray(field_of_view_rad, np.float64) / 2.0) ** 2
    area = np.pi * (np.asarray(aperture_m, np.float64) / 2.0) ** 2
    power = np.multiply(radiance, np.multiply(filter_nm, 1e-3)) * solid_angle * area
    return np.asarray(power / photon_energy_j(wavelength_nm), np.float64)


def sun_direction(julian_date: ArrayLike) -> Array:
    """Unit vector to the Sun in the frame of date, shape (3, ...): Astronomical Almanac, good to 0.01 degrees."""
    n = np.asarray(julian_date, np.float64) - 2_451_545.0
    mean_longitude = np.radians((280.460 + 0.9856474 * n) % 360.0)
    anomaly = np.radians((357.528 + 0.9856003 * n) % 360.0)
    longitude = mean_longitude + np.radians(1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * n)
    return np.stack([np.cos(longitude), np.cos(tilt) * np.sin(longitude), np.sin(tilt) * np.sin(longitude)])
