"""Twin-field QKD with sending or not sending as a link (SNS, with AOPP): whether an end sends is its bit.

Wang, Yu, Hu, PRA 98, 062323 (2018); Xu, Yu, Jiang, Hu, Wang, PRA 101, 042330 (2020). In a key window either end sends
the signal or nothing, in a test window the decoy, each with a random phase. The first end reads a one where it sent,
the second a zero, and the second pairs. Proof, gains and pairs are those of
:mod:`qit4n.physics.protocols.sendingornot`. A block ends with a click fixed beforehand, whatever was chosen in it.

A random phase is one of 32, and the phases of two decoys are in the slices if they differ by at most one step, or by
half a turn and that: slices of 3/16 of half a turn (0.59 rad), with the mean of the three differences for their error.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from qit4n.physics.decoy_bb84 import Clicks
from qit4n.physics.finite_key import BasisCounts, Counts, FiniteKey
from qit4n.physics.protocols.sendingornot import SNS, Choices, SNSCounts, finite_key
from qit4n.physics.protocols.twinfield import npp_gain_and_errors, random_phase_gain
from qit4n.physics.rates import Array
from qit4n.physics.twosenders import TwinFields

PHASES = 32
SLICE = 3
"""Differences of two phases that are in one slice."""


@dataclass(frozen=True, kw_only=True)
class PairedCounts(Counts):
    """Counts after pairing: the key basis has the pairs that are kept, the test basis the decoys in the slices.

    Attributes:
        windows: what the finite-key length is computed from.
    """

    windows: SNSCounts


@dataclass(frozen=True, kw_only=True)
class SendingOrNot(TwinFields):
    """Signals, decoys and empty pulses of ``source``: a test window has a decoy, a key window a signal or nothing."""

    qber_of = "the pairs that are kept"

    @property
    def pulses(self) -> tuple[tuple[float, float], ...]:
        """Nothing, signal, decoy."""
        (signal, decoy, nothing), (sent, test, silent) = self.source.means, self.source.probabilities
        return (silent, nothing), (sent, signal), (test, decoy)

    @property
    def receiver_kinds(self) -> int:
        """Phases of decoys, which the second end tells."""
        return PHASES

    @property
    def kinds(self) -> int:
        """Of clicks: key windows; decoy of the first end alone; of the second; of both, in the slices; not in them."""
        return 5

    @property
    def choices(self) -> Choices:
        """Of either end."""
        signal, decoy, _ = self.source.means
        return Choices(
            signal=signal,
            decoy=decoy,
            key=self.key_basis_probability,
            sending=self.source.probabilities[0] / self.key_basis_probability,
            slice_rad=2.0 * math.pi * SLICE / PHASES,
        )

    @property
    def sifted_rate_bps(self) -> float:
        """Pairs that are kept per second."""
        return self._model().survivors(self.pulse_rate_hz)[0]

    def block_duration_s(self, block_bits: int) -> float:
        """Mean time to so many clicks."""
        return block_bits / (self.pulse_rate_hz * float(self._gains().sum()))

    def key_error_rate(self, _test: BasisCounts) -> float:
        """Errors of the pairs that are kept, as these modules should have them."""
        return self._model().survivors(1.0)[1]

    def expected_counts(self, seconds: float) -> PairedCounts:
        """Mean counts of so many seconds."""
        windows, model, (one, other) = self.pulse_rate_hz * seconds, self._model(), self.transmittances
        counts, (pairs, error) = model.expected(windows), model.survivors(windows)
        apart = 2.0 * np.pi / PHASES * (np.arange(SLICE) - SLICE // 2)
        errors = (1.0 - (1.0 - 2.0 * self.misalignment) * np.cos(apart)) / 2.0
        found, wrong = npp_gain_and_errors(one, model.choices.decoy, self.dark_count_probability, errors, other)
        sliced = windows * model.choices.sliced
        counts = replace(counts, wrong=sliced * float(wrong.mean()))
        return PairedCounts(
            key=BasisCounts(detections=(pairs,), wrong=(pairs * error,)),
            test=BasisCounts(detections=(sliced * float(found.mean()),), wrong=(counts.wrong,)),
            windows=counts,
        )

    def clicks(self, *, key: bool) -> Clicks:
        """Clicks of key windows, wrong if both sent or neither; of test windows without a bit; before pairing."""
        gains = self._gains() / self.matching_bases(key=key)
        if not key:
            return Clicks(detections=(float(gains[2, 2]),), wrong=(0.0,))
        return Clicks(detections=(float(gains[:2, :2].sum()),), wrong=(float(gains[0, 0] + gains[1, 1]),))

    def key_length(
        self, counts: Counts, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
    ) -> FiniteKey:
        """Secret bits that a block of these counts yields.

        Raises:
            TypeError: the counts are not those after pairing.
        """
        if not isinstance(counts, PairedCounts):
            raise TypeError("sending or not sending has no key before its bits are paired")
        return finite_key(
            counts.windows,
            self.choices,
            leaked_bits=leaked_bits,
            epsilon_secrecy=epsilon_secrecy,
            epsilon_correctness=epsilon_correctness,
        )

    def _gains(self) -> Array:
        """Clicks per window by the pulses of both ends, in the order of :attr:`pulses`."""
        shares, means = np.array(self.pulses).T
        one, other = self.transmittances
        gains = random_phase_gain(
            means[:, np.newaxis] * one, means * other, self.dark_count_probability, self.misalignment
        )
        return np.asarray(shares[:, np.newaxis] * shares * gains, np.float64)

    def _model(self) -> SNS:
        one, other = self.transmittances
        return SNS(
            arm=one,
            other=other,
            dark=self.dark_count_probability,
            misalignment=self.misalignment,
            phase_noise=0.0,
            choices=self.choices,
        )
