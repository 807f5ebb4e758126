"""Finite-key length of one-decoy BB84: Z makes the key, X tests the phase error (composable, coherent attacks).

Statistics and bounds follow Rusca et al., APL 112, 171104 (2018), as consolidated by Wiesemann, Krause, Tupkary,
Luetkenhaus, Rusca and Walenta, Quantum 10, 2037 (2026), arXiv:2405.16578. The two differ in the constants of the
length only; both are here as :class:`Proof` records. The constants of the second were read from an independent
implementation of the paper, not from its PDF.

Concentration bound: Hoeffding, ``delta(n, eps) = sqrt(n/2 ln(1/eps))``, with n the total of the basis.
"""

import math
from dataclasses import dataclass

from qit4n.physics.rates import binary_entropy


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Constants of a security proof: ``eps_i = eps_sec / parts``, and the length's cost of secrecy in bits."""

    name: str
    reference: str
    parts: int
    factor: int
    shift: float

    def secrecy_cost(self, epsilon_secrecy: float) -> float:
        """Bits given up for secrecy ``epsilon_secrecy``."""
        return self.factor * (math.log2(self.parts / epsilon_secrecy) - self.shift)


RUSCA_2018 = Proof(
    name="Rusca 2018", reference="APL 112, 171104 (2018), equation 2 and appendix B", parts=19, factor=6, shift=0.0
)
WIESEMANN_2026 = Proof(
    name="Wiesemann 2026", reference="Quantum 10, 2037 (2026), arXiv:2405.16578", parts=15, factor=4, shift=0.25
)


@dataclass(frozen=True, kw_only=True)
class Intensities:
    """The source: mean photons per signal and decoy pulse, and how often a signal is sent."""

    signal: float
    decoy: float
    signal_probability: float

    def __post_init__(self) -> None:
        """Refuse a decoy that is none.

        Raises:
            ValueError: the intensities do not satisfy signal > decoy > 0.
        """
        if not self.signal > self.decoy > 0.0:
            raise ValueError(f"decoy intensity {self.decoy} is not between 0 and signal intensity {self.signal}")

    def tau(self, photons: int) -> float:
        """Probability that a pulse holds ``photons`` photons, intensities taken together."""
        terms = (
            (self.signal_probability, self.signal),
            (1.0 - self.signal_probability, self.decoy),
        )
        return sum(p * math.exp(-mu) * mu**photons for p, mu in terms) / math.factorial(photons)

    def weights(self) -> tuple[float, float]:
        """``e^mu / p_mu`` for signal and decoy."""
        return (
            math.exp(self.signal) / self.signal_probability,
            math.exp(self.decoy) / (1.0 - self.signal_probability),
        )


@dataclass(frozen=True, kw_only=True)
class BasisCounts:
    """Detections and errors in one basis, by intensity."""

    signal: float
    decoy: float
    signal_errors: float
    decoy_errors: float

    @property
    def total(self) -> float:
        """Detections of both intensities."""
        return self.signal + self.decoy

    @property
    def errors(self) -> float:
        """Errors of both intensities."""
        return self.signal_errors + self.decoy_errors

    @property
    def error_rate(self) -> float:
        """Errors per detection (0 without detections)."""
        return self.errors / self.total if self.total else 0.0


@dataclass(frozen=True, kw_only=True)
class Counts:
    """All that parameter estimation knows of a block."""

    key: BasisCounts
    test: BasisCounts


@dataclass(frozen=True, kw_only=True)
class FiniteKey:
    """The length and the bounds it was computed from; ``length_bits`` is 0 when there is no key."""

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
    proof: Proof = WIESEMANN_2026,
) -> FiniteKey:
    """Secret bits that a block yields.

    Args:
        counts: detections and errors of the block; those of the key basis are known after error correction.
        source: what the transmitter sends.
        leaked_bits: every bit that error correction revealed. Verification is paid by ``epsilon_correctness``.
        epsilon_secrecy: secrecy of the block.
        epsilon_correctness: chance that the two keys differ unnoticed.
        proof: whose constants.
    """
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
    usable = single > 0.0 and phase < 0.5  # noqa: PLR2004 - a phase error of one half is no correlation
    return FiniteKey(
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
    """s_0^-: detections of empty pulses, from below."""
    signal, decoy = source.weights()
    delta = _delta(counts.total, epsilon)
    bound = source.signal * decoy * (counts.decoy - delta) - source.decoy * signal * (counts.signal + delta)
    return _clip(0.0, source.tau(0) / (source.signal - source.decoy) * bound, counts.total)


def _vacuum_upper(counts: BasisCounts, source: Intensities, epsilon: float) -> float:
    """s_0^+: empty pulses err half of the time, so twice the errors of the decoys bounds them."""
    _, decoy = source.weights()
    errors = source.tau(0) * decoy * (counts.decoy_errors + _delta(counts.errors, epsilon))
    return 2.0 * (errors + _delta(counts.total, epsilon))


def _single_lower(counts: BasisCounts, source: Intensities, epsilon: float) -> float:
    """s_1^-: detections of single photons, from below."""
    mu, nu = source.signal, source.decoy
    signal, decoy = source.weights()
    delta = _delta(counts.total, epsilon)
    bound = (
        decoy * (counts.decoy - delta)
        - (nu / mu) ** 2 * signal * (counts.signal + delta)
        - (1.0 - (nu / mu) ** 2) * _vacuum_upper(counts, source, epsilon) / source.tau(0)
    )
    return _clip(0.0, source.tau(1) * mu / (nu * (mu - nu)) * bound, counts.total)


def _phase_error_upper(counts: Counts, source: Intensities, single_key: float, epsilon: float) -> float:
    """phi^+: bit errors of single photons in X, plus the sampling deviation to Z."""
    single_test = _single_lower(counts.test, source, epsilon)
    if single_test <= 0.0 or single_key <= 0.0:
        return 0.5
    signal, decoy = source.weights()
    delta = _delta(counts.test.errors, epsilon)
    errors = signal * (counts.test.signal_errors + delta) - decoy * (counts.test.decoy_errors - delta)
    errors = _clip(0.0, source.tau(1) / (source.signal - source.decoy) * errors, counts.test.total)
    rate = errors / single_test
    if rate >= 0.5:  # noqa: PLR2004
        return 0.5
    return min(0.5, rate + _sampling_deviation(epsilon, rate, single_key, single_test))


def _sampling_deviation(epsilon: float, rate: float, unseen: float, seen: float) -> float:
    """gamma: how much the error rate of ``unseen`` may exceed that of ``seen`` (random sampling, Fung et al. 2010).

    A rate of zero is taken as one error, since the expression tends to zero there.
    """
    rate = max(rate, 1.0 / seen)
    if rate >= 0.5:  # noqa: PLR2004
        return 0.5
    spread = (unseen + seen) * (1.0 - rate) * rate / (unseen * seen * math.log(2.0))
    inside = (unseen + seen) / (unseen * seen * (1.0 - rate) * rate * epsilon**2)
    return math.sqrt(spread * max(math.log2(inside), 0.0))
