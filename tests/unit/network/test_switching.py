"""Schedules of optical switches: shares against the closed form, slots that never overlap, what the file may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qit4n.network.file import examine, load
from qit4n.network.generate import to_yaml
from qit4n.network.model import Switch
from qit4n.network.switching import Slot, Timetable, lit_shares, slots

LINKS = ("l1", "l2", "l3")


def switch(**values):
    """Three links in rounds of ten seconds, of which a slot loses half a second."""
    return Switch(
        **{"id": "s", "site": "hub", "links": LINKS, "retune_s": 0.2, "relock_s": 0.3, "period_s": 10.0} | values
    )


def test_each_link_gets_the_same_key():
    """One device: the time goes by 1/rate, after what retuning and re-locking cost (1.5 of 10 s)."""
    shares = lit_shares(switch(), {"l1": 1.0, "l2": 2.0, "l3": 4.0}, dict.fromkeys(LINKS, 1.0))
    total = 1.0 + 1 / 2 + 1 / 4
    assert shares == pytest.approx({"l1": 0.85 / total, "l2": 0.85 / 2 / total, "l3": 0.85 / 4 / total})


@given(
    st.dictionaries(st.sampled_from(LINKS), st.floats(10, 1e7), min_size=1),
    st.dictionaries(st.sampled_from(LINKS), st.floats(0.05, 1.0), min_size=1),
)
def test_key_comes_by_weight_and_no_time_is_wasted(rates, weights):
    """The optimum for one device in closed form; who has no rate or no weight has no slot and costs no time."""
    shares = lit_shares(switch(), rates, weights)
    served = [link for link in LINKS if link in rates and link in weights]
    assert list(shares) == served
    if served:
        assert sum(shares.values()) == pytest.approx(1.0 - 0.05 * len(served), rel=1e-6)
        keys = [shares[link] * rates[link] / weights[link] for link in served]
        assert keys == pytest.approx([keys[0]] * len(keys), rel=1e-5)


def test_a_link_without_a_slot_never_passes():
    """All light of it is lost."""
    table = Timetable(switch(), slots(switch(), {"l1": 0.5}))
    assert table.window("l2", 3.0) is None
    assert not table.passes("l2", 3.0, 3.1)


def test_light_passes_in_the_slot_only_and_never_while_the_switch_turns():
    """Before it opens, across its end and in the next link's slot it does not."""
    table = Timetable(switch(), slots(switch(), {"l1": 0.3, "l2": 0.5}))
    assert table.held_at(0.0) == (
        Slot(link="l1", opens_s=0.5, closes_s=3.5),
        Slot(link="l2", opens_s=4.0, closes_s=9.0),
    )
    for begins, ends, passes in ((20.5, 23.5, True), (20.4, 20.6, False), (23.4, 23.6, False), (25.0, 25.1, False)):
        assert table.passes("l1", begins, ends) is passes


def test_a_new_schedule_holds_from_the_next_round_on():
    """The round under way is finished with the old slots, whenever a site learns of the new ones."""
    table = Timetable(switch(), slots(switch(), {"l1": 0.9}))
    table.take(12.0, slots(switch(), {"l2": 0.9}))
    assert table.window("l1", 13.0).closes_at == pytest.approx(19.5)
    assert table.window("l1", 19.6) is None
    assert table.window("l2", 13.0).opens_at == pytest.approx(20.5)


@given(
    st.lists(st.tuples(st.floats(0, 200), st.dictionaries(st.sampled_from(LINKS), st.floats(0.01, 0.28)))),
    st.floats(0, 300),
)
def test_whatever_schedules_come_no_two_links_have_light_at_once(changes, now):
    """The property that a shared module needs."""
    table = Timetable(switch(), slots(switch(), dict.fromkeys(LINKS, 0.2)))
    for from_at, shares in changes:
        table.take(from_at, slots(switch(), shares))
    open_ = [link for link in LINKS if table.passes(link, now, now)]
    assert len(open_) <= 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("switch\n    site: exchange\n", "switch\n    site: exchang\n", "there is no site 'exchang'"),
        ("period_s: 4.0", "period_s: 0.9", "8 times retuning and re-locking take 0.96 s of a round of 0.9 s"),
        ("      - b2\n", "      - b22\n", "there is no link 'b22'"),
        ("      - b2\n", "      - b1\n", "link 'b1' crosses switches[0] already"),
        ("ends: [branch1, exchange]", "ends: [exchange, branch1]", "has the transmitter of some of these links"),
        ("ends: [branch1, exchange]", "ends: [branch1, branch2]", "link 'b1' does not end at site exchange"),
    ],
)
def test_what_does_not_fit_is_told(old, new, told):
    """Each with what would be right; the shipped example has no problem."""
    text = to_yaml(load("switched-star"))
    assert not examine(text, "f").problems
    assert old in text, text
    found = examine(text.replace(old, new, 1), "f").problems
    assert any(told in one.what for one in found), found
    assert all(one.right for one in found)
