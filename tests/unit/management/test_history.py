"""History: fine for minutes, coarse for days, bounded, and the same after a restart."""

from math import isnan, nan

import numpy as np
import pytest

from qit4n.management.history import LEVELS, MOST_VALUES, STATES, History

DOWN = STATES.index("down")


@pytest.fixture
def history():
    """Of two links."""
    return History({"link": ["ab", "bc"]})


def run(history, seconds, begin=0, **values):
    """One measurement of both links each second; the rows that are to be kept on disk."""
    told = values or {"ab": (0.02, 100.0, 1000.0, 0)}
    kept = (history.record("link", begin + second, told) for second in range(seconds))
    return [row for row in kept if row is not None]


def test_the_last_minutes_are_there_second_by_second(history):
    """What was measured comes back with its time, the oldest first."""
    for second in range(5):
        history.record("link", second, {"ab": (second / 100, 100.0 * second, 0.0, 0)})
    times, values = history.series("link", "ab", "rate_bps", 0)
    assert times.tolist() == [1, 2, 3, 4]  # the end of each second that is over
    assert values.tolist() == [0, 100, 200, 300]


def test_several_measurements_of_a_second_are_their_mean_and_the_worst_state(history):
    """A link that was down for a moment is down in that row."""
    for at, rate, state in ((0.0, 100, 0), (0.4, 300, DOWN), (0.8, 200, 0), (1.0, 0, 0)):
        history.record("link", at, {"ab": (0.01, rate, 0, state)})
    assert history.series("link", "ab", "rate_bps", 0)[1].tolist() == [200]
    assert history.series("link", "ab", "state", 0)[1].tolist() == [DOWN]


def test_what_is_not_known_is_a_gap(history):
    """An error rate that is NaN, and a link of which nothing is told, are NaN and not zero."""
    run(history, 3, ab=(nan, 100.0, 1000.0, 0))
    assert np.isnan(history.series("link", "ab", "qber", 0)[1]).all()
    assert np.isnan(history.series("link", "bc", "rate_bps", 0)[1]).all()


def test_long_ago_is_answered_coarsely(history):
    """Beyond the finest level the means of ten seconds are there, back to the beginning."""
    run(history, 1000)
    fine = history.series("link", "ab", "rate_bps", 900)[0]
    coarse = history.series("link", "ab", "rate_bps", 15)[0]
    assert np.diff(fine).max() == LEVELS[0].period_s
    assert np.diff(coarse).max() == LEVELS[1].period_s
    assert coarse[0] <= 20


def test_playback_shows_all_elements_as_they_were(history):
    """At a time in the past, each with its quantities; of times without measurement nothing."""
    run(history, 100, ab=(0.02, 100.0, 1000.0, 0), bc=(0.05, 0.0, 50.0, DOWN))
    then = history.at("link", 50)
    assert then["bc"]["state"] == DOWN
    assert then["ab"]["stock_bits"] == 1000
    assert history.at("link", 5000) == {}
    first, last = history.span()
    assert first <= 1
    assert last >= 98


def test_a_restart_keeps_what_was_written(history):
    """Rows that were kept make the same coarse history in a new one, also when links have come and gone."""
    rows = run(history, 100, ab=(0.02, 100.0, 1000.0, 0), bc=(0.03, 50.0, 10.0, 0))
    assert len(rows) == 9
    other = History({"link": ["new", "bc"]})
    for row in rows:
        other.restore(row)
    times, values = other.series("link", "bc", "rate_bps", 0)
    assert times.tolist() == [row.at for row in rows]
    assert values.tolist() == [50.0] * 9
    assert other.series("link", "ab", "rate_bps", 0)[0].size == 0


def test_a_row_that_does_not_fit_is_a_gap(history):
    """A file of another version does no harm."""
    (row, *_) = run(history, 21)
    other = History({"link": ["ab"]})
    other.restore(type(row)("link", 10.0, ("ab",), np.zeros((1, 99), np.float32)))
    assert np.isnan(other.series("link", "ab", "rate_bps", 0)[1]).all()


def test_elements_that_come_later_keep_the_others(history):
    """A pool that is new has gaps before, and the old one loses nothing."""
    history.add_elements("pool", ["p"])
    for second in range(10):
        history.record("pool", second, {"p": (1.0, 2.0, 1.0)})
    history.add_elements("pool", ["q", "p"])
    for second in range(10, 20):
        history.record("pool", second, {"p": (1.0, 2.0, 1.0), "q": (3.0, 4.0, 1.0)})
    assert history.elements("pool") == ("p", "q")
    old, new = (history.series("pool", name, "ready_bits", 0)[1] for name in "pq")
    assert (old == 1).all()
    assert [isnan(new[0]), new[-1]] == [True, 3.0]


def test_unknown_names_have_an_empty_series(history):
    run(history, 3)
    assert history.series("link", "nowhere", "qber", 0)[0].size == 0
    assert history.series("link", "ab", "colour", 0)[0].size == 0


def test_memory_is_bounded_for_ten_thousand_links():
    """All levels together hold no more numbers than promised, however large the network is."""
    large = History({"link": [str(number) for number in range(10_000)], "pool": [str(n) for n in range(10_000)]})
    held = sum(ring.values.size for kind in large._kinds.values() for ring in kind.rings)
    assert held <= MOST_VALUES
    run(large, 30)
    assert large.span() is not None
