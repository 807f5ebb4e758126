"""Measurement-device-independent QKD: two transmitters, a relay in the middle that nobody trusts.

Model: decoy states with perfectly known yields, time-bin or polarisation encoding, four threshold detectors at the
relay, of which each successful Bell measurement fires two (Lo, Curty, Qi, PRL 108, 130503 (2012); closed forms: Ma and
Razavi, PRA 86, 062319 (2012), appendix; recalled, and checked in the tests against a Monte Carlo of the interference).
All functions broadcast; ``one`` and ``other`` are the transmittances of the two arms, detectors included; ``dark`` is
per detector and gate.
"""

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics.rates import Array, binary_entropy


def single_photon_yield(one: ArrayLike, other: ArrayLike, dark: ArrayLike) -> Array:
    """Y11: chance of a successful Bell measurement if each end sent one photon, bases equal."""
    a, b, d = (np.asarray(value, np.float64) for value in (one, other, dark))
    both = a * b / 2.0 + (2.0 * a + 2.0 * b - 3.0 * a * b) * d + 4.0 * (1.0 - a) * (1.0 - b) * d**2
    return np.asarray((1.0 - d) ** 2 * both, np.float64)


def single_photon_error(one: ArrayLike, other: ArrayLike, dark: ArrayLike, misalignment: ArrayLike) -> Array:
    """e11 of the test basis: ``1/2 - (1/2 - e_d)(1 - d)^2 a b/2 / Y11``."""
    a, b, d = (np.asarray(value, np.float64) for value in (one, other, dark))
    found = single_photon_yield(a, b, d)
    true = (1.0 - d) ** 2 * a * b / 2.0
    return np.asarray(0.5 - (0.5 - np.asarray(misalignment, np.float64)) * true / found, np.float64)


def gain_and_errors(
    one: ArrayLike, other: ArrayLike, means: tuple[ArrayLike, ArrayLike], dark: ArrayLike, misalignment: ArrayLike
) -> tuple[Array, Array]:
    """Q and E Q of the key basis with ``means`` photons sent: pulses in different bins, and in the same one."""
    from scipy.special import i0  # noqa: PLC0415 - slow to import, and few sites need it

    d, e = np.asarray(dark, np.float64), np.asarray(misalignment, np.float64)
    x, y = np.multiply(one, means[0]), np.multiply(other, means[1])
    half = np.exp(-(x + y) / 2.0)
    silent = [1.0 - (1.0 - d) * np.exp(-light / 2.0) for light in (x, y)]
    right = 2.0 * (1.0 - d) ** 2 * half * silent[0] * silent[1]
    wrong = 2.0 * d * (1.0 - d) ** 2 * half * (i0(np.sqrt(x * y)) - (1.0 - d) * half)
    return np.asarray(right + wrong, np.float64), np.asarray(e * right + (1.0 - e) * wrong, np.float64)


def rate(
    one: ArrayLike,
    other: ArrayLike,
    *,
    mean_photons: ArrayLike,
    dark: ArrayLike,
    misalignment: ArrayLike,
    efficiency: float = 1.0,
) -> Array:
    """Bits per pair of pulses prepared in the key basis; below 0 there is no key.

    ``R = mu^2 e^(-2 mu) Y11 [1 - h(e11)] - f Q h(E)``, both ends with the same intensity.
    """
    mu = np.asarray(mean_photons, np.float64)
    clicks, errors = gain_and_errors(one, other, (mu, mu), dark, misalignment)
    phase = np.minimum(single_photon_error(one, other, dark, misalignment), 0.5)
    single = mu**2 * np.exp(-2.0 * mu) * single_photon_yield(one, other, dark)
    qber = np.minimum(errors / clicks, 0.5)
    return np.asarray(single * (1.0 - binary_entropy(phase)) - efficiency * clicks * binary_entropy(qber), np.float64)


def error_rate(
    one: ArrayLike, other: ArrayLike, *, mean_photons: ArrayLike, dark: ArrayLike, misalignment: ArrayLike
) -> Array:
    """E of the key basis."""
    clicks, errors = gain_and_errors(one, other, (mean_photons, mean_photons), dark, misalignment)
    return np.asarray(errors / clicks, np.float64)
