"""Skip sampling against the process it stands for."""

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.kernels.sampling import successes, truncated_poisson


@pytest.mark.parametrize("probability", [1e-7, 1e-3, 0.2, 0.9])
def test_number_of_successes_is_binomial(probability):
    """The mean and the variance of the number of successes are those of the binomial distribution."""
    dice = default_rng(1)
    trials = int(50 / probability)
    counts = np.array([successes(trials, probability, dice).size for _ in range(2000)])
    variance = trials * probability * (1 - probability)
    assert abs(counts.mean() - trials * probability) < 4.5 * np.sqrt(variance / 2000)
    assert abs(counts.var() / variance - 1) < 4.5 * np.sqrt(2 / 2000)


def test_each_trial_succeeds_equally_often():
    """First, last and inner trials succeed with the same probability: no edge is favoured."""
    dice = default_rng(2)
    seen = np.zeros(10)
    for _ in range(20_000):
        seen[successes(10, 0.3, dice)] += 1
    assert np.all(np.abs(seen - 6000) < 4.5 * np.sqrt(20_000 * 0.3 * 0.7))


def test_places_are_strictly_ascending_and_inside():
    """Places are distinct, ordered and below the number of trials, also when many chunks are needed."""
    places = successes(1_000_000, 0.01, default_rng(3))
    assert places.dtype == np.int64
    assert np.all(np.diff(places) > 0)
    assert 0 <= places[0] < places[-1] < 1_000_000


@pytest.mark.parametrize(("trials", "probability", "expected"), [(0, 0.5, 0), (100, 0.0, 0), (100, 1.0, 100)])
def test_certainties(trials, probability, expected):
    """Nothing comes of no trials or no chance, everything of certainty."""
    assert successes(trials, probability, default_rng(4)).tolist() == list(range(expected))


def test_tiny_probabilities_do_not_overflow():
    """Gaps near the end of int64 neither wrap around nor show up as successes."""
    dice = default_rng(5)
    assert all(successes(2**32, 1e-19, dice).size == 0 for _ in range(200))


@pytest.mark.parametrize("mean", [1e-9, 0.1, 2.0, 8.0])
def test_truncated_poisson_distribution(mean):
    """Each number of photons comes as often as the Poissonian distribution without zero says."""
    drawn = truncated_poisson(np.full(100_000, mean), default_rng(6))
    assert drawn.min() == 1
    probability = np.exp(-mean) / -np.expm1(-mean)
    for photons in range(1, 6):
        probability *= mean / photons
        found = np.count_nonzero(drawn == photons)
        assert abs(found - 1e5 * probability) <= 4.5 * np.sqrt(1e5 * probability) + 1e-3


def test_truncated_poisson_takes_each_mean_by_itself():
    """Pulses of different means in one array keep their own distributions."""
    means = np.tile([0.01, 3.0], 50_000)
    drawn = truncated_poisson(means, default_rng(7)).reshape(-1, 2).mean(axis=0)
    assert drawn == pytest.approx(means[:2] / -np.expm1(-means[:2]), rel=0.02)
