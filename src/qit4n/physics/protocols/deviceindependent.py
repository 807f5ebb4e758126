"""Device-independent QKD by CHSH: a bound on what E91 with untrusted devices yields, asymptotic.

Acin, Brunner, Gisin, Massar, Pironio, Scarani, PRL 98, 230501 (2007): ``r = 1 - h(Q) - h[(1 + sqrt((S/2)^2 - 1))/2]``,
against collective attacks; with entropy accumulation against general ones, in the limit (Arnon-Friedman et al., Nature
Communications 9, 459 (2018)). No event may be left out: a photon that is lost gives a fixed outcome.
"""

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics.rates import Array, binary_entropy

QUANTUM_LIMIT = 2.0 * np.sqrt(2.0)


def rate(chsh: ArrayLike, error_rate: ArrayLike) -> Array:
    """Bits per round; 0 without violation (S <= 2).

    Raises:
        ValueError: S above the quantum limit of 2 sqrt(2).
    """
    s = np.asarray(chsh, np.float64)
    if np.any(s > QUANTUM_LIMIT + 1e-9):
        raise ValueError("a CHSH value of more than 2 sqrt(2) is not possible")
    root = np.sqrt(np.maximum((s / 2.0) ** 2 - 1.0, 0.0))
    known = binary_entropy(np.minimum((1.0 + root) / 2.0, 1.0))
    found = 1.0 - binary_entropy(np.minimum(np.asarray(error_rate, np.float64), 0.5)) - known
    return np.asarray(np.where(s > 2.0, found, 0.0), np.float64)


def observed(transmittance: ArrayLike, visibility: ArrayLike) -> tuple[Array, Array]:
    """S and Q of a Werner pair with the source in the middle; both detections have ``sqrt(transmittance)``.

    A lost photon gives outcome 0 at either end: ``S = eta^2 2 sqrt(2) V + 2 (1 - eta)^2``, with eta that of one arm,
    and ``Q = eta^2 (1 - V)/2 + eta (1 - eta)``.
    """
    arm, v = np.sqrt(np.asarray(transmittance, np.float64)), np.asarray(visibility, np.float64)
    s = arm**2 * QUANTUM_LIMIT * v + 2.0 * (1.0 - arm) ** 2
    q = arm**2 * (1.0 - v) / 2.0 + arm * (1.0 - arm)
    return np.asarray(s, np.float64), np.asarray(q, np.float64)
