"""BB84 with a single-photon source (a quantum dot) and no decoys: photon numbers, finite-key length, link.

*Source.* Known of it are the mean photons per pulse at the transmitter's output (``brightness`` B) and g2(0) =
``<n (n - 1)> / B^2``, which two detectors behind a beam splitter measure. Since ``n (n - 1) >= 2`` from two photons on,
``P(n >= 2) <= B^2 g2 / 2`` (Waks, Santori, Yamamoto, PRA 66, 042315 (2002), recalled). The pulses here have 0, 1 or 2
photons, ``P2 = B^2 g2 / 2`` and ``P1 = B - 2 P2``: of all with this B and g2 those that reach the bound. Loss leaves
such a pulse one of the same g2. Assumed: B and g2 are no more than the file says, photon numbers of different pulses do
not depend on each other, and there is no coherence between photon numbers (a dot under resonant excitation has some,
unless the phase is scrambled: Bozzio et al., npj Quantum Information 8, 104 (2022), recalled).

*Length.* A pulse of several photons is tagged: the eavesdropper knows all of it (Gottesman, Lo, Luetkenhaus, Preskill,
QIC 4, 325 (2004), recalled). Pulses of none or one have a state that does not depend on the basis, so their bits are
as those of a source of pairs (Koashi and Preskill, PRL 90, 057902 (2003)) with the length of :mod:`.bbm92`.

- Tagged pulses of which both ends choose the key basis come with chance ``p <= p_K^2 B^2 g2 / 2`` each, whatever
  happens on the way. For any s fixed beforehand ``exp(s M - t ln(1 + p (e^s - 1)))``, M of t pulses, never grows in
  the mean, so by Ville's inequality it stays below ``1/eps`` at all times, but with chance eps. So a block may end when
  it has bits enough, and who saw the photon numbers may have chosen when; begin it may at any slot, also at one of
  which photons are known to be under way, as it holds for each of 2^63 slots:
  ``M <= [t ln(1 + p (e^s - 1)) + ln(2^63 K/eps)] / s``, the least over K values of s. n key bits at least are untagged.
- An untagged bit that would be wrong in the test basis is tested with the chance ``q = p_T^2 / (p_K^2 + p_T^2)``,
  whatever came before: nothing of its basis is known until its click is told. W of them, of which x are seen, make
  ``exp(-s x) / (1 - q (1 - e^-s))^W`` such a process, too, so at all times
  ``W <= [s x + ln(K/eps)] / -ln[1 - q (1 - e^-s)]``, which grows by more than x does: those seen of tagged bits do no
  harm. Phase error: ``e <= (W - x)/n``.
- ``l = n [1 - h(e)] - leak - log2(2/eps_cor) - 2 log2(1/eps_sec)``. Tagged bits cost no more than themselves: to tell
  her which they are, and all of them, leaves the entropy of the untagged. Secrecy: ``eps_sec/4`` for the number of
  tagged, twice the smoothing ``eps_sec/8`` by the root of the chance that e is wrong, half for the hashing (Tomamichel,
  Lim, Gisin, Renner, Nature Communications 3, 634 (2012), recalled).

Morrison et al., Nature Communications 14, 3573 (2023), and Pousa, Oi, Jeffers, arXiv:2405.19963, use Chernoff's bound
for such sources too (abstracts read). Assumed of the receiver: whether it clicks does not depend on its basis.
"""

import math
from dataclasses import dataclass

import numpy as np

from qit4n.physics import rates
from qit4n.physics.decoy_bb84 import BB84
from qit4n.physics.finite_key import Counts, FiniteKey, Proof
from qit4n.physics.rates import Array, binary_entropy

TAGGED_2012 = Proof(
    protocol="single-photon BB84",
    name="Tomamichel 2012, several photons tagged",
    reference="Nature Communications 3, 634 (2012), and QIC 4, 325 (2004), with P(n >= 2) <= B^2 g2/2 of PRA 66, "
    "042315 (2002); together: qit4n.physics.single_photons",
    intensities=1,
    parts=8,
    factor=2,
    shift=3.0,
    concentration="exponential supermartingales of tagged pulses and of errors (Ville)",
)
SLOPES = tuple(2.0 ** (2 - k) for k in range(26))
STARTS = 2.0**63
"""Slots at which a block may begin."""


@dataclass(frozen=True, kw_only=True)
class SinglePhotons:
    """A source of pulses with 0, 1 or 2 photons: mean photons per pulse, and g2(0)."""

    brightness: float
    g2: float

    def __post_init__(self) -> None:
        """Refuse what no such source has.

        Raises:
            ValueError: a brightness not in 0..1, or g2 not in 0..1.
        """
        if not 0.0 < self.brightness <= 1.0:
            raise ValueError(
                f"a single-photon source of {self.brightness} mean photons per pulse: more than 0, up to 1"
            )
        if not 0.0 <= self.g2 <= 1.0:
            raise ValueError(f"a single-photon source with g2(0) = {self.g2}: right is 0 to 1")

    @property
    def several(self) -> float:
        """Probability of a pulse of two photons; of any source with this brightness and g2 at most that of more."""
        return self.brightness**2 * self.g2 / 2.0

    def numbers(self, mean: float) -> Array:
        """Chances of 1 and of 2 photons where ``mean`` of ``brightness`` is left."""
        two = mean**2 * self.g2 / 2.0
        return np.array([mean - 2.0 * two, two])


@dataclass(frozen=True, kw_only=True)
class SinglePhotonBB84(BB84):
    """BB84 with a single-photon source.

    Attributes:
        source: at the transmitter's output.
    """

    source: SinglePhotons

    @property
    def intensities(self) -> tuple[tuple[float, float], ...]:
        """One, always sent."""
        return ((1.0, self.source.brightness),)

    def lit(self, mean_photons: float) -> float:
        """See :func:`.rates.sub_poissonian_lit`."""
        return float(rates.sub_poissonian_lit(mean_photons, self.source.g2, self.transmittance))

    def gain(self, mean_photons: float) -> float:
        """See :func:`.rates.sub_poissonian_gain`."""
        given = mean_photons, self.source.g2, self.transmittance, self.dark_count_probability
        return float(rates.sub_poissonian_gain(*given))

    def error_gain(self, mean_photons: float) -> float:
        """See :func:`.rates.sub_poissonian_error_gain`."""
        given = mean_photons, self.source.g2, self.transmittance, self.dark_count_probability, self.misalignment
        return float(rates.sub_poissonian_error_gain(*given))

    def key_length(
        self, counts: Counts, *, leaked_bits: float, epsilon_secrecy: float, epsilon_correctness: float
    ) -> FiniteKey:
        """Secret bits that a block of these counts yields, at least 0, by the length above.

        ``single_photon_bound`` is n, with the bits of empty pulses, which are as secret.

        Args:
            counts: detections and errors of the block, and how many pulses were sent for it.
            leaked_bits: every bit that error correction revealed. Verification is paid by ``epsilon_correctness``.
            epsilon_secrecy: secrecy of the block.
            epsilon_correctness: chance that the two keys differ unnoticed.
        """
        epsilon = epsilon_secrecy / TAGGED_2012.parts
        tested, kept = self.matching_bases(key=False), self.matching_bases(key=True)
        tagged = successes_upper(counts.pulses, kept * self.source.several, 2.0 * epsilon / STARTS)
        key, seen = max(0.0, counts.key.total - tagged), counts.test.errors
        phase = 0.5
        if key > 0.0:
            phase = min(0.5, (errors_upper(seen, tested / (tested + kept), epsilon**2) - seen) / key)
        length = (
            key * (1.0 - float(binary_entropy(phase)))
            - leaked_bits
            - math.log2(2.0 / epsilon_correctness)
            - TAGGED_2012.secrecy_cost(epsilon_secrecy)
        )
        return FiniteKey(
            proof=TAGGED_2012,
            length_bits=max(0, math.floor(length)) if phase < 0.5 else 0,
            vacuum_bound=0.0,
            single_photon_bound=key,
            phase_error_bound=phase,
        )


def asymptotic_rate(link: SinglePhotonBB84, *, reconciliation_efficiency: float) -> float:
    """Bits per pulse for infinitely many pulses, of detectors without dead time and afterpulses."""
    per_sifted = rates.single_photon_rate(
        link.transmittance,
        link.dark_count_probability,
        link.misalignment,
        brightness=link.source.brightness,
        g2=link.source.g2,
        efficiency=reconciliation_efficiency,
    )
    return link.matching_bases(key=True) * max(0.0, float(per_sifted))


def successes_upper(trials: float, chance: float, epsilon: float) -> float:
    """Successes among the first ``trials``, of which each has at most ``chance``, whatever came before.

    Exceeded at any number of trials, whoever chooses it, with probability at most ``epsilon``.
    """
    if chance <= 0.0:
        return 0.0
    cost = math.log(len(SLOPES) / epsilon)
    return min((trials * math.log1p(chance * math.expm1(slope)) + cost) / slope for slope in SLOPES)


def errors_upper(seen: float, share: float, epsilon: float) -> float:
    """All errors, of which each had the chance ``share`` to be seen, whatever came before.

    Exceeded at any time, whoever chooses it, with probability at most ``epsilon``.
    """
    cost = math.log(len(SLOPES) / epsilon)
    return min((slope * seen + cost) / -math.log1p(share * math.expm1(-slope)) for slope in SLOPES)
