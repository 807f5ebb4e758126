"""Coherent one-way (COW) and differential phase shift (DPS): deployed, but without a proof at the ranges published.

COW: zero-error attacks leave rates that fall with the square of the transmittance (Gonzalez-Payo, Trenyi, Wang, Curty,
PRL 125, 260510 (2020); Trenyi and Curty, New J. Phys. 23, 093005 (2021)). What is computed here is throughput, not
secrecy. DPS: against individual attacks only (Waks, Takesue, Yamamoto, PRA 73, 012344 (2006)).
"""

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics import rates
from qit4n.physics.rates import Array, binary_entropy


def dps_rate(
    transmittance: ArrayLike,
    *,
    mean_photons: ArrayLike,
    dark: ArrayLike,
    misalignment: ArrayLike,
    efficiency: float = 1.0,
) -> Array:
    """Bits per pulse against individual attacks: ``Q {-(1 - 2 mu) log2[1 - E^2 - (1 - 6E)^2/2] - f h(E)}``.

    Below 0 there is no key.
    """
    mu = np.asarray(mean_photons, np.float64)
    clicks = rates.gain(mu, transmittance, dark)
    qber = rates.error_gain(mu, transmittance, dark, misalignment) / clicks
    collision = 1.0 - qber**2 - (1.0 - 6.0 * qber) ** 2 / 2.0
    shrink = -(1.0 - 2.0 * mu) * np.log2(np.clip(collision, 1e-300, 1.0))
    known = np.where(qber < 1.0 / 6.0, np.maximum(shrink, 0.0), 0.0)
    return np.asarray(clicks * (known - efficiency * binary_entropy(np.minimum(qber, 0.5))), np.float64)


def cow_throughput(
    transmittance: ArrayLike,
    *,
    mean_photons: ArrayLike,
    dark: ArrayLike,
    misalignment: ArrayLike,
    decoy_share: float = 0.1,
    efficiency: float = 1.0,
) -> Array:
    """Corrected bits per pulse, nothing claimed of their secrecy: ``(1 - decoys)/2 Q [1 - f h(E)]``.

    Two pulses carry a bit, one of them empty.
    """
    clicks = rates.gain(mean_photons, transmittance, dark)
    qber = rates.error_gain(mean_photons, transmittance, dark, misalignment) / clicks
    bits = (1.0 - decoy_share) / 2.0 * clicks * (1.0 - efficiency * binary_entropy(np.minimum(qber, 0.5)))
    return np.asarray(np.maximum(bits, 0.0), np.float64)
