"""Continuous variables, discrete modulation: a constellation of coherent states and heterodyne detection.

Denys, Brown, Leverrier, Quantum 5, 540 (2021), arXiv:2103.13945: an explicit bound for any constellation against
collective attacks, asymptotic; no semidefinite program. What the detector loses counts as lost in the channel.
For few states it is looser than programs that use more of the statistics.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite import hermgauss
from numpy.typing import NDArray
from scipy.special import gammaln

from qit4n.physics.protocols.gaussian import bosonic_entropy

MARGIN_PHOTONS = 24
NODES = 40
SMALLEST = 1e-14


@dataclass(frozen=True)
class Constellation:
    """Amplitudes (complex) and probabilities of the coherent states that are sent."""

    amplitudes: NDArray[np.complex128]
    probabilities: NDArray[np.float64]

    @property
    def mean_photons(self) -> float:
        """Of a symbol: half of the modulation variance in shot-noise units."""
        return float(self.probabilities @ np.abs(self.amplitudes) ** 2)


def phase_shift_keying(states: int, mean_photons: float) -> Constellation:
    """Equal amplitudes at equal angles."""
    angles = 2.0 * np.pi * (np.arange(states) + 0.5) / states
    return Constellation(np.sqrt(mean_photons) * np.exp(1j * angles), np.full(states, 1.0 / states))


def shaped_qam(side: int, mean_photons: float, shaping: float = 0.08) -> Constellation:
    """A square of ``side^2`` states with probabilities ``exp(-shaping (x^2 + y^2))``, x and y odd integers."""
    axis = np.arange(1 - side, side, 2).astype(np.float64)
    x, y = (one.ravel() for one in np.meshgrid(axis, axis))
    weights = np.exp(-shaping * (x**2 + y**2))
    weights /= weights.sum()
    scale = np.sqrt(mean_photons / (weights @ (x**2 + y**2)))
    return Constellation(scale * (x + 1j * y), weights)


def moments(constellation: Constellation) -> tuple[float, float]:
    """``tr(tau^(1/2) a tau^(1/2) a*)`` and w, which tell the constellation from a Gaussian one (equations 8 and 9)."""
    amplitudes, chances = constellation.amplitudes, constellation.probabilities
    largest = float(np.max(np.abs(amplitudes)) ** 2)
    size = int(largest + 8.0 * np.sqrt(largest)) + MARGIN_PHOTONS
    n = np.arange(size)
    logs = -(np.abs(amplitudes[:, np.newaxis]) ** 2) / 2.0 - gammaln(n + 1) / 2.0
    states = np.exp(logs) * amplitudes[:, np.newaxis] ** n
    tau = (states.T * chances) @ states.conj()
    values, vectors = np.linalg.eigh(tau)
    kept = values > SMALLEST
    root = (vectors[:, kept] * np.sqrt(values[kept])) @ vectors[:, kept].conj().T
    inverse = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].conj().T
    lower = np.diag(np.sqrt(n[1:].astype(np.float64)), 1)
    overlap = float(np.trace(root @ lower @ root @ lower.conj().T).real)
    shifted = root @ lower @ inverse
    images = states @ shifted.T
    spread = np.sum(np.abs(images) ** 2, axis=1) - np.abs(np.sum(states.conj() * images, axis=1)) ** 2
    return overlap, max(0.0, float(chances @ spread))


def mutual_information(constellation: Constellation, transmittance: float, excess: float) -> float:
    """Bits per symbol between the constellation and heterodyne outcomes, by Gauss-Hermite quadrature."""
    amplitudes, chances = constellation.amplitudes, constellation.probabilities
    variance = (1.0 + transmittance * excess / 2.0) / 2.0  # of each part of the outcome, whose centre is sqrt(T) alpha
    centres = np.sqrt(transmittance) * amplitudes
    points, weights = hermgauss(NODES)
    x, y = np.meshgrid(points, points)
    weight = np.outer(weights, weights).ravel() / np.pi
    noise = np.sqrt(2.0 * variance) * (x + 1j * y).ravel()
    total = 0.0
    for centre, chance in zip(centres, chances, strict=True):
        outcomes = centre + noise
        distances = np.abs(outcomes[:, np.newaxis] - centres) ** 2 - np.abs(noise[:, np.newaxis]) ** 2
        mixture = np.exp(-distances / (2.0 * variance)) @ chances
        total -= float(chance * (weight @ np.log2(mixture)))
    return total


def rate(
    constellation: Constellation, transmittance: float, *, excess: float, reconciliation: float, electronic: float = 0.0
) -> float:
    """Bits per symbol: ``beta I - chi`` of the Gaussian state with the smallest covariance Z; below 0 there is no key.

    ``Z = 2 sqrt(T) tr(tau^(1/2) a tau^(1/2) a*) - sqrt(2 T xi w)``. Trusted noise of the detector (``electronic``, per
    quadrature) costs I_AB; who only sees less than a noiseless detector would leak cannot know more (data processing).
    """
    mean = constellation.mean_photons
    overlap, spread = moments(constellation)
    v, w = 1.0 + 2.0 * mean, 1.0 + transmittance * (2.0 * mean + excess)
    z = max(0.0, 2.0 * np.sqrt(transmittance) * overlap - np.sqrt(2.0 * transmittance * excess * spread))
    difference, determinant = v**2 + w**2 - 2.0 * z**2, v * w - z**2
    root = np.sqrt(max(0.0, difference**2 - 4.0 * determinant**2))
    larger = np.sqrt((difference + root) / 2.0)
    holevo = bosonic_entropy(larger) + bosonic_entropy(determinant / larger) - bosonic_entropy(v - z**2 / (1.0 + w))
    shared = mutual_information(constellation, transmittance, excess + 2.0 * electronic / transmittance)
    return float(reconciliation * shared - holevo)
