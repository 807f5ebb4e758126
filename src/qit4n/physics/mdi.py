"""Measurement-device-independent QKD as a link: two decoy sources, and a middle that nobody trusts.

Gains and errors are those of :mod:`qit4n.physics.interference`. After a click of any of the four detectors all are
dead for some gates. Gates are independent of each other, so clicks are a renewal process, and ``1/(1 + p D)`` of the
gates are live: ``p`` is the chance that a live one clicks, ``D`` the dead gates after it. Afterpulses are not in the
model. The length is that of :mod:`qit4n.physics.pairdecoys`. Asymptotic formulas: :mod:`qit4n.physics.protocols.mdi`.
"""

import math
from dataclasses import dataclass

import numpy as np

from qit4n.physics import pairdecoys
from qit4n.physics.decoy_bb84 import Clicks
from qit4n.physics.detectors import whole_gates
from qit4n.physics.finite_key import Counts, FiniteKey
from qit4n.physics.interference import gain_and_errors
from qit4n.physics.protocols.mdi import single_photon_error, single_photon_yield
from qit4n.physics.rates import binary_entropy
from qit4n.physics.twosenders import TwoSenders


@dataclass(frozen=True, kw_only=True)
class MDI(TwoSenders):
    """Two equal sources and four detectors; two of them click.

    Misalignment is the chance that the first end's pulse meets the other in the opposite state of its basis. In the
    test basis a quarter of the events are wrong where two photons come from one end.

    Attributes:
        dead_time_s: time after a click in which all four detectors are blind; rounded up to whole gates.
    """

    dead_time_s: float = 0.0

    @property
    def dead_gates(self) -> int:
        """Gates lost after a click."""
        return whole_gates(self.dead_time_s, self.pulse_rate_hz)

    @property
    def live(self) -> float:
        """Share of the gates in which the detectors are live: those after a click of any are lost."""
        terms = list(zip(self.source.probabilities, self.source.means, strict=True))
        dark = [sum(share * math.exp(-mean * arm) for share, mean in terms) for arm in self.transmittances]
        clicked = 1.0 - math.prod(dark) * (1.0 - self.dark_count_probability) ** 4
        return 1.0 / (1.0 + clicked * self.dead_gates)

    def key_length(
        self, counts: Counts, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
    ) -> FiniteKey:
        """Secret bits that a block of these counts yields."""
        return pairdecoys.finite_key(
            counts,
            self.source,
            test_per_key=self.matching_bases(key=False) / self.matching_bases(key=True),
            leaked_bits=leaked_bits,
            epsilon_secrecy=epsilon_secrecy,
            epsilon_correctness=epsilon_correctness,
        )

    def clicks(self, *, key: bool) -> Clicks:
        """Successful events and errors per gate in which both ends chose this basis, by pair of intensities."""
        means, shares = np.array(self.source.means), np.array(self.source.probabilities)
        one, other = self.transmittances
        found, wrong = gain_and_errors(
            means[:, np.newaxis] * one,
            means * other,
            self.dark_count_probability,
            self.misalignment,
            key=key,
        )
        weights = self.live * shares[:, np.newaxis] * shares
        return Clicks(
            detections=tuple((weights * found).ravel().tolist()), wrong=tuple((weights * wrong).ravel().tolist())
        )


def asymptotic_rate(link: MDI, *, reconciliation_efficiency: float) -> float:
    """Bits per gate for infinitely many pulses and decoys: ``s11 [1 - h(e11)] - f Q h(E)`` of all pairs of intensities.

    Yields and errors of single photons: :mod:`qit4n.physics.protocols.mdi`.
    """
    (one, other), dark = link.transmittances, link.dark_count_probability
    single = link.live * link.source.tau(1) ** 2 * float(single_photon_yield(one, other, dark))
    if single <= 0.0:
        return 0.0
    found = link.clicks(key=True)
    phase = min(0.5, float(single_photon_error(one, other, dark, link.misalignment)))
    qber = min(0.5, sum(found.wrong) / found.per_gate)
    leak = reconciliation_efficiency * found.per_gate * float(binary_entropy(qber))
    return link.matching_bases(key=True) * max(0.0, single * (1.0 - float(binary_entropy(phase))) - leak)
