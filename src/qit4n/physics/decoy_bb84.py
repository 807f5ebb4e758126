"""One-decoy BB84 over a lossy channel with two threshold detectors: gains, errors, rates, prediction.

Gains and error rates are exact for Poissonian pulses, independent photons, dark counts and random assignment of
double clicks (physics of Ma, Qi, Zhao, Lo, PRA 72, 012326 (2005), with the double clicks kept). The detectors
are gated by the pulses and dead together: after a click both miss ``dead_gates`` gates; an afterpulse, if one
comes, is released in the first live gate after that, in a random detector. For this model the closed form of
:func:`clicks` is exact (renewal theorem), so that a Monte Carlo of the same model must agree within statistics.
"""

import math
from dataclasses import dataclass

from qit4n.physics.finite_key import (
    WIESEMANN_2026,
    BasisCounts,
    Counts,
    Intensities,
    Proof,
    binary_entropy,
    finite_key,
)
from qit4n.units import transmittance


@dataclass(frozen=True, kw_only=True)
class DecoyBB84:
    """A link: source, channel, receiver. Probabilities of the detectors are per detector and gate (or click)."""

    pulse_rate_hz: float
    signal_intensity: float
    decoy_intensity: float
    signal_probability: float
    key_basis_probability: float
    channel_loss_db: float
    receiver_loss_db: float
    detector_efficiency: float
    dark_count_probability: float
    misalignment: float
    dead_time_s: float
    afterpulse_probability: float

    @property
    def transmittance(self) -> float:
        """Chance that a photon at the transmitter's output would be detected."""
        return transmittance(self.channel_loss_db + self.receiver_loss_db) * self.detector_efficiency

    @property
    def dead_gates(self) -> int:
        """Gates lost after a click."""
        return math.ceil(self.dead_time_s * self.pulse_rate_hz - 1e-9)

    @property
    def source(self) -> Intensities:
        """What the finite-key length needs to know of the source."""
        return Intensities(
            signal=self.signal_intensity, decoy=self.decoy_intensity, signal_probability=self.signal_probability
        )

    @property
    def intensities(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(probability, mean photons) of signal and decoy."""
        return (
            (self.signal_probability, self.signal_intensity),
            (1.0 - self.signal_probability, self.decoy_intensity),
        )

    def matching_bases(self, *, key: bool) -> float:
        """Probability that both ends choose the key basis (or both the test basis)."""
        p = self.key_basis_probability
        return p * p if key else (1.0 - p) ** 2


def gain(link: DecoyBB84, mean_photons: float) -> float:
    """Q: probability that a pulse makes at least one detector click, dead time aside."""
    return 1.0 - (1.0 - link.dark_count_probability) ** 2 * math.exp(-mean_photons * link.transmittance)


def error_gain(link: DecoyBB84, mean_photons: float) -> float:
    """E Q: probability that a pulse clicks and gives the wrong bit, bases equal, double clicks at random."""
    dark, light = link.dark_count_probability, mean_photons * link.transmittance
    right = math.exp(-light * (1.0 - link.misalignment))
    wrong = math.exp(-light * link.misalignment)
    return 0.5 * (1.0 + (1.0 - dark) * (right - wrong) - (1.0 - dark) ** 2 * math.exp(-light))


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """Clicks per gate after dead time and afterpulses, by intensity; errors when the bases are equal."""

    per_gate: float
    signal: float
    decoy: float
    signal_errors: float
    decoy_errors: float


def clicks(link: DecoyBB84) -> Clicks:
    """Long-run click and error probabilities per gate.

    With p the gain averaged over intensities, d the dead gates and a the afterpulse probability, the mean distance
    of clicks is ``d + 1 + (1 - a)(1 - p) / p`` gates. A click is an afterpulse alone with probability a (1 - p), and
    both at once with probability a p; then half of the time the other detector fires too and the bit is random.
    """
    a = link.afterpulse_probability
    p = sum(share * gain(link, mu) for share, mu in link.intensities)
    if p <= 0.0:
        return Clicks(per_gate=0.0, signal=0.0, decoy=0.0, signal_errors=0.0, decoy_errors=0.0)
    per_gate = 1.0 / (link.dead_gates + 1.0 + (1.0 - a) * (1.0 - p) / p)
    found, errors = [], []
    for share, mu in link.intensities:
        q, e = share * gain(link, mu) / p, share * error_gain(link, mu) / p
        stray = a * share * (1.0 - gain(link, mu))
        found.append(per_gate * ((1.0 - a + a * p) * q + stray))
        errors.append(per_gate * ((1.0 - a) * e + a * p * (e / 2.0 + q / 4.0) + stray / 2.0))
    return Clicks(
        per_gate=per_gate, signal=found[0], decoy=found[1], signal_errors=errors[0], decoy_errors=errors[1]
    )


def expected_counts(link: DecoyBB84, sifted_bits: float) -> Counts:
    """Expected counts of a block of ``sifted_bits`` bits in the key basis, and of what is tested meanwhile."""
    found = clicks(link)
    pulses = sifted_bits / (found.per_gate * link.matching_bases(key=True))

    def basis(*, key: bool) -> BasisCounts:
        gates = pulses * link.matching_bases(key=key)
        return BasisCounts(
            signal=gates * found.signal,
            decoy=gates * found.decoy,
            signal_errors=gates * found.signal_errors,
            decoy_errors=gates * found.decoy_errors,
        )

    return Counts(key=basis(key=True), test=basis(key=False))


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a link will do in the long run; rates per second of the link's own time."""

    secret_rate_bps: float
    sifted_rate_bps: float
    qber: float
    key_bits_per_block: float
    block_duration_s: float


def predict(
    link: DecoyBB84,
    *,
    block_bits: int,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
    proof: Proof = WIESEMANN_2026,
) -> Prediction:
    """Rate of a link whose blocks have ``block_bits`` sifted bits, from expected counts.

    Fluctuations of the counts move the length of single blocks; their mean moves little, since the length is
    nearly linear in the counts.
    """
    found = clicks(link)
    sifted_rate = found.per_gate * link.matching_bases(key=True) * link.pulse_rate_hz
    if sifted_rate == 0.0:
        return Prediction(
            secret_rate_bps=0.0, sifted_rate_bps=0.0, qber=0.0, key_bits_per_block=0.0, block_duration_s=math.inf
        )
    counts = expected_counts(link, block_bits)
    qber = counts.key.error_rate
    key = finite_key(
        counts,
        link.source,
        leaked_bits=reconciliation_efficiency * block_bits * binary_entropy(qber),
        epsilon_secrecy=epsilon_secrecy,
        epsilon_correctness=epsilon_correctness,
        proof=proof,
    )
    duration = block_bits / sifted_rate
    return Prediction(
        secret_rate_bps=key.length_bits / duration,
        sifted_rate_bps=sifted_rate,
        qber=qber,
        key_bits_per_block=float(key.length_bits),
        block_duration_s=duration,
    )
