"""The dead-time filter against gate-by-gate reasoning."""

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.kernels.deadtime import RELEASED, DeadTime
from qit4n.kernels.sampling import Stream


def _filter(dead_gates=0, afterpulse_probability=0.0, release_probability=1.0, **state):
    return DeadTime(
        dead_gates=dead_gates,
        afterpulse_probability=afterpulse_probability,
        release_probability=release_probability,
        stream=Stream.drawn(default_rng(3)),
        **state,
    )


def _accept(filter_, gates, end):
    left, saw = filter_.accept(np.array(gates, np.int64), np.ones(len(gates), np.uint16), end)
    return left.tolist(), [bool(what & RELEASED) for what in saw.tolist()]


def _one_by_one(gates, dead_gates):
    live, kept = 0, []
    for gate in gates:
        if gate >= live:
            kept.append(gate)
            live = gate + dead_gates + 1
    return kept


@pytest.mark.parametrize("dead_gates", [0, 1, 7, 5000])
def test_dead_time_alone_is_the_simple_loop(dead_gates):
    """Without afterpulses exactly the clicks are left that a loop over all of them leaves."""
    gates = np.flatnonzero(default_rng(1).random(20_000) < 0.1)
    assert _accept(_filter(dead_gates), gates, 20_000)[0] == _one_by_one(gates.tolist(), dead_gates)


def test_dead_time_is_not_paralysable():
    """A click in a dead gate is lost and does not prolong the dead time."""
    assert _accept(_filter(3), [0, 2, 3, 4, 5], 10)[0] == [0, 4]


def test_segments_make_no_difference():
    """Cutting the session into segments changes nothing: dead time is carried over the border."""
    gates = np.flatnonzero(default_rng(2).random(9000) < 0.05)
    whole = _accept(_filter(40), gates, 9000)[0]
    cut = _filter(40)
    parts = [_accept(cut, gates[(gates >= at) & (gates < at + 1000)], at + 1000)[0] for at in range(0, 9000, 1000)]
    assert [gate for part in parts for gate in part] == whole


def test_certain_afterpulses_come_in_the_first_live_gate_for_ever():
    """With certain, immediate release one click causes one in every first live gate, flagged as afterpulse."""
    gates, flags = _accept(_filter(4, 1.0), [2], 20)
    assert gates == [2, 7, 12, 17]
    assert flags == [False, True, True, True]


def test_filled_trap_waits_for_the_next_segment():
    """A release beyond the end of the segment comes in the segment that holds its gate."""
    detectors = _filter(4, 1.0)
    assert _accept(detectors, [18], 20)[0] == [18]
    assert _accept(detectors, [], 22)[0] == []
    assert _accept(detectors, [], 26)[0] == [23]


def test_release_in_a_dead_gate_is_lost():
    """A carrier that comes while the detectors are dead makes no click, then or later."""
    detectors = _filter(5, releases=[3])
    assert _accept(detectors, [1, 9], 20) == ([1, 9], [False, False])
    assert detectors.releases == []


def test_release_together_with_light_is_one_click():
    """A release in the gate of a candidate is one click, flagged, and starts one dead time."""
    assert _accept(_filter(2, releases=[5]), [5, 7, 8], 20) == ([5, 8], [True, False])
    _, saw = _filter(2, releases=[5]).accept(np.array([5, 8]), np.array([7, 9], np.uint16), 20)
    assert saw.tolist() == [RELEASED | 7, 9]  # the light is seen as well


def test_release_hides_light_behind_it():
    """The dead time of an afterpulse takes away the light that follows."""
    assert _accept(_filter(3, releases=[5]), [0, 6, 8, 9], 20) == ([0, 5, 9], [False, True, False])


def test_two_releases_in_one_gate_count_once():
    """Carriers that come together make one click, also without dead time."""
    assert _accept(_filter(0, releases=[5, 5]), [], 20) == ([5], [True])


def test_early_trap_is_served_before_an_older_one():
    """A trap filled on the way that releases first is taken first."""
    gates, flags = _accept(_filter(1, 1.0, releases=[9]), [0], 10)
    assert gates == [0, 2, 4, 6, 8]  # the old trap releases in gate 9, which is dead
    assert flags == [False, True, True, True, True]


def test_delay_of_afterpulses_is_geometric():
    """Isolated clicks are followed by afterpulses at the given rate, a geometric delay after the dead time."""
    gates = np.arange(200_000, dtype=np.int64) * 1000
    left, saw = _filter(20, 0.1, 0.2).accept(gates, np.ones(gates.size, np.uint16), 200_000_000)
    strays = left[saw == RELEASED]
    delays = strays % 1000
    first = delays[delays <= 120]  # an afterpulse of an afterpulse comes later still
    assert first.min() == 21
    direct = np.count_nonzero(delays == 21)
    assert abs(direct - 200_000 * 0.1 * 0.2) < 4.5 * np.sqrt(4000)
    assert abs(strays.size - 200_000 * 0.1 / 0.9) < 4.5 * np.sqrt(22_222 * 1.3)


def test_slots_beyond_32_bits():
    """Gates are 64-bit numbers throughout."""
    start = 2**40
    detectors = _filter(10, live_gate=start + 5, releases=[start + 30])
    gates, flags = _accept(detectors, [start + 4, start + 6, start + 60], start + 100)
    assert gates == [start + 6, start + 30, start + 60]
    assert flags == [False, True, False]
