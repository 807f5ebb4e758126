"""Twin-field QKD without phase post-selection as a link: one photon of two fields clicks at a middle nobody trusts.

Curty, Azuma, Lo, npj Quantum Information 5, 64 (2019). In the key basis either end sends a coherent state of phase 0 or
pi, in the test basis one of three intensities with a random phase; an event is a click of exactly one of two detectors.
Gains and errors are those of :mod:`qit4n.physics.protocols.twinfield`, without dead time and afterpulses; the length is
that of :mod:`qit4n.physics.twinfieldproof`. Both lasers are taken to share one phase reference at all times.
"""

from dataclasses import dataclass

import numpy as np

from qit4n.physics import twinfieldproof
from qit4n.physics.decoy_bb84 import Clicks
from qit4n.physics.finite_key import Counts, FiniteKey
from qit4n.physics.protocols.twinfield import npp_gain_and_errors, npp_phase_error, random_phase_gain
from qit4n.physics.rates import binary_entropy
from qit4n.physics.twosenders import TwinFields


@dataclass(frozen=True, kw_only=True)
class TwinField(TwinFields):
    """Phases are the bits, and none is selected afterwards.

    The intensities of ``source`` are those of the
    test basis, where no bit is sent and none is wrong; events of the key basis count as the first pair.

    Attributes:
        key_intensity: mean photons of a pulse in the key basis, at either end's output.
    """

    key_intensity: float

    @property
    def pulses(self) -> tuple[tuple[float, float], ...]:
        """That of the key basis, then the three of the test basis."""
        key, source = self.key_basis_probability, self.source
        tests = zip(source.probabilities, source.means, strict=True)
        return ((key, self.key_intensity), *(((1.0 - key) * share, mean) for share, mean in tests))

    def key_length(
        self, counts: Counts, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
    ) -> FiniteKey:
        """Secret bits that a block of these counts yields.

        The proof weighs its bounds by the counts that this link should have had for so many key bits: known to both
        ends before the block, which has as many as was agreed.
        """
        return twinfieldproof.finite_key(
            counts,
            self.source,
            key_intensity=self.key_intensity,
            key_per_test=self.matching_bases(key=True) / self.matching_bases(key=False),
            expected=self.expected_counts(counts.key.total / self.sifted_rate_bps),
            leaked_bits=leaked_bits,
            epsilon_secrecy=epsilon_secrecy,
            epsilon_correctness=epsilon_correctness,
        )

    def clicks(self, *, key: bool) -> Clicks:
        """Events and errors per gate in which both ends chose this basis, by pair of intensities."""
        one, other = self.transmittances
        if key:
            found, wrong = npp_gain_and_errors(
                one, self.key_intensity, self.dark_count_probability, self.misalignment, other
            )
            none = (0.0,) * (self.kinds - 1)
            return Clicks(detections=(float(found), *none), wrong=(float(wrong), *none))
        means, shares = np.array(self.source.means), np.array(self.source.probabilities)
        gains = random_phase_gain(
            means[:, np.newaxis] * one, means * other, self.dark_count_probability, self.misalignment
        )
        return Clicks(
            detections=tuple((shares[:, np.newaxis] * shares * gains).ravel().tolist()), wrong=(0.0,) * self.kinds
        )


def asymptotic_rate(link: TwinField, *, reconciliation_efficiency: float) -> float:
    """Bits per gate for infinitely many pulses and decoys: ``Q [1 - h(e_phase) - f h(E)]``."""
    (one, other), found = link.transmittances, link.clicks(key=True)
    if found.per_gate <= 0.0:
        return 0.0
    phase = npp_phase_error(one, link.key_intensity, link.dark_count_probability, found.per_gate, other)
    qber = min(0.5, sum(found.wrong) / found.per_gate)
    kept = 1.0 - float(binary_entropy(phase)) - reconciliation_efficiency * float(binary_entropy(qber))
    return link.matching_bases(key=True) * found.per_gate * max(0.0, kept)
