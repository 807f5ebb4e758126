"""Twin-field QKD: both ends send light, one detector click at a relay in the middle makes a bit; rates go as sqrt(eta).

Two protocols, both asymptotic, with decoy yields perfectly known:

* NPP, no phase post-selection: Curty, Azuma, Lo, npj Quantum Information 5, 64 (2019), and Cui et al., Phys. Rev.
  Applied 11, 034053 (2019). Bits are the phases of coherent states; yields of photon numbers bound the phase error.
* SNS, sending or not sending: Wang, Yu, Hu, PRA 98, 062323 (2018), with actively odd-parity pairing (AOPP): Xu, Yu,
  Jiang, Hu, Wang, PRA 101, 042330 (2020).

Formulas recalled; yields and error rates are derived here from the model (beam splitter, two threshold detectors) and
checked in the tests against a Monte Carlo. ``arm`` is the transmittance of either arm, detectors included: of a link of
transmittance eta with the relay in the middle it is sqrt(eta) times that of a detector. ``phase_noise`` is the standard
deviation of the phase between the two fields, in rad; with misalignment e it makes ``e + (1 - 2e)(1 - e^(-s^2/2))/2``.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics.rates import Array, binary_entropy

MOST_PHOTONS = 12


def optical_error(misalignment: ArrayLike, phase_noise: ArrayLike) -> Array:
    """Share of the light that leaves the relay by the wrong port."""
    e, s = np.asarray(misalignment, np.float64), np.asarray(phase_noise, np.float64)
    return np.asarray(e + (1.0 - 2.0 * e) * (1.0 - np.exp(-(s**2) / 2.0)) / 2.0, np.float64)


def only_one(lit: ArrayLike, other: ArrayLike, dark: ArrayLike) -> Array:
    """Chance that one detector clicks and the other does not, with these mean photons on them."""
    d = np.asarray(dark, np.float64)
    clicks = -np.expm1(np.log1p(-d) - np.asarray(lit, np.float64))
    return np.asarray(clicks * (1.0 - d) * np.exp(-np.asarray(other, np.float64)), np.float64)


def fock_yield(photons: tuple[int, int], arm: ArrayLike, dark: ArrayLike, other: ArrayLike | None = None) -> Array:
    """Chance that a given detector clicks alone if the ends sent so many photons.

    The other is silent with ``(1 - d) sum_k C(m,k) C(n,k) (1 - t/2)^(m-k) (1 - u/2)^(n-k) (tu/4)^k``: the permanent of
    the line's matrix, which holds for interfering photons; u is the transmittance of the ``other`` arm, t if not given.
    """
    m, n = photons
    t, d = np.asarray(arm, np.float64), np.asarray(dark, np.float64)
    u = t if other is None else np.asarray(other, np.float64)
    silent: Array = np.zeros(np.broadcast(t, u, d).shape)
    for k in range(min(m, n) + 1):
        ways = float(math.comb(m, k) * math.comb(n, k))
        silent = silent + ways * (1.0 - t / 2.0) ** (m - k) * (1.0 - u / 2.0) ** (n - k) * (t * u / 4.0) ** k
    return np.asarray((1.0 - d) * silent - (1.0 - d) ** 2 * (1.0 - t) ** m * (1.0 - u) ** n, np.float64)


def npp_gain_and_errors(
    arm: ArrayLike, mean_photons: ArrayLike, dark: ArrayLike, error: ArrayLike, other: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Per pulse: chance that exactly one detector clicks, and that it is the wrong one; ``mean_photons`` per end.

    Fields of a and b photons leave ``(a + b)/2 +- (1 - 2e) sqrt(ab)`` at the ports.
    """
    here, there = np.multiply(arm, mean_photons), np.multiply(arm if other is None else other, mean_photons)
    half, cross = (here + there) / 2.0, (1.0 - 2.0 * np.asarray(error)) * np.sqrt(here * there)
    good, bad = half + cross, half - cross
    right, wrong = only_one(good, bad, dark), only_one(bad, good, dark)
    return np.asarray(right + wrong, np.float64), wrong


def npp_phase_error(
    arm: ArrayLike, mean_photons: ArrayLike, dark: ArrayLike, gain: ArrayLike, other: ArrayLike | None = None
) -> Array:
    """Phase error of the clicks: ``sum_j [sum_mn c_m c_n sqrt(Y_mn)]^2 / Q`` over m, n even (j = 0), odd (j = 1).

    ``c_n = e^(-mu/2) mu^(n/2) / sqrt(n!)``. Yields beyond 12 photons count as one.
    """
    mu = np.asarray(mean_photons, np.float64)
    with np.errstate(divide="ignore"):
        log_mu = np.log(mu)
    numbers = range(MOST_PHOTONS + 1)
    weights = [np.exp(-mu / 2.0 + (n / 2.0 * log_mu if n else 0.0) - math.lgamma(n + 1) / 2.0) for n in numbers]
    total: Array = np.zeros(np.broadcast(mu, arm, dark, gain).shape)
    for parity in (0, 1):
        inside: Array = np.zeros(total.shape)
        whole = sum(weights[n] for n in numbers if n % 2 == parity)
        beyond = _tail(mu, parity)
        for m in range(parity, MOST_PHOTONS + 1, 2):
            for n in range(parity, MOST_PHOTONS + 1, 2):
                inside = inside + weights[m] * weights[n] * np.sqrt(fock_yield((m, n), arm, dark, other))
        inside = inside + 2.0 * whole * beyond + beyond**2
        total = total + inside**2
    return np.asarray(np.minimum(total / (np.asarray(gain, np.float64) / 2.0), 0.5), np.float64)


def _tail(mu: Array, parity: int) -> Array:
    """Sum of the weights of more photons than are counted, of one parity."""
    return np.asarray(
        sum(
            np.exp(-mu / 2.0) * mu ** (n / 2.0) / math.sqrt(math.factorial(n))
            for n in range(MOST_PHOTONS + 1, MOST_PHOTONS + 25)
            if n % 2 == parity
        ),
        np.float64,
    )


def npp_rate(
    arm: ArrayLike,
    *,
    mean_photons: ArrayLike,
    dark: ArrayLike,
    misalignment: ArrayLike,
    phase_noise: ArrayLike = 0.0,
    efficiency: float = 1.0,
) -> Array:
    """Bits per pulse in the code mode: ``Q [1 - h(e_phase) - f h(E)]``; below 0 there is no key."""
    clicks, wrong = npp_gain_and_errors(arm, mean_photons, dark, optical_error(misalignment, phase_noise))
    phase = npp_phase_error(arm, mean_photons, dark, clicks)
    qber = np.minimum(wrong / clicks, 0.5)
    return np.asarray(clicks * (1.0 - binary_entropy(phase) - efficiency * binary_entropy(qber)), np.float64)


def random_phase_gain(here: ArrayLike, there: ArrayLike, dark: ArrayLike, error: ArrayLike = 0.0) -> Array:
    """Chance that exactly one detector clicks for pulses of random phases, of so many mean photons at the detectors.

    A detector is silent with ``(1 - d) e^(-(a+b)/2) I0[(1 - 2e) sqrt(ab)]``, both with ``(1 - d)^2 e^(-(a+b))``.
    """
    from scipy.special import i0e  # noqa: PLC0415 - slow to import, and few sites need it

    a, b, d = (np.asarray(value, np.float64) for value in (here, there, dark))
    cross = np.abs(1.0 - 2.0 * np.asarray(error, np.float64)) * np.sqrt(a * b)
    silent = (1.0 - d) * np.exp(cross - (a + b) / 2.0) * i0e(cross)
    return np.asarray(2.0 * (silent - (1.0 - d) ** 2 * np.exp(-(a + b))), np.float64)


def sns_gains(arm: ArrayLike, mean_photons: ArrayLike, dark: ArrayLike) -> tuple[Array, Array, Array]:
    """Chance that exactly one detector clicks if one end sends, if both send, if none does; phases are random."""
    light = np.multiply(arm, mean_photons)
    return random_phase_gain(light, 0.0, dark), random_phase_gain(light, light, dark), random_phase_gain(0.0, 0.0, dark)


def sns_single_photon(arm: ArrayLike, dark: ArrayLike, error: ArrayLike) -> tuple[Array, Array]:
    """s1 and its phase error: of one photon, spread over both ends, that makes exactly one detector click."""
    t, d, e = (np.asarray(value, np.float64) for value in (arm, dark, error))
    none = (1.0 - d) ** 2 * (1.0 - t)
    wrong = (1.0 - d) * (1.0 - t * (1.0 - e)) - none
    right = (1.0 - d) * (1.0 - t * e) - none
    return np.asarray(right + wrong, np.float64), np.asarray(wrong / (right + wrong), np.float64)


def sns_rate(
    arm: ArrayLike,
    *,
    mean_photons: ArrayLike,
    sending: ArrayLike,
    dark: ArrayLike,
    misalignment: ArrayLike,
    phase_noise: ArrayLike = 0.0,
    efficiency: float = 1.0,
    pairing: bool = True,
) -> Array:
    """Bits per signal window; below 0 there is no key.

    Without pairing ``2 p (1-p) mu e^-mu s1 [1 - h(e1)] - f S h(E)``. With AOPP one end pairs each of its zeros with
    one of its ones; the other keeps pairs of odd parity: errors survive only in twos, phase errors become
    ``2 e1 (1 - e1)``.

    Args:
        arm: transmittance of either arm, detectors included.
        mean_photons: of a pulse that is sent.
        sending: chance that an end sends in a signal window.
        dark: per detector and gate.
        misalignment: share of light at the wrong port.
        phase_noise: rad.
        efficiency: f >= 1 of reconciliation.
        pairing: with AOPP.
    """
    p, mu = np.asarray(sending, np.float64), np.asarray(mean_photons, np.float64)
    single, phase = sns_single_photon(arm, dark, optical_error(misalignment, phase_noise))
    one, both, none = sns_gains(arm, mu, dark)
    right, twice, empty = p * (1.0 - p) * one, p**2 * both, (1.0 - p) ** 2 * none
    untagged = p * (1.0 - p) * mu * np.exp(-mu) * single
    if not pairing:
        clicks = 2.0 * right + twice + empty
        qber = np.minimum((twice + empty) / clicks, 0.5)
        return np.asarray(
            2.0 * untagged * (1.0 - binary_entropy(np.minimum(phase, 0.5)))
            - efficiency * clicks * binary_entropy(qber),
            np.float64,
        )
    zeros, ones = right + twice, right + empty
    pairs = np.minimum(zeros, ones)
    good, bad = right / zeros * right / ones, twice / zeros * empty / ones
    kept = pairs * (good + bad)
    pure = pairs * untagged / zeros * untagged / ones
    doubled = np.minimum(2.0 * phase * (1.0 - phase), 0.5)
    return np.asarray(
        pure * (1.0 - binary_entropy(doubled)) - efficiency * kept * binary_entropy(bad / (good + bad)), np.float64
    )
