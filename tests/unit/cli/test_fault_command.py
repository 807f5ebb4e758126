"""``qit fault cut`` shows the alarm as soon as nothing better can come of it."""

import pytest
from msgspec.structs import replace

from qit4n.cli import fault
from qit4n.management.alarms import Alarms
from qit4n.management.commoncause import Part
from qit4n.management.correlation import stranded
from unit.management.conftest import link, pool, site, state  # noqa: F401 - the fixture

RING = ("ab", "bc", "ca")


@pytest.fixture
def asked(monkeypatch):
    """What the controller is made to answer, one state after another; the last one for ever."""
    answers = []

    async def ask_status(_network, _state):
        return answers.pop(0) if len(answers) > 1 else answers[0]

    monkeypatch.setattr(fault, "ask_status", ask_status)
    monkeypatch.setattr(fault.time, "sleep", lambda _: None)
    return answers


def with_alarms(*states, ducts=()):
    """Each state with the alarms that a manager makes of all until then."""
    alarms = Alarms(ducts)
    for one in states:
        alarms.update(one)
        yield replace(one, alarms=tuple(alarms.standing.values()))


def test_it_is_shown_at_once_where_no_other_path_exists(state, asked):  # noqa: F811
    """Of two sites: the first state with the alarm is the last that is asked for."""
    cut = state(1.0, links=[link("ab", "down")], sites=[site("a"), site("b")], pools=[pool("a", "b", ())])
    before = replace(cut, at=0.0, links=(link("ab"),), pools=(pool("a", "b", (("a", "b"),)),))
    asked += [*with_alarms(before, cut), cut, cut]
    assert fault._alarm_of(None, None, ["ab"]).element == "ab"
    assert asked == [cut, cut]


def test_it_waits_for_other_paths_where_there_are_some(state, asked):  # noqa: F811
    """Round the ring: the alarm that is shown says within which time."""
    links = [link(name, "down" if name == "ab" else "running") for name in RING]
    before = state(0.0, links=[link(name) for name in RING], pools=[pool("a", "b", (("a", "b"),))])
    cut = state(1.0, links=links, pools=[pool("a", "b", ())])
    round_it = state(2.0, links=links, pools=[pool("a", "b", (("a", "c", "b"),))])
    asked += with_alarms(before, cut, round_it)
    assert fault._alarm_of(None, None, ["ab"]).restored_s == 2.0


def test_of_a_duct_it_waits_until_the_alarm_speaks_for_all_links(state, asked):  # noqa: F811
    """First one link is seen to be down, then both; the alarm is the duct's, with the time until there was a path."""
    names = (*RING, "ad", "dc")
    duct = Part("bridge", "duct bridge", frozenset({"ab", "ad"}))

    def at(now, *down, path):
        links = [link(name, "down" if name in down else "running") for name in names]
        return state(now, links=links, sites=[site(one) for one in "abcd"], pools=[pool("a", "d", path)])

    first = at(1.0, "ad", path=(("a", "b", "c", "d"),))
    both, then = (at(now, "ab", "ad", path=path) for now, path in ((2.0, ()), (3.0, (("a", "c", "d"),))))
    asked += with_alarms(at(0.0, path=(("a", "d"),)), first, both, then, ducts=(duct,))
    alarm = fault._alarm_of(None, None, ["ab", "ad"])
    assert (alarm.element, alarm.restored_s) == ("bridge", 3.0)


def test_a_pool_is_stranded_only_by_what_is_cut(state):  # noqa: F811
    """Between a and b nothing is left; a pool that had no way before is not waited for, nor counted."""
    now = state(links=[link("ab", "down"), link("bc")], pools=[pool("a", "c", ())])
    assert stranded(now, ["ab"])
    assert not stranded(replace(now, pools=(pool("b", "c"),)), ["ab"])
    assert not stranded(replace(now, pools=(pool("a", "z", ()),)), ["ab"])
