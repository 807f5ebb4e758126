"""Links that become unusual at the same moment and share a part are one alarm, which names it."""

import numpy as np
import pytest
from benchmarks import anomalies as histories
from msgspec.structs import replace

from qit4n.dashboard.attention import watches
from qit4n.management.alarms import Alarms
from qit4n.management.anomalies import BLOCKS, Anomalies
from qit4n.management.commoncause import MOMENT_S, gathered, parts_of
from qit4n.management.history import Row
from qit4n.management.linkwatch import Anomaly
from qit4n.network.file import load
from qit4n.network.model import Link, Medium, Network, Site

from .conftest import link, site

PAIRS = ("ab", "ac", "ad", "bc", "de")


@pytest.fixture
def network():
    """Site a with three links, and two more links."""
    fibre = Medium(length_km=1, loss_db=1)
    links = tuple(Link(id=pair, ends=tuple(pair), medium=fibre, module="m") for pair in PAIRS)
    return Network(qit4n=1, name="n", sites=tuple(Site(id=name) for name in "abcde"), links=links)


def anomaly(since=0.0, kind="error-rate-jump"):
    return Anomaly(kind=kind, detail="QBER 1 % -> 3 %", since=since, found_at=since)


def told(network, unusual):
    """Element, kind and links of each symptom."""
    return [(one.element, one.kind, one.about) for one in gathered(unusual, parts_of(network))]


def test_links_of_one_site_at_the_same_moment_are_one_alarm(network):
    """All three of a: it is named, though b and c share two of them as well."""
    unusual = {"ab": anomaly(100.0), "ac": anomaly(100.0 + MOMENT_S), "ad": anomaly(110.0)}
    assert told(network, unusual) == [("a", "common-cause", ("ab", "ac", "ad"))]
    (one,) = gathered(unusual, parts_of(network))
    assert "3 of its 3 links) share site a" in one.detail
    assert one.affects[0] == "errors of link ab have jumped while its rate has not: QBER 1 % -> 3 %"


def test_the_part_that_the_links_share_is_named(network):
    """Of two links of three sites it is the site in the middle."""
    assert told(network, {"ab": anomaly(), "bc": anomaly()}) == [("b", "common-cause", ("ab", "bc"))]
    assert told(network, {"ab": anomaly(), "ad": anomaly()}) == [("a", "common-cause", ("ab", "ad"))]


@pytest.mark.parametrize(
    "unusual",
    [
        {"ab": anomaly()},
        {"ab": anomaly(), "de": anomaly()},
        {"ab": anomaly(0.0), "ac": anomaly(MOMENT_S + 1.0)},
    ],
    ids=["one link", "nothing shared", "another moment"],
)
def test_without_a_common_moment_and_part_each_link_is_its_own_alarm(network, unusual):
    assert told(network, unusual) == [(one, "error-rate-jump", ()) for one in unusual]


def test_two_fibres_between_the_same_sites_share_both(network):
    """Both ends are named; it is an alarm of the end with fewer links, of which the two are the greater part."""
    two = replace(network, links=(*network.links[:3], replace(network.links[0], id="second")))
    (one,) = gathered({"ab": anomaly(), "second": anomaly()}, parts_of(two))
    assert (one.element, one.detail) == ("b", "ab, second (2 of its 2 links) share site a and site b")


def test_an_optical_switch_is_a_part():
    """Of the shipped star: all links of the switch, which are fewer than or as many as those of its site."""
    star = load("switched-star")
    (switch,) = star.switches
    (one,) = gathered(dict.fromkeys(switch.links, anomaly()), parts_of(star))
    assert f"optical switch {switch.id}" in one.detail
    assert one.about == tuple(sorted(switch.links))


def test_the_alarm_is_as_severe_as_its_worst_link(network, state):
    """Loss on one link alone is minor; with an error jump on the other it is critical and may be an intrusion."""
    links = [link(pair) for pair in PAIRS]
    for kinds, grade in (
        (("loss-rise", "loss-rise"), ("minor", "degradedSignal")),
        (("loss-rise", "error-rate-jump"), ("critical", "intrusionDetection")),
    ):
        unusual = {pair: anomaly(kind=kind) for pair, kind in zip(("ab", "ad"), kinds, strict=True)}
        (raised,), _ = Alarms().update(
            state(links=links, sites=[site(one) for one in "abcde"]), gathered(unusual, parts_of(network))
        )
        assert (raised.severity, raised.cause) == grade
        assert raised.about == ("ab", "ad")


def test_two_links_of_a_site_that_are_tapped_at_once_are_found_together(network, state):
    """From samples: intercept-resend on ab and ad begins at the same time; while ad makes no key ab stands alone."""
    dice, live = np.random.default_rng(4), Anomalies(network)
    for number in range(70):
        worlds = dict.fromkeys(PAIRS, histories.WELL)
        if number >= 60:
            worlds |= {"ab": histories.intercepted(0.05), "ad": histories.intercepted(0.05)}
        counts = []
        for world in worlds.values():
            one = histories.sample(number, world, dice)
            counts.append([one.duration_s, one.sifted_bits, one.errors, one.test_bits, one.test_errors])
        live.restore(Row(BLOCKS, 10.0 * number, PAIRS, np.array(counts, np.float32)))
    links = [link(pair) for pair in PAIRS]
    (one,) = live.symptoms(state(links=links))
    assert (one.element, one.kind, one.about) == ("a", "common-cause", ("ab", "ad"))
    links[2] = link("ad", "no-key")
    assert [(one.element, one.kind) for one in live.symptoms(state(links=links))] == [("ab", "error-rate-jump")]


def test_nothing_else_is_said_of_a_link_for_which_a_common_alarm_speaks(network, state):
    """Its stock is low, too: the dashboard does not list that beside the alarm."""
    links = [link(pair, stock_bits=0) for pair in PAIRS]
    alarms = Alarms()
    now = state(links=links, pools=[])
    alarms.update(now, gathered({"ab": anomaly(), "ad": anomaly()}, parts_of(network)))
    (low,) = watches(network, replace(now, alarms=tuple(alarms.standing.values())))
    assert [name for name, _ in low.elements] == ["ac", "bc", "de"]
