"""What is unusual about a link is found, soon, told apart, and rarely where nothing is."""

from collections import Counter

import numpy as np
import pytest
from benchmarks import anomalies as histories

from qit4n.management.causes import Level, cause
from qit4n.management.linkwatch import WARM_UP, LinkWatch, ramp_over_step

SLOWEST = {"loss 0.1 dB": 60, "drift 0.2 %/h": 600, "drift 2 %/h": 80}


@pytest.fixture
def dice():
    return np.random.default_rng(7)


def fed(watch, worlds, dice, begin=0):
    """The watch after one sample of each world."""
    for number, world in enumerate(worlds, begin):
        watch.take(histories.sample(number, world, dice))
    return watch


@pytest.mark.parametrize("name", [name for name in histories.ATTACKS if name != "intercept 0.5 %"])
def test_each_attack_is_found_and_told_apart(name, dice):
    """Twelve times each: at least ten are taken for what they are, within some samples."""
    kind, world = histories.ATTACKS[name]
    trials = [histories.trial(world, dice) for _ in range(12)]
    assert all(one.delay is not None and one.delay <= SLOWEST.get(name, 5) for one in trials)
    assert Counter(one.later for one in trials)[kind] >= 10


def test_false_alarms_are_no_more_than_was_asked_for(dice):
    """12,000 samples at one in 1,000: between the bounds of 99.9 % of 12 Poisson events from above, and some at all.

    Shifts below those that matter are let go, so there are fewer than designed.
    """
    assert 1 <= histories.false_alarms(1_000.0, 12_000, dice) <= 25


def test_nothing_is_said_before_enough_was_learned(dice):
    """A change while it learns is part of what is usual."""
    watch = fed(LinkWatch(1e4), [histories.WELL] * 6 + [histories.intercepted(0.2)] * (WARM_UP - 6), dice)
    assert watch.anomaly is None
    assert watch.learned == WARM_UP


def test_it_stands_while_it_lasts_and_ends_with_it(dice):
    """A hundred samples of an attack are one anomaly, whose baseline is that of before; then it is past."""
    attack = [histories.intercepted(0.03)] * 100
    watch = fed(LinkWatch(1e7), [histories.WELL] * 50 + attack, dice)
    assert watch.anomaly.kind == "error-rate-jump"
    assert watch.anomaly.since == pytest.approx(500.0, abs=20.0)
    assert watch.usual().qber == pytest.approx(histories.WELL.qber, abs=2e-4)
    fed(watch, [histories.WELL] * 10, dice, 150)
    assert watch.anomaly is None
    (past,) = watch.past
    assert past.ended_at == pytest.approx(1500.0, abs=50.0)


def test_what_an_operator_accepts_is_usual_then(dice):
    """After a repair: learned anew, no alarm, and the old one is past."""
    repaired = histories.lossy(1.0)
    watch = fed(LinkWatch(1e7), [histories.WELL] * 50 + [repaired] * 5, dice)
    assert watch.anomaly.kind == "loss-rise"
    watch.accept(555.0)
    assert (watch.anomaly, watch.past[0].ended_at) == (None, 555.0)
    fed(watch, [repaired] * 50, dice, 60)
    assert watch.anomaly is None
    assert watch.usual().rate_bps == pytest.approx(repaired.rate_bps * (1 + histories.TEST_SHARE), rel=0.01)


def test_a_link_without_test_bits_is_left_alone(dice):
    watch = LinkWatch(1e4)
    watch.take(histories.sample(0, histories.WELL, dice).__class__(
        at=0.0, duration_s=1.0, sifted_bits=10, errors=0, test_bits=0, test_errors=0
    ))  # fmt: skip
    assert watch.usual() is None


def test_a_ramp_is_told_from_a_step(dice):
    """Noise of one standard deviation, a change of eight within forty values."""
    noise, weights = dice.normal(size=80), np.ones(80)
    step = np.r_[np.zeros(40), np.full(40, 8.0)]
    ramp = np.r_[np.zeros(40), np.linspace(0, 8, 40)]
    assert ramp_over_step(noise + ramp, weights) > 10
    assert ramp_over_step(noise + step, weights) < -10


def test_the_text_has_the_share_and_the_loss():
    """Two per cent more errors are an intercept of eight per cent; half of the light is three decibels."""
    usual = Level(qber=0.01, qber_sd=0, test_qber=0.01, test_qber_sd=0, rate_bps=1e5, rate_sd=0)
    jump = Level(qber=0.03, qber_sd=1e-4, test_qber=0.03, test_qber_sd=1e-4, rate_bps=1e5, rate_sd=1e-3)
    lost = Level(qber=0.01, qber_sd=1e-4, test_qber=0.01, test_qber_sd=1e-4, rate_bps=5e4, rate_sd=1e-3)
    assert "as if 8% of the pulses were intercepted" in cause(usual, jump, slow=False)[1]
    assert "3 dB more loss" in cause(usual, lost, slow=False)[1]
    assert cause(usual, usual, slow=False) is None
