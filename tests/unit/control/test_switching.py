"""How the controller schedules a switch by the stock of its links."""

import pytest

from qit4n.control.switching import LEAD_S, RECONSIDER_S, SwitchControl
from qit4n.network.file import load
from qit4n.network.switching import Timetable

NETWORK = load("switched-star")
FULL = NETWORK.policies.link_stock_bits
LINKS = NETWORK.switches[0].links


@pytest.fixture
def control():
    """All links make as much per second of light."""
    return SwitchControl(NETWORK, dict.fromkeys(LINKS, 1000.0))


def test_at_first_all_links_have_alike(control):
    """Two rounds are for both ends to learn of it; the time lost is that of eight slots."""
    assert control.refresh({}, 100.0)
    shares = control.shares["exchange-switch"]
    assert shares == pytest.approx(dict.fromkeys(LINKS, (1 - 8 * 0.12 / 4) / 8))
    assert control.of("branch1") == control.of("exchange") == (control.schedules["exchange-switch"],)
    assert control.schedules["exchange-switch"].from_at == 100.0 + LEAD_S


def test_a_link_that_is_full_gives_its_time_to_the_others(control):
    """And the time that its slot would lose."""
    control.refresh({}, 0.0)
    assert control.refresh({"b1": FULL, "b2": 0.75 * FULL}, RECONSIDER_S)
    shares = control.shares["exchange-switch"]
    assert "b1" not in shares
    assert shares["b3"] == pytest.approx(2 * shares["b2"])
    assert sum(shares.values()) == pytest.approx(1 - 7 * 0.12 / 4)


def test_small_changes_and_full_links_leave_the_schedule_as_it_is(control):
    """A schedule that changes all the time would never be followed."""
    control.refresh({}, 0.0)
    assert not control.refresh({"b1": 0.52 * FULL}, RECONSIDER_S)
    assert not control.refresh(dict.fromkeys(LINKS, FULL), 2 * RECONSIDER_S)
    assert control.version == 1
    assert not control.refresh({"b1": FULL}, 2 * RECONSIDER_S + 1)  # not yet


def test_both_ends_change_to_new_slots_in_the_same_round(control):
    """Whenever within the lead they learn of it."""
    control.refresh({}, 0.0)
    control.refresh({"b1": FULL}, 50.0)
    schedule = control.schedules["exchange-switch"]
    one, other = (Timetable(NETWORK.switches[0], ()) for _ in range(2))
    one.take(schedule.from_at, schedule.slots)
    for moment in (50.0, 51.9, 53.0):
        other.take(schedule.from_at, schedule.slots)
        assert one.window("b2", moment) == other.window("b2", moment)
        assert one.window("b2", moment).opens_at >= 52.0
