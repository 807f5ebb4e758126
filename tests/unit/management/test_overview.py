"""The overview: what a reader finds there after the controller has told some states."""

import pytest

from qit4n.management.correlation import pool_name
from qit4n.management.overview import FRESH_S, Overview
from qit4n.network.model import Link, Medium, Network, Site
from qit4n.refpoints import mc

from .conftest import link, pool


@pytest.fixture
def overview():
    sites = tuple(Site(id=name) for name in "abc")
    links = tuple(
        Link(id=one, ends=tuple(one), medium=Medium(length_km=1, loss_db=1), module="m") for one in ("ab", "bc")
    )
    return Overview(Network(qit4n=1, name="n", sites=sites, links=links))


def test_before_the_first_state_nothing_is_known(overview):
    assert (overview.status, overview.alarms, overview.version) == (None, (), 0)
    assert not overview.fresh(0.0)


def test_a_state_is_fresh_for_some_seconds(overview, state):
    """When the controller does not answer any more, a reader can tell."""
    overview.receive(state(100.0))
    assert overview.fresh(100.0 + FRESH_S)
    assert not overview.fresh(101.0 + FRESH_S)
    assert overview.version == 1


def test_what_flows_out_of_a_pool_is_a_rate(overview, state):
    """Bits supplied between two states, by the time between them; not after the source has started anew."""
    for at, supplied in ((0, 0), (1, 1000), (2, 4000), (3, 0), (4, 500), (5, 500)):
        overview.receive(state(float(at), pools=[pool(supplied_bits=supplied)]))
    _, rates = overview.history.series("pool", pool_name(pool()), "supplied_bps", 0)
    assert rates[1:3].tolist() == [1000, 3000]
    assert str(rates[3]) == "nan"
    assert rates[4] == 500


def test_the_error_rate_of_a_device_is_a_gap(overview, state):
    """It is not known, which is not zero."""
    for at in range(3):
        overview.receive(state(float(at), links=[link("ab", qber=None), link("bc")]))
    assert str(overview.history.series("link", "ab", "qber", 0)[1][0]) == "nan"
    assert overview.history.series("link", "bc", "qber", 0)[1][0] == pytest.approx(0.02)


def test_events_say_what_changed(overview, state):
    """A link, a path, an alarm that comes and goes; nothing while nothing changes."""
    overview.receive(state(0.0))
    overview.receive(state(1.0))
    assert not overview.events
    overview.receive(state(2.0, links=[link("ab", "down"), link("bc")], pools=[pool(paths=())]))
    overview.receive(state(3.0))
    texts = [(event.kind, event.text) for event in overview.events]
    assert ("raised", "link ab is cut: its modules at both sites run and have no contact") in texts
    assert ("state", "link ab is down, was running") in texts
    assert ("state", "pool a - c (1 path) goes over no path") in texts
    assert ("state", "pool a - c (1 path) goes over a-b-c") in texts
    assert [alarm.cleared_at for alarm in overview.past] == [3.0]


def test_the_worst_alarm_comes_first(overview, state):
    """Critical before major, whatever came first."""
    overview.receive(state(0.0, links=[link("ab", "down"), link("bc")]))
    overview.receive(state(1.0, links=[link("ab", "down"), link("bc", "no-key", reason="high-qber")]))
    assert [alarm.severity for alarm in overview.alarms] == ["critical", "major"]
    assert all(isinstance(alarm, mc.Alarm) for alarm in overview.alarms)


def test_history_comes_back(overview, state):
    """What one overview gave to keep, the next one has, pools that the file does not name included."""
    kept = [row for at in range(40) for row in overview.receive(state(float(at)))]
    assert {row.kind for row in kept} == {"link", "pool"}
    other = Overview(overview.network)
    other.restore(kept)
    assert other.history.series("link", "ab", "stock_bits", 0)[1].tolist() == [1000.0] * 3
    assert other.history.series("pool", pool_name(pool()), "ready_bits", 0)[1].tolist() == [5000.0] * 3
