"""Which alarms stand: one for each thing that is wrong, from its beginning to its end."""

import pytest

from qit4n.management.alarms import Alarms
from qit4n.management.catalogue import CATALOGUE

from .conftest import link, site


def test_a_network_that_is_well_has_no_alarm(state):
    """Links that rest or start are not in trouble."""
    assert Alarms().update(state(links=[link("ab", "resting"), link("bc", "starting")])) == ([], [])


def test_an_alarm_stands_from_its_beginning_to_its_end(state):
    """It is raised once, keeps its start while it goes on, and is told once more, with its end, when it clears."""
    alarms = Alarms()
    (raised,), cleared = alarms.update(state(1.0, links=[link("ab", "down"), link("bc")]))
    assert (raised.element, raised.kind, raised.severity, raised.cause) == ("ab", "link-down", "major", "lossOfSignal")
    assert cleared == []
    assert alarms.update(state(2.0, links=[link("ab", "down"), link("bc")])) == ([], [])
    assert alarms.standing["ab", "link-down"].since == 1.0
    raised, (gone,) = alarms.update(state(3.0))
    assert (raised, gone.since, gone.cleared_at) == ([], 1.0, 3.0)
    assert alarms.standing == {}


def test_of_the_links_of_a_silent_site_nothing_is_said(state):
    """One alarm for the site, none for its links, about which nothing is known."""
    alarms = Alarms()
    links = [link("ab", "down"), link("bc", "down")]
    raised, _ = alarms.update(state(sites=[site("a"), site("b", up=False), site("c")], links=links))
    assert [(alarm.element, alarm.kind) for alarm in raised] == [("b", "site-silent")]


def test_a_site_that_was_never_heard_of_is_no_alarm_yet(state):
    """While a network starts its sites are not silent."""
    assert Alarms().update(state(sites=[site("a"), site("b", up=False, pid=0), site("c")])) == ([], [])


def test_a_fault_that_a_site_tells_is_an_alarm_in_its_words(state):
    alarms = Alarms()
    (raised,), _ = alarms.update(state(sites=[site("a", fault="the disk is full"), site("b"), site("c")]))
    assert (raised.kind, raised.text) == ("site-fault", "site a: the disk is full")


@pytest.mark.parametrize(
    ("shown", "reason", "kind"),
    [
        ("no-key", "high-qber", "high-qber"),
        ("no-key", "too-short", "no-key"),
        ("down", "device-away", "device-away"),
        ("down", "", "link-down"),
    ],
)
def test_the_reason_of_the_modules_decides_the_kind(state, shown, reason, kind):
    """A reason of the catalogue is the kind; another one, or none, is the usual alarm of the state."""
    alarms = Alarms()
    alarms.update(state(links=[link("ab", shown, reason=reason, detail="25 % errors"), link("bc")]))
    assert list(alarms.standing) == [("ab", kind)]


def test_every_entry_of_the_catalogue_says_what_is_wrong_and_what_to_do():
    """Texts name the element, advice is a sentence, causes are names as X.733 writes them."""
    for entry in CATALOGUE.values():
        assert "{element}" in entry.text
        assert len(entry.advice) > 20
        assert entry.cause.isalpha()
        assert entry.cause[0].islower()
