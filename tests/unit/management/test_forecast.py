"""Stocks that run out become an alarm in time, with advice, and only those."""

import pytest
from msgspec.structs import replace

from qit4n.management.correlation import pool_name
from qit4n.management.forecast import KIND, forecast_text
from qit4n.management.overview import Overview
from qit4n.network.model import Application, Demand, Link, Medium, Network, Policies, Site
from qit4n.refpoints import ck

from .conftest import link, pool

STEP_S = 2.0


@pytest.fixture
def overview():
    sites = tuple(Site(id=name) for name in "abc")
    links = tuple(
        Link(id=one, ends=tuple(one), medium=Medium(length_km=1, loss_db=1), module="m") for one in ("ab", "bc")
    )
    applications = tuple(Application(id=f"app-{name}", site=name) for name in "ac")
    return Overview(
        Network(
            qit4n=1,
            name="n",
            sites=sites,
            links=links,
            applications=applications,
            demands=(Demand(between=("app-a", "app-c")),),
            policies=Policies(link_stock_bits=1_000_000),
        )
    )


def supply(bits):
    return ck.SupplyReport(
        site="a", master="app-a", slave="app-c", requests=1, keys_requested=1, keys_supplied=1, bits_supplied=int(bits),
        keys_lost=0, keys_fetched=0, delay_sum_s=0.0, delay_min_s=None, delays=(0,),
    )  # fmt: skip


def run(overview, state, seconds, begin=0.0, link_falls=0.0, pool_falls=0.0, pool_has=60_000, made="running"):
    """The network for a while, its stocks falling by so much a second from their values at time 0."""
    for number in range(int(seconds / STEP_S)):
        at = begin + number * STEP_S
        status = state(
            at,
            links=[
                link("ab", made, stock_bits=int(900_000 - link_falls * at)),
                link("bc", stock_bits=900_000),
            ],
            pools=[
                pool(
                    paths=(("a", "b", "c"),),
                    ready_bits=int(pool_has - pool_falls * at),
                    target_bits=65_536,
                    trust="1 path, hop-by-hop",
                )
            ],
        )
        overview.receive(replace(status, supply=(supply(150.0 * at),)))
    return overview


def test_a_link_that_is_used_faster_than_it_makes_key_is_an_alarm_in_time(overview, state):
    """Text with time and band, advice with the feed, the user and a limit that would help, the pool as consequence."""
    run(overview, state, 400, link_falls=100.0)
    (one,) = overview.forecasts.standing
    assert one.net_bps == pytest.approx(100.0, rel=0.01)
    left = 900_000 - 100 * 399
    assert one.empty_s == pytest.approx(left / 100, rel=0.02)
    (alarm,) = overview.alarms
    assert (alarm.element, alarm.kind, alarm.severity) == ("ab", KIND, "warning")
    assert forecast_text(one) in alarm.text
    assert "2 h 2" in alarm.text
    assert "fed by ab (100 bit/s" in alarm.advice
    assert "app-a uses most, with app-c as slave: 150 bit/s" in alarm.advice
    assert "key_bits_per_day 4.3e+06" in alarm.advice  # 50 bit/s for a day
    assert alarm.affects == ("pool a - c (1 path, hop-by-hop) goes over it",)


def test_a_pool_alone_has_its_own_alarm(overview, state):
    """Its links are well: what is said is said of the pool."""
    run(overview, state, 300, pool_falls=20.0, pool_has=30_000)
    (alarm,) = overview.alarms
    assert alarm.element == pool_name(overview.status.pools[0])
    assert "fed by ab" in alarm.advice
    assert "bc (" in alarm.advice


def test_stocks_that_stay_or_last_longer_are_none(overview, state):
    """Steady, and one that is empty in two days."""
    run(overview, state, 400, link_falls=5.0)
    assert (overview.forecasts.standing, overview.alarms) == ((), ())


def test_it_clears_when_the_stock_fills_again(overview, state):
    """A stock that was full is followed from then on."""
    run(overview, state, 400, link_falls=100.0)
    assert overview.alarms
    run(overview, state, 100, begin=400.0, link_falls=-500.0)
    assert overview.alarms == ()
    assert [alarm.kind for alarm in overview.past] == [KIND]


def test_what_ends_by_itself_is_no_alarm(overview, state):
    """A pool that fills from the link, and one that is still half full and will be filled."""
    run(overview, state, 400, link_falls=100.0, pool_falls=-100.0, pool_has=1_000)
    assert overview.alarms == ()
    run(overview, state, 400, begin=400.0, pool_falls=20.0, pool_has=60_000)
    assert overview.alarms == ()


def test_a_link_at_rest_makes_none_by_choice(overview, state):
    """Its stock falls until it runs again."""
    run(overview, state, 400, link_falls=100.0, made="resting")
    assert (overview.forecasts.standing, overview.alarms) == ((), ())
