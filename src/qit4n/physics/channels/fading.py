"""Fading of a beam: how its transmittance varies about the mean, by turbulence and by pointing.

Turbulence: log-normal while it is weak (Rytov variance up to 1), else gamma-gamma, the product of two gamma variables
(Al-Habash, Andrews, Phillips, Opt. Eng. 40, 1554 (2001)). Its index is that of the gamma-gamma distribution throughout,
with the shapes of a point receiver divided by the factor of aperture averaging. Pointing: jitter of sigma per axis
makes ``h = u^(1/k)`` of the centred share, u uniform and ``k = theta_half^2/(4 sigma^2)``, from ``h = exp(-2 r^2/w^2)``
of a Rayleigh r; its mean is ``k/(k + 1)`` (Farid and Hranilovic, J. Lightwave Technol. 25, 1702 (2007), without
boresight error).

The mean of both is in the budget already, so factors here have mean 1.
"""

from dataclasses import dataclass

import numpy as np

from qit4n.kernels.sampling import Dice
from qit4n.physics.channels.fibre import Array
from qit4n.physics.channels.turbulence import gamma_gamma_shapes

STRONG = 1.0
GOLDEN = np.array([0.8191725133961645, 0.6710436067037893, 0.5497004779019703])
"""Steps of the additive sequence in three dimensions, 1/x, 1/x^2, 1/x^3 of the root of ``x^4 = x + 1``."""
PLACES = 64
"""Factors behind one node."""


def pointing_shape(jitter_rad: float, divergence_rad: float) -> float:
    """K of the pointing: ``theta_half^2/(4 sigma^2)``; infinite for a steady hand."""
    return (divergence_rad / 2.0) ** 2 / (4.0 * jitter_rad**2) if jitter_rad else np.inf


@dataclass(frozen=True, kw_only=True)
class Fading:
    """What makes a beam flicker.

    Attributes:
        rytov: variance of the path; 0: no turbulence.
        averaging: by the receiving aperture, 0 to 1.
        pointing: k, of the jitter; infinite: no jitter.
    """

    rytov: float = 0.0
    averaging: float = 1.0
    pointing: float = np.inf

    @property
    def index(self) -> float:
        """Variance of the factor, before it is cut."""
        return (1.0 + self.scintillation) * (1.0 + self.jitter_index) - 1.0

    @property
    def jitter_index(self) -> float:
        """The part of pointing alone."""
        return 1.0 / (self.pointing * (self.pointing + 2.0)) if np.isfinite(self.pointing) else 0.0

    @property
    def scintillation(self) -> float:
        """Scintillation index behind the aperture: the part of turbulence alone."""
        if not self.rytov:
            return 0.0
        large, small = self._shapes()
        return 1.0 / large + 1.0 / small + 1.0 / (large * small)

    def draw(self, count: int, dice: Dice) -> Array:
        """So many independent factors."""
        return self._factors(dice.random((count, 3)))

    def nodes(self, count: int) -> Array:
        """Factors of equal weight that stand for the distribution: means of so many equal parts, with mean 1."""
        found = np.sort(self._factors((0.5 + np.arange(1, PLACES * count + 1)[:, np.newaxis] * GOLDEN) % 1.0))
        return np.asarray(found.reshape(count, -1).mean(axis=1) / found.mean(), np.float64)

    def _factors(self, uniform: Array) -> Array:
        from scipy.special import gammaincinv, ndtri  # noqa: PLC0415 - slow to import, and few sites need it

        first, second, third = uniform.T
        light: Array = np.ones(first.size)
        if self.rytov > STRONG:
            large, small = self._shapes()
            light = gammaincinv(large, first) / large * gammaincinv(small, second) / small
        elif self.rytov:
            variance = np.log1p(self.scintillation)
            light = np.exp(np.sqrt(variance) * ndtri(first) - variance / 2.0)
        if np.isfinite(self.pointing):
            light = light * third ** (1.0 / self.pointing) * (self.pointing + 1.0) / self.pointing
        return np.asarray(light, np.float64)

    def _shapes(self) -> tuple[float, float]:
        large, small = gamma_gamma_shapes(self.rytov)
        return float(large) / self.averaging, float(small) / self.averaging
