"""Finite-key length of twin-field QKD without phase post-selection (composable, coherent attacks, middle not trusted).

Protocol: Curty, Azuma, Lo, npj Quantum Information 5, 64 (2019). In a key round either end sends a coherent state of
mean photons mu, its phase 0 or pi being the bit; in a test round a pulse of one of three intensities with a random
phase. Assumed of the ends: exact states, free choices, nothing else leaves them. Nothing is assumed of the middle, nor
that rounds are alike. That both have one phase reference makes the errors few; secrecy does not rest on it.

*Phase errors of a round.* Let ``Y_nm = <nm|E|nm>``, E being the operator on the pulses of this round that belongs to
one click, given all that happened before and all that the middle announced. (Announced in advance or not: only ratios
of chances matter.) The states behind a key pulse have even or odd photon numbers only, so by the Cauchy-Schwarz
inequality a key round comes with a phase error with chance at most ``p_K^2 sum_j (sum_nm sqrt(c_nm Y_nm))^2`` (the
paper's bound; n and m both even for j = 0, both odd for j = 1; ``c_nm = P_n(mu) P_m(mu)``, Poisson). A test round of
intensities a, b comes with chance ``p_ab = p_T^2 q_a q_b sum_nm P_n(a) P_m(b) Y_nm``. Take numbers ``x_ab < 1`` for
which ``G_nm = sum_ab x_ab q_a q_b P_n(a) P_m(b)`` is above 0 for all n, m. By Cauchy-Schwarz again the phase error has
at most the chance ``p_K^2/p_T^2 max_j A_j sum_ab x_ab p_ab``, ``A_j = sum_nm c_nm / G_nm``. (Operators that dominate
the phase error: Maeda, Sasaki, Koashi, Nature Communications 10, 3140 (2019).)

*Phase errors of a block.* With ``e^theta - 1 = p_T^2 / (p_K^2 max_j A_j)`` that chance times ``e^theta - 1`` is at most
``sum_ab x_ab p_ab``. Hence, a round having one outcome, ``exp(theta N_ph) prod_ab (1 - x_ab)^M_ab`` never grows in the
mean, whatever the history; M_ab counts the events of the test. (Or at once: it is an inequality of operators on the
pulses, and tensor products keep the order, so one measurement of all rounds gains nothing.) By Markov's inequality, but
with chance eps,

    theta N_ph <= ln(1/eps) - sum_ab M_ab ln(1 - x_ab).

Only x must be fixed beforehand: the block may end when it has bits enough. With Kato's inequality (arXiv:2002.04357)
for each count and a linear program of the yields (Curras-Lorenzo et al., npj Quantum Inf. 7, 22 (2021)) the deviations
add up, each has its share of eps, and the number of rounds is fixed; here the variances add. Kato's alone is the
tighter one for a count that takes a large part of all rounds, which none does here.

*Which x.* Those that give least for the counts expected. By Lagrange duality ``x_ab = 1 - M_ab / S_ab(Y)`` of the
yields that maximise phase errors, times ``e^theta - 1``, less ``sum_ab D(M_ab || S_ab)``, the relative entropy of
Poissonian counts: the worst channel that the counts do not exclude. Found with Newton's method and a logarithmic
barrier, then checked (:func:`_certified`) for all photon numbers; no tolerance of the search makes the bound too small.
Its steps are fixed in number and each ends where Newton converges, so that ends whose floats differ in the last digit
differ in length by less than a bit (seen: 0.5 bit of 1e8).

Length: the smooth entropy of the key is ``N_K [1 - h(N_ph / N_K)]`` by the uncertainty relation, smoothed by
``sqrt(eps)`` (in the mean over all that is told, as the root is concave), and hashing leaves
``2 sqrt(eps) + 2^(-(entropy - l)/2) / 2`` of secrecy (Tomamichel, Lim, Gisin, Renner, Nature Communications 3, 634
(2012), recalled). Both halves equal: ``eps = (eps_sec/4)^2``,
``l = N_K [1 - h(N_ph / N_K)] - leak - log2(2/eps_cor) - 2 log2(1/eps_sec)``.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qit4n.physics.finite_key import Counts, FiniteKey, Intensities, Proof
from qit4n.physics.rates import Array, binary_entropy

CURTY_2019 = Proof(
    protocol="twin field without phase post-selection",
    name="Curty 2019",
    reference="npj Quantum Information 5, 64 (2019); finite blocks: qit4n.physics.twinfieldproof",
    intensities=3,
    parts=4,
    factor=2,
    shift=2.0,
    concentration="one exponential supermartingale of all counts of the test, for dependent rounds",
)
SEARCHED, CHECKED = 6, 100
MOST_THETA = 1.0
ROUNDING = 1e-12
GAPS = (1.0, 0.1, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-4)
NEWTON_STEPS = 80


@dataclass(frozen=True)
class PhaseErrorBound:
    """``theta N_ph <= ln(1/eps) + sum_ab weights_ab M_ab``: valid for any counts, good for those expected."""

    weights: tuple[float, ...]
    theta: float

    def upper(self, tests: tuple[float, ...], epsilon: float) -> float:
        """Phase errors in the key of a block with these events in the test, but with chance ``epsilon``."""
        weighed = math.fsum(w * count for w, count in zip(self.weights, tests, strict=True))
        return max(0.0, (weighed - math.log(epsilon)) / self.theta)


class _Rounds:
    """Chances of a test round and needs of a key round by photon numbers, 0..most and the limit of many.

    All is divided by the chance that the brightest pair has those photon numbers, which leaves geometric sequences.
    """

    def __init__(self, source: Intensities, key_intensity: float, most: int) -> None:
        means, shares = np.array(source.means), np.array(source.probabilities)
        limit = np.array([[1.0], [0.0], [0.0]])
        sides = np.hstack([(means / means[0])[:, np.newaxis] ** np.arange(most + 1), limit])
        sides *= (shares * np.exp(means[0] - means))[:, np.newaxis]
        self.tests = np.einsum("an,bm->nmab", sides, sides).reshape(-1, 9)
        ratio = key_intensity / means[0]
        roots = np.append(math.exp(means[0] - key_intensity) ** 0.5 * ratio ** (np.arange(most + 1) / 2.0), 0.0)
        odd = np.arange(most + 2) % 2
        self.roots = np.array([np.outer(roots * (odd == j), roots * (odd == j)).ravel() for j in (0, 1)])
        self.many = np.add.outer(np.arange(most + 2) > most, np.arange(most + 2) > most).ravel()
        self.decay = (means[1] / means[0]) ** (most + 1)
        self.beyond = 2.0 * math.exp(2.0 * (means[0] - key_intensity)) * ratio ** (most + 1) / (1.0 - ratio) ** 2


@lru_cache(maxsize=32)
def phase_error_bound(
    source: Intensities, key_intensity: float, key_per_test: float, expected: Counts, epsilon: float
) -> PhaseErrorBound | None:
    """The bound that is least for the counts expected; None if no bound was found."""
    try:
        with np.errstate(all="raise", under="ignore"):
            x = _searched(_Rounds(source, key_intensity, SEARCHED), key_per_test, expected, -math.log(epsilon))
            return _certified(x, _Rounds(source, key_intensity, CHECKED), key_per_test)
    except (ArithmeticError, np.linalg.LinAlgError):  # sources and counts so uneven that floats do not hold them
        return None


def _searched(rounds: _Rounds, key_per_test: float, expected: Counts, cost: float) -> Array:
    """The x for which ``(cost - sum M ln(1 - x)) / theta`` is least; theta is improved from step to step."""
    counts = np.maximum(expected.test.detections, 1.0)
    yields = np.full(len(rounds.tests), counts.sum() / rounds.tests.sum())
    theta = min(0.2 * math.sqrt(2.0 * cost / max(expected.key.total, 1.0)), MOST_THETA)
    x, paid = np.zeros(9), cost
    for gap in GAPS:
        gain = key_per_test * math.expm1(theta)
        yields = _worst_yields(yields, rounds, counts, gain, gap * (paid + cost) / len(yields))
        events = yields @ rounds.tests
        x = (events - counts) / events
        paid = -float(counts @ np.log(counts / events))
        errors = float(((rounds.roots @ np.sqrt(yields)) ** 2).sum())
        # ``paid`` is nearly quadratic in theta, and its derivative is this.
        excess = theta * math.exp(theta) * key_per_test * errors - paid
        theta = min(theta * math.sqrt(cost / max(excess, cost / 9.0)), MOST_THETA)
    return x


def _worst_yields(yields: Array, rounds: _Rounds, counts: Array, gain: float, barrier: float) -> Array:
    """Yields that maximise ``gain sum_j (sum sqrt(c Y))^2 - D(counts || events) + barrier sum ln Y``."""

    def value(found: Array) -> float:
        more = (found @ rounds.tests - counts) / counts
        errors = ((rounds.roots @ np.sqrt(found)) ** 2).sum()
        return float(gain * errors - counts @ (more - np.log1p(more)) + barrier * np.log(found).sum())

    for _ in range(NEWTON_STEPS):
        parts = rounds.roots * np.sqrt(yields)
        errors = gain * (parts.sum(axis=1) @ parts)
        events, scaled = yields @ rounds.tests, rounds.tests * yields[:, np.newaxis]
        slope = errors - scaled @ ((events - counts) / events) + barrier
        curve = (
            np.diag(errors / 2.0 + barrier) - gain / 2.0 * parts.T @ parts + scaled * (counts / events**2) @ scaled.T
        )
        step = np.linalg.solve(curve, slope)
        rise, length = float(slope @ step), min(1.0, 0.95 / max(-float(step.min()), 1e-300))
        before = value(yields)
        while length > 1e-9 and value(yields * (1.0 + length * step)) < before + 1e-3 * length * rise:
            length /= 2.0
        yields = yields * (1.0 + length * step)
        if rise < 1e-9 * barrier or length <= 1e-9:
            break
    return yields


def _certified(x: Array, rounds: _Rounds, key_per_test: float) -> PhaseErrorBound | None:
    """The bound that x proves, all photon numbers and the rounding of floats considered; x may rise a little for it."""

    def least(x: Array) -> Array:
        size = rounds.tests @ np.abs(x)
        # With more photons than the grid has, G lies by at most this below its limit of many photons.
        unseen = 2.0 * rounds.decay * float(size[0]) * rounds.many
        return np.asarray(rounds.tests @ x - ROUNDING * size - unseen, np.float64)

    x = x + 2.0 * max(0.0, float((-least(x) / rounds.tests.sum(axis=1)).max()))
    found = least(x)
    if found.min() <= 0.0 or x.max() >= 1.0:
        return None
    needs = float(((rounds.roots**2 / found).sum(axis=1)).max()) + rounds.beyond / float(found[rounds.many > 0].min())
    return PhaseErrorBound(
        weights=tuple((-np.log1p(-x)).tolist()), theta=math.log1p((1.0 - ROUNDING) / (key_per_test * needs))
    )


def finite_key(
    counts: Counts,
    source: Intensities,
    *,
    key_intensity: float,
    key_per_test: float,
    expected: Counts,
    leaked_bits: float,
    epsilon_secrecy: float,
    epsilon_correctness: float,
) -> FiniteKey:
    """Secret bits that a block yields; other arguments as in :func:`qit4n.physics.finite_key.finite_key`.

    Args:
        counts: events of the test by pair of intensities, that of the first end in the outer order; all of the key.
        source: of either end in the test.
        key_intensity: mean photons of either end in the key.
        key_per_test: how often both ends choose the key basis, per time that both choose the test basis.
        expected: mean counts of the block, known before it; the bound is made for them and holds for all.
        leaked_bits: by error correction.
        epsilon_secrecy: of the block.
        epsilon_correctness: of the block.

    Raises:
        ValueError: the source has not three intensities, or none brighter than the key.
    """
    if len(source.means) != CURTY_2019.intensities:
        raise ValueError(f"{CURTY_2019.name} needs 3 intensities in the test basis, not {len(source.means)}")
    if not 0.0 < key_intensity < source.means[0]:
        raise ValueError(f"key intensity {key_intensity} is not between 0 and {source.means[0]}, the brightest test")
    epsilon = (epsilon_secrecy / CURTY_2019.parts) ** 2
    bound = phase_error_bound(source, key_intensity, key_per_test, expected, epsilon)
    key = counts.key.total
    errors = bound.upper(counts.test.detections, epsilon) if bound else math.inf
    phase = min(0.5, errors / key) if key else 0.5
    length = (
        key * (1.0 - float(binary_entropy(phase)))
        - leaked_bits
        - math.log2(2.0 / epsilon_correctness)
        - CURTY_2019.secrecy_cost(epsilon_secrecy)
    )
    return FiniteKey(
        proof=CURTY_2019,
        length_bits=max(0, math.floor(length)) if phase < 0.5 else 0,
        vacuum_bound=0.0,
        single_photon_bound=key,
        phase_error_bound=phase,
    )
