"""Turbulence: how strongly it makes a received power flicker, along a level path and from space.

Andrews and Phillips, Laser Beam Propagation through Random Media, 2nd ed., SPIE Press (2005), chapters 8, 9, 10 and 12.
Recalled, and checked in the tests against the figures that name the Hufnagel-Valley 5/7 model: at 0.5 um a Fried
length of 5 cm and an isoplanatic angle of 7 urad.
"""

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics.channels.fibre import Array
from qit4n.physics.channels.freespace import wavenumber

HEIGHTS_M = np.geomspace(0.1, 30_000.0, 400)
"""Heights of the integrals over the profile: evenly in their logarithm, good to 0.1 %."""


def hufnagel_valley(height_m: ArrayLike, *, wind_m_s: float = 21.0, ground: float = 1.7e-14) -> Array:
    """Cn2 in m^(-2/3) at a height above ground; the defaults are Hufnagel-Valley 5/7."""
    h = np.asarray(height_m, np.float64)
    upper = 0.00594 * (wind_m_s / 27.0) ** 2 * (1e-5 * h) ** 10 * np.exp(-h / 1000.0)
    return np.asarray(upper + 2.7e-16 * np.exp(-h / 1500.0) + ground * np.exp(-h / 100.0), np.float64)


def profile_moment(power: float, *, wind_m_s: float = 21.0, ground: float = 1.7e-14) -> float:
    """``integral of Cn2(h) h^power dh`` up to 30 km."""
    cn2 = hufnagel_valley(HEIGHTS_M, wind_m_s=wind_m_s, ground=ground)
    return float(np.trapezoid(cn2 * HEIGHTS_M ** (power + 1.0), np.log(HEIGHTS_M)))


def fried_length_m(wavelength_nm: float, elevation_deg: ArrayLike = 90.0, *, ground: float = 1.7e-14) -> Array:
    """r0 of a downlink: ``[0.423 k^2 sec(zenith) integral Cn2]^(-3/5)``."""
    secant = 1.0 / np.sin(np.radians(np.asarray(elevation_deg, np.float64)))
    inside = 0.423 * wavenumber(wavelength_nm) ** 2 * secant * profile_moment(0.0, ground=ground)
    return np.asarray(inside ** (-3.0 / 5.0), np.float64)


def isoplanatic_angle_rad(wavelength_nm: float) -> float:
    """theta0 at the zenith: ``[2.914 k^2 integral Cn2 h^(5/3)]^(-3/5)``."""
    return float((2.914 * wavenumber(wavelength_nm) ** 2 * profile_moment(5.0 / 3.0)) ** (-3.0 / 5.0))


def rytov_variance(cn2: ArrayLike, wavelength_nm: ArrayLike, distance_m: ArrayLike) -> Array:
    """sigma_R^2 of a plane wave on a level path: ``1.23 Cn2 k^(7/6) L^(11/6)``."""
    k, length = wavenumber(wavelength_nm), np.asarray(distance_m, np.float64)
    return np.asarray(1.23 * np.asarray(cn2, np.float64) * k ** (7.0 / 6.0) * length ** (11.0 / 6.0), np.float64)


def rytov_variance_downlink(wavelength_nm: float, elevation_deg: ArrayLike, *, ground: float = 1.7e-14) -> Array:
    """sigma_R^2 from space to ground: ``2.25 k^(7/6) sec^(11/6)(zenith) integral Cn2 h^(5/6)``."""
    secant = 1.0 / np.sin(np.radians(np.asarray(elevation_deg, np.float64)))
    moment = profile_moment(5.0 / 6.0, ground=ground)
    return np.asarray(2.25 * wavenumber(wavelength_nm) ** (7.0 / 6.0) * secant ** (11.0 / 6.0) * moment, np.float64)


def aperture_averaging(aperture_m: ArrayLike, wavelength_nm: ArrayLike, distance_m: ArrayLike) -> Array:
    """A: by how much an aperture evens out a plane wave's flicker, ``[1 + 1.062 k D^2/(4 L)]^(-7/6)``."""
    d, length = np.asarray(aperture_m, np.float64), np.asarray(distance_m, np.float64)
    return np.asarray((1.0 + 1.062 * wavenumber(wavelength_nm) * d**2 / (4.0 * length)) ** (-7.0 / 6.0), np.float64)


def aperture_averaging_downlink(aperture_m: float, wavelength_nm: float, elevation_deg: float) -> float:
    """A of a downlink through Hufnagel-Valley 5/7: the index of an aperture as a share of that of a point.

    ``8.70 k^(7/6) sec Re integral Cn2 {[k D^2/16 + i h sec]^(5/6) - [k D^2/16]^(5/6)} dh`` over
    :func:`rytov_variance_downlink` (chapter 12, in weak turbulence). Apertures of decimetres even out most of it: the
    speckles of a downlink are some centimetres wide on the ground.
    """
    k, secant = wavenumber(wavelength_nm), 1.0 / np.sin(np.radians(elevation_deg))
    wide = k * aperture_m**2 / 16.0
    filtered = np.real((wide + 1j * HEIGHTS_M * secant) ** (5.0 / 6.0)) - wide ** (5.0 / 6.0)
    moment = np.trapezoid(hufnagel_valley(HEIGHTS_M) * filtered * HEIGHTS_M, np.log(HEIGHTS_M))
    index = 8.70 * k ** (7.0 / 6.0) * secant * moment
    return float(index / rytov_variance_downlink(wavelength_nm, elevation_deg))


def gamma_gamma_shapes(rytov: ArrayLike) -> tuple[Array, Array]:
    """Alpha and beta of the gamma-gamma distribution of strong turbulence (plane wave, point receiver)."""
    s = np.asarray(rytov, np.float64)
    root = s ** (6.0 / 5.0)
    large = np.expm1(0.49 * s / (1.0 + 1.11 * root) ** (7.0 / 6.0))
    small = np.expm1(0.51 * s / (1.0 + 0.69 * root) ** (5.0 / 6.0))
    return np.asarray(1.0 / large, np.float64), np.asarray(1.0 / small, np.float64)


def scintillation_index(rytov: ArrayLike) -> Array:
    """Variance of the normalised power at a point, from weak to saturated: ``1/alpha + 1/beta + 1/(alpha beta)``."""
    alpha, beta = gamma_gamma_shapes(rytov)
    return np.asarray(1.0 / alpha + 1.0 / beta + 1.0 / (alpha * beta), np.float64)


def spread_radius_m(spot_radius: ArrayLike, rytov: ArrayLike, wavelength_nm: ArrayLike, distance_m: ArrayLike) -> Array:
    """Long-term radius on a level path: ``w sqrt(1 + 1.33 sigma_R^2 Lambda^(5/6))``, ``Lambda = 2L/(k w^2)``."""
    w = np.asarray(spot_radius, np.float64)
    ratio = 2.0 * np.asarray(distance_m, np.float64) / (wavenumber(wavelength_nm) * w**2)
    return np.asarray(w * np.sqrt(1.0 + 1.33 * np.asarray(rytov, np.float64) * ratio ** (5.0 / 6.0)), np.float64)
