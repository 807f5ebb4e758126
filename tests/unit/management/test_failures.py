"""Links of one duct that fail at the same moment are one alarm, which names the duct."""

import pytest
from msgspec.structs import replace

from qit4n.dashboard.playback import status_at
from qit4n.management.alarms import Alarms
from qit4n.management.anomalies import Anomalies
from qit4n.management.commoncause import Part, ducts_of, gathered, parts_of
from qit4n.management.failures import TOGETHER_S
from qit4n.management.linkwatch import Anomaly
from qit4n.management.overview import Overview
from qit4n.network.file import load

from .conftest import link, pool, site

LINKS = ("ab", "bc", "cd", "da", "ac")
DUCT = Part("bridge", "duct bridge", frozenset({"ab", "cd", "da"}))
CUT = ("bridge", "common-cause")


@pytest.fixture
def square(state):
    """A square a - b - c - d with one diagonal, some links of which are down."""

    def make(at, *down, pools=None, **states):
        links = [link(name, states.get(name, "down" if name in down else "running")) for name in LINKS]
        return state(at, links=links, sites=[site(name) for name in "abcd"], pools=pools or [pool("a", "b", ("ab",))])

    return make


@pytest.fixture
def alarms(square):
    """Of a network that was well at first."""
    made = Alarms((DUCT,))
    made.update(square(0.0))
    return made


def test_links_of_a_duct_that_fail_together_are_one_alarm(alarms, square):
    """It names the duct and its links, is as severe as a cut, and tells how soon the pool had another path."""
    (raised,), _ = alarms.update(square(1.0, "ab", "cd", pools=[pool("a", "b", ())]))
    assert (raised.element, raised.kind, raised.severity, raised.cause) == (*CUT, "major", "lossOfSignal")
    assert raised.text == "duct bridge looks cut: ab, cd (2 of its 3 links) failed at the same moment"
    assert (raised.about, raised.restored_s) == (("ab", "cd"), None)
    assert raised.affects == ("pool a - b (1 path) has no path; 5 kbit are left of it",)
    assert raised.advice == "look for the break in duct bridge (OTDR); pools live on stock and go round its links"
    alarms.update(square(2.5, "ab", "cd", pools=[pool("a", "b", ("acb",))]))
    assert [*alarms.standing] == [CUT]
    assert alarms.standing[CUT].restored_s == 2.5
    assert alarms.standing[CUT].affects == ("pool a - b (1 path) goes over a-c-b",)


def test_a_link_that_is_seen_to_fail_a_little_later_joins(alarms, square):
    """What the first one took is told on, and the time of restoration counts from the first loss."""
    moved = [pool("a", "b", ("acb",))]
    (first,), _ = alarms.update(square(1.0, "ab", pools=[pool("a", "b", ())]))
    assert (first.element, first.kind) == ("ab", "link-down")
    for at in (1.5, 2.0, 2.5, 3.0):
        alarms.update(square(at, "ab", pools=[pool("a", "b", ())]))
    (both,), (gone,) = alarms.update(square(4.0, "ab", "cd", pools=[pool("a", "b", ())]))
    assert (both.element, both.about, gone.element) == ("bridge", ("ab", "cd"), "ab")
    assert alarms.update(square(4.5, "ab", "cd", "da", pools=moved)) == ([], [])
    cut = alarms.standing[CUT]
    assert (cut.about, cut.restored_s) == (("ab", "cd", "da"), 4.5)
    assert cut.affects == ("pool a - b (1 path) goes over a-c-b",)


def test_links_that_fail_at_other_times_have_their_own_alarms(alarms, square):
    """Two cuts of one duct, but not at one moment."""
    alarms.update(square(1.0, "ab"))
    alarms.update(square(2.0 + TOGETHER_S, "ab", "cd"))
    assert sorted(alarms.standing) == [("ab", "link-down"), ("cd", "link-down")]


@pytest.mark.parametrize("states", [{"cd": "no-key"}, {"bc": "down"}, {"ac": "down"}])
def test_another_reason_or_another_duct_is_another_alarm(alarms, square, states):
    """A link that makes no key has contact; other links are not of the duct, even where they share a site."""
    alarms.update(square(1.0, "ab", **states))
    ((name, state),) = states.items()
    assert sorted(alarms.standing) == sorted(
        [("ab", "link-down"), (name, "link-down" if state == "down" else "no-key")]
    )


def test_it_stands_until_all_of_its_links_are_back(alarms, square):
    """A cable is spliced fibre by fibre: what is left of it is no new alarm. Cut again later, a link is on its own."""
    alarms.update(square(1.0, "ab", "cd", "da"))
    for at in (60.0, 61.0, 62.0):
        assert alarms.update(square(at, "cd")) == ([], [])
    assert alarms.standing[CUT].about == ("cd",)
    assert alarms.standing[CUT].text == "duct bridge looks cut: cd (1 of its 3 links) failed at the same moment"
    assert alarms.standing[CUT].since == 1.0
    _, (gone,) = alarms.update(square(70.0))
    assert (gone.element, gone.cleared_at) == ("bridge", 70.0)
    alarms.update(square(71.0, "cd"))
    assert [*alarms.standing] == [("cd", "link-down")]


def test_a_duct_that_is_cut_twice_is_one_alarm_that_says_so(square):
    """Two links at one moment, two at another: no link is forgotten, and no pool."""
    duct = Part("bridge", "duct bridge", frozenset({"ab", "bc", "cd", "da"}))
    alarms = Alarms((duct,))
    alarms.update(square(0.0, pools=[pool("a", "c", ("abc",)), pool("a", "d", ("ad",))]))
    alarms.update(square(1.0, "ab", "bc", pools=[pool("a", "c", ("ac",)), pool("a", "d", ("ad",))]))
    alarms.update(square(60.0, "ab", "bc", "cd", "da", pools=[pool("a", "c", ("ac",)), pool("a", "d", ())]))
    (cut,) = alarms.standing.values()
    assert cut.about == ("ab", "bc", "cd", "da")
    assert cut.text.endswith("ab, bc, cd, da (4 of its 4 links) failed, some at one moment and some at another")
    assert [one.split(" ", 1)[1].split(" (")[0] for one in cut.affects] == ["a - c", "a - d"]
    assert cut.restored_s is None


def test_a_manager_that_starts_anew_does_not_say_when_they_failed(square):
    """Nor does it make an alarm of each: the duct explains them. Who fails later is told apart as ever."""
    fresh = Alarms((DUCT,))
    fresh.update(square(50.0, "ab", "cd"))
    assert fresh.standing[CUT].text == (
        "duct bridge looks cut: ab, cd (2 of its 3 links) had failed when the manager started"
    )
    fresh.update(square(60.0, "ab", "cd", "da"))
    assert sorted(fresh.standing) == [CUT, ("da", "link-down")]


def test_the_advice_names_the_links_that_nothing_leads_round(alarms, square):
    """With ab, cd and da gone d has no link at all; a and b still find each other over c."""
    alarms.update(square(1.0, "ab", "cd", "da"))
    assert alarms.standing[CUT].advice.startswith(
        "look for the break in duct bridge (OTDR); nothing leads round cd, da: "
    )


def test_links_of_the_duct_that_lose_light_at_once_name_it_beside_those_that_are_cut(alarms, square):
    """One alarm of one duct: it speaks for both kinds."""
    squeezed = Part("bridge", "duct bridge", frozenset({"bc", "da"}))
    worse = gathered({"da": anomaly(), "bc": anomaly()}, (squeezed,))
    alarms.update(square(1.0, "ab", "cd"), worse)
    assert [*alarms.standing] == [CUT]
    assert alarms.standing[CUT].about == ("ab", "cd", "bc", "da")
    assert any("loses more light" in one for one in alarms.standing[CUT].affects)


def anomaly():
    return Anomaly(kind="loss-rise", detail="1 dB more loss", since=0.0, found_at=0.0)


def test_links_of_a_duct_that_become_unusual_together_name_it():
    """A squeezed duct loses light in all of its fibres; of the shipped ring the two links share a site as well."""
    metro = load("metro")
    (one,) = gathered(dict.fromkeys(metro.ducts["river-crossing"], anomaly()), parts_of(metro))
    assert (one.element, one.like) == ("river-crossing", "loss-rise")
    assert "share duct river-crossing and site south-east" in one.detail
    assert Anomalies(metro)._parts == parts_of(metro)


def test_the_manager_knows_the_ducts_of_its_file(state):
    """Of the shipped ring: both links go at once, one alarm stands."""
    metro = load("metro")
    (duct,) = ducts_of(metro)
    seen = Overview(metro)
    links = [link(one.id, ends=one.ends) for one in metro.links]
    sites = [site(one.id) for one in metro.sites]
    seen.receive(state(0.0, links=links, sites=sites, pools=[]))
    cut = [replace(one, state="down") if one.link in duct.links else one for one in links]
    seen.receive(state(1.0, links=cut, sites=sites, pools=[]))
    assert [(one.element, one.kind) for one in seen.alarms] == [("river-crossing", "common-cause")]
    assert [one.element for one in seen.news if getattr(one, "kind", "") == "common-cause"] == ["river-crossing"]
    then = status_at(seen.status, 1.0, {name: {"state": 4.0} for name in duct.links}, seen.alarms)
    assert {one.state for one in then.links if one.link in duct.links} == {"down"}
