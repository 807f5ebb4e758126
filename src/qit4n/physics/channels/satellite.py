"""Links through space: geometry, budget and fading of a downlink and of a link between satellites."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics.channels import freespace, turbulence
from qit4n.physics.channels.fading import Fading, pointing_shape
from qit4n.physics.channels.fibre import Array

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True, kw_only=True)
class Optics:
    """The telescopes of a free-space link.

    Attributes:
        divergence_rad: full angle of the beam between ``1/e^2`` points.
        receiver_m: diameter of the receiving telescope.
        jitter_rad: pointing error of the transmitter per axis, rms.
        zenith_transmittance: of the whole atmosphere, straight up.
        wavelength_nm: of the photons.
    """

    divergence_rad: float
    receiver_m: float
    jitter_rad: float = 0.0
    zenith_transmittance: float = 1.0
    wavelength_nm: float = 850.0


def slant_range_km(altitude_km: ArrayLike, elevation_deg: ArrayLike) -> Array:
    """Distance to a satellite: ``-R sin el + sqrt((R sin el)^2 + 2 R H + H^2)`` over a sphere of 6371 km."""
    height, s = np.asarray(altitude_km, np.float64), np.sin(np.radians(np.asarray(elevation_deg, np.float64)))
    r = EARTH_RADIUS_KM
    return np.asarray(-r * s + np.sqrt((r * s) ** 2 + 2.0 * r * height + height**2), np.float64)


def downlink_db(optics: Optics, range_km: ArrayLike, elevation_deg: ArrayLike) -> dict[str, Array]:
    """Losses of a downlink in dB: diffraction, pointing, atmosphere."""
    return {
        **between_satellites_db(optics, range_km),
        "atmosphere": freespace.decibel(freespace.air(optics.zenith_transmittance, elevation_deg)),
    }


def between_satellites_db(optics: Optics, range_km: ArrayLike) -> dict[str, Array]:
    """Losses in vacuum in dB: diffraction, pointing."""
    spot = freespace.spot_radius_m(np.multiply(range_km, 1e3), optics.divergence_rad)
    return {
        "diffraction": freespace.decibel(freespace.collected(spot, optics.receiver_m)),
        "pointing": freespace.decibel(freespace.pointing(optics.jitter_rad, optics.divergence_rad)),
    }


def fading_of_downlink(optics: Optics, elevation_deg: float) -> Fading:
    """By pointing, and by turbulence of Hufnagel-Valley 5/7 on the slant.

    Turbulence costs a downlink no mean power: the air is within the last kilometres, where the beam is wide already.
    """
    return Fading(
        rytov=float(turbulence.rytov_variance_downlink(optics.wavelength_nm, elevation_deg)),
        averaging=turbulence.aperture_averaging_downlink(optics.receiver_m, optics.wavelength_nm, elevation_deg),
        pointing=pointing_shape(optics.jitter_rad, optics.divergence_rad),
    )


def fading_between_satellites(optics: Optics) -> Fading:
    """By pointing alone."""
    return Fading(pointing=pointing_shape(optics.jitter_rad, optics.divergence_rad))
