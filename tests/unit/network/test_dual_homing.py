"""Applications that several sites serve: what the network file may say of them, and which pools they need."""

import itertools

import pytest
from msgspec.structs import replace

from qit4n.control.pools import directions, goals
from qit4n.network.changes import changes
from qit4n.network.elements import ports
from qit4n.network.file import check, examine, load, parse

PAIR = """\
qit4n: 1
name: pair
sites: [{id: a}, {id: b}, {id: c}, {id: d}, {id: e}]
modules: {m: {pulse_rate_hz: 1e8}}
links:
  - {id: ac, ends: [a, c], medium: {length_km: 20, loss_db: 4.6}, module: m}
  - {id: bc, ends: [b, c], medium: {length_km: 20, loss_db: 4.6}, module: m}
  - {id: ad, ends: [a, d], medium: {length_km: 20, loss_db: 4.6}, module: m}
  - {id: cd, ends: [c, d], medium: {length_km: 20, loss_db: 4.6}, module: m}
applications: [{id: bank, site: a, also_at: [b]}, {id: far, site: d}]
demands:
  - {between: [bank, far]}
"""


def problems(old, new):
    assert old in PAIR
    return [(one.path, one.what) for one in check(PAIR.replace(old, new), "f.yaml")]


def test_the_homes_of_an_application_are_its_site_and_the_further_ones_in_order():
    """Of an application of another network the site in the interworking node; of an unknown one none."""
    network = parse(PAIR, "f.yaml")
    assert network.homes_of("bank") == ("a", "b")
    assert network.homes_of("far") == ("d",)
    assert network.homes_of("nobody") == ()
    assert load("north").homes_of("app-south") == ("north-gate",)


@pytest.mark.parametrize(
    ("old", "new", "path", "what"),
    [
        ("also_at: [b]", "also_at: [x]", "applications[0].also_at[0]", "there is no site 'x'"),
        ("also_at: [b]", "also_at: [b, a]", "applications[0].also_at[1]", "is served by a already"),
        ("also_at: [b]", "also_at: [b, b]", "applications[0].also_at[1]", "is served by b already"),
        ("also_at: [b]", "also_at: [e]", "demands[0].between", "no links lead from site e to site d"),
        ("between: [bank, far]", "between: [bank, far], trust: {paths: 2}", "demands[0].trust", "from b to d"),
        ("between: [bank, far]", "between: [bank, far], trust: {excluded: [b]}", "demands[0].trust", "site of bank"),
        (
            "between: [bank, far]",
            "between: [bank, far], trust: {scheme: central, centre: b}",
            "demands[0].trust.centre",
            "the centre b is a site of bank",
        ),
    ],
)
def test_each_home_has_to_fit(old, new, path, what):
    """It exists, is named once, links lead from it to the other end, the trust of the demand can be kept from it."""
    found = problems(old, new)
    assert len(found) == 1, found
    assert found[0][0].startswith(path)
    assert what in found[0][1]


def test_homes_in_different_trust_domains_are_warned_of():
    """Each of them knows the keys of the application."""
    assert not [one for one in examine(PAIR, "f.yaml").warnings if "trust domain" in one.what]
    found = examine(PAIR.replace("{id: b}", "{id: b, trust_domain: other}"), "f.yaml").warnings
    assert ["different trust domains: default, other" in one.what for one in found if "also_at" in one.path] == [True]


def test_there_is_a_pool_each_way_for_each_pair_of_different_homes():
    """The first homes first, since reservations are made of that pool; none within a site, none twice."""
    network = parse(PAIR, "f.yaml")
    assert directions(network, ("bank", "far")) == (("a", "d"), ("d", "a"), ("b", "d"), ("d", "b"))
    assert directions(network, ("far", "bank")) == (("d", "a"), ("a", "d"), ("d", "b"), ("b", "d"))
    applications = tuple(replace(one, site="a", also_at=("b",)) for one in network.applications)
    assert set(directions(replace(network, applications=applications), ("bank", "far"))) == {("a", "b"), ("b", "a")}
    assert {goal.bits for goal in goals(network).values()} == {network.demands[0].pool_bits}


def test_the_ports_say_where_an_application_may_ask():
    """Keys at each of its homes, key streams at the first."""
    asking = {
        (port.process, port.interface) for port in ports(parse(PAIR, "f.yaml")) if "application bank" in port.points
    }
    keys = {(site, "ETSI GS QKD 014, SKIP") for site in "ab"}
    assert asking == keys | {("a", "ETSI GS QKD 004")}


def test_a_further_home_comes_and_goes_while_the_network_runs():
    """The first site stays; the rest is a changed application like any other."""
    network = parse(PAIR, "f.yaml")
    bank, far = network.applications
    for one, other in itertools.permutations([(), ("b",)], 2):
        before, after = (replace(network, applications=(replace(bank, also_at=homes), far)) for homes in (one, other))
        assert changes(before, after).applications.changed == ("bank",)
