"""Closed forms per pulse against sums over photon numbers."""

import math

import numpy as np
import pytest

from qit4n.physics import rates


def _by_photon_numbers(mu, eta, pd, ed):
    """Gain and error gain as sums over the photons that reach the right and the wrong detector."""
    found = wrong_bit = 0.0
    for right in range(40):
        for wrong in range(40):
            x, y = mu * eta * (1 - ed), mu * eta * ed
            weight = math.exp(-x - y) * x**right * y**wrong / math.factorial(right) / math.factorial(wrong)
            fires_right = 1.0 if right else pd
            fires_wrong = 1.0 if wrong else pd
            found += weight * (1 - (1 - fires_right) * (1 - fires_wrong))
            wrong_bit += weight * (fires_wrong * (1 - fires_right) + fires_right * fires_wrong / 2)
    return found, wrong_bit


@pytest.mark.parametrize(("mu", "eta", "pd", "ed"), [(0.5, 0.1, 1e-3, 0.02), (2.0, 0.9, 0.1, 0.2), (0.1, 1e-3, 0, 0)])
def test_gain_and_errors_sum_over_photons(mu, eta, pd, ed):
    """Gain and error gain are the averages over all ways in which photons and dark counts can come."""
    found, wrong = _by_photon_numbers(mu, eta, pd, ed)
    assert rates.gain(mu, eta, pd) == pytest.approx(found, rel=1e-12)
    assert rates.error_gain(mu, eta, pd, ed) == pytest.approx(wrong, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize(("eta", "pd", "ed"), [(0.1, 1e-3, 0.02), (0.9, 0.1, 0.2), (0.0, 1e-5, 0.1)])
def test_single_photon_yields_follow_from_the_gains(eta, pd, ed):
    """The yield of one photon is the slope of e^mu Q at mu = 0, and likewise for errors."""
    step = 1e-6
    for form, value in (
        (lambda mu: float(rates.gain(mu, eta, pd)), rates.single_photon_yield(eta, pd)),
        (lambda mu: float(rates.error_gain(mu, eta, pd, ed)), rates.single_photon_error_yield(eta, pd, ed)),
    ):
        slope = (math.exp(step) * form(step) - math.exp(-step) * form(-step)) / (2 * step)
        assert value == pytest.approx(slope, rel=1e-6, abs=1e-12)


def test_no_cancellation_at_great_loss():
    """At 1e-14 clicks per pulse the gain still has ten digits, and dark counts alone give errors of one half."""
    assert rates.gain(0.5, 2e-14, 0.0) == pytest.approx(1e-14, rel=1e-10)
    assert rates.error_gain(0.5, 2e-14, 0.0, 0.01) == pytest.approx(1e-16, rel=1e-10)
    assert rates.error_gain(0.5, 0.0, 1e-12, 0.01) == pytest.approx(rates.gain(0.5, 0.0, 1e-12) / 2, rel=1e-9)


def test_entropy():
    """H is 0 at certainty, 1 at one half, symmetric, and refuses what is no probability."""
    assert rates.binary_entropy([0.0, 0.5, 1.0]).tolist() == [0.0, 1.0, 0.0]
    assert rates.binary_entropy(0.11) == pytest.approx(0.499915958, rel=1e-8)
    with pytest.raises(ValueError, match="between 0 and 1"):
        rates.binary_entropy([0.1, 1.2])


def test_rates_broadcast():
    """Arrays of losses and of intensities give arrays of rates, each equal to its scalar."""
    eta = np.array([[0.1], [0.01]])
    mu = np.array([0.2, 0.4, 0.6])
    table = rates.decoy_rate([(1.0, mu)], eta, 1e-6, 0.01, efficiency=1.1)
    assert table.shape == (2, 3)
    assert table[1, 2] == pytest.approx(float(rates.decoy_rate([(1.0, 0.6)], 0.01, 1e-6, 0.01, efficiency=1.1)))


def test_two_equal_intensities_are_one():
    """Splitting an intensity into two equal ones changes no rate."""
    one = rates.decoy_rate([(1.0, 0.5)], 0.02, 1e-6, 0.02)
    two = rates.decoy_rate([(0.3, 0.5), (0.7, 0.5)], 0.02, 1e-6, 0.02)
    assert two == pytest.approx(float(one), rel=1e-12)


def test_decoy_rate_stays_below_that_of_single_photons():
    """A laser cannot make more key than a perfect single-photon source over the same channel."""
    eta = 10.0 ** -np.linspace(0.5, 4, 30)
    assert np.all(rates.decoy_rate([(1.0, 0.5)], eta, 1e-7, 0.02) < rates.single_photon_rate(eta, 1e-7, 0.02))


def test_eleven_percent_is_the_end():
    """With perfect reconciliation single photons make key at 10.9 % errors and none at 11.1 %."""
    assert rates.single_photon_rate(0.1, 0.0, 0.109) > 0
    assert rates.single_photon_rate(0.1, 0.0, 0.111) < 0
