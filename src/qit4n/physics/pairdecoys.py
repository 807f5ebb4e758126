"""Finite-key length of MDI-QKD with two decoys at either end (composable, coherent attacks, relay not trusted).

Decoy estimates: the linear combinations of Xu, Curty, Qi, Lo, New J. Phys. 15, 113007 (2013), of the counts of pairs of
intensities. Given the photon numbers, each successful event falls on a pair of intensities at random, so every count is
a sum of independent draws, and its mean lies within the Chernoff bounds here (Curty, Xu, Cui, Lim, Tamaki, Lo, Nature
Communications 5, 3732 (2014), arXiv:1307.1081; in the form solved exactly, Zhang et al., PRA 95, 012333 (2017)).

Pairs of single photons have the same states in either basis, their bits being random, so each of their events falls on
the bases as these are chosen: how many the test basis has follows from those of the key basis, whose counts are less
noisy (Zhou, Yu, Wang, PRA 93, 042324 (2016), use that the yields are equal). Proved for choices told at the end of
blocks of so many pulses or events; a live link tells them before (docs/decisions/0008). Where blocks end with the
n-th key bit, intensities stay at random given the bases; from basis to basis
the bounds then hold where all events are of single photons (exact tails, a test), and are not proved for others.

Length: that of Curty et al. 2014, with the events of both Bell states in one key (the outcome is public, and the phase
errors of both are sampled together) and without the part of empty pulses:
``l = s11 [1 - h(e)] - leak - log2(8/eps_cor) - 2 log2(2/(eps' eps^)) - 2 log2(1/(2 eps_PA))``, at
``eps_sec = 2 (eps' + 2 eps_e + eps^) + eps_b + eps_0 + eps_1 + eps_PA``; both were read from an independent
implementation of the paper, not from its text. All epsilons are equal. Behind the phase error are 14 bounds (7 of
counts, 2 from basis to basis, 4 of errors, 1 of sampling), 7 behind s11, none behind empty pulses: 69 parts, and the
last two terms of the length are ``6 log2(69/eps_sec)``.
"""

import math

from qit4n.physics.finite_key import Counts, FiniteKey, Intensities, Proof, sampling_deviation
from qit4n.physics.rates import binary_entropy

CURTY_2014 = Proof(
    protocol="MDI-QKD, two decoys",
    name="Curty 2014",
    reference="Nature Communications 5, 3732 (2014), arXiv:1307.1081; decoys: New J. Phys. 15, 113007 (2013)",
    intensities=9,
    parts=69,
    factor=6,
    shift=0.0,
    concentration="Chernoff per pair of intensities; random sampling (Fung et al. 2010) to the phase",
)
NEWTON_STEPS = 60
LEAST_COUNT = 1e-100  # expected, not seen: less would overflow


def chernoff_upper(count: float, epsilon: float) -> float:
    """The mean of a sum of independent draws is at most this, but with chance ``epsilon``, if ``count`` was seen."""
    if count <= LEAST_COUNT:
        return math.log(1.0 / epsilon)
    cost = math.log(1.0 / epsilon) / count
    t = 1.0 + cost + math.sqrt(cost * (cost + 2.0))
    for _ in range(NEWTON_STEPS):
        step = (t - 1.0 - math.log(t) - cost) * t / (t - 1.0)
        t -= step
        if step <= 1e-15 * t:
            break
    return count * t


def chernoff_lower(count: float, epsilon: float) -> float:
    """The same from below."""
    if count <= 0.0:
        return 0.0
    cost = math.log(1.0 / epsilon) / count
    w = (cost + math.sqrt(cost * (cost + 8.0))) / 2.0
    for _ in range(NEWTON_STEPS):
        step = (math.expm1(-w) + w - cost) / -math.expm1(-w)
        w -= step
        if step <= 1e-15 * w:
            break
    return count * math.exp(-w)


def draws_lower(mean: float, epsilon: float) -> float:
    """A sum of draws with a mean of at least this is at least what is returned, but with chance ``epsilon``.

    Chernoff's bound ``exp(-d^2 / 2 mean)`` for independent draws; it holds without replacement too: Hoeffding, J. Am.
    Stat. Assoc. 58, 13 (1963), section 6.
    """
    return max(0.0, mean - math.sqrt(2.0 * mean * math.log(1.0 / epsilon)))


def draws_upper(mean: float, epsilon: float) -> float:
    """The same from above, for a mean of at most this: Chernoff's bound ``exp(-d^2 / (2 mean + d))``."""
    cost = math.log(1.0 / epsilon)
    return mean + (cost + math.sqrt(cost * (cost + 8.0 * mean))) / 2.0


class _Pairs:
    """Counts of the pairs of intensities of one kind of event, as sums over photon numbers, from both sides."""

    def __init__(self, counts: tuple[float, ...], source: Intensities, epsilon: float) -> None:
        self._counts = counts
        self._source = source
        self._epsilon = epsilon

    def _scaled(self, here: int, there: int, *, upper: bool) -> float:
        """``e^(k+l)/(p_k p_l)`` times a bound on the mean; in the limit ``sum k^n l^m s_nm/(n! m! tau_n tau_m)``."""
        means, shares = self._source.means, self._source.probabilities
        bound = (chernoff_upper if upper else chernoff_lower)(self._counts[3 * here + there], self._epsilon)
        return math.exp(means[here] + means[there]) / (shares[here] * shares[there]) * bound

    def box(self, strong: int, *, upper: bool, weakest: float = 1.0) -> float:
        """``x_kk + c x_ww - x_kw - x_wk`` with the intensity ``strong`` for k, the weakest one for w."""
        return (
            self._scaled(strong, strong, upper=upper)
            + weakest * self._scaled(2, 2, upper=upper)
            - self._scaled(strong, 2, upper=not upper)
            - self._scaled(2, strong, upper=not upper)
        )

    def single_lower(self) -> float:
        """s11: events of one photon from either end, from below."""
        mu, nu, weak = self._source.means
        first, second = (mu**2 - weak**2) * (mu - weak), (nu**2 - weak**2) * (nu - weak)
        # The weakest pair has one coefficient, the difference of both, so it needs one bound from below.
        bound = (
            first * self.box(1, upper=False, weakest=1.0 - second / first)
            - second * self.box(0, upper=True, weakest=0.0)
        ) / ((mu - weak) ** 2 * (nu - weak) ** 2 * (mu - nu))
        return min(max(0.0, self._source.tau(1) ** 2 * bound), sum(self._counts))

    def single_errors_upper(self) -> float:
        """v11: wrong ones among events of one photon from either end, from above."""
        _, nu, weak = self._source.means
        return max(0.0, self._source.tau(1) ** 2 * self.box(1, upper=True) / (nu - weak) ** 2)


def single_pairs_lower(counts: tuple[float, ...], source: Intensities, epsilon: float) -> float:
    """s11 of the counts of nine pairs of intensities, those of the first end in the outer order; 7 bounds."""
    return _Pairs(counts, source, epsilon).single_lower()


def single_errors_upper(wrong: tuple[float, ...], source: Intensities, epsilon: float) -> float:
    """v11 of the wrong ones; 4 bounds."""
    return _Pairs(wrong, source, epsilon).single_errors_upper()


def pairs_of_test_basis(key_pairs: float, test_per_key: float, epsilon: float) -> float:
    """Events of single photons in the test basis, from below, of which the key basis has ``key_pairs``; 2 bounds."""
    return draws_lower(chernoff_lower(key_pairs, epsilon) * test_per_key, epsilon)


def finite_key(
    counts: Counts,
    source: Intensities,
    *,
    test_per_key: float,
    leaked_bits: float,
    epsilon_secrecy: float,
    epsilon_correctness: float,
) -> FiniteKey:
    """Secret bits that a block yields; other arguments as in :func:`qit4n.physics.finite_key.finite_key`.

    Args:
        counts: by pair of intensities.
        source: of either end.
        test_per_key: how often both ends choose the test basis, per time that both choose the key basis.
        leaked_bits: by error correction.
        epsilon_secrecy: of the block.
        epsilon_correctness: of the block.

    Raises:
        ValueError: the source has not three intensities.
    """
    if len(source.means) != 3:
        raise ValueError(f"{CURTY_2014.name} proves {CURTY_2014.protocol}, not {len(source.means)} intensities")
    epsilon = epsilon_secrecy / CURTY_2014.parts
    single = single_pairs_lower(counts.key.detections, source, epsilon)
    tested = pairs_of_test_basis(single, test_per_key, epsilon)
    phase = 0.5
    if single > 0.0 and tested > 0.0:
        rate = single_errors_upper(counts.test.wrong, source, epsilon) / tested
        if rate < 0.5:
            phase = min(0.5, rate + sampling_deviation(epsilon, rate, single, tested))
    length = (
        single * (1.0 - float(binary_entropy(phase)))
        - leaked_bits
        - math.log2(8.0 / epsilon_correctness)
        - CURTY_2014.secrecy_cost(epsilon_secrecy)
    )
    return FiniteKey(
        proof=CURTY_2014,
        length_bits=max(0, math.floor(length)) if phase < 0.5 else 0,
        vacuum_bound=0.0,
        single_photon_bound=single,
        phase_error_bound=phase,
    )
