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


def sub_poissonian_lit(brightness: ArrayLike, g2: ArrayLike, transmittance: ArrayLike) -> Array:
    """Probability that at least one photon of a pulse of 0, 1 or 2 photons comes through: ``x - g2 x^2/2``.

    ``x = brightness transmittance``. Loss leaves g2 as it is, so what comes through is such a pulse again.

    Args:
        brightness: mean photons per pulse, at most 1.
        g2: second-order correlation at zero delay, ``<n (n - 1)> / <n>^2``, 0..1.
        transmittance: 0..1, of each photon on its own.
    """
    light = np.multiply(brightness, transmittance)
    return np.asarray(light - np.multiply(g2, light * light) / 2.0, np.float64)


def sub_poissonian_gain(brightness: ArrayLike, g2: ArrayLike, transmittance: ArrayLike, dark: ArrayLike) -> Array:
    """Q of pulses of 0, 1 or 2 photons; see :func:`gain`."""
    lit = sub_poissonian_lit(brightness, g2, transmittance)
    return np.asarray(single_photon_yield(0.0, dark) + np.subtract(1.0, dark) ** 2 * lit, np.float64)


def sub_poissonian_error_gain(
    brightness: ArrayLike, g2: ArrayLike, transmittance: ArrayLike, dark: ArrayLike, misalignment: ArrayLike
) -> Array:
    """E Q of pulses of 0, 1 or 2 photons; see :func:`error_gain`.

    With r and w the chances that the right and the wrong detector fire, ``E Q = (Q - r + w) / 2``, however they
    depend on each other.
    """
    ways = np.subtract(1.0, misalignment), misalignment
    right, wrong = (
        np.add(dark, np.subtract(1.0, dark) * sub_poissonian_lit(brightness, g2, np.multiply(transmittance, way)))
        for way in ways
    )
    clicks = sub_poissonian_gain(brightness, g2, transmittance, dark)
    return np.asarray(np.maximum(0.0, clicks - right + wrong) / 2.0, np.float64)


def single_photon_rate(
    transmittance: ArrayLike,
    dark: ArrayLike,
    misalignment: ArrayLike,
    *,
    brightness: ArrayLike = 1.0,
    g2: ArrayLike = 0.0,
    efficiency: float = 1.0,
) -> Array:
    """BB84 with a single-photon source and no decoys, in bits per sifted pulse; below 0: no key.

    ``R = (Q - P) [1 - h(E Q / (Q - P))] - f Q h(E)``, ``P = brightness^2 g2 / 2``: all pulses of several photons arrive
    and are known to the eavesdropper (Gottesman, Lo, Luetkenhaus, Preskill, QIC 4, 325 (2004); P: Waks, Santori,
    Yamamoto, PRA 66, 042315 (2002); both recalled). A perfect source has ``Y1 [1 - (1 + f) h(e1)]``.
    """
    clicks = sub_poissonian_gain(brightness, g2, transmittance, dark)
    wrong = sub_poissonian_error_gain(brightness, g2, transmittance, dark, misalignment)
    untagged = np.maximum(0.0, clicks - np.multiply(g2, np.square(brightness)) / 2.0)
    phase = np.where(2.0 * wrong < untagged, wrong / np.maximum(untagged, 1e-300), 0.5)
    leaked = efficiency * clicks * binary_entropy(wrong / clicks)
    return np.asarray(untagged * (1.0 - binary_entropy(phase)) - leaked, np.float64)


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
