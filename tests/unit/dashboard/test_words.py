import numpy as np
import pytest
from msgspec.structs import replace

from qit4n.dashboard.attention import attention, cause_text, numbers, page_of, watches
from qit4n.dashboard.flow import flows, used_bps
from qit4n.dashboard.markup import duration, table
from qit4n.dashboard.pages.audit import access_table, came_to
from qit4n.dashboard.playback import events_before, standing, status_at
from qit4n.dashboard.plots import label_places, over_time
from qit4n.dashboard.tables import MOST_ROWS, links_table, pools_table, sites_table
from qit4n.management.access import AccessEvent
from qit4n.management.correlation import pool_name
from qit4n.management.history import History
from qit4n.management.overview import Event
from qit4n.network.file import load
from qit4n.refpoints import mc
from unit.dashboard.worlds import alarm, large, network, pool_status, status_of

NOW = 1_800_000_000.0


def test_an_alarm_says_what_why_since_when_and_what_to_do():
    """The card of a cut fibre has severity, text, cause in words, advice, time, consequences, and leads to the link."""
    described = network(["ab"])
    card = str(attention(described, [alarm("ab", affects=("pool a – b goes over c",))], None, NOW))
    assert "major</span>" in card
    assert '<a href="/link/ab" id="alarm-ab-link-down">Link ab has no contact between its modules</a>' in card
    assert "Probable cause: loss of signal" in card
    assert "Check the fibre, then the modules at both sites." in card
    assert "07:43:20" in card
    assert "pool a – b goes over c" in card
    assert 'href="/what-if?cut=ab"' in card


def test_alarms_come_before_what_is_only_watched():
    """Pools without a path and low stocks are a card each below the alarms; no link is named twice."""
    described = network(["ab", "bc", "cd"])
    low = {link.id: {"stock_bits": 10} for link in described.links}
    pools = [pool_status("a", "c", []), pool_status("c", "a", []), pool_status("a", "b", ["ab"])]
    status = status_of(described, links=low, pools=pools, alarms=[alarm("bc")])
    text = str(attention(described, status.alarms, status, NOW))
    assert text.index("Link bc has no contact") < text.index("2 pools have no path") < text.index("low on 2 links")
    assert [[name for name, _ in one.elements] for one in watches(described, status)] == [
        ["a → c", "c → a"],
        ["ab", "cd"],
    ]


def test_when_all_is_well_it_says_so():
    """An empty list is no empty page."""
    described = network(["ab"])
    assert "Nothing needs attention" in attention(described, [], status_of(described), NOW)


def test_forty_alarms_are_bounded_and_counted():
    """Thirty cards are shown and the rest is counted."""
    described = network(["ab"])
    text = str(attention(described, [alarm("ab", kind=f"k{number}") for number in range(40)], None, NOW))
    assert text.count('class="card ') == 30
    assert "and 10 more" in text


@pytest.mark.parametrize(
    ("element", "page"), [("ab", "/link/ab"), ("a", "/site/a"), ("a - b (1 path, hop-by-hop)", "/pools")]
)
def test_an_alarm_leads_to_what_it_is_about(element, page):
    """To a link, a site, or the pools."""
    assert page_of(network(["ab"]), element) == page


def test_an_alarm_of_an_optical_switch_leads_to_its_site():
    star = load("switched-star")
    assert page_of(star, star.switches[0].id) == f"/site/{star.switches[0].site}"


def test_causes_of_x733_are_words():
    """Names of ITU-T X.733 are split where they begin with a capital."""
    assert cause_text("softwareProgramAbnormallyTerminated") == "software program abnormally terminated"


def test_the_network_in_four_figures():
    """One of two links down, one of three sites silent, no pool."""
    described = network(["ab", "bc"])
    status = status_of(described, links={"ab": {"state": "down"}}, sites={"a": {"up": False}})
    assert [value for _, value in numbers(status)] == ["2 of 3", "1 of 2", "0 of 0", "1.8 Mbit"]


def test_tables_show_trouble_first_and_are_bounded():
    """Of many links the broken one is the first row, 200 are shown; a search finds others."""
    described = large(3_000)
    last = described.links[-1].id
    status = status_of(described, links={last: {"state": "down"}})
    text = str(links_table(described, status))
    assert text.count("<tr>") == MOST_ROWS + 1
    assert f"The first {MOST_ROWS} of {len(described.links)}" in text
    assert text.index(f">{last}</a>") < text.index(">l0</a>")
    assert str(links_table(described, status, "l17")).count("<tr>") == 1 + sum(
        "l17" in one.id for one in described.links
    )
    assert str(sites_table(described, status)).count("<tr>") == MOST_ROWS + 1


def test_a_pool_without_a_path_says_why():
    """In place of a path stands the reason, and such pools come first."""
    described = network(["ab"])
    pools = [pool_status("a", "b", ["ab"]), pool_status("b", "a", [], last_refusal="no path with key from b to a")]
    text = str(pools_table(status_of(described), pools))
    assert text.index("b → a") < text.index("a → b")
    assert "no path with key from b to a" in text


def test_who_came_to_the_manager_is_listed_the_newest_first():
    """A name that somebody made up brings no markup onto the page."""
    came = [
        AccessEvent(at=NOW - 60.0, step="logged-in", name="ann", source="192.0.2.1", session="5e551011"),
        AccessEvent(at=NOW - 30.0, step="refused", name="<b>bob", source="192.0.2.2"),
    ]
    text = str(access_table(came, NOW))
    assert text.index("&lt;b&gt;bob") < text.index("ann")
    assert "<b>" not in text
    assert "5e551011" in text
    assert "192.0.2.2" in text


def test_a_trail_that_cannot_be_read_is_told_as_that(tmp_path):
    assert "Who came" in str(came_to(tmp_path, NOW))
    (tmp_path / "manager").mkdir()
    (tmp_path / "manager" / "access.db").write_text("no database at all, but long enough to be looked at as one")
    assert 'role="alert"' in str(came_to(tmp_path, NOW))


def test_tables_are_tables_for_screen_readers():
    """A caption, column and row headings; what comes in is text."""
    text = str(table("Links", ("link", "<b>"), [("x", "<script>")]))
    assert "<caption>Links</caption>" in text
    assert text.count('scope="col"') == 2
    assert text.count('scope="row"') == 1
    assert "<script>" not in text


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (600, "10 min"), (9_000, "2.5 h"), (200_000, "2.31 days")])
def test_spans_of_time_are_short(seconds, text):
    """Three digits and a unit that fits."""
    assert duration(seconds) == text


def test_gaps_of_the_history_are_gaps_of_the_line():
    """An unknown value is no point at zero, rates get a fitting unit, the axis ends at a round number above all."""
    times, values = np.array([1.0, 2.0, 3.0]), np.array([3_000.0, np.nan, 4_000.0], np.float32)
    option = over_time([("key rate", times, values)], "bit/s", marks=[("predicted", 4_500.0)])
    assert [point[1] for point in option["series"][0]["data"]] == [3.0, None, 4.0]
    assert option["yAxis"]["name"] == "kbit/s"
    assert option["yAxis"]["max"] == pytest.approx(6.0)
    assert option["series"][0]["markLine"]["data"][0]["yAxis"] == pytest.approx(4.5)


def test_long_series_are_thinned():
    """No more than 600 points are sent, whatever the history holds."""
    times = np.arange(5_000.0)
    assert len(over_time([("stock", times, times)], "bit")["series"][0]["data"]) <= 600


def test_nothing_known_is_still_a_chart():
    """An empty series makes an empty chart."""
    assert over_time([("QBER", np.empty(0), np.empty(0))], "", percent=True)["series"][0]["data"] == []


def test_the_past_is_drawn_as_it_was():
    """A link whose alarm stood is down, one that was not heard of yet is starting, a site under alarm is silent."""
    described = network(["ab", "bc", "cd"])
    then = {"ab": {"state": 4.0, "stock_bits": 5.0, "rate_bps": 0.0, "qber": float("nan")}}
    then["bc"] = {"state": 4.0, "stock_bits": 0.0}
    past = status_at(status_of(described), NOW - 60, then, [alarm("ab"), alarm("d", kind="site-silent")])
    assert [(one.link, one.state, one.stock_bits, one.qber) for one in past.links] == [
        ("ab", "down", 5, None),
        ("bc", "starting", 0, None),
        ("cd", "starting", 0, None),
    ]
    assert [one.up for one in past.sites] == [True, True, True, False]


def test_alarms_stand_from_their_begin_to_their_end():
    """An alarm that cleared stood before that and not after; one that stands now does not before it began."""
    cleared = alarm("ab", since=100.0, cleared_at=200.0)
    now = alarm("bc", since=300.0)
    assert standing([now], [cleared], 150.0) == [cleared]
    assert standing([now], [cleared], 250.0) == []
    assert standing([now], [cleared], 350.0) == [now]


def test_events_of_the_future_are_not_told():
    """Only what had happened until then, the newest first."""
    events = [Event(at, "state", "ab", f"event {at:.0f}") for at in (1.0, 2.0, 3.0)]
    text = str(events_before(events, 2.5))
    assert text.index("event 2") < text.index("event 1")
    assert "event 3" not in text


def test_who_uses_key_over_which_path():
    """The use of the last minute is the mean of the history; flows name their applications, master first."""
    described = network(["ab"])
    pool = pool_status("a", "b", ["ab"])
    status = status_of(described, pools=[pool, pool_status("b", "a", ["ba"])], at=NOW)
    history = History({"pool": [pool_name(pool)]})
    for second, rate in enumerate((100.0, 300.0, 0.0)):  # the last period is not complete yet
        history.record("pool", NOW - 10 + second, {pool_name(pool): (1.0, rate, 1.0)})
    found = flows(described, status, used_bps(history, status))
    assert [(one.applications, one.used_bps) for one in found] == [
        ((("app-a", "app-b"),), 200.0),
        ((("app-b", "app-a"),), 0.0),
    ]


def test_an_application_with_two_sites_uses_the_pools_of_both():
    """Each pool names it, from and to either of its homes."""
    described = network(["ab", "bc"])
    first, *rest = described.applications
    described = replace(described, applications=(replace(first, also_at=("b",)), *rest))
    pools = [pool_status("a", "c", ["abc"]), pool_status("c", "b", ["cb"])]
    found = flows(described, status_of(described, pools=pools, at=NOW), {})
    assert [one.applications for one in found] == [(("app-a", "app-c"),), (("app-c", "app-a"),)]


def test_a_stock_that_runs_out_says_when():
    """Beside the stock, with the band; pools and links alike, and only the one that is meant."""
    described = network(["ab"])
    pools = [pool_status("a", "b", ["ab"]), pool_status("b", "a", ["ba"])]
    times = {"early_s": 5400.0, "empty_s": 7800.0, "late_s": None}
    forecasts = tuple(
        mc.Forecast(kind=kind, element=element, stock_bits=1000, net_bps=1.0, **times)
        for kind, element in (("pool", pool_name(pools[0])), ("link", "ab"))
    )
    status = replace(status_of(described), forecasts=forecasts)
    said = "will be empty in 2 h 10 min (1 h 30 min to more than 6 h)"
    assert str(pools_table(status, pools)).count(said) == 1
    assert str(links_table(described, status)).count(said) == 1


@pytest.mark.parametrize(
    ("marks", "measured", "places"),
    [
        ([("limit", 8.0)], (2.0, 2.0), ["insideEndTop"]),
        ([("limit", 8.0)], (8.5, 8.5), ["insideEndBottom"]),
        ([("limit", 8.0)], (2.0, 8.0), ["insideStartTop"]),
        ([("limit", 8.0)], (2.0, 9.0), ["insideEndBottom"]),
        ([("limit", 8.0), ("predicted", 7.2)], (7.4, 7.4), ["insideEndTop", "insideEndBottom"]),
        ([("limit", 8.0), ("predicted", 7.8)], (2.0, 2.0), ["insideEndTop", "insideEndBottom"]),
        ([("limit", 8.0), ("predicted", 8.1)], (2.0, 2.0), ["insideEndBottom", "insideEndTop"]),
        ([("limit", 5.5), ("predicted", 7.2)], (7.4, 7.4), ["insideEndTop", "insideStartBottom"]),
        ([("rest", 0.2)], (0.3, 0.3), ["insideEndTop"]),
    ],
)
def test_the_names_of_levels_stand_on_nothing(marks, measured, places):
    """Not on the measured line (from one value to another), not on each other, not below the axis (0 to 10)."""
    points = [(x / 100, (measured[0] + (measured[1] - measured[0]) * x / 100) / 10.0) for x in range(101)]
    assert label_places(marks, points, 10.0) == places
