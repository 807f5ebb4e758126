"""Skip sampling against the process it stands for."""

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.kernels.sampling import Marks, Stream, gap_scale, gaps, photon_classes, successes


@pytest.mark.parametrize("probability", [1e-7, 1e-3, 0.2, 0.9])
def test_number_of_successes_is_binomial(probability):
    """The mean and the variance of the number of successes are those of the binomial distribution."""
    dice = default_rng(1)
    trials = int(50 / probability)
    counts = np.array([successes(trials, probability, Stream.drawn(dice)).size for _ in range(2000)])
    variance = trials * probability * (1 - probability)
    assert abs(counts.mean() - trials * probability) < 4.5 * np.sqrt(variance / 2000)
    assert abs(counts.var() / variance - 1) < 4.5 * np.sqrt(2 / 2000)


def test_each_trial_succeeds_equally_often():
    """First, last and inner trials succeed with the same probability: no edge is favoured."""
    dice = default_rng(2)
    seen = np.zeros(10)
    for _ in range(20_000):
        seen[successes(10, 0.3, Stream.drawn(dice))] += 1
    assert np.all(np.abs(seen - 6000) < 4.5 * np.sqrt(20_000 * 0.3 * 0.7))


def test_places_are_strictly_ascending_and_inside():
    """Places are distinct, ordered and below the number of trials, also when many chunks are needed."""
    places = successes(1_000_000, 0.01, Stream.drawn(default_rng(3)))
    assert places.dtype == np.uint32
    assert np.all(places[1:] > places[:-1])
    assert 0 <= places[0] < places[-1] < 1_000_000


@pytest.mark.parametrize(("trials", "probability", "expected"), [(0, 0.5, 0), (100, 0.0, 0), (100, 1.0, 100)])
def test_certainties(trials, probability, expected):
    """Nothing comes of no trials or no chance, everything of certainty."""
    assert successes(trials, probability, Stream.drawn(default_rng(4))).tolist() == list(range(expected))


def test_tiny_probabilities_do_not_overflow():
    """Gaps beyond the end neither wrap around nor show up as successes."""
    dice = default_rng(5)
    assert successes(2**32, 5e-324, Stream.drawn(dice)).size == 0
    assert all(successes(2**32, 1e-19, Stream.drawn(dice)).size == 0 for _ in range(200))


def test_the_last_of_2_to_the_32_trials_can_succeed():
    """Places use all of 32 bits."""
    last = int(successes(2**32, 1e-6, Stream.drawn(default_rng(12)))[-1])
    assert 2**32 - 20_000_000 < last < 2**32


@pytest.mark.parametrize("probability", [1e-9, 1e-3, 0.3, 0.999])
def test_gaps_are_the_logarithm(probability):
    """Gaps are floor(log u / log(1 - p)) to a relative error of 1e-12, for the smallest and the largest u as well."""
    words = default_rng(8).integers(0, 2**64, 200_000, np.uint64)
    words[:4] = 0, 2**64 - 1, 1 << 12, 1 << 63
    uniform = [1.0 - (word >> 12) / 2**52 for word in words.tolist()]
    exact = np.log(uniform) / np.log1p(-probability)
    found = gaps(words, gap_scale(probability))
    assert found[0] == 0
    assert np.all(np.abs(found - np.floor(exact)) <= 1 + 1e-12 * exact)
    assert np.count_nonzero(found != np.floor(exact)) <= 2 + 1e-12 * exact.sum()


def test_words_look_random():
    """Consecutive counters, sparse ones, keys with a word in common: each bit is fair, no pair of bits agrees."""
    counters = np.arange(1 << 16, dtype=np.uint64)
    start, inner = Stream.drawn(default_rng(11)).key
    words = Stream(start, inner).words(counters)
    shifted = start - 1000 * 0x9E3779B97F4A7C15 & (1 << 64) - 1  # meets the same numbers 1000 counters later
    sigma = 0.5 / np.sqrt(counters.size)
    for sample in (
        words,
        Stream(start, inner).words(counters << np.uint64(40)),
        words ^ Stream(start ^ 1, inner).words(counters),
        words ^ Stream(start, inner // 3).words(counters),
        words ^ Stream(shifted, inner // 3).words(counters + np.uint64(1000)),
    ):
        bits = np.unpackbits(sample.view(np.uint8)).reshape(-1, 64).astype(np.float64) - 0.5
        assert np.all(np.abs(bits.mean(axis=0)) < 5 * sigma)
        assert np.all(np.abs(4 * (bits.T @ bits) / counters.size - np.eye(64)) < 12 * sigma)


@pytest.mark.parametrize("mean", [1e-9, 0.1, 2.0, 8.0])
def test_photon_numbers_are_poissonian(mean):
    """Each number of photons comes as often as the Poissonian distribution without zero says."""
    classes = photon_classes(((1.0, mean), (0.0, 1.0)))
    marks, drawn = Marks(0, classes, 2).draw(100_000, Stream.drawn(default_rng(6)))
    assert drawn.min() == 1
    assert not np.any(marks & 4)
    probability = np.exp(-mean) / -np.expm1(-mean)
    for photons in range(1, 6):
        probability *= mean / photons
        found = np.count_nonzero(drawn == photons)
        assert abs(found - 1e5 * probability) <= 4.5 * np.sqrt(1e5 * probability) + 1e-3


def test_photon_numbers_are_those_asked_for():
    """A source of one photon or two: as often as its chances say, and never more."""
    marks, drawn = Marks(0, photon_classes(((1.0, 0.3),), lambda mean: np.array([mean, 0.1])), 1).draw(
        100_000, Stream.drawn(default_rng(8))
    )
    assert set(np.unique(drawn)) == {1, 2}
    assert not np.any(marks & 4)
    assert abs(np.count_nonzero(drawn == 2) - 25_000) < 4.5 * np.sqrt(1e5 * 3 / 16)


def test_intensities_keep_their_own_photon_numbers():
    """Given light, each source is there with its share, and with the photons of its mean."""
    means = np.array([3.0, 0.01])
    marks, photons = Marks(0, photon_classes(((0.1, 3.0), (0.9, 0.01))), 2).draw(200_000, Stream.drawn(default_rng(7)))
    decoy = marks & 4 != 0
    lit = np.array([0.1, 0.9]) * -np.expm1(-means)
    assert decoy.mean() == pytest.approx(lit[1] / lit.sum(), rel=0.02)
    found = [photons[~decoy].mean(), photons[decoy].mean()]
    assert found == pytest.approx(means / -np.expm1(-means), rel=0.02)


def test_more_photons_than_a_byte_counts():
    """Bright sources keep their shares; 255 stands for more."""
    marks, photons = Marks(0, photon_classes(((0.5, 1e4), (0.5, 900.0))), 2).draw(10_000, Stream.drawn(default_rng(9)))
    assert np.all(photons == 255)
    assert abs(np.count_nonzero(marks & 4) - 5000) < 4.5 * 50


@pytest.mark.parametrize("key_basis_probability", [0.0, 0.3, 1.0])
def test_bits_and_bases(key_basis_probability):
    """Bits are fair, the test basis has its probability, and neither knows of the other."""
    marks = Marks(round(key_basis_probability * 2**31), photon_classes(((1.0, 0.1), (0.0, 0.1))), 2)
    drawn, _ = marks.draw(100_000, Stream.drawn(default_rng(10)))
    test, bit = (drawn & 2) // 2, drawn & 1
    share = 1 - key_basis_probability
    assert abs(test.sum() - 1e5 * share) <= 4.5 * np.sqrt(1e5 * share * (1 - share))
    assert abs(bit.sum(dtype=np.int64) - 5e4) < 4.5 * np.sqrt(2.5e4)
    assert abs((test & bit).sum(dtype=np.int64) - 5e4 * share) <= 4.5 * np.sqrt(1e5 * share / 2)
