"""``qit fault cut`` shows the alarm as soon as nothing better can come of it."""

import pytest
from msgspec.structs import replace

from qit4n.cli import fault
from qit4n.management.alarms import Alarms
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


def with_alarms(*states):
    """Each state with the alarms that a manager makes of all until then."""
    alarms = Alarms()
    for one in states:
        alarms.update(one)
        yield replace(one, alarms=tuple(alarms.standing.values()))


def test_it_is_shown_at_once_where_no_other_path_exists(state, asked):  # noqa: F811
    """Of two sites: the first state with the alarm is the last that is asked for."""
    cut = state(1.0, links=[link("ab", "down")], sites=[site("a"), site("b")], pools=[pool("a", "b", ())])
    before = replace(cut, at=0.0, links=(link("ab"),), pools=(pool("a", "b", (("a", "b"),)),))
    asked += [*with_alarms(before, cut), cut, cut]
    assert fault._alarm_of(None, None, "ab").element == "ab"
    assert asked == [cut, cut]


def test_it_waits_for_other_paths_where_there_are_some(state, asked):  # noqa: F811
    """Round the ring: the alarm that is shown says within which time."""
    links = [link(name, "down" if name == "ab" else "running") for name in RING]
    before = state(0.0, links=[link(name) for name in RING], pools=[pool("a", "b", (("a", "b"),))])
    cut = state(1.0, links=links, pools=[pool("a", "b", ())])
    round_it = state(2.0, links=links, pools=[pool("a", "b", (("a", "c", "b"),))])
    asked += with_alarms(before, cut, round_it)
    assert fault._alarm_of(None, None, "ab").restored_s == 2.0
