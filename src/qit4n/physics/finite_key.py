"""Finite-key length of decoy-state BB84: Z makes the key, X tests the phase error (composable, coherent attacks).

One decoy: statistics and bounds follow Rusca et al., APL 112, 171104 (2018), as consolidated by Wiesemann, Krause,
Tupkary, Luetkenhaus, Rusca and Walenta, Quantum 10, 2037 (2026), arXiv:2405.16578. The two differ in the constants of
the length only. The constants of the second were read from an independent implementation of the paper, not from its
PDF.

Two decoys: Lim, Curty, Walenta, Xu and Zbinden, PRA 89, 022307 (2014), arXiv:1311.7129, equations 1 to 5 (read in the
paper, where X makes the key and Z tests it).

Each :class:`Proof` record is one set of constants; the bounds are shared. With one decoy the part of the weakest pulse
is taken by the bound on empty pulses from the errors.

Concentration bound: Hoeffding, ``delta(n, eps) = sqrt(n/2 ln(1/eps))``, with n the total of the basis.
"""

import math
from dataclasses import dataclass

from qit4n.physics.rates import binary_entropy

CONCENTRATION = (
    "Hoeffding's inequality per intensity; random sampling without replacement (Fung et al. 2010) to the phase"
)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Constants of a security proof: ``eps_i = eps_sec / parts``, and the length's cost of secrecy in bits."""

    protocol: str
    name: str
    reference: str
    intensities: int
    parts: int
    factor: int
    shift: float
    concentration: str = CONCENTRATION

    def secrecy_cost(self, epsilon_secrecy: float) -> float:
        """Bits given up for secrecy ``epsilon_secrecy``."""
        return self.factor * (math.log2(self.parts / epsilon_secrecy) - self.shift)


RUSCA_2018 = Proof(
    protocol="one-decoy BB84",
    name="Rusca 2018",
    reference="APL 112, 171104 (2018), equation 2 and appendix B",
    intensities=2,
    parts=19,
    factor=6,
    shift=0.0,
)
WIESEMANN_2026 = Proof(
    protocol="one-decoy BB84",
    name="Wiesemann 2026",
    reference="Quantum 10, 2037 (2026), arXiv:2405.16578",
    intensities=2,
    parts=15,
    factor=4,
    shift=0.25,
)
LIM_2014 = Proof(
    protocol="two-decoy BB84",
    name="Lim 2014",
    reference="PRA 89, 022307 (2014), arXiv:1311.7129, equations 1 to 5",
    intensities=3,
    parts=21,
    factor=6,
    shift=0.0,
)


@dataclass(frozen=True, kw_only=True)
class Intensities:
    """The source: mean photons per pulse of signal and decoys, brightest first, and how often each is sent."""

    means: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse intensities from which no proof here estimates yields.

        Raises:
            ValueError: not 2 or 3 intensities with as many positive probabilities that sum to 1; or not
                ``mu1 > mu2 > 0``; or not ``mu1 > mu2 + mu3`` and ``mu2 > mu3 >= 0``.
        """
        if len(self.means) not in {2, 3} or len(self.probabilities) != len(self.means):
            raise ValueError(f"{len(self.means)} intensities with {len(self.probabilities)} probabilities")
        if min(self.probabilities) <= 0.0 or not math.isclose(sum(self.probabilities), 1.0):
            raise ValueError(f"probabilities {self.probabilities} of the intensities are not positive with sum 1")
        signal, decoy, *weak = self.means
        if not signal > decoy > 0.0:
            raise ValueError(f"decoy intensity {decoy} is not between 0 and signal intensity {signal}")
        if weak and not 0.0 <= weak[0] < min(decoy, signal - decoy):
            raise ValueError(
                f"second decoy intensity {weak[0]} is not below decoy intensity {decoy}, "
                f"or their sum is not below signal intensity {signal}"
            )

    @property
    def proof(self) -> Proof:
        """The proof that is used unless another is asked for."""
        return WIESEMANN_2026 if len(self.means) == WIESEMANN_2026.intensities else LIM_2014

    def tau(self, photons: int) -> float:
        """Probability that a pulse holds ``photons`` photons, intensities taken together."""
        terms = zip(self.probabilities, self.means, strict=True)
        return sum(p * math.exp(-mu) * mu**photons for p, mu in terms) / math.factorial(photons)

    def scaled(self, counts: tuple[float, ...], deviation: float) -> tuple[float, ...]:
        """``e^mu / p_mu (n_mu + deviation)`` of each intensity; in the limit the sum of ``mu^n s_n / (n! tau_n)``."""
        terms = zip(self.probabilities, self.means, counts, strict=True)
        return tuple(math.exp(mu) / p * (count + deviation) for p, mu, count in terms)


@dataclass(frozen=True, kw_only=True)
class BasisCounts:
    """Detections in one basis and those of them with the wrong bit, by intensity."""

    detections: tuple[float, ...]
    wrong: tuple[float, ...]

    @property
    def total(self) -> float:
        """Detections of all intensities."""
        return sum(self.detections)

    @property
    def errors(self) -> float:
        """Errors of all intensities."""
        return sum(self.wrong)

    @property
    def error_rate(self) -> float:
        """Errors per detection (0 without detections)."""
        return self.errors / self.total if self.total else 0.0


@dataclass(frozen=True, kw_only=True)
class Counts:
    """All that parameter estimation knows of a block; ``pulses`` are those that were sent for it, or infinitely many.

    Where they are not told, no proof that rests on their number finds key.
    """

    key: BasisCounts
    test: BasisCounts
    pulses: float = math.inf


@dataclass(frozen=True, kw_only=True)
class FiniteKey:
    """The length and the bounds it was computed from; ``length_bits`` is 0 when there is no key."""

    proof: Proof
    length_bits: int
    vacuum_bound: float
    single_photon_bound: float
    phase_error_bound: float


def finite_key(
    counts: Counts,
    source: Intensities,
    *,
    leaked_bits: float,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    proof: Proof | None = None,
) -> FiniteKey:
    """Secret bits that a block yields.

    Args:
        counts: detections and errors of the block; those of the key basis are known after error correction.
        source: what the transmitter sends.
        leaked_bits: every bit that error correction revealed. Verification is paid by ``epsilon_correctness``.
        epsilon_secrecy: secrecy of the block.
        epsilon_correctness: chance that the two keys differ unnoticed.
        proof: whose constants; those of ``source.proof`` if not given.

    Raises:
        ValueError: the proof is for another number of intensities, or the counts are.
    """
    proof = proof or source.proof
    if proof.intensities != len(source.means):
        raise ValueError(f"{proof.name} proves {proof.protocol}, not {len(source.means)} intensities")
    epsilon = epsilon_secrecy / proof.parts
    vacuum = _vacuum_lower(counts.key, source, epsilon)
    single = _single_lower(counts.key, source, epsilon)
    phase = _phase_error_upper(counts, source, single, epsilon)
    length = (
        vacuum
        + single * (1.0 - float(binary_entropy(phase)))
        - leaked_bits
        - math.log2(2.0 / epsilon_correctness)
        - proof.secrecy_cost(epsilon_secrecy)
    )
    usable = single > 0.0 and phase < 0.5
    return FiniteKey(
        proof=proof,
        length_bits=max(0, math.floor(length)) if usable else 0,
        vacuum_bound=vacuum,
        single_photon_bound=single,
        phase_error_bound=phase,
    )


def _delta(n: float, epsilon: float) -> float:
    return math.sqrt(n / 2.0 * math.log(1.0 / epsilon))


def _clip(low: float, value: float, high: float) -> float:
    return max(low, min(value, high))


def _vacuum_lower(counts: BasisCounts, source: Intensities, epsilon: float) -> float:
    """s_0^-: detections of empty pulses, from below, by the two weakest intensities (Lim 2014, equation 2)."""
    mu, nu = source.means[-2:]
    delta = _delta(counts.total, epsilon)
    least, most = source.scaled(counts.detections, -delta)[-1], source.scaled(counts.detections, delta)[-2]
    return _clip(0.0, source.tau(0) / (mu - nu) * (mu * least - nu * most), counts.total)


def _vacuum_upper(counts: BasisCounts, source: Intensities, epsilon: float) -> float:
    """s_0^+: empty pulses err half of the time, so twice the errors of the weakest pulses bounds them."""
    errors = source.tau(0) * source.scaled(counts.wrong, _delta(counts.errors, epsilon))[-1]
    return 2.0 * (errors + _delta(counts.total, epsilon))


def _single_lower(counts: BasisCounts, source: Intensities, epsilon: float) -> float:
    """s_1^-: detections of single photons, from below (Lim 2014, equation 3).

    With one decoy the weakest pulse is the empty one, of which the errors tell; then it is the bound of Rusca 2018.
    """
    delta = _delta(counts.total, epsilon)
    least, most = source.scaled(counts.detections, -delta), source.scaled(counts.detections, delta)
    mu, nu = source.means[:2]
    if source.means[2:]:
        weak, faint, empty = source.means[2], most[2], _vacuum_lower(counts, source, epsilon) / source.tau(0)
    else:
        weak, faint = 0.0, _vacuum_upper(counts, source, epsilon) / source.tau(0)
        empty = faint
    squares = nu**2 - weak**2
    bound = least[1] - faint - squares / mu**2 * (most[0] - empty)
    return _clip(0.0, source.tau(1) * mu / (mu * (nu - weak) - squares) * bound, counts.total)


def _single_errors_upper(counts: BasisCounts, source: Intensities, epsilon: float) -> float:
    """v_1^+: errors of single photons, from above, by the two weakest intensities (Lim 2014, equation 4)."""
    mu, nu = source.means[-2:]
    delta = _delta(counts.errors, epsilon)
    most, least = source.scaled(counts.wrong, delta)[-2], source.scaled(counts.wrong, -delta)[-1]
    return _clip(0.0, source.tau(1) / (mu - nu) * (most - least), counts.total)


def _phase_error_upper(counts: Counts, source: Intensities, single_key: float, epsilon: float) -> float:
    """phi^+: bit errors of single photons in X, plus the sampling deviation to Z (Lim 2014, equation 5)."""
    single_test = _single_lower(counts.test, source, epsilon)
    if single_test <= 0.0 or single_key <= 0.0:
        return 0.5
    rate = _single_errors_upper(counts.test, source, epsilon) / single_test
    if rate >= 0.5:
        return 0.5
    return min(0.5, rate + sampling_deviation(epsilon, rate, single_key, single_test))


def sampling_deviation(epsilon: float, rate: float, unseen: float, seen: float) -> float:
    """gamma: how much the error rate of ``unseen`` may exceed that of ``seen`` (random sampling, Fung et al. 2010).

    A rate of zero is taken as one error, since the expression tends to zero there.
    """
    rate = max(rate, 1.0 / seen)
    if rate >= 0.5:
        return 0.5
    spread = (unseen + seen) * (1.0 - rate) * rate / (unseen * seen * math.log(2.0))
    inside = (unseen + seen) / (unseen * seen * (1.0 - rate) * rate * epsilon**2)
    return math.sqrt(spread * max(math.log2(inside), 0.0))
