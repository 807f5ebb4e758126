"""BB84 with a single-photon source: photon numbers, clicks, bounds that hold, length."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from qit4n.physics import bbm92, rates
from qit4n.physics.decoy_bb84 import expected_counts, predict
from qit4n.physics.finite_key import BasisCounts, Counts
from qit4n.physics.rates import binary_entropy
from qit4n.physics.single_photons import (
    TAGGED_2012,
    SinglePhotonBB84,
    SinglePhotons,
    asymptotic_rate,
    errors_upper,
    successes_upper,
)

LINK = SinglePhotonBB84(
    pulse_rate_hz=1e8,
    source=SinglePhotons(brightness=0.4, g2=0.03),
    key_basis_probability=0.8,
    channel_loss_db=6.0,
    receiver_loss_db=1.0,
    detector_efficiency=0.6,
    dark_count_probability=1e-6,
    misalignment=0.01,
    dead_time_s=0.0,
    afterpulse_probability=0.0,
)
EPSILONS = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15}
FREE = {"leaked_bits": 0, **EPSILONS}


@pytest.mark.parametrize(("brightness", "g2"), [(0.1, 0.02), (1.0, 0.0), (1.0, 1.0), (0.4, 0.5)])
def test_photon_numbers_have_brightness_and_g2(brightness, g2):
    """Mean, second factorial moment and the chance of several are those asked for; none is negative."""
    source = SinglePhotons(brightness=brightness, g2=g2)
    one, two = source.numbers(brightness)
    assert min(one, two, 1.0 - one - two) >= 0.0
    assert one + 2 * two == pytest.approx(brightness)
    assert 2 * two / brightness**2 == pytest.approx(g2)
    assert source.several == pytest.approx(two)


@pytest.mark.parametrize("wrong", [{"brightness": 0.0}, {"brightness": 1.01}, {"g2": -0.1}, {"g2": 1.2}])
def test_sources_that_do_not_exist(wrong):
    """More than one photon per pulse, none, or g2(0) beyond that of a laser are refused."""
    with pytest.raises(ValueError, match="single-photon source"):
        SinglePhotons(**({"brightness": 0.1, "g2": 0.0} | wrong))


@pytest.mark.parametrize("dark", [0.0, 0.03])
@pytest.mark.parametrize("wrong", [0.0, 0.07, 0.5])
@pytest.mark.parametrize(("brightness", "g2", "eta"), [(0.7, 0.3, 0.4), (1.0, 1.0, 1.0), (0.2, 0.0, 0.05)])
def test_clicks_are_the_sum_over_all_that_can_happen(brightness, g2, eta, dark, wrong):
    """Each photon is lost, or goes right or wrong; each detector has a dark count or not: all of it, added up."""
    one, two = SinglePhotons(brightness=brightness, g2=g2).numbers(brightness)
    fates = ((1.0 - eta, 0), (eta * (1.0 - wrong), 1), (eta * wrong, 2))  # bit 0: the right detector, bit 1: the wrong
    counts = tuple((p if n & 1 else 1 - p) * (p if n & 2 else 1 - p) for p in (dark,) for n in range(4))
    clicks = errors = 0.0
    for photons, chance in enumerate((1.0 - one - two, one, two)):
        for taken, fired in itertools.product(itertools.product(fates, repeat=photons), range(4)):
            weight, mask = chance * counts[fired], fired
            for part, detector in taken:
                weight, mask = weight * part, mask | detector
            clicks += weight * (mask > 0)
            errors += weight * (0.0, 0.0, 1.0, 0.5)[mask]
    assert float(rates.sub_poissonian_gain(brightness, g2, eta, dark)) == pytest.approx(clicks, rel=1e-12, abs=1e-15)
    found = float(rates.sub_poissonian_error_gain(brightness, g2, eta, dark, wrong))
    assert found == pytest.approx(errors, rel=1e-10, abs=1e-15)


def test_loss_leaves_g2():
    """Pulses behind a loss of 3 dB are those of a source of half the brightness and the same g2."""
    bright, far = LINK.source.brightness, LINK.through(9.0)
    dim = dataclasses.replace(LINK, source=SinglePhotons(brightness=bright * 10**-0.3, g2=LINK.source.g2))
    assert far.gain(bright) == pytest.approx(dim.gain(dim.source.brightness), rel=1e-12)
    assert far.error_gain(bright) == pytest.approx(dim.error_gain(dim.source.brightness), rel=1e-12)


@pytest.mark.parametrize("chance", [0.003, 0.05])
def test_whoever_stops_sees_too_many_seldom(chance):
    """Exact chance that the bound is ever exceeded in 4000 trials, by who stops at the best moment: below epsilon.

    And not by far, and for one number of trials the bound is near the Gaussian one: it is no empty statement.
    """
    epsilon, trials = 1e-2, 4000
    alive, lost = np.zeros(trials + 2), 0.0
    alive[0] = 1.0
    for trial in range(1, trials + 1):
        alive[1:] = alive[1:] * (1.0 - chance) + alive[:-1] * chance
        alive[0] *= 1.0 - chance
        most = math.floor(successes_upper(trial, chance, epsilon))
        lost += float(alive[most + 1 :].sum())
        alive[most + 1 :] = 0.0
    assert epsilon / 1000 < lost <= epsilon
    mean = 1e6 * chance
    gaussian = mean + math.sqrt(2.0 * mean * math.log(1e10))
    assert gaussian < successes_upper(1e6, chance, 1e-10) < gaussian + 0.25 * (gaussian - mean)


def test_without_several_photons_none_is_tagged():
    """g2 = 0: none, however many pulses; else as many pulses as one likes, as many tagged."""
    assert successes_upper(math.inf, 0.0, 1e-10) == 0.0
    assert successes_upper(math.inf, 1e-6, 1e-10) == math.inf


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_whoever_stops_has_more_errors_than_the_bound_seldom(share):
    """Exact chance that up to 4000 errors are ever more than the bound says of those seen: below epsilon, not by far.

    For 1e6 seen it is near the Gaussian one of a fixed number.
    """
    epsilon, errors = 1e-2, 4000
    bound = np.array([errors_upper(float(seen), share, epsilon) for seen in range(errors + 2)])
    alive, lost = np.zeros(errors + 2), 0.0
    alive[0] = 1.0
    for all_of_them in range(1, errors + 1):
        alive[1:] = alive[1:] * (1.0 - share) + alive[:-1] * share
        alive[0] *= 1.0 - share
        beyond = bound < all_of_them
        lost += float(alive[beyond].sum())
        alive[beyond] = 0.0
    assert epsilon / 1000 < lost <= epsilon
    mean = 1e6 / share
    gaussian = mean + math.sqrt(2.0 * mean * (1.0 - share) / share * math.log(1e10))
    assert gaussian < errors_upper(1e6, share, 1e-10) < gaussian + 0.25 * (gaussian - mean)


def test_errors_of_the_tagged_do_no_harm():
    """One more error seen is never less of those that were not seen."""
    unseen = [errors_upper(float(seen), 0.3, 1e-20) - seen for seen in range(2000)]
    assert all(more >= less for less, more in itertools.pairwise(unseen))


def test_no_bits_no_knowledge():
    """Where all key bits may be tagged the phase error rate is one half."""
    key, test = (BasisCounts(detections=(count,), wrong=(0,)) for count in (10, 0))
    found = LINK.key_length(Counts(key=key, test=test, pulses=1e6), **FREE)
    assert (found.length_bits, found.phase_error_bound, found.single_photon_bound) == (0, 0.5, 0.0)


def test_length_by_hand():
    """The length of one block, from its counts, with numbers worked out apart."""
    source = SinglePhotons(brightness=0.1, g2=0.02)
    link = dataclasses.replace(LINK, source=source, key_basis_probability=0.5)
    counts = Counts(
        key=BasisCounts(detections=(100_000,), wrong=(1_000,)),
        test=BasisCounts(detections=(100_000,), wrong=(1_000,)),
        pulses=4e7,
    )
    found = link.key_length(counts, leaked_bits=9_000, **EPSILONS)
    # 4e7 pulses, 1e-4 of two photons, a quarter of them in the key basis: 1000 tagged; ln(26 * 2^63 * 4e9) = 69.04;
    # s = 1/4 is the best of the powers of two: 1000 * (e^0.25 - 1) / 0.25 + 69.04 * 4 = 1136.1 + 276.1
    assert found.single_photon_bound == pytest.approx(100_000 - 1412.2, abs=0.5)
    # ln(26 * 64e18) = 48.86, s = 1/2: (500 + 48.86) / -ln(1 - 0.5 * 0.39347) = 2505.4 errors at most, 1000 of them seen
    phase = 1505.4 / (100_000 - 1412.2)
    assert found.phase_error_bound == pytest.approx(phase, rel=1e-4)
    length = 98_587.8 * (1.0 - float(binary_entropy(phase))) - 9_000 - 50.83 - 59.79
    assert found.length_bits == pytest.approx(length, abs=10.0)


def test_parts_of_epsilon_are_the_whole():
    """Two parts for the tagged, twice the smoothing, and the hashing: eps_sec; its cost is 2 log2(1/eps_sec)."""
    part = 1e-9 / TAGGED_2012.parts
    hashing = 2.0 ** (-TAGGED_2012.secrecy_cost(1e-9) / 2.0) / 2.0
    assert 2 * part + 2 * part + hashing == pytest.approx(1e-9)


def test_long_blocks_reach_the_limit():
    """1e15 bits: within a part in ten thousand of the asymptotic rate, which they do not exceed."""
    given = {"reconciliation_efficiency": 1.05}
    found = predict(LINK, block_bits=10**15, **given, **EPSILONS).secret_rate_bps / LINK.pulse_rate_hz
    limit = asymptotic_rate(LINK, **given)
    assert 0.9999 * limit < found < limit


def test_a_perfect_source_yields_more_than_the_older_bound():
    """g2 = 0: the same entropy as that of a source of pairs, with a tighter bound on few phase errors."""
    link = dataclasses.replace(LINK, source=SinglePhotons(brightness=0.4, g2=0.0))
    counts = expected_counts(link, 200_000)
    ours = link.key_length(counts, leaked_bits=17_000, **EPSILONS).length_bits
    pairs = bbm92.secret_bits(200_000, counts.test.total, counts.test.error_rate, leaked_bits=17_000, **EPSILONS)
    ideal = 200_000 * (1.0 - float(binary_entropy(counts.test.error_rate))) - 17_000
    assert 0.7 * ideal < pairs < ours < ideal


def test_pulses_must_be_told():
    """Without their number nothing bounds the tagged, so there is no key."""
    counts = dataclasses.replace(expected_counts(LINK, 200_000), pulses=math.inf)
    assert LINK.key_length(counts, leaked_bits=0, **EPSILONS).length_bits == 0


def test_several_photons_end_the_reach():
    """Where no more clicks than pulses have several photons there is no key; a dimmer source has key there."""
    far = LINK.through(24.0)
    given = {"block_bits": 10**7, "reconciliation_efficiency": 1.05, **EPSILONS}
    dim = dataclasses.replace(far, source=SinglePhotons(brightness=0.02, g2=0.03))
    assert predict(far, **given).secret_rate_bps == 0.0 < predict(dim, **given).secret_rate_bps
