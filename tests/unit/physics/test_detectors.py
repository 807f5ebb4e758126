"""Long-run figures of dead detectors against renewal theory and a gate-by-gate simulation."""

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.physics.detectors import duty


def _simulate(p, dead_gates, a, g, *, gates, seed):
    """Gate by gate, with a count of filled traps that are past their dead time, and one that is not."""
    dice = default_rng(seed)
    light = dice.random(gates) < p
    pulls, fills = dice.random(gates), dice.random(gates) < a
    due, live_at, live, released = {}, 0, 0, 0
    for gate in range(gates):
        carriers = due.pop(gate, False)
        if gate < live_at:
            continue
        live += 1
        released += carriers
        if light[gate] or carriers:
            live_at = gate + dead_gates + 1
            if fills[gate]:
                delay = 1 if g == 1.0 else int(np.ceil(np.log1p(-pulls[gate]) / np.log1p(-g)))
                due[gate + dead_gates + max(delay, 1)] = True
    return live / gates, released / live


@pytest.mark.parametrize(
    ("p", "dead_gates", "a", "g"),
    [
        (0.1, 0, 0.3, 1.0),
        (0.1, 10, 0.3, 1.0),
        (0.1, 10, 0.3, 0.1),  # traps outlive the dead time
        (0.3, 3, 0.5, 0.01),  # many traps filled
        (0.3, 0, 0.5, 0.2),
    ],
)
def test_chain_of_traps_is_the_gate_by_gate_process(p, dead_gates, a, g):
    """Live gates and releases are those of a simulation that steps through every gate."""
    state = duty(p, dead_gates=dead_gates, afterpulse_probability=a, release_probability=g)
    live, release = _simulate(p, dead_gates, a, g, gates=400_000, seed=1)
    assert live == pytest.approx(state.live, rel=0.01)
    assert release == pytest.approx(state.release, rel=0.04)


def test_without_afterpulses_dead_time_is_not_paralysable():
    """The textbook formula: live share 1/(1 + p d)."""
    state = duty(0.01, dead_gates=100, afterpulse_probability=0.0, release_probability=1.0)
    assert state.live == pytest.approx(0.5)
    assert state.release == 0.0


def test_immediate_release_is_a_renewal_process():
    """With release in the first live gate the mean distance of clicks is d + 1 + (1 - a)(1 - p)/p."""
    p, d, a = 0.03, 17, 0.2
    state = duty(p, dead_gates=d, afterpulse_probability=a, release_probability=1.0)
    clicks_per_gate = state.live * (1 - (1 - p) * (1 - state.release))
    assert 1 / clicks_per_gate == pytest.approx(d + 1 + (1 - a) * (1 - p) / p)


def test_without_dead_time_no_release_is_lost():
    """At a low click rate every filled trap makes one more click: rate p/(1 - a)."""
    state = duty(1e-7, dead_gates=0, afterpulse_probability=0.25, release_probability=0.01)
    assert 1e-7 + state.release == pytest.approx(1e-7 / 0.75, rel=1e-4)


def test_endless_traps_keep_the_balance_of_releases():
    """Beyond the traps that are counted, releases still are afterpulse probability times clicks (0.2 %)."""
    p, a = 0.3, 0.5
    state = duty(p, dead_gates=0, afterpulse_probability=a, release_probability=1e-7)
    clicks = 1 - (1 - p) * (1 - state.release)
    assert -np.log1p(-state.release) == pytest.approx(a * clicks, rel=0.002)


def test_releases_grow_with_afterpulse_probability():
    """More afterpulses, more releases and fewer live gates."""
    states = [duty(0.01, dead_gates=50, afterpulse_probability=a, release_probability=0.1) for a in (0.0, 0.1, 0.5)]
    assert states[0].release < states[1].release < states[2].release
    assert states[0].live > states[1].live > states[2].live


@pytest.mark.parametrize("a", [1e-300, 1e-45, 1e-17])
def test_hardly_any_afterpulses(a):
    """Rounding makes no negative releases where there are next to none."""
    state = duty(0.5, dead_gates=0, afterpulse_probability=a, release_probability=1e-4)
    assert 0.0 <= state.release < 1e-15
    assert state.live == 1.0
