from math import inf

import pytest
from msgspec.structs import replace

from qit4n.dashboard.attention import page_of
from qit4n.dashboard.pages.link import device
from qit4n.dashboard.pages.whatif import answered, form
from qit4n.dashboard.whatif import what_if
from qit4n.network.file import load
from qit4n.network.model import Application, Demand
from unit.dashboard.worlds import network, pool_status, status_of

SQUARE = ["ab", "bc", "cd", "ad"]


@pytest.fixture
def square():
    described = network(SQUARE)
    pools = [
        pool_status("a", "c", ["abc"]),
        pool_status("c", "a", ["cba"]),
        pool_status("a", "d", ["ad"]),
        pool_status("b", "a", ["ba"], ready_bits=6_000),
    ]
    return described, status_of(described, pools=pools)


def test_a_cut_sends_pools_round_the_other_way(square):
    """Without ab the pools that use it go over the rest of the square, and a-d notices nothing."""
    described, status = square
    answer = what_if(described, status, "ab", {})
    found = {(one.pool.source, one.pool.destination): one for one in answer.pools}
    assert {pair: (one.fate, one.paths) for pair, one in found.items()} == {
        ("a", "c"): ("goes another way", (("a", "d", "c"),)),
        ("c", "a"): ("goes another way", (("c", "d", "a"),)),
        ("b", "a"): ("goes another way", (("b", "c", "d", "a"),)),
    }
    assert answer.same == 1


def test_a_pool_without_another_way_lasts_as_long_as_its_key(square):
    """When cd is down already, b and a lose each other with ab; 6,000 bits at 100 bit/s last for 60 s."""
    described, status = square
    down = status_of(described, links={"cd": {"state": "down", "stock_bits": 0}}, pools=status.pools)
    answer = what_if(described, down, "ab", {3: 100.0})
    lost = {(one.pool.source, one.pool.destination): one for one in answer.pools if one.fate == "loses its paths"}
    assert lost["b", "a"].lasts_s == pytest.approx(60.0)
    assert lost["a", "c"].lasts_s == inf
    assert answer.pools[0] is lost["b", "a"]


def test_a_site_that_fails_ends_its_own_pools_and_moves_those_through_it(square):
    """Without b its own pool is at a cut site, and a and c find each other over d."""
    described, status = square
    answer = what_if(described, status, "b", {})
    assert set(answer.links) == {"ab", "bc"}
    fates = {(one.pool.source, one.pool.destination): one.fate for one in answer.pools}
    assert fates == {("a", "c"): "goes another way", ("c", "a"): "goes another way", ("b", "a"): "is at a cut site"}


def test_links_that_must_carry_more_than_they_make_are_named(square):
    """9 kbit/s over links that make 4 kbit/s and hold 900 kbit lasts 180 s; no other link is named."""
    described, status = square
    answer = what_if(described, status, "ab", {0: 9_000.0})
    assert [one.link.link for one in answer.strained] == ["cd", "ad"]
    assert answer.strained[0].lasts_s == pytest.approx(180.0)


def test_a_second_link_between_the_same_sites_does_as_well():
    """Of two links between a and b one may go: no pool is touched."""
    described = network(["ab", "ba"])
    status = status_of(described, pools=[pool_status("a", "b", ["ab"])])
    answer = what_if(described, status, "ab", {})
    assert answer.pools == ()
    assert answer.same == 1


def test_nothing_that_runs_is_changed_by_the_question(square):
    """The status is the same afterwards."""
    described, status = square
    before = repr(status)
    what_if(described, status, "ab", {})
    assert repr(status) == before


@pytest.fixture
def dual_homed():
    """The shipped example: its bank has two sites, each with a way of its own to the vault."""
    described = load("dual-homed")
    ways = (["bank-east", "exchange-north", "vault"], ["bank-west", "exchange-south", "vault"])
    pools = [pool_status(way[0], "vault", [way]) for way in ways] + [
        pool_status("vault", way[0], [way[::-1]]) for way in ways
    ]
    return described, status_of(described, pools=pools)


@pytest.mark.parametrize("cut", ["bank-east", "exchange-north", "east-north"])
def test_the_other_home_of_an_application_takes_over(dual_homed, cut):
    """Whether the first home is lost or only its way: its pools have others instead, over which its use goes."""
    described, status = dual_homed
    answer = what_if(described, status, cut, {0: 9_000.0})
    assert {(one.pool.source, one.pool.destination): (one.fate, one.paths) for one in answer.pools} == {
        ("bank-east", "vault"): ("other homes take over", (("bank-west", "exchange-south", "vault"),)),
        ("vault", "bank-east"): ("other homes take over", (("vault", "exchange-south", "bank-west"),)),
    }
    assert {one.link.link for one in answer.strained} == {"west-south", "south-vault"}
    assert answer.same == 2


def test_without_both_homes_or_the_only_one_nobody_takes_over(dual_homed):
    """The vault has one site; and of the bank the other home may have no way either."""
    described, status = dual_homed
    assert {one.fate for one in what_if(described, status, "vault", {}).pools} == {"is at a cut site"}
    down = {"west-south": {"state": "down", "stock_bits": 0}}
    answer = what_if(described, status_of(described, links=down, pools=status.pools), "east-north", {})
    assert {one.fate for one in answer.pools} == {"loses its paths"}


def test_an_application_with_one_home_loses_its_pool_beside_one_that_has_two(dual_homed):
    """A till in Bank East uses the same pool and has no other."""
    described, status = dual_homed
    till = Application(id="app-till", site="bank-east")
    described = replace(
        described,
        applications=(*described.applications, till),
        demands=(*described.demands, Demand(between=("app-till", "app-vault"))),
    )
    assert {one.fate for one in what_if(described, status, "east-north", {}).pools} == {"loses its paths"}


def test_a_duct_takes_all_of_its_links(square):
    """The page offers it by name; with ab and cd in it a and c lose each other, and b and c go on."""
    described, status = square
    links = tuple(replace(one, ducts=("bridge",) * (one.id in {"ab", "cd"})) for one in described.links)
    described = replace(described, links=links)
    status = replace(status, pools=(*status.pools, pool_status("b", "c", ["bc"])))
    answer = what_if(described, status, "bridge", {})
    assert answer.links == ("ab", "cd")
    fates = {(one.pool.source, one.pool.destination): one.fate for one in answer.pools}
    assert fates == dict.fromkeys([("a", "c"), ("c", "a"), ("b", "a")], "loses its paths")
    assert answer.same == 2
    assert "<option>bridge</option>" in form(described, "")
    assert "Without bridge (links ab, cd)" in answered(answer)


def test_the_page_of_a_link_names_its_ducts_and_what_else_is_in_them():
    """With the way to what happens if it is cut; and that is where an alarm of the duct leads to."""
    metro = load("metro")
    shown = device(metro, metro.link("southeast-south"))
    assert '<a href="/what-if?cut=river-crossing">river-crossing</a> beside east-southeast' in shown
    assert "duct" not in device(metro, metro.link("north-east"))
    assert page_of(metro, "river-crossing") == "/what-if?cut=river-crossing"
