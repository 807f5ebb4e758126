"""What attacks on real devices give away, and the figures that show or bound them. Asymptotic where it says so."""

import math

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics import rates
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.rates import Array, binary_entropy
from qit4n.units import transmittance


def tagged_share(mean_photons: float, gain: float) -> float:
    """Share of the detections that may all come from pulses of several photons, of which she can keep one.

    ``Delta = p_multi / Q``, at most 1: then nothing is secret without decoys (Brassard, Luetkenhaus, Mor, Sanders, PRL
    85, 1330 (2000); Gottesman, Lo, Luetkenhaus, Preskill, QIC 4, 325 (2004)).
    """
    several = -math.expm1(-mean_photons) - mean_photons * math.exp(-mean_photons)
    return min(1.0, several / gain) if gain > 0.0 else 1.0


def splitting_shares(link: DecoyBB84) -> tuple[float, float]:
    """Shares of one-photon and of other pulses that photon-number splitting lets through.

    She keeps one photon of each pulse of several, sends the rest over a line without loss, and blocks as many single
    photons as it takes to leave the gain of the signal as it was; other pulses only once no single photons are left.
    Of n photons n - 1 arrive, so ``sum_n>=2 P(n) [1 - (1 - eta)^(n-1)]`` is what the others give (Poissonian P).
    """
    mean, eta = link.source.means[0], _receiver(link)
    expected = -math.expm1(-mean * link.transmittance)
    single = mean * math.exp(-mean) * eta
    several = -math.expm1(-mean) - mean * math.exp(-mean)
    if eta < 1.0:
        missed = math.exp(-mean * eta) - math.exp(-mean) - mean * math.exp(-mean) * (1.0 - eta)
        several -= missed / (1.0 - eta)
    if several >= expected:
        return 0.0, expected / several
    return min(1.0, (expected - several) / single), 1.0


def _receiver(link: DecoyBB84) -> float:
    """Chance that a photon at the receiver's input would be detected."""
    return transmittance(link.receiver_loss_db) * link.detector_efficiency


def double_clicks(link: DecoyBB84) -> float:
    """Gates in which both detectors fire, per gate that clicks; of detectors without dead time and afterpulses.

    Blinded detectors (Lydersen et al., Nature Photonics 4, 686 (2010)) have none, for a faked state is above the
    threshold of one detector or of neither.
    """
    same = link.matching_bases(key=True) + link.matching_bases(key=False)
    both = clicks = 0.0
    for share, mean in link.intensities:
        clicks += share * float(rates.gain(mean, link.transmittance, link.dark_count_probability))
        for chance, wrong in ((same, link.misalignment), (1.0 - same, 0.5)):
            fires = [
                -math.expm1(math.log1p(-link.dark_count_probability) - mean * link.transmittance * part)
                for part in (wrong, 1.0 - wrong)
            ]
            both += share * chance * fires[0] * fires[1]
    return both / clicks if clicks else 0.0


def time_shift_information(efficiency_ratio: ArrayLike) -> Array:
    """Bits per sifted bit that a time shift tells: ``1 - h(r/(1 + r))`` for the smaller over the larger efficiency.

    She moves each pulse to where either detector is the better one; who clicks is then known with ``1/(1 + r)`` (Qi,
    Fung, Lo, Ma, QIC 7, 73 (2007), quant-ph/0512080; the formula was derived here from this description).
    """
    ratio = np.asarray(efficiency_ratio, np.float64)
    return np.asarray(1.0 - binary_entropy(ratio / (1.0 + ratio)), np.float64)


def trojan_horse_phase_error(error_rate: float, single_photon_yield: float, leaked_photons: float) -> float:
    """Phase error rate if each pulse leaks a coherent state of ``leaked_photons`` (mu_out) that knows its setting.

    Lucamarini et al., PRX 5, 031030 (2015), equation 7 (asymptotic; read in the paper); at most one half.
    """
    imbalance = -math.expm1(-leaked_photons) / 2.0 + math.exp(-leaked_photons) * math.sin(leaked_photons / 2.0) ** 2
    seen = imbalance / single_photon_yield
    if seen >= 0.5:
        return 0.5
    e, rest = error_rate, seen * (1.0 - seen)
    return min(0.5, e + 4.0 * rest * (1.0 - 2.0 * e) + 4.0 * (1.0 - 2.0 * seen) * math.sqrt(rest * e * (1.0 - e)))


def trojan_horse_rate(
    mean_photons: float,
    eta: float,
    dark: float,
    misalignment: float,
    *,
    leaked_photons: float,
    efficiency: float = 1.0,
) -> float:
    """Asymptotic decoy-state BB84 with a source that leaks, in bits per sifted pulse; below 0 there is no key.

    Lucamarini et al., equation 8: ``Q1 [1 - h(e1')] - f Q h(E)``, yields perfectly known, intensities not leaked.

    Args:
        mean_photons: of the signal, which alone makes key.
        eta: transmittance from source to click.
        dark: dark count probability per detector and gate.
        misalignment: chance that a photon goes to the wrong detector.
        leaked_photons: mean photons of a pulse that come back from the transmitter (mu_out).
        efficiency: f >= 1 of reconciliation.
    """
    yield1 = float(rates.single_photon_yield(eta, dark))
    error1 = float(rates.single_photon_error_yield(eta, dark, misalignment)) / yield1
    phase = trojan_horse_phase_error(error1, yield1, leaked_photons)
    clicks = float(rates.gain(mean_photons, eta, dark))
    error = float(rates.error_gain(mean_photons, eta, dark, misalignment)) / clicks
    single = mean_photons * math.exp(-mean_photons) * yield1
    return single * (1.0 - float(binary_entropy(phase))) - efficiency * clicks * float(binary_entropy(error))


def trojan_horse_isolation_db(leaked_photons: float, pulse_rate_hz: float, *, photons_per_s: float = 1e20) -> float:
    """Isolation, there and back, that leaves at most ``leaked_photons`` per pulse (Lucamarini et al., section IV).

    ``photons_per_s`` is what destroys the fibre before more can enter; the default is that of the paper.
    """
    return 10.0 * math.log10(photons_per_s / pulse_rate_hz / leaked_photons)
