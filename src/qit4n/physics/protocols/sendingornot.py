"""Finite-key length of sending-or-not-sending twin field (SNS) with actively odd-parity pairing (AOPP).

Composable, against coherent attacks, relay not trusted; sources with random phases and perfect vacuum trusted.
Protocol: Wang, Yu, Hu, PRA 98, 062323 (2018), with three intensities (vacuum, decoy, signal), as Yu, Hu, Jiang, Xu,
Wang, Sci. Rep. 9, 3080 (2019), and AOPP: Xu, Yu, Jiang, Hu, Wang, PRA 101, 042330 (2020); recalled. In a key window
either end sends the signal or not, that is its bit, read oppositely by the two; in a test window it sends the decoy.
When the relay has spoken, choices are told where not both chose the key window, and phases where both sent decoys. One
end pairs each of its zeros with one of its ones; pairs in which the other's bits differ are kept and corrected, all
other bits told, so in the end both know what was sent in every window (decoys after error correction: Hu, Jiang, Yu,
Wang, Quantum Sci. Technol. 7, 045031 (2022), recalled). Counts then tell how many kept pairs are wrong, and no untagged
bit is in these. The windows of a block, or its clicks, are so many as was fixed beforehand. Choices are told while the
block fills, so the relay may let later clicks depend on them: see :data:`TOLD`.

* Untagged bits, of one photon from one end, none from the other: decoy estimate from vacuum, decoy and signal against
  vacuum of the other end. Given the photon numbers of both, each event falls on the choices at random, so the bounds
  are those of :mod:`qit4n.physics.pairdecoys`, and one of vacuum serves both ends.
* Phase errors: of one photon from both ends, wrong clicks where the phases differ by at most half a slice, or by pi
  and that. An untagged photon is in the same state, bit and sign being random, if its phase error is that at a random
  angle of the slice: any angle is complementary to the bit, and only turns a spin below about z.
* Pairs. Derived here; Jiang, Hu, Yu, Wang, New J. Phys. 23, 063038 (2021), arXiv:2102.00739, of which we read the
  abstract, also find that Chernoff bounds hold with a larger chance to fail. N untagged bits are N spins: bits along
  z, phase errors along x, J the total spin. A pair of odd parity with a phase error is a singlet. J and J_z commute
  with pairing, and the pairing is random, so how many of so many pairs are singlets depends on J and J_z alone,
  whatever the state. N independent spins of a Bloch vector with length ``2 J / N`` and z-component ``2 J_z / N`` have
  this J and J_z with a chance of at least ``1 / (N + 1)^2`` (two binomials at their modes), so no tail is larger than
  ``(N + 1)^2`` times theirs; and theirs is binomial: each pair is a singlet with the chance
  ``(N^2 - 4 J^2) / (8 N0 N1)``, N0 and N1 being the untagged zeros and ones. At most m phase errors say
  ``J >= N/2 - m``, which makes it ``m (N - m) / (2 N0 N1)``: ``2 e (1 - e)`` if zeros and ones are as many.

Length: ``l = n [1 - h(e)] - leak - log2(2/eps_cor) - 2 log2(1/(2 eps_PA))`` of n untagged pairs, by the entropic
uncertainty relation and the leftover hash lemma (Tomamichel, Lim, Gisin, Renner, Nature Communications 3, 634
(2012)), with ``eps_sec = 2 sqrt(eps_est) + eps_PA``: a smoothing of sqrt(eps_est) for an estimate that fails with the
chance eps_est, by one of 12 bounds. (The papers, as recalled, count the chance itself.) Here sqrt(eps_est) = eps_PA =
eps_sec / 3.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from qit4n.physics.finite_key import FiniteKey, Proof
from qit4n.physics.pairdecoys import chernoff_lower, chernoff_upper, draws_lower, draws_upper
from qit4n.physics.protocols import twinfield
from qit4n.physics.rates import Array, binary_entropy

BOUNDS = 12
"""Four of each end's yield less the shared one of vacuum, one of the pairs, four of the phase errors."""

TOLD = 128.0
"""How much likelier a bound of counts fails when choices of earlier windows are known before later clicks are fixed.

The mean of a count is then a sum of chances that may depend on all that was seen. For each t,
``exp(-t count + (1 - e^-t) mean)`` is a supermartingale, and the bound for that t fails with the chance epsilon at
most, whenever a block ends; but Chernoff's takes the t that is best for the count at the end. Take K values of t
instead, so near to each other that for no count the best of them loses more than d of ``ln(1/epsilon)``: the chance
is ``K e^d epsilon``, below 120 epsilon for counts up to 1e8 and chances down to 1e-35, computed in the tests (derived
here; that choices told early must be paid for: Pfister, Coles, Wehner, Luetkenhaus, New J. Phys. 18, 053001 (2016)).
Bounds of what is drawn after all clicks need it not.
"""

SNS_AOPP = Proof(
    protocol="SNS twin field, AOPP",
    name="SNS, AOPP",
    reference="PRA 98, 062323 (2018); PRA 101, 042330 (2020); singlets among random pairs: derived here",
    intensities=3,
    parts=3,
    factor=2,
    shift=1.0,
    concentration="Chernoff per pair of choices; total spin to the pairs",
)
MOST_SIGNAL, LEAST_SHARE, SIMPLEX = 1.5, 1e-4, 0.3


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What either end does in a window.

    Attributes:
        signal: mean photons of what is sent in a key window.
        decoy: of what is sent in a test window.
        key: chance of a key window; otherwise it is a test window.
        sending: chance to send in a key window.
        slice_rad: width of the phase slices around 0 and pi.
    """

    signal: float
    decoy: float
    key: float
    sending: float
    slice_rad: float

    def __post_init__(self) -> None:
        """Refuse choices from which nothing is estimated.

        Raises:
            ValueError: not ``0 < decoy < signal``, a chance not between 0 and 1, or a slice not in 0 to pi.
        """
        if not 0.0 < self.decoy < self.signal:
            raise ValueError(f"decoy intensity {self.decoy} is not between 0 and signal intensity {self.signal}")
        if not all(0.0 < chance < 1.0 for chance in (self.key, self.sending)):
            raise ValueError(f"chances {self.key}, {self.sending} are not between 0 and 1")
        if not 0.0 < self.slice_rad <= math.pi:
            raise ValueError(f"phase slices of {self.slice_rad} rad are not between 0 and pi")

    @property
    def silent(self) -> float:
        """Chance that an end sends nothing."""
        return self.key * (1.0 - self.sending)

    @property
    def empty(self) -> float:
        """Chance that both send nothing."""
        return self.silent**2

    @property
    def weak(self) -> float:
        """Chance that a given end sends a decoy, the other nothing."""
        return (1.0 - self.key) * self.silent

    @property
    def strong(self) -> float:
        """Chance that a given end sends a signal, the other nothing."""
        return self.key * self.sending * self.silent

    @property
    def twice(self) -> float:
        """Chance that both send signals."""
        return (self.key * self.sending) ** 2

    @property
    def sliced(self) -> float:
        """Chance that both send decoys whose phases are in the slices."""
        return (1.0 - self.key) ** 2 * self.slice_rad / math.pi

    @property
    def untagged(self) -> float:
        """Chance that a given end sends a signal of one photon, the other nothing."""
        return self.strong * self.signal * math.exp(-self.signal)


@dataclass(frozen=True, kw_only=True)
class SNSCounts:
    """Windows of a block in which exactly one detector clicked.

    Attributes:
        empty: both sent nothing.
        weak: one end sent a decoy, the other nothing; by the end.
        strong: one end sent a signal, the other nothing; by the end.
        wrong: decoys in the slices that clicked at the wrong detector.
        zeros: both chose the key window, and the end that pairs has a zero: it sent.
        ones: the same, and it has a one.
    """

    empty: float
    weak: tuple[float, float]
    strong: tuple[float, float]
    wrong: float
    zeros: float
    ones: float


@dataclass(frozen=True, kw_only=True)
class SNS:
    """Two arms with the relay between them.

    Attributes:
        arm: transmittance of the first end's arm, detectors included.
        other: of the second end's, which pairs; equal if not given.
        dark: per detector and gate.
        misalignment: share of light at the wrong port.
        phase_noise: standard deviation of the phase between the fields, rad.
        choices: of either end.
    """

    arm: float
    dark: float
    misalignment: float
    phase_noise: float
    choices: Choices
    other: float | None = None

    def expected(self, windows: float) -> SNSCounts:
        """Mean counts of so many windows."""
        own = self.choices
        first, second, both, none = (windows * gain for gain in self._gains(own.signal))
        weak = tuple(windows * own.weak * gain for gain in self._gains(own.decoy)[:2])
        _, wrong = twinfield.npp_gain_and_errors(self.arm, own.decoy, self.dark, self._error(), self.other)
        empty, strong, twice = own.empty * none, (own.strong * first, own.strong * second), own.twice * both
        return SNSCounts(
            empty=empty,
            weak=(weak[0], weak[1]),
            strong=strong,
            wrong=windows * own.sliced * float(wrong),
            zeros=strong[1] + twice,
            ones=strong[0] + empty,
        )

    def _gains(self, mean_photons: float) -> tuple[float, float, float, float]:
        """Chance of one click if the first end sends, if the second does, if both do, if none does."""
        here = self.arm * mean_photons
        there = here if self.other is None else self.other * mean_photons
        error = twinfield.optical_error(self.misalignment, self.phase_noise)
        sent = np.array([(here, 0.0), (0.0, there), (here, there), (0.0, 0.0)])
        first, second, both, none = twinfield.random_phase_gain(sent[:, 0], sent[:, 1], self.dark, error).tolist()
        return first, second, both, none

    def _error(self) -> float:
        """Share of light at the wrong port, over a slice: the mean cosine of the phases is that of its width."""
        contrast = 1.0 - 2.0 * float(twinfield.optical_error(self.misalignment, self.phase_noise))
        half = self.choices.slice_rad / 2.0
        return (1.0 - contrast * math.sin(half) / half) / 2.0

    def survivors(self, windows: float) -> tuple[float, float]:
        """Mean number of pairs that are kept, and the share of them with an error."""
        counts = self.expected(windows)
        good, bad = counts.strong[0] * counts.strong[1], (counts.zeros - counts.strong[1]) * counts.empty
        if good + bad <= 0.0:
            return 0.0, 0.0
        return (good + bad) / max(counts.zeros, counts.ones), bad / (good + bad)


def finite_key(
    counts: SNSCounts, choices: Choices, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
) -> FiniteKey:
    """Secret bits that a block yields after pairing.

    Args:
        counts: of the block.
        choices: of either end.
        leaked_bits: by error correction of the pairs that are kept.
        epsilon_secrecy: of the block.
        epsilon_correctness: of the block.
    """
    epsilon = (epsilon_secrecy / SNS_AOPP.parts) ** 2 / BOUNDS
    told = epsilon / TOLD
    untagged = _untagged_lower(counts, choices, 0, told), _untagged_lower(counts, choices, 1, told)
    paired = max(counts.zeros, counts.ones)
    pairs = draws_lower(untagged[0] * untagged[1] / paired, epsilon) if paired else 0.0
    phase = 0.5
    if pairs > 0.0:
        errors = _errors_upper(counts, choices, told)
        bits = counts.zeros + counts.ones
        phase = min(0.5, singlets_upper(errors, untagged, pairs, bits=bits, epsilon=epsilon) / pairs)
    length = (
        pairs * (1.0 - float(binary_entropy(phase)))
        - leaked_bits
        - math.log2(2.0 / epsilon_correctness)
        - SNS_AOPP.secrecy_cost(epsilon_secrecy)
    )
    return FiniteKey(
        proof=SNS_AOPP,
        length_bits=max(0, math.floor(length)) if phase < 0.5 else 0,
        vacuum_bound=0.0,
        single_photon_bound=pairs,
        phase_error_bound=phase,
    )


def _untagged_lower(counts: SNSCounts, choices: Choices, end: int, epsilon: float) -> float:
    """Untagged bits of one end's photons: decoy estimate of their mean (3 bounds), then their number (1)."""
    weak, strong = choices.decoy, choices.signal
    empties = chernoff_upper(counts.empty, epsilon) / choices.empty
    weaks = chernoff_lower(counts.weak[end], epsilon) / choices.weak * math.exp(weak)
    strongs = chernoff_upper(counts.strong[end], epsilon) / choices.strong * math.exp(strong)
    singles = strong**2 * weaks - weak**2 * strongs - (strong**2 - weak**2) * empties
    return draws_lower(max(0.0, choices.untagged * singles / (weak * strong * (strong - weak))), epsilon)


def _errors_upper(counts: SNSCounts, choices: Choices, epsilon: float) -> float:
    """Phase errors of the untagged bits: mean of wrong clicks of one photon (2 bounds), then their number (1).

    Vacuum in the slices is wrong half of the time.
    """
    both = 2.0 * choices.decoy
    empties = choices.sliced * chernoff_lower(counts.empty, epsilon) / choices.empty
    wrong = chernoff_upper(counts.wrong, epsilon) - math.exp(-both) * empties / 2.0
    per_wrong = 2.0 * choices.untagged / (choices.sliced * both * math.exp(-both))
    return draws_upper(max(0.0, wrong) * per_wrong, epsilon)


def singlets_upper(errors: float, untagged: tuple[float, float], pairs: float, *, bits: float, epsilon: float) -> float:
    """Phase errors of pairs of untagged bits (1 bound).

    Per pair it falls with the untagged zeros and ones and with the pairs, so lower bounds of them serve.

    Args:
        errors: untagged bits with a phase error, at most.
        untagged: zeros and ones.
        pairs: of two untagged bits.
        bits: untagged and others: more than the untagged ones.
        epsilon: chance to fail.
    """
    zeros, ones = untagged
    if errors >= min(zeros, ones):
        return pairs
    chance = errors * (zeros + ones - errors) / (2.0 * zeros * ones)
    return draws_upper(pairs * chance, epsilon / (bits + 1.0) ** 2)


def predict(
    link: SNS,
    windows: float,
    *,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
) -> FiniteKey:
    """Key of a block of so many windows, from expected counts.

    Args:
        link: its physics.
        windows: of a block, those of the phase reference not counted.
        epsilon_secrecy: of one block.
        epsilon_correctness: of one block.
        reconciliation_efficiency: leaked bits per ``pairs h(qber)``.
    """
    pairs, qber = link.survivors(windows)
    return finite_key(
        link.expected(windows),
        link.choices,
        leaked_bits=reconciliation_efficiency * pairs * float(binary_entropy(min(qber, 0.5))),
        epsilon_secrecy=epsilon_secrecy,
        epsilon_correctness=epsilon_correctness,
    )


def best(
    link: SNS,
    windows: float,
    *,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
    steps: int = 1000,
) -> SNS:
    """The link with the choices that yield most key of a block of so many windows: Nelder and Mead from its own.

    Where there is no key it seeks a lower phase error.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to import, and sites do not seek

    def tuned(x: Array) -> SNS | None:
        signal = float(np.exp(x[0]))
        ratio, key, sending, slices = (float(one) for one in 1.0 / (1.0 + np.exp(-x[1:])))
        if signal > MOST_SIGNAL or min(ratio, slices) < LEAST_SHARE or key > 1.0 - LEAST_SHARE:
            return None
        chosen = Choices(signal=signal, decoy=signal * ratio, key=key, sending=sending, slice_rad=math.pi * slices)
        return replace(link, choices=chosen)

    def loss(x: Array) -> float:
        candidate = tuned(x)
        if candidate is None:
            return 1.0
        found = predict(
            candidate,
            windows,
            epsilon_secrecy=epsilon_secrecy,
            epsilon_correctness=epsilon_correctness,
            reconciliation_efficiency=reconciliation_efficiency,
        )
        return -float(found.length_bits) if found.length_bits else found.phase_error_bound

    own = link.choices
    shares = (own.decoy / own.signal, own.key, own.sending, own.slice_rad / math.pi)
    start = np.array([math.log(own.signal), *(math.log(p / (1.0 - p)) for p in shares)])
    simplex = start + np.vstack([np.zeros(start.size), SIMPLEX * np.eye(start.size)])
    options = {"maxiter": steps, "xatol": 1e-2, "initial_simplex": simplex}
    return tuned(minimize(loss, start, method="Nelder-Mead", options=options).x) or link
