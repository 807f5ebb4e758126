"""Two senders and a middle that nobody trusts: what MDI-QKD and twin-field QKD have in common as links."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

from qit4n.physics.decoy_bb84 import Clicks, Prediction
from qit4n.physics.finite_key import BasisCounts, Counts, FiniteKey, Intensities
from qit4n.physics.rates import binary_entropy
from qit4n.units import transmittance


@dataclass(frozen=True, kw_only=True)
class TwoSenders(ABC):
    """Two equal sources, the way of either to the middle, and the detectors there.

    Attributes:
        pulse_rate_hz: pulses of either end, and detector gates, per second.
        source: mean photons of signal and two decoys at either end's output, and how often each is sent.
        key_basis_probability: how often each end chooses the key basis.
        channel_losses_db: everything between the first end and the middle, and between the second and the middle.
        receiver_loss_db: from either input of the middle to the detectors.
        detector_efficiency: clicks per photon at a detector.
        dark_count_probability: per detector and gate.
        misalignment: see the protocol.
    """

    pulse_rate_hz: float
    source: Intensities
    key_basis_probability: float
    channel_losses_db: tuple[float, float]
    receiver_loss_db: float
    detector_efficiency: float
    dark_count_probability: float
    misalignment: float

    qber_of = "the key basis"

    @property
    def channel_loss_db(self) -> float:
        """Everything between the two ends."""
        return sum(self.channel_losses_db)

    @property
    def transmittances(self) -> tuple[float, float]:
        """Chance that a photon of either end would be detected."""
        one, other = (
            transmittance(loss + self.receiver_loss_db) * self.detector_efficiency for loss in self.channel_losses_db
        )
        return one, other

    def through(self, *channel_losses_db: float) -> Self:
        """The same modules with other losses between either end and the middle."""
        one_db, other_db = channel_losses_db
        return replace(self, channel_losses_db=(one_db, other_db))

    @property
    def receiver_kinds(self) -> int:
        """Number of intensities that the second end sends, or whatever else it tells of its pulses."""
        return len(self.source.means)

    @property
    def kinds(self) -> int:
        """Number of pairs of intensities; that of the first end is the outer one."""
        return self.receiver_kinds**2

    def key_error_rate(self, _test: BasisCounts) -> float:
        """What is to be expected in the key basis: that of these modules. The test basis says nothing of it."""
        found = self.clicks(key=True)
        return sum(found.wrong) / found.per_gate if found.per_gate else 0.0

    def matching_bases(self, *, key: bool) -> float:
        """Probability that both ends choose the key basis (or both the test basis)."""
        p = self.key_basis_probability
        return p * p if key else (1.0 - p) ** 2

    @property
    def sifted_rate_bps(self) -> float:
        """Bits in the key basis per second."""
        return self.clicks(key=True).per_gate * self.matching_bases(key=True) * self.pulse_rate_hz

    def block_duration_s(self, block_bits: int) -> float:
        """Mean time in which a block fills."""
        return block_bits / self.sifted_rate_bps

    def expected_counts(self, seconds: float) -> Counts:
        """Mean counts of so many seconds."""

        def basis(*, key: bool) -> BasisCounts:
            found, gates = self.clicks(key=key), self.pulse_rate_hz * seconds * self.matching_bases(key=key)
            return BasisCounts(
                detections=tuple(gates * one for one in found.detections),
                wrong=tuple(gates * one for one in found.wrong),
            )

        return Counts(key=basis(key=True), test=basis(key=False))

    @abstractmethod
    def clicks(self, *, key: bool) -> Clicks:
        """Successful events and errors per gate in which both ends chose this basis, by pair of intensities."""

    @abstractmethod
    def key_length(
        self, counts: Counts, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
    ) -> FiniteKey:
        """Secret bits that a block of these counts yields."""


@dataclass(frozen=True, kw_only=True)
class TwinFields(TwoSenders, ABC):
    """Two equal sources whose fields meet on a beam splitter with two detectors, of which exactly one has to click.

    Misalignment is the share of the light that leaves by the wrong port. Both lasers share one phase reference.
    """

    @property
    @abstractmethod
    def pulses(self) -> tuple[tuple[float, float], ...]:
        """How often either end sends each kind of pulse, and its mean photons; those of the key basis first."""


def predict(
    link: TwoSenders,
    *,
    block_bits: int,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
) -> Prediction:
    """Rate of a link whose blocks have ``block_bits`` bits in the key basis, from expected counts.

    Args:
        link: its physics.
        block_bits: sifted bits in the key basis of a block, or what else fills it.
        epsilon_secrecy: of one block.
        epsilon_correctness: of one block.
        reconciliation_efficiency: leaked bits per ``n h(qber)`` of n sifted bits.
    """
    sifted_rate = link.sifted_rate_bps
    if sifted_rate <= 0.0:
        return Prediction(
            secret_rate_bps=0.0, sifted_rate_bps=0.0, qber=0.0, key_bits_per_block=0.0, block_duration_s=math.inf
        )
    duration = link.block_duration_s(block_bits)
    counts = link.expected_counts(duration)
    qber = counts.key.error_rate
    found = link.key_length(
        counts,
        leaked_bits=reconciliation_efficiency * counts.key.total * float(binary_entropy(min(qber, 0.5))),
        epsilon_secrecy=epsilon_secrecy,
        epsilon_correctness=epsilon_correctness,
    )
    return Prediction(
        secret_rate_bps=found.length_bits / duration,
        sifted_rate_bps=sifted_rate,
        qber=qber,
        key_bits_per_block=float(found.length_bits),
        block_duration_s=duration,
    )
