"""Attacks, each with the figure by which it is detected or bounded.

Provenance of the figures on the Trojan horse: M. Lucamarini et al., PRX 5, 031030 (2015), text on figures 3 and 4,
table I. The paper's dark count probability of 1e-5 per gate reproduces its distances as that of the receiver.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.optimize import brentq

from qit4n.physics import attacks, rates
from qit4n.physics.decoy_bb84 import DecoyBB84, clicks
from qit4n.physics.finite_key import BasisCounts, Counts, Intensities, finite_key
from qit4n.physics.rates import binary_entropy
from qit4n.quantum.emulated.eavesdropper import BlindedReceiver, FakedStates, PhotonNumberSplitting, TimeShift
from qit4n.quantum.emulated.light import KEY_BASIS, TEST_BASIS
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter

SIGMAS = 4.5
ONE_DECOY = Intensities(means=(0.5, 0.15), probabilities=(0.6, 0.4))
TWO_DECOYS = Intensities(means=(0.5, 0.15, 0.0), probabilities=(0.5, 0.3, 0.2))


def _link(**changes):
    values = {
        "pulse_rate_hz": 1e8,
        "source": ONE_DECOY,
        "key_basis_probability": 0.6,
        "channel_loss_db": 10.0,
        "receiver_loss_db": 1.0,
        "detector_efficiency": 0.3,
        "dark_count_probability": 1e-6,
        "misalignment": 0.01,
        "dead_time_s": 0.0,
        "afterpulse_probability": 0.0,
    }
    return DecoyBB84(**(values | changes))


@dataclass
class Run:
    """What both ends know after a run."""

    counts: Counts
    pulses: int
    double_clicks: int
    slots: int
    ones: int
    bits: np.ndarray


def _run(transmitter, receiver, pulses, attack=None, segments=10):
    kinds = len(transmitter._link.intensities)
    table = np.zeros((2, 2, kinds), np.int64)
    doubles, bits = 0, []
    for _ in range(segments):
        light = transmitter.emit(pulses // segments)
        found = receiver.detect(attack.tamper(light) if attack else light)
        sent = transmitter.prepared(found.slots)
        for basis in (KEY_BASIS, TEST_BASIS):
            sifted = (found.bases == basis) & (sent.bases == basis)
            wrong = sifted & (found.bits != sent.bits)
            table[basis, 0] += np.bincount(sent.intensities[sifted], minlength=kinds)
            table[basis, 1] += np.bincount(sent.intensities[wrong], minlength=kinds)
        doubles += found.double_clicks
        bits.append(found.bits)
    bits = np.concatenate(bits)
    key, test = (BasisCounts(detections=tuple(map(int, d)), wrong=tuple(map(int, w))) for d, w in table)
    return Run(Counts(key=key, test=test), pulses, doubles, bits.size, int(bits.sum()), bits)


def _honest(link, pulses, seed):
    return _run(
        EmulatedTransmitter(link, default_rng([seed, 1])), EmulatedReceiver(link, default_rng([seed, 2])), pulses
    )


def _key(run, link):
    leaked = 1.05 * run.counts.key.total * float(binary_entropy(run.counts.key.error_rate))
    return finite_key(run.counts, link.source, leaked_bits=leaked, epsilon_secrecy=1e-9, epsilon_correctness=1e-15)


def _close(found, expected, spread=1.0):
    assert abs(found - expected) < SIGMAS * math.sqrt(spread * expected), (found, expected)


# Photon-number splitting


@pytest.mark.parametrize("source", [ONE_DECOY, TWO_DECOYS])
def test_photon_number_splitting_shows_in_the_decoys(source):
    """Signals arrive as often and as right as before; decoys do not: the single-photon bound collapses, and the key."""
    link, pulses = _link(source=source), 20_000_000
    attack = PhotonNumberSplitting(link, default_rng(3))
    transmitter = EmulatedTransmitter(attack.at_source(link), default_rng(1))
    attacked = _run(transmitter, EmulatedReceiver(link, default_rng(2)), pulses, attack)
    honest = _honest(link, pulses, 4)
    gates = pulses * link.matching_bases(key=True)
    share, mean = link.intensities[0]
    _close(attacked.counts.key.detections[0], gates * share * link.gain(mean))
    assert attacked.counts.key.error_rate < honest.counts.key.error_rate + 0.003
    decoys = gates * link.intensities[1][0] * link.gain(link.intensities[1][1])
    assert attacked.counts.key.detections[1] < 0.7 * decoys
    assert _key(honest, link).length_bits > 0
    assert _key(attacked, link).length_bits == 0
    assert _key(attacked, link).single_photon_bound < 0.1 * _key(honest, link).single_photon_bound


@pytest.mark.parametrize("loss_db", [3.0, 10.0, 25.0])
@pytest.mark.parametrize("efficiency", [0.2, 1.0])
def test_splitting_shares_leave_the_gain(loss_db, efficiency):
    """The shares, put into the sum over photon numbers, give the gain of the signal without the attack."""
    link = _link(channel_loss_db=loss_db, receiver_loss_db=0.0, detector_efficiency=efficiency)
    single, several = attacks.splitting_shares(link)
    mean = link.source.means[0]
    total = mean * math.exp(-mean) * single * efficiency
    for n in range(2, 40):
        chance = math.exp(-mean) * mean**n / math.factorial(n)
        total += chance * several * (1.0 - (1.0 - efficiency) ** (n - 1))
    assert 0.0 <= single < 1.0
    assert total == pytest.approx(-math.expm1(-mean * link.transmittance), rel=1e-12)


def test_without_decoys_loss_gives_everything_away():
    """Of a source of 0.5 photons all detections may be tagged from 9 % of gain on down; of weaker ones fewer."""
    assert attacks.tagged_share(0.5, 0.0902) == pytest.approx(1.0, abs=1e-3)
    assert attacks.tagged_share(0.5, 0.05) == 1.0
    assert attacks.tagged_share(0.05, 0.05) == pytest.approx(0.05 / 2, rel=0.05)


# Blinded detectors


def test_blinded_detectors_never_click_together():
    """As many detections as ever and no errors; but no double clicks, of which honest detectors have those expected."""
    link, pulses = _link(), 40_000_000
    nearer = _link(channel_loss_db=10.0 - 10 * math.log10(2.0))  # she makes up for the half that does not click
    attacked = _run(
        EmulatedTransmitter(nearer, default_rng(1)),
        BlindedReceiver(link, default_rng(2)),
        pulses,
        FakedStates(default_rng(3)),
    )
    honest = _honest(link, pulses, 5)
    assert attacked.slots == pytest.approx(honest.slots, rel=0.02)
    assert attacked.counts.key.errors == attacked.counts.test.errors == 0
    expected = attacks.double_clicks(link) * honest.slots
    assert expected > 100
    _close(honest.double_clicks, expected)
    assert attacked.double_clicks == 0


def test_blinded_detectors_have_no_dark_counts():
    """Empty pulses never click, so the count of the empty decoys is zero where dark counts are expected."""
    link = _link(source=TWO_DECOYS, dark_count_probability=1e-4)
    attacked = _run(
        EmulatedTransmitter(link, default_rng(1)),
        BlindedReceiver(link, default_rng(2)),
        1_000_000,
        FakedStates(default_rng(3)),
    )
    assert attacked.counts.key.detections[2] == 0
    _close(_honest(link, 1_000_000, 1).counts.key.detections[2], 1e6 * 0.36 * 0.2 * 2e-4)


# Time shift


@pytest.mark.parametrize(("ratio", "early_share"), [(0.2, 0.5), (0.5, 0.5), (0.2, 0.8), (1.0, 0.8)])
def test_time_shift_is_bounded_and_shows(ratio, early_share):
    """Her record tells as much of the bits as the bound says; an uneven attack shows as uneven bits, any as a loss."""
    link, pulses = _link(dark_count_probability=0.0), 20_000_000
    receiver = EmulatedReceiver(link, default_rng(2))
    transmitter, early, bits = EmulatedTransmitter(link, default_rng(1)), [], []
    shift = TimeShift(receiver, ratio, early_share, default_rng(3))
    for _ in range(4):
        bits.append(shift.detect(transmitter.emit(pulses // 4)).bits)
        early.append(shift.early)
    bits, early = np.concatenate(bits), np.concatenate(early)
    _close(bits.size, pulses * clicks(link).per_gate * (1 + ratio) / 2)
    worse = np.count_nonzero(early == (bits == 1)) / bits.size
    told = 1.0 - float(binary_entropy(worse))
    assert told == pytest.approx(float(attacks.time_shift_information(ratio)), abs=0.01)
    balance = 0.5 + (0.5 - early_share) * (1 - ratio) / (1 + ratio)
    assert abs(bits.mean() - balance) < SIGMAS / 2 / math.sqrt(bits.size)
    assert (abs(bits.mean() - 0.5) > SIGMAS / 2 / math.sqrt(bits.size)) == (early_share != 0.5 and ratio < 1.0)


def test_time_shift_information_at_its_ends():
    """Equal detectors tell nothing, a blind one everything."""
    assert attacks.time_shift_information([1.0, 0.0]) == pytest.approx([0.0, 1.0], abs=1e-15)


# Trojan horse

DARK = 5e-6


def _single_rate(length_km, leaked):
    eta = 0.125 * 10 ** (-0.02 * length_km)
    seen = float(rates.single_photon_yield(eta, DARK))
    error = float(rates.single_photon_error_yield(eta, DARK, 0.01)) / seen
    phase = attacks.trojan_horse_phase_error(error, seen, leaked)
    return seen * (1.0 - float(binary_entropy(phase)) - 1.2 * float(binary_entropy(error)))


def _decoy_rate(length_km, leaked):
    eta = 0.125 * 10 ** (-0.02 * length_km)
    return attacks.trojan_horse_rate(0.5, eta, DARK, 0.01, leaked_photons=leaked, efficiency=1.2)


@pytest.mark.parametrize(
    ("rate", "leaked", "reach_km"),
    [(_single_rate, 0.0, 170), (_single_rate, 1e-2, 9), (_decoy_rate, 0.0, 146), (_decoy_rate, 1e-6, 140)],
)
def test_reach_under_a_trojan_horse(rate, leaked, reach_km):
    """Figures 3 and 4: how far a key reaches if mu_out photons leak, of single photons and of decoy states."""
    assert brentq(rate, 0.0, 300.0, args=(leaked,)) == pytest.approx(reach_km, rel=0.02)


@pytest.mark.parametrize(("rate", "most"), [(_single_rate, 0.015), (_decoy_rate, 0.012)])
def test_largest_leak_with_a_key(rate, most):
    """The largest mu_out that leaves a key at no distance: 0.015 of single photons, 0.012 of decoy states."""
    found = brentq(lambda leaked: rate(0.0, leaked), 1e-4, 0.1)
    assert round(found, 3) == most


@pytest.mark.parametrize(("clock_hz", "isolation_db"), [(1e9, 170.0), (1e6, 200.0), (1e3, 230.0)])
def test_isolation_of_table_1(clock_hz, isolation_db):
    """Table I: the isolation for mu_out = 1e-6 by clock rate."""
    assert attacks.trojan_horse_isolation_db(1e-6, clock_hz) == pytest.approx(isolation_db, abs=1e-9)


@pytest.mark.parametrize("leaked", [1e-4, 1e-3, 1e-2])
def test_what_a_trojan_horse_reads_is_paid_for(leaked):
    """Homodyne detection of the leaked states, bases known, tells less than the phase error of a perfect link pays."""
    dice = default_rng(1)
    bits = dice.integers(0, 2, 1_000_000)
    quadrature = np.sqrt(2.0 * leaked) * (1.0 - 2.0 * bits) + dice.normal(0.0, np.sqrt(0.5), bits.size)
    wrong = np.count_nonzero((quadrature < 0) != (bits == 1)) / bits.size
    assert wrong == pytest.approx(math.erfc(math.sqrt(2.0 * leaked)) / 2.0, abs=SIGMAS * 5e-4)
    told = 1.0 - float(binary_entropy(wrong))
    assert 0.0 < told < float(binary_entropy(attacks.trojan_horse_phase_error(0.0, 1.0, leaked)))


@pytest.mark.parametrize("leaked", [1e-3, 0.1, 0.7])
@pytest.mark.parametrize("error", [0.0, 0.02])
def test_phase_error_is_that_of_equation_7(leaked, error):
    """The form without cancellation is the printed one; from half of the yield on nothing is known."""
    seen = (1.0 - math.exp(-leaked) * math.cos(leaked)) / 2.0 / 0.9
    printed = error + 4.0 * seen * (1.0 - seen) * (1.0 - 2.0 * error)
    printed += 4.0 * (1.0 - 2.0 * seen) * math.sqrt(seen * (1.0 - seen) * error * (1.0 - error))
    assert attacks.trojan_horse_phase_error(error, 0.9, leaked) == pytest.approx(min(0.5, printed), rel=1e-12)
    assert attacks.trojan_horse_phase_error(error, 1e-5, leaked) == 0.5


def test_no_leak_is_no_attack():
    """Without a leak the rate is the asymptotic one but for its vacuum term; every leak costs key."""
    free = float(rates.decoy_rate([(1.0, 0.5)], 0.01, DARK, 0.01, efficiency=1.2))
    vacuum = math.exp(-0.5) * float(rates.single_photon_yield(0.0, DARK))
    leaks = [
        attacks.trojan_horse_rate(0.5, 0.01, DARK, 0.01, leaked_photons=mu, efficiency=1.2) for mu in (0, 1e-8, 1e-4)
    ]
    assert leaks[0] == pytest.approx(free - vacuum, rel=1e-12)
    assert leaks[0] > leaks[1] > leaks[2]
