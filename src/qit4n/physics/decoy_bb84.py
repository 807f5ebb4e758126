"""BB84 over a lossy channel with two threshold detectors, and with decoy states: gains, errors, counts, prediction.

Gains and errors per pulse are those of :mod:`qit4n.physics.rates`; the detectors are those of
:mod:`qit4n.physics.detectors`: gated by the pulses, dead together, with afterpulses in a random detector. An
afterpulse comes in any gate, so its bit has nothing to do with the pulse of that gate. For this model the closed
form of :func:`clicks` is exact in the long run (see there for its one approximation, below 0.2 % of the
afterpulses, at click rates that fill hundreds of traps): a Monte Carlo of the model agrees within its statistics.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

from qit4n.physics import rates
from qit4n.physics.detectors import Duty, duty, whole_gates
from qit4n.physics.finite_key import BasisCounts, Counts, FiniteKey, Intensities, Proof, finite_key
from qit4n.units import transmittance


@dataclass(frozen=True, kw_only=True)
class BB84(ABC):
    """A link: channel and receiver; a subclass adds the source and says what clicks of its pulses.

    Attributes:
        pulse_rate_hz: pulses, and detector gates, per second.
        key_basis_probability: how often each end chooses the key basis.
        channel_loss_db: everything between transmitter and receiver.
        receiver_loss_db: from the receiver's input to the detectors.
        detector_efficiency: clicks per photon at a detector.
        dark_count_probability: per detector and gate.
        misalignment: chance that a photon goes to the wrong detector, bases equal.
        dead_time_s: time after a click in which both detectors are blind; rounded up to whole gates.
        afterpulse_probability: chance that a click fills a trap that will release a carrier after the dead time.
        trap_lifetime_s: mean time to that release; 0 releases in the first live gate. The default is the order of
            magnitude of cooled InGaAs diodes (1.1 to 2.4 us in arXiv:2106.05599).
    """

    pulse_rate_hz: float
    key_basis_probability: float
    channel_loss_db: float
    receiver_loss_db: float
    detector_efficiency: float
    dark_count_probability: float
    misalignment: float
    dead_time_s: float
    afterpulse_probability: float
    trap_lifetime_s: float = 1e-6

    @property
    def transmittance(self) -> float:
        """Chance that a photon at the transmitter's output would be detected."""
        return transmittance(self.channel_loss_db + self.receiver_loss_db) * self.detector_efficiency

    receiver_kinds = 1
    qber_of = "either basis"

    @property
    @abstractmethod
    def intensities(self) -> tuple[tuple[float, float], ...]:
        """(probability, mean photons at the transmitter's output) of each intensity."""

    @abstractmethod
    def lit(self, mean_photons: float) -> float:
        """Probability that at least one photon of a pulse would be detected."""

    @abstractmethod
    def gain(self, mean_photons: float) -> float:
        """Q: probability that a pulse makes at least one detector click, dead time and afterpulses aside."""

    @abstractmethod
    def error_gain(self, mean_photons: float) -> float:
        """E Q: probability that a pulse clicks and gives the wrong bit, bases equal, double clicks at random."""

    @abstractmethod
    def key_length(
        self, counts: Counts, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
    ) -> FiniteKey:
        """Secret bits that a block of these counts yields."""

    @property
    def kinds(self) -> int:
        """Number of intensities."""
        return len(self.intensities)

    def through(self, channel_loss_db: float) -> Self:
        """The same modules with another loss between them."""
        return replace(self, channel_loss_db=channel_loss_db)

    def key_error_rate(self, test: BasisCounts) -> float:
        """What is to be expected in the key basis, before it is corrected: what the test basis shows."""
        return test.error_rate

    @property
    def dead_gates(self) -> int:
        """Gates lost after a click."""
        return whole_gates(self.dead_time_s, self.pulse_rate_hz)

    @property
    def release_probability(self) -> float:
        """Chance per gate that a filled trap releases its carrier."""
        gates = self.trap_lifetime_s * self.pulse_rate_hz
        return -math.expm1(-1.0 / gates) if gates else 1.0

    def matching_bases(self, *, key: bool) -> float:
        """Probability that both ends choose the key basis (or both the test basis)."""
        p = self.key_basis_probability
        return p * p if key else (1.0 - p) ** 2


@dataclass(frozen=True, kw_only=True)
class DecoyBB84(BB84):
    """BB84 with weak pulses of several intensities.

    Attributes:
        source: mean photons of signal and decoy pulses at the transmitter's output, and how often each is sent.
        proof: whose finite-key length; that of ``source.proof`` if not given.
    """

    source: Intensities
    proof: Proof | None = None

    @property
    def intensities(self) -> tuple[tuple[float, float], ...]:
        """(probability, mean photons) of each intensity."""
        return tuple(zip(self.source.probabilities, self.source.means, strict=True))

    def lit(self, mean_photons: float) -> float:
        """Of a Poissonian pulse."""
        return -math.expm1(-mean_photons * self.transmittance)

    def gain(self, mean_photons: float) -> float:
        """See :func:`.rates.gain`."""
        return float(rates.gain(mean_photons, self.transmittance, self.dark_count_probability))

    def error_gain(self, mean_photons: float) -> float:
        """See :func:`.rates.error_gain`."""
        given = mean_photons, self.transmittance, self.dark_count_probability, self.misalignment
        return float(rates.error_gain(*given))

    def key_length(
        self, counts: Counts, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
    ) -> FiniteKey:
        """Secret bits that a block of these counts yields; see :func:`.finite_key.finite_key`."""
        return finite_key(
            counts,
            self.source,
            leaked_bits=leaked_bits,
            epsilon_secrecy=epsilon_secrecy,
            epsilon_correctness=epsilon_correctness,
            proof=self.proof,
        )


def click_probability(link: BB84) -> float:
    """The gain averaged over the intensities: clicks per live gate without afterpulses."""
    return sum(share * link.gain(mu) for share, mu in link.intensities)


def asymptotic_rate(link: DecoyBB84, *, reconciliation_efficiency: float) -> float:
    """Bits per pulse for infinitely many pulses and decoys, of detectors without dead time and afterpulses."""
    per_sifted = rates.decoy_rate(
        link.intensities,
        link.transmittance,
        link.dark_count_probability,
        link.misalignment,
        efficiency=reconciliation_efficiency,
    )
    return link.matching_bases(key=True) * max(0.0, float(per_sifted))


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """Detections per gate after dead time and afterpulses, and errors if the bases are equal, by intensity."""

    detections: tuple[float, ...]
    wrong: tuple[float, ...]

    @property
    def per_gate(self) -> float:
        """Detections of all intensities."""
        return sum(self.detections)


def clicks(link: BB84) -> Clicks:
    """Long-run detections and errors per gate.

    In a live gate an afterpulse comes with probability u (:func:`qit4n.physics.detectors.duty`), whatever the pulse
    of that gate is. Alone it gives a random bit. With a click of the pulse it fires, half of the time, the other
    detector as well, and the bit is random: ``Q/4 + E Q/2`` errors.
    """
    p = click_probability(link)
    if p <= 0.0:
        none = (0.0,) * len(link.intensities)
        return Clicks(detections=none, wrong=none)
    state = duty(
        p,
        dead_gates=link.dead_gates,
        afterpulse_probability=link.afterpulse_probability,
        release_probability=link.release_probability,
    )
    detections, wrong = zip(*(_detected(link, state, *one) for one in link.intensities), strict=True)
    return Clicks(detections=detections, wrong=wrong)


def _detected(link: BB84, state: Duty, share: float, mean_photons: float) -> tuple[float, float]:
    """Detections and errors per gate from one intensity, sent with probability ``share``."""
    found, wrong, stray = link.gain(mean_photons), link.error_gain(mean_photons), state.release
    detections = found * (1.0 - stray) + stray
    errors = wrong * (1.0 - stray) + stray * ((1.0 - found) / 2.0 + found / 4.0 + wrong / 2.0)
    return state.live * share * detections, state.live * share * errors


def expected_counts(link: BB84, sifted_bits: float) -> Counts:
    """Expected counts of a block of ``sifted_bits`` bits in the key basis, and of what is tested meanwhile.

    Raises:
        ValueError: the link never clicks.
    """
    found = clicks(link)
    if found.per_gate == 0.0:
        raise ValueError("a link without light and dark counts has no detections to expect")
    pulses = sifted_bits / (found.per_gate * link.matching_bases(key=True))

    def basis(*, key: bool) -> BasisCounts:
        gates = pulses * link.matching_bases(key=key)
        return BasisCounts(
            detections=tuple(gates * one for one in found.detections), wrong=tuple(gates * one for one in found.wrong)
        )

    return Counts(key=basis(key=True), test=basis(key=False), pulses=pulses)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a link will do in the long run; rates per second of the link's own time."""

    secret_rate_bps: float
    qber: float
    sifted_rate_bps: float
    key_bits_per_block: float
    block_duration_s: float


def predict(
    link: BB84,
    *,
    block_bits: int,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
) -> Prediction:
    """Rate of a link whose blocks have ``block_bits`` sifted bits, from expected counts.

    The length at the expected counts stands for the mean length. The length is nearly linear in the counts, so they
    agree but at the edge, where some blocks yield key and others none.

    Args:
        link: its physics.
        block_bits: sifted bits in the key basis of a block.
        epsilon_secrecy: of one block.
        epsilon_correctness: of one block.
        reconciliation_efficiency: leaked bits per ``block_bits h(qber)``.
    """
    found = clicks(link)
    sifted_rate = found.per_gate * link.matching_bases(key=True) * link.pulse_rate_hz
    if sifted_rate == 0.0:
        return Prediction(
            secret_rate_bps=0.0, sifted_rate_bps=0.0, qber=0.0, key_bits_per_block=0.0, block_duration_s=math.inf
        )
    counts = expected_counts(link, block_bits)
    qber = counts.key.error_rate
    key = link.key_length(
        counts,
        leaked_bits=reconciliation_efficiency * block_bits * float(rates.binary_entropy(qber)),
        epsilon_secrecy=epsilon_secrecy,
        epsilon_correctness=epsilon_correctness,
    )
    duration = block_bits / sifted_rate
    return Prediction(
        secret_rate_bps=key.length_bits / duration,
        sifted_rate_bps=sifted_rate,
        qber=qber,
        key_bits_per_block=float(key.length_bits),
        block_duration_s=duration,
    )
