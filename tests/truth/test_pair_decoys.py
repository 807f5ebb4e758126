"""Bounds of MDI-QKD against exact tails and linear programs, and the order of size of a published experiment.

Provenance: M. Curty, F. Xu, W. Cui, C. C. W. Lim, K. Tamaki, H.-K. Lo, Nature Communications 5, 3732 (2014),
arXiv:1307.1081 (constants of the length and inputs of its figures as an independent implementation quotes them; the
million bits over 75 km of its discussion are recalled); F. Xu, M. Curty, B. Qi, H.-K. Lo, New J. Phys. 15, 113007
(2013). Tails: SciPy. The extremes of all channels that fit the counts: HiGHS.
"""

import math

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.optimize import linprog
from scipy.stats import nbinom, poisson

from qit4n.physics.finite_key import BasisCounts, Counts, Intensities
from qit4n.physics.mdi import MDI
from qit4n.physics.pairdecoys import (
    CURTY_2014,
    chernoff_lower,
    chernoff_upper,
    finite_key,
    pairs_of_test_basis,
    single_errors_upper,
    single_pairs_lower,
)
from qit4n.physics.rates import binary_entropy

EPSILON = 1e-10
MOST = 9
SOURCES = [
    Intensities(means=(0.46, 0.156, 0.0), probabilities=(0.31, 0.54, 0.15)),
    Intensities(means=(0.6, 0.2, 0.01), probabilities=(0.5, 0.3, 0.2)),
    Intensities(means=(0.3, 0.1, 0.03), probabilities=(0.4, 0.4, 0.2)),
]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 40, 1000, 123_456])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-11])
def test_chernoff_bounds_hold_for_poisson_tails(count, epsilon):
    """At the bounds, what was seen or more of it is rarer than epsilon, but not by more than Chernoff's own slack."""
    low, high = chernoff_lower(count, epsilon), chernoff_upper(count, epsilon)
    assert low <= count <= high
    assert poisson.cdf(count, high) <= epsilon * (1 + 1e-9)
    assert poisson.cdf(count, high * 0.97) > epsilon * 1e-3 or count > 10_000
    if count:
        assert poisson.sf(count - 1, low) <= epsilon * (1 + 1e-9)


def _mixture(source):
    """Chance of each pair of intensities (rows) given the photon numbers of both (columns), and of those."""
    n = np.arange(MOST + 1)
    one = np.array(
        [
            p * np.exp(-mu) * np.power(mu, n) / [float(math.factorial(k)) for k in n]
            for p, mu in zip(source.probabilities, source.means, strict=True)
        ]
    )
    joint = np.einsum("an,bm->abnm", one, one).reshape(9, -1)
    return joint / joint.sum(axis=0), joint.sum(axis=0)


def _extreme(given, counts, sign):
    """Least (1) or greatest (-1) number of single-photon pairs that fits the counts within their bounds."""
    place = MOST + 2
    cost = np.zeros(given.shape[1])
    cost[place] = sign
    scale = sum(counts)
    upper = [chernoff_upper(one, EPSILON) / scale for one in counts]
    lower = [chernoff_lower(one, EPSILON) / scale for one in counts]
    found = linprog(
        cost, A_ub=np.vstack([given, -given]), b_ub=np.concatenate([upper, np.negative(lower)]), method="highs"
    )
    assert found.success, found.message
    return sign * found.fun * scale


@pytest.mark.parametrize("source", SOURCES, ids=["vacuum", "weak", "bright decoys"])
@pytest.mark.parametrize("seed", range(4))
def test_no_channel_escapes_the_decoy_bounds(source, seed):
    """Over arbitrary channels: the bounds lie beyond every channel that fits, so beyond the true one."""
    dice = default_rng(seed)
    given, share = _mixture(source)
    yields = dice.random(share.size) if seed else np.minimum(1.0, 0.5 * np.outer(np.arange(10), np.arange(10)).ravel())
    events = 3e9 * share * yields
    counts = dice.poisson(given @ events)
    single = events[MOST + 2]
    bound = single_pairs_lower(tuple(counts), source, EPSILON)
    assert bound <= _extreme(given, counts, 1) * (1 + 1e-6) + 1e-6 * sum(counts)
    assert bound <= single
    wrong = 0.3 * events
    errors = dice.poisson(given @ wrong)
    worst = single_errors_upper(tuple(errors), source, EPSILON)
    assert worst >= _extreme(given, errors, -1) * (1 - 1e-6)
    assert worst >= 0.3 * single
    if not seed:  # a channel like a real one: the bounds are of use
        assert bound > 0.5 * single
        assert worst < 0.9 * single


@pytest.mark.parametrize(("events", "ratio"), [(40, 1.0), (1000, 0.2), (100_000, 2.0)])
def test_how_many_fall_on_the_test_basis_is_not_overestimated(events, ratio):
    """Bases drawn for each event: at epsilon 1e-2 the bound fails in fewer than 2 % of draws, and is not far off."""
    dice = default_rng(events)
    keys = dice.binomial(round(events * (1 + ratio)), 1 / (1 + ratio), 4000)
    tests = round(events * (1 + ratio)) - keys
    bounds = np.array([pairs_of_test_basis(float(one), ratio, 1e-2) for one in keys])
    assert np.mean(bounds > tests) < 0.02
    assert np.all(bounds > ratio * keys - 8.0 * np.sqrt(ratio * keys * (1 + ratio)) - 8.0)


@pytest.mark.parametrize("ratio", [0.01, 0.2, 1.0, 5.0])
@pytest.mark.parametrize("epsilon", [0.3, 1e-4, 1e-11])
def test_a_block_of_single_photons_may_end_with_its_last_key_bit(ratio, epsilon):
    """Events of the test before the n-th of the key, negative binomial: rarer than epsilon below the bound."""
    for keys in (20, 1000, 100_000, 10_000_000):
        bound = pairs_of_test_basis(float(keys), ratio, epsilon)
        assert nbinom.cdf(math.ceil(bound) - 1, keys, 1.0 / (1.0 + ratio)) <= epsilon


def test_many_pulses_show_the_single_photons():
    """With 1e16 pulses the bounds are within 5 % of the truth, and the key is most of them."""
    source = Intensities(means=(0.3, 0.03, 0.0), probabilities=(0.4, 0.4, 0.2))
    given, share = _mixture(source)
    n = np.arange(MOST + 1)
    clicks = 1.0 - 0.9**n
    events = 1e16 * share * np.outer(clicks, clicks).ravel()
    single = events[MOST + 2]
    detections = tuple(given @ events)
    assert single_pairs_lower(detections, source, EPSILON) == pytest.approx(single, rel=0.05)
    counts = Counts(
        key=BasisCounts(detections=detections, wrong=(0.0,) * 9),
        test=BasisCounts(detections=detections, wrong=tuple(given @ (0.01 * events))),
    )
    found = finite_key(
        counts, source, test_per_key=1.0, leaked_bits=0.0, epsilon_secrecy=1e-9, epsilon_correctness=1e-15
    )
    assert found.phase_error_bound == pytest.approx(0.01, rel=0.1)
    assert 0.85 * single < found.length_bits < single
    assert found.proof is CURTY_2014


def _seen_over_75_km():
    """The link of the paper's figures: what 1e13 pulses of either end show, and what correcting the errors tells."""
    link = MDI(
        pulse_rate_hz=1e9,
        source=Intensities(means=(0.33, 0.08, 5e-4), probabilities=(0.57, 0.32, 0.11)),
        key_basis_probability=0.7,
        channel_losses_db=(7.5, 7.5),
        receiver_loss_db=0.0,
        detector_efficiency=0.145,
        dark_count_probability=6.02e-6,
        misalignment=0.015,
    )
    counts = link.expected_counts(1e4)
    return link, counts, 1.16 * counts.key.total * float(binary_entropy(counts.key.error_rate))


def test_the_length_costs_what_the_paper_says():
    """Its terms one by one, at epsilons of one size that add up to that of the block."""
    link, counts, leak = _seen_over_75_km()
    found = link.key_length(counts, leaked_bits=leak, epsilon_secrecy=1e-10, epsilon_correctness=1e-15)
    error, single = 7 + 2 + 4 + 1, 7  # bounds behind either
    total = 2 * (1 + 2 * error + 1) + 1 + single + 1
    assert total == CURTY_2014.parts
    one = 1e-10 / total
    cost = math.log2(8 / 1e-15) + 2 * math.log2(2 / one**2) + 2 * math.log2(1 / (2 * one))
    kept = found.single_photon_bound * (1 - float(binary_entropy(found.phase_error_bound)))
    assert found.length_bits == math.floor(kept - leak - cost)


def test_a_million_bits_over_75_km_in_three_hours():
    """What the paper says of 1e13 pulses at 1 GHz is within our reach, and we promise at most ten times as much."""
    link, counts, leak = _seen_over_75_km()
    found = link.key_length(counts, leaked_bits=leak, epsilon_secrecy=1e-10, epsilon_correctness=1e-15)
    assert 1e6 < found.length_bits < 1e7


def test_nothing_seen_is_nothing_proved():
    """Without counts there is no key, and with one decoy no proof."""
    empty = Counts(
        key=BasisCounts(detections=(0.0,) * 9, wrong=(0.0,) * 9),
        test=BasisCounts(detections=(0.0,) * 9, wrong=(0.0,) * 9),
    )
    options = {"test_per_key": 1.0, "leaked_bits": 0.0, "epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15}
    assert finite_key(empty, SOURCES[0], **options).length_bits == 0
    with pytest.raises(ValueError, match="2 intensities"):
        finite_key(empty, Intensities(means=(0.5, 0.1), probabilities=(0.5, 0.5)), **options)
