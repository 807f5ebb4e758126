"""When a stock runs out: closed forms of the inverse Gaussian distribution, quadrature, and simulated stocks."""

import numpy as np
import pytest
from scipy import integrate, stats

from qit4n.management.depletion import Flow, empty_within, flow, survival

HOUR = 3600.0


@pytest.mark.parametrize("t", [500.0, 900.0, 1000.0, 1300.0, 3000.0])
def test_with_a_drift_that_is_known_it_is_the_inverse_gaussian(t):
    """Mean S/d = 1000 s and shape S^2/v, from SciPy."""
    stock, drift, variance = 1e5, 100.0, 1e6
    shape = stock**2 / variance
    exact = stats.invgauss(mu=stock / drift / shape, scale=shape).sf(t)
    known = Flow(net_bps=drift, variance=variance, observed_s=1e12)
    assert survival(stock, known, t) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(("net", "t"), [(100.0, 800.0), (100.0, 4000.0), (10.0, 9000.0), (-20.0, 2e4), (0.0, 1e5)])
def test_an_uncertain_drift_is_averaged_over(net, t):
    """Against the integral over all drifts, also those that fill the stock."""
    stock, variance, observed = 1e5, 1e6, 600.0
    sd = (variance / observed) ** 0.5

    def weighted(drift):
        exact = survival(stock, Flow(net_bps=drift, variance=variance, observed_s=1e15), t)
        return exact * stats.norm.pdf(drift, net, sd)

    mean, _ = integrate.quad(weighted, net - 9 * sd, net + 9 * sd, limit=400, points=[stock / t])
    assert survival(stock, Flow(net_bps=net, variance=variance, observed_s=observed), t) == pytest.approx(
        mean, abs=1e-6
    )


def test_the_edges():
    """An empty stock is empty; a stock that fills may last for ever; times beyond the horizon are not told."""
    known = Flow(net_bps=10.0, variance=1.0, observed_s=1e6)
    assert survival(0.0, known, 1.0) == 0.0
    assert survival(100.0, known, 0.0) == 1.0
    assert empty_within(100.0, known, 0.5, HOUR) == pytest.approx(10.0, rel=0.01)
    assert empty_within(1e6, known, 0.5, HOUR) is None
    assert empty_within(1e6, Flow(net_bps=-10.0, variance=1.0, observed_s=1e6), 0.1, 100 * HOUR) is None
    assert flow([0.0, 1.0], [5.0, 4.0]) is None


def supplied(dice, seconds, blocks_per_s=0.05, block_bits=20_000, key_bits=256, keys_per_s=7.0):
    """What a stock gains and loses each second: blocks of a link at random times, requests in bursts of ten."""
    blocks = dice.poisson(blocks_per_s, seconds) * block_bits
    return blocks - 10 * key_bits * dice.poisson(keys_per_s / 10, seconds)


def test_drift_and_scatter_of_a_stock_are_found():
    """Compound Poisson: mean and variance per second as they follow from the rates."""
    dice = np.random.default_rng(2)
    found = [flow(range(1800), 1e9 + np.cumsum(supplied(dice, 1800))) for _ in range(200)]
    assert np.mean([one.net_bps for one in found]) == pytest.approx(7 * 256 - 1000, rel=0.05)
    variance = 0.05 * 20_000**2 + 0.7 * 2560**2
    assert np.mean([one.variance for one in found]) == pytest.approx(variance, rel=0.1)


def test_the_band_holds_what_it_promises():
    """Half an hour of history, then 1,000 stocks run out: 80 % within the band, as many before as after.

    Blocks and requests are lumps, and scatter is taken from 24 increments: the share may be off by some per cent.
    """
    dice, early, within, late = np.random.default_rng(3), 0, 0, 0
    for _ in range(1_000):
        before = np.cumsum(supplied(dice, 1800))
        known = flow(range(0, 1800, 10), 1e9 + before[::10])
        stock = 2e6
        low, high = (empty_within(stock, known, p, 48 * HOUR) for p in (0.1, 0.9))
        future = stock + np.cumsum(supplied(dice, 20_000))
        when = int(np.argmax(future <= 0)) if (future <= 0).any() else np.inf
        early += low is None or when < low
        late += high is not None and low is not None and when > high
        within += low is not None and low <= when <= (high or np.inf)
    assert within / 1_000 == pytest.approx(0.8, abs=0.05)
    assert early / 1_000 == pytest.approx(0.1, abs=0.04)
    assert late / 1_000 == pytest.approx(0.1, abs=0.04)
