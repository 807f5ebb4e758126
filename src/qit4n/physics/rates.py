"""Gains, error rates and asymptotic key rates of BB84, in closed form and vectorised.

Model (reference: Ma, Qi, Zhao, Lo, PRA 72, 012326 (2005), here with double clicks kept and random): Poissonian
pulses, photons lost independently, two threshold detectors with dark counts, each photon at the wrong detector
with probability ``misalignment``. All functions broadcast their arguments; transmittances and probabilities are
in 0..1, rates in bits per pulse.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def binary_entropy(p: ArrayLike) -> Array:
    """Shannon entropy of a bit, h(p) in bits; 0 at p = 0 and p = 1.

    Raises:
        ValueError: a probability lies outside 0..1. (To answer 0 there has made key out of noise elsewhere.)
    """
    p = np.asarray(p, np.float64)
    if not np.all((p >= 0.0) & (p <= 1.0)):
        raise ValueError("the entropy of a bit needs probabilities between 0 and 1")
    q = 1.0 - p
    return -(p * np.log2(np.where(p > 0.0, p, 1.0)) + q * np.log2(np.where(q > 0.0, q, 1.0)))


def gain(mean_photons: ArrayLike, transmittance: ArrayLike, dark: ArrayLike) -> Array:
    """Q: probability that a pulse makes at least one of two detectors click; ``dark`` is per detector and gate.

    ``Q = 1 - (1 - dark)^2 exp(-mean_photons transmittance)``, without the cancellation at small Q.
    """
    light = np.multiply(mean_photons, transmittance)
    return np.asarray(-np.expm1(2.0 * np.log1p(np.negative(dark)) - light), np.float64)


def error_gain(mean_photons: ArrayLike, transmittance: ArrayLike, dark: ArrayLike, misalignment: ArrayLike) -> Array:
    """E Q: probability that a pulse clicks and gives the wrong bit, bases equal, double clicks at random.

    The photons at the right and at the wrong detector are independent Poissonian, so with r and w the chances that
    these fire, ``E Q = w (1 - r) + w r / 2``.
    """
    light, live = np.multiply(mean_photons, transmittance), np.log1p(np.negative(dark))
    right = -np.expm1(live - light * np.subtract(1.0, misalignment))
    wrong = -np.expm1(live - light * misalignment)
    return np.asarray(wrong * (1.0 - right / 2.0), np.float64)


def single_photon_yield(transmittance: ArrayLike, dark: ArrayLike) -> Array:
    """Y1: probability that a one-photon pulse makes at least one detector click."""
    missed = np.subtract(1.0, dark) ** 2
    return np.asarray(-np.expm1(2.0 * np.log1p(np.negative(dark))) + missed * transmittance, np.float64)


def single_photon_error_yield(transmittance: ArrayLike, dark: ArrayLike, misalignment: ArrayLike) -> Array:
    """e1 Y1: probability that a one-photon pulse clicks and gives the wrong bit, bases equal.

    A photon that is detected gives an error with probability ``(1 - dark) misalignment + dark / 2``.
    """
    vacuum = -np.expm1(2.0 * np.log1p(np.negative(dark))) / 2.0
    detected = np.multiply(np.subtract(1.0, dark), misalignment) + np.divide(dark, 2.0)
    return np.asarray(vacuum * np.subtract(1.0, transmittance) + np.multiply(transmittance, detected), np.float64)


def single_photon_rate(
    transmittance: ArrayLike, dark: ArrayLike, misalignment: ArrayLike, *, efficiency: float = 1.0
) -> Array:
    """BB84 with a perfect single-photon source: ``Y1 [1 - h(e1) - f h(e1)]`` bits per sifted pulse; below 0: no key."""
    clicks = single_photon_yield(transmittance, dark)
    entropy = binary_entropy(single_photon_error_yield(transmittance, dark, misalignment) / clicks)
    return np.asarray(clicks * (1.0 - (1.0 + efficiency) * entropy), np.float64)


def decoy_rate(
    intensities: Sequence[tuple[float, ArrayLike]],
    transmittance: ArrayLike,
    dark: ArrayLike,
    misalignment: ArrayLike,
    *,
    efficiency: float = 1.0,
) -> Array:
    """Asymptotic decoy-state BB84 with perfectly known yields (infinitely many decoys).

    ``R = tau1 Y1 [1 - h(e1)] + tau0 Y0 - f Q h(E)``: equation 11 of the paper with the vacuum term, no sifting, and
    key made from every intensity that is sent.

    Args:
        intensities: (probability of sending it, mean photons) of each intensity; the probabilities sum to 1.
        transmittance: source to click, detector efficiency included.
        dark: dark count probability per detector and gate.
        misalignment: chance that a photon goes to the wrong detector.
        efficiency: f >= 1 of reconciliation.

    Returns:
        Bits per pulse prepared and measured in the key basis; a value below 0 means no key.
    """
    clicks = sum(p * gain(mu, transmittance, dark) for p, mu in intensities)
    errors = sum(p * error_gain(mu, transmittance, dark, misalignment) for p, mu in intensities)
    vacuum = sum(p * np.exp(np.negative(mu)) for p, mu in intensities) * single_photon_yield(0.0, dark)
    yield1 = single_photon_yield(transmittance, dark)
    phase = binary_entropy(single_photon_error_yield(transmittance, dark, misalignment) / yield1)
    single = sum(p * np.multiply(mu, np.exp(np.negative(mu))) for p, mu in intensities) * yield1
    return np.asarray(single * (1.0 - phase) + vacuum - efficiency * clicks * binary_entropy(errors / clicks))
