"""Continuous variables, Gaussian modulation (GG02): coherent states, coherent detection, reverse reconciliation.

Collective attacks, asymptotic: ``beta I_AB - chi_BE`` with the Holevo information of the Gaussian state of the same
covariance (Lodewyck et al., PRA 76, 042305 (2007); Fossier et al., J. Phys. B 42, 114014 (2009); trusted detector). In
shot-noise units; all functions broadcast.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfinv

from qit4n.physics.rates import Array

Detection = Literal["homodyne", "heterodyne"]


def bosonic_entropy(symplectic: ArrayLike) -> Array:
    """Entropy in bits of a thermal mode of this symplectic eigenvalue (at least 1)."""
    x = (np.maximum(np.asarray(symplectic, np.float64), 1.0) - 1.0) / 2.0
    return np.asarray((x + 1.0) * np.log2(x + 1.0) - x * np.log2(np.where(x > 0.0, x, 1.0)), np.float64)


def detector_noise(efficiency: ArrayLike, electronic: ArrayLike, detection: Detection) -> Array:
    """Noise of the detector referred to its input."""
    eta, vel = np.asarray(efficiency, np.float64), np.asarray(electronic, np.float64)
    if detection == "homodyne":
        return np.asarray((1.0 - eta + vel) / eta, np.float64)
    return np.asarray((2.0 - eta + 2.0 * vel) / eta, np.float64)


def mutual_information(
    variance: ArrayLike, transmittance: ArrayLike, excess: ArrayLike, noise: ArrayLike, detection: Detection
) -> Array:
    """I_AB in bits per symbol."""
    t = np.asarray(transmittance, np.float64)
    total = 1.0 / t - 1.0 + np.asarray(excess, np.float64) + np.divide(noise, t)
    quadratures = 0.5 if detection == "homodyne" else 1.0
    return np.asarray(quadratures * np.log2((np.add(variance, 1.0) + total) / (1.0 + total)), np.float64)


def holevo(
    variance: ArrayLike, transmittance: ArrayLike, excess: ArrayLike, noise: ArrayLike, detection: Detection
) -> Array:
    """chi_BE in bits per symbol, for a trusted detector of this noise."""
    v, t = np.asarray(np.add(variance, 1.0), np.float64), np.asarray(transmittance, np.float64)
    noise = np.asarray(noise, np.float64)
    line = 1.0 / t - 1.0 + np.asarray(excess, np.float64)
    total = line + noise / t
    a = v**2 * (1.0 - 2.0 * t) + 2.0 * t + t**2 * (v + line) ** 2
    root = t * (v * line + 1.0)  # sqrt(B)
    entropy = _pair_entropy(a, root**2)
    if detection == "homodyne":
        c = (v * root + t * (v + line) + a * noise) / (t * (v + total))
        d = root * (v + root * noise) / (t * (v + total))
    else:
        above = a * np.square(noise) + root**2 + 1.0
        above = above + 2.0 * np.asarray(noise, np.float64) * (v * root + t * (v + line)) + 2.0 * t * (v**2 - 1.0)
        c = above / (t * (v + total)) ** 2
        d = ((v + root * noise) / (t * (v + total))) ** 2
    return np.asarray(entropy - _pair_entropy(c, d), np.float64)


def _pair_entropy(sum_of_squares: Array, product_of_squares: Array) -> Array:
    """Entropy of two modes, from sum and product of their squared symplectic eigenvalues."""
    root = np.sqrt(np.maximum(sum_of_squares**2 - 4.0 * product_of_squares, 0.0))
    larger = np.sqrt((sum_of_squares + root) / 2.0)
    return bosonic_entropy(larger) + bosonic_entropy(np.sqrt(product_of_squares) / larger)


def rate(
    transmittance: ArrayLike,
    *,
    variance: ArrayLike,
    excess: ArrayLike,
    efficiency: ArrayLike,
    electronic: ArrayLike,
    reconciliation: ArrayLike,
    detection: Detection = "heterodyne",
) -> Array:
    """Bits per symbol; below 0 there is no key.

    Args:
        transmittance: T of the channel, without the detector.
        variance: modulation variance V_A in shot-noise units.
        excess: xi, at the channel's input.
        efficiency: of the detector, trusted.
        electronic: v_el, its noise, trusted.
        reconciliation: beta <= 1.
        detection: homodyne measures one quadrature, heterodyne both.
    """
    noise = detector_noise(efficiency, electronic, detection)
    shared = mutual_information(variance, transmittance, excess, noise, detection)
    return np.asarray(
        np.multiply(reconciliation, shared) - holevo(variance, transmittance, excess, noise, detection), np.float64
    )


def finite_rate(
    transmittance: ArrayLike,
    *,
    symbols: float,
    estimation_share: float = 0.5,
    epsilon: float = 1e-10,
    variance: ArrayLike,
    excess: ArrayLike,
    efficiency: ArrayLike,
    electronic: ArrayLike,
    reconciliation: ArrayLike,
    detection: Detection = "heterodyne",
) -> Array:
    """Bits per symbol of a block, against collective attacks: not composable.

    Leverrier, Grosshans, Grangier, PRA 81, 062343 (2010): ``n/N [beta I - chi(T_min, xi_max) - Delta(n)]``, with T
    and xi at the edge of their confidence intervals (6.5 standard deviations at 1e-10) and ``Delta(n) = 7
    sqrt(log2(2/eps)/n)``.
    """
    t, eta = np.asarray(transmittance, np.float64), np.asarray(efficiency, np.float64)
    deviations = np.sqrt(2.0) * erfinv(1.0 - epsilon)
    seen = symbols * estimation_share * (1.0 if detection == "homodyne" else 2.0)
    spread = 1.0 if detection == "homodyne" else 2.0
    noise_seen = 1.0 + np.asarray(electronic, np.float64) + eta * t * np.asarray(excess, np.float64) / spread
    gain = np.sqrt(eta * t / spread)
    least = np.maximum(gain - deviations * np.sqrt(noise_seen / (seen * np.asarray(variance, np.float64))), 0.0)
    t_min = np.maximum(least**2 * spread / eta, 1e-300)
    xi_max = np.asarray(excess, np.float64) + deviations * noise_seen * np.sqrt(2.0 / seen) * spread / (eta * t)
    noise = detector_noise(eta, electronic, detection)
    shared = mutual_information(variance, t, excess, noise, detection)
    kept = symbols * (1.0 - estimation_share)
    delta = 7.0 * np.sqrt(np.log2(2.0 / epsilon) / kept)
    worst = holevo(variance, t_min, xi_max, noise, detection)
    return np.asarray((1.0 - estimation_share) * (np.multiply(reconciliation, shared) - worst - delta), np.float64)
