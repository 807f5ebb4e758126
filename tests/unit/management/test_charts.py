"""Run lengths of CUSUM charts against published tables, and against values drawn at random."""

import numpy as np
import pytest
from scipy import stats

from qit4n.management.baseline import Baseline, normal_score
from qit4n.management.charts import cusum, cusum_arl, cusum_arl_two_sided, cusum_limit

SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4)
# D. C. Montgomery, Introduction to statistical quality control, table 9.3 (k = 0.5, two-sided)
MONTGOMERY = {
    4: (168, 74.2, 26.6, 13.3, 8.38, 4.75, 3.34, 2.62, 2.19, 1.71),
    5: (465, 139, 38.0, 17.0, 10.4, 5.75, 4.01, 3.11, 2.57, 2.01),
}


@pytest.mark.parametrize("h", MONTGOMERY)
def test_run_lengths_are_those_of_the_tables(h):
    """All ten shifts, to the digits that are printed."""
    found = [cusum_arl_two_sided(0.5, h, shift) for shift in SHIFTS]
    assert found == pytest.approx(MONTGOMERY[h], rel=5e-3)


@pytest.mark.parametrize(("k", "arl"), [(0.5, 930.5), (0.5, 1e7), (1.0, 1e4), (2.0, 1e9)])
def test_the_limit_gives_the_run_length_that_is_wanted(k, arl):
    assert cusum_arl(k, cusum_limit(k, arl)) == pytest.approx(arl, rel=1e-3)


def test_the_limit_of_the_table_is_found_again():
    """A two-sided chart with k = 0.5 and 465 values between false alarms has h = 5."""
    assert cusum_limit(0.5, 2 * 465.0) == pytest.approx(5.0, abs=0.01)


def test_siegmunds_approximation_takes_over_smoothly():
    """Just below and above the longest run length that is computed the limits meet."""
    below, above = cusum_limit(0.5, 0.9e13), cusum_limit(0.5, 1.1e13)
    assert 0 < above - below < 0.4


@pytest.mark.parametrize("freedom", [5, 10, 100])
def test_scores_are_as_rare_as_students_t(freedom):
    """Wallace's approximation against the quantile transform of SciPy."""
    t = np.array([-4.0, -1.0, 0.3, 2.0, 6.0])
    exact = -np.sign(t) * stats.norm.ppf(stats.t.cdf(-np.abs(t), freedom))
    assert [normal_score(one, freedom) for one in t] == pytest.approx(exact, abs=0.06)


def test_a_baseline_is_the_weighted_mean_and_spread():
    """As NumPy has them."""
    dice = np.random.default_rng(3)
    y, weights = dice.normal(5.0, 1.0, 50), dice.uniform(1, 4, 50)
    baseline = Baseline(0.0)
    for pair in zip(y, weights, strict=True):
        baseline.learn(*pair)
    mean = np.average(y, weights=weights)
    assert baseline.mean == pytest.approx(mean)
    assert baseline.s**2 == pytest.approx((weights * (y - mean) ** 2).sum() / 49)


def test_a_self_starting_chart_keeps_its_run_length():
    """Mean and spread unknown, ten values to learn from: 465 values between false alarms as with known ones.

    Five standard errors of the mean of 300 runs, whose length is about exponential.
    """
    dice, lengths = np.random.default_rng(1), []
    for _ in range(300):
        baseline, up, down, length = Baseline(0.0), 0.0, 0.0, 0
        weights = dice.uniform(0.5, 2.0, 12_000)
        values = 7.0 + dice.normal(size=12_000) / np.sqrt(weights)
        for y, weight in zip(values.tolist(), weights.tolist(), strict=True):
            if baseline.values >= 10:
                z = baseline.score(y, weight)
                up, down, length = cusum(up, z, 0.5), cusum(down, -z, 0.5), length + 1
                if max(up, down) > 5.0:
                    break
            baseline.learn(y, weight)
        lengths.append(length)
    assert np.mean(lengths) == pytest.approx(465, abs=5 * 465 / 300**0.5)
