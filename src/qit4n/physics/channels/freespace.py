"""A beam through air or vacuum: diffraction, pointing, haze. Lengths in m, angles in rad; everything broadcasts.

Beams are Gaussian: ``divergence_rad`` is the full angle between the points where the far-field intensity is ``1/e^2``
of its centre. Papers that state a full width at half maximum mean 0.589 of it: the usual cause of 3 to 5 dB between
two budgets of one link.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qit4n.physics.channels.fibre import Array

FWHM_PER_FULL_ANGLE = np.sqrt(np.log(2.0) / 2.0)


def spot_radius_m(distance_m: ArrayLike, divergence_rad: ArrayLike, waist_radius_m: ArrayLike = 0.0) -> Array:
    """w: radius at which the intensity is ``1/e^2`` of its centre, ``sqrt(w0^2 + (theta L/2)^2)``."""
    return np.asarray(np.hypot(waist_radius_m, np.multiply(divergence_rad, distance_m) / 2.0), np.float64)


def collected(spot_radius: ArrayLike, aperture_m: ArrayLike) -> Array:
    """Share of a centred Gaussian beam that goes through a round aperture: ``1 - exp(-2 (D/2)^2/w^2)``."""
    ratio = np.divide(aperture_m, 2.0) / np.asarray(spot_radius, np.float64)
    return np.asarray(-np.expm1(-2.0 * ratio**2), np.float64)


def pointing(jitter_rad: ArrayLike, divergence_rad: ArrayLike) -> Array:
    """Mean transmittance under Gaussian jitter of ``jitter_rad`` per axis: ``1/(1 + 4 sigma^2/theta_half^2)``.

    The mean of ``exp(-2 r^2/w^2)`` over a Rayleigh distribution of r: exact where the aperture is small against the
    spot (far field).
    """
    ratio = np.divide(jitter_rad, np.divide(divergence_rad, 2.0))
    return np.asarray(1.0 / (1.0 + 4.0 * ratio**2), np.float64)


def haze_db_per_km(visibility_km: ArrayLike, wavelength_nm: ArrayLike) -> Array:
    """Attenuation by aerosols for a visibility at 550 nm: ``3.91/V (lambda/550)^-q`` nepers per km.

    Kim, McArthur, Korevaar, Proc. SPIE 4214, 26 (2001), for q; Kruse's law otherwise (ITU-R P.1814, with its 17 dB
    in place of 3.91 nepers, which is the same). Measured in the near infrared; below 550 nm its step at 50 km goes up.
    """
    v = np.asarray(visibility_km, np.float64)
    q = np.select([v > 50.0, v > 6.0, v > 1.0, v > 0.5], [1.6, 1.3, 0.16 * v + 0.34, v - 0.5], 0.0)
    nepers = 3.91 / v * np.power(np.divide(wavelength_nm, 550.0), -q)
    return np.asarray(10.0 / np.log(10.0) * nepers, np.float64)


def air(zenith_transmittance: ArrayLike, elevation_deg: ArrayLike) -> Array:
    """Transmittance of the whole atmosphere on a slant: ``eta_zenith^(1/sin elevation)``; good above 10 degrees."""
    airmass = 1.0 / np.sin(np.radians(np.asarray(elevation_deg, np.float64)))
    return np.asarray(np.power(zenith_transmittance, airmass), np.float64)


def decibel(transmittance: ArrayLike) -> Array:
    """Loss in dB of a transmittance."""
    return np.asarray(-10.0 * np.log10(np.asarray(transmittance, np.float64)), np.float64)


def wavenumber(wavelength_nm: ArrayLike) -> NDArray[np.float64]:
    """K in 1/m."""
    return np.asarray(2.0 * np.pi / np.multiply(wavelength_nm, 1e-9), np.float64)
