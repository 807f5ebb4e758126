"""Online health tests: published cutoffs, exact boundaries, and measured false alarms."""

import numpy as np
import pytest
from scipy.stats import binom

from qit4n.errors import EntropyError
from qit4n.quantum.qrng.health import Cutoffs, Health, cutoffs, most_by_chance


def test_cutoffs_are_those_published_for_a_validated_source():
    """For 0.5 bits and alpha 2^-20: 41 repetitions and 410 in 512, as in Go's entropy source."""
    assert cutoffs(0.5, 8, alpha=2.0**-20) == Cutoffs(repetitions=41, window=512, proportion=410)


def test_one_repetition_less_passes_in_whatever_pieces():
    """A run of cutoff - 1 passes and one more fails, wherever the stream is cut into pieces."""
    for cut in range(12):
        stream = np.array([1, 2, *[7] * 10, 3], np.uint8)
        health = Health(Cutoffs(repetitions=10, window=512, proportion=512))
        health.check(stream[:cut][:5])
        with pytest.raises(EntropyError, match="repetition count test: one value came 10 times"):
            health.check(stream[len(stream[:cut][:5]) :])
    health = Health(Cutoffs(repetitions=11, window=512, proportion=512))
    for sample in stream:
        health.check(np.array([sample], np.uint8))


def test_the_first_value_of_a_window_is_counted_in_it():
    """A first value that comes ``proportion`` times in a window fails; another value, or two windows, do not."""
    limits = Cutoffs(repetitions=99, window=8, proportion=5)
    Health(limits).check(np.array([1, 1, 1, 1, 0, 2, 3, 4, 1, 5, 5, 5, 5, 5, 5, 5], np.uint8))
    health = Health(limits)
    health.check(np.array([1, 0, 1, 0, 1], np.uint8))
    with pytest.raises(EntropyError, match="adaptive proportion test: one value came 5 times in 8"):
        health.check(np.array([1, 0, 1], np.uint8))


@pytest.mark.parametrize("sample_bits", [1, 8])
def test_false_alarms_come_as_often_as_alpha_says(sample_bits):
    """With alpha 2^-6 the measured share of failing windows and runs is below alpha, and within what is expected."""
    alpha, dice = 2.0**-6, np.random.default_rng(7)
    limits = cutoffs(float(sample_bits), sample_bits, alpha)
    windows = 4000
    stream = dice.integers(0, 1 << sample_bits, windows * limits.window).astype(np.uint8)
    failed = 0
    for window in stream.reshape(windows, -1):
        health = Health(Cutoffs(repetitions=1 << 20, window=limits.window, proportion=limits.proportion))
        try:
            health.check(window)
        except EntropyError:
            failed += 1
    assert alpha / 20 < failed / windows < 1.5 * alpha
    runs = np.diff(np.flatnonzero(np.diff(stream, prepend=255 - stream[0])))
    often = float((runs >= limits.repetitions).sum()) / stream.size
    assert alpha / 260 < often < 1.5 * alpha


@pytest.mark.parametrize("alpha", [2.0**-40, 2.0**-20, 0.3])
@pytest.mark.parametrize("probability", [0.5, 0.9, 2.0**-6.5, 2.0**-8])
@pytest.mark.parametrize("window", [512, 1024])
def test_the_cutoff_is_that_of_scipy(alpha, probability, window):
    """The inverse of the binomial tail."""
    assert most_by_chance(alpha, window, probability) == int(binom.isf(alpha, window, probability))
