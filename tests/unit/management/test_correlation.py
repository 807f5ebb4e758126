"""A fibre cut is one alarm, not forty: what follows from a root cause is told with it."""

import pytest

from qit4n.management.alarms import Alarms
from qit4n.management.correlation import PATIENCE_S, leads_round, lost_hops

from .conftest import link, pool, site

RING = ("ab", "bc", "cd", "da")


@pytest.fixture
def ring(state):
    """A ring a - b - c - d with pools a - c and a - b, some links of which are down."""

    def make(at, down=(), pools=(), **values):
        links = [link(name, "down" if name in down else "running") for name in RING]
        sites = values.pop("sites", [site(name) for name in "abcd"])
        return state(at, links=links, sites=sites, pools=list(pools) or [pool(), pool("a", "b", (("a", "b"),))])

    return make


def test_a_cut_is_one_alarm_with_the_pools_it_took_paths_from(ring):
    """Both pools go the other way round: the alarm says so, and within which time."""
    alarms = Alarms()
    alarms.update(ring(9.5))
    other = [pool(paths=(("a", "d", "c"),)), pool("a", "b", (("a", "d", "c", "b"),))]
    (cut,), _ = alarms.update(ring(10.0, ["ab"], other))
    assert cut.affects == ("pool a - b (1 path) goes over a-d-c-b", "pool a - c (1 path) goes over a-d-c")
    assert cut.restored_s == 0.5  # since the last state in which the link was whole
    assert len(alarms.standing) == 1


def test_it_is_restored_when_the_last_pool_has_another_path(ring):
    """Until then the pools live on their stock, and the alarm says what is left."""
    alarms = Alarms()
    alarms.update(ring(10.0))
    broken = [pool(paths=()), pool("a", "b", (("a", "b"),))]
    (cut,), _ = alarms.update(ring(10.2, ["ab"], broken))
    assert cut.restored_s is None
    assert cut.affects == (
        "pool a - b (1 path) still spends the stock of the lost hop",
        "pool a - c (1 path) has no path; 5 kbit are left of it",
    )
    alarms.update(ring(10.8, ["ab"], [pool(paths=(("a", "d", "c"),)), pool("a", "b", ())]))
    assert alarms.standing["ab", "link-down"].restored_s is None
    alarms.update(ring(11.5, ["ab"], [pool(paths=(("a", "d", "c"),)), pool("a", "b", (("a", "d", "c", "b"),))]))
    assert alarms.standing["ab", "link-down"].restored_s == 1.5
    alarms.update(ring(20.0, ["ab"], [pool(paths=()), pool("a", "b", ())]))
    assert alarms.standing["ab", "link-down"].restored_s == 1.5


def test_pools_that_a_cut_leaves_without_any_path_are_no_alarms(ring):
    """Two cuts separate a: one alarm each, however long the pools have none."""
    alarms = Alarms()
    alarms.update(ring(0.0))
    for at in (1.0, 2.0, 3.0 + PATIENCE_S, 4.0 + 2 * PATIENCE_S):
        alarms.update(ring(at, ["ab", "da"], [pool(paths=(), ready_bits=0), pool("a", "b", (), ready_bits=0)]))
    assert sorted(alarms.standing) == [("ab", "link-down"), ("da", "link-down")]


def test_a_pool_that_appears_behind_a_cut_is_explained_by_it(ring):
    """It never had a path over the link that is down, and has none because of it."""
    alarms = Alarms()
    for at in (0.0, 2 * PATIENCE_S):
        alarms.update(ring(at, ["ab", "da"], [pool("a", "d", (), ready_bits=0)]))
    assert {kind for _, kind in alarms.standing} == {"link-down"}
    assert "pool a - d (1 path) has no path" in alarms.standing["ab", "link-down"].affects[0]


def test_a_pool_that_runs_out_for_no_reason_is_an_alarm_of_its_own(ring):
    """Only when it lasts, and the pool is low: paths come and go while stock is scarce."""
    alarms, dry = Alarms(), [pool(paths=(), ready_bits=100)]
    assert alarms.update(ring(0.0, (), dry)) == ([], [])
    assert alarms.update(ring(PATIENCE_S / 2, (), [pool(paths=())]))[0] == []
    alarms.update(ring(PATIENCE_S, (), dry))
    (raised,), _ = alarms.update(ring(2 * PATIENCE_S, (), dry))
    assert (raised.element, raised.kind) == ("a - c (1 path)", "pool-without-path")


def test_a_silent_site_is_one_alarm_with_the_pools_it_carried(ring):
    """Pools that go over it are its consequences, those that begin or end there cannot be restored by a path."""
    alarms = Alarms()
    alarms.update(ring(0.0))
    sites = [site("a"), site("b", up=False), site("c"), site("d")]
    alarms.update(ring(1.0, ["ab", "bc"], [pool(paths=(("a", "d", "c"),)), pool("a", "b", ())], sites=sites))
    (silent,) = alarms.standing.values()
    assert (silent.element, silent.restored_s) == ("b", 1.0)
    assert silent.affects == ("pool a - c (1 path) goes over a-d-c",)


def test_the_advice_of_a_cut_knows_whether_anything_leads_round_it(ring, state):
    """Round the ring there is a way until a second link is cut; between two sites there is none, but a second link."""
    alarms = Alarms()
    alarms.update(ring(0.0, ["ab"]))
    assert "go round the link" in alarms.standing["ab", "link-down"].advice
    alarms.update(ring(1.0, ["ab", "cd"]))
    assert "nothing leads round the link" in alarms.standing["ab", "link-down"].advice
    two = [link("ab", "down"), link("second", ends=("a", "b"))]
    assert leads_round(state(links=two), "ab")
    assert not leads_round(state(links=two[:1]), "ab")


def test_a_link_beside_another_one_takes_no_hop_away(state):
    """Two links join a and b: while one is well the hop is there."""
    links = [link("ab", "down"), link("second", ends=("a", "b"))]
    assert lost_hops(state(links=links), "ab") == frozenset()
    assert lost_hops(state(links=[links[0]]), "ab") == {frozenset("ab")}
