"""Paths by available key."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.control.routing import RELAY_UNIT_BITS, Router, hop_costs, why_none
from qit4n.control.topology import of_stock
from qit4n.network.model import Trust

PLENTY = 1e9


def both(stock):
    return {(a, b): bits for (x, y), bits in stock.items() for a, b in ((x, y), (y, x))}


def paths(sites, stock):
    """The cheapest path of each pair of sites that one joins."""
    router = Router(of_stock(stock, sites))
    found = {pair: router.cheapest(*pair) for pair in itertools.permutations(sites, 2)}
    return {pair: path for pair, path in found.items() if path}


def test_the_shortest_path_wins_where_key_is_plentiful():
    """With much key everywhere, fewer hops are better."""
    found = paths(("A", "B", "C"), both({("A", "B"): PLENTY, ("B", "C"): PLENTY, ("A", "C"): PLENTY}))
    assert found["A", "C"] == ("A", "C")


def test_a_scarce_link_is_gone_around():
    """A direct link with little key left costs more than two hops with much."""
    found = paths(("A", "B", "C"), both({("A", "B"): PLENTY, ("B", "C"): PLENTY, ("A", "C"): 2 * RELAY_UNIT_BITS}))
    assert found["A", "C"] == ("A", "B", "C")


def test_a_link_without_a_unit_of_key_is_no_link():
    """Below one relay unit there is no hop, and so here no path."""
    assert paths(("A", "B"), both({("A", "B"): RELAY_UNIT_BITS - 1})) == {}


def test_direction_matters():
    """Key that one end may encrypt with says nothing of the other direction."""
    found = paths(("A", "B"), {("A", "B"): PLENTY, ("B", "A"): 0})
    assert set(found) == {("A", "B")}


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(list(itertools.permutations("ABCDE", 2))), st.floats(0, 1e6)))
def test_no_cheaper_simple_path_exists(stock):
    """Each path found costs as little as the cheapest among all simple paths, counted exhaustively."""
    found = paths(tuple("ABCDE"), stock)

    each = dict(zip(stock, hop_costs(of_stock(stock)), strict=True))

    def cost(path):
        return sum(each.get(hop, float("inf")) for hop in itertools.pairwise(path))

    for source, destination in itertools.permutations("ABCDE", 2):
        others = [site for site in "ABCDE" if site not in (source, destination)]
        best = min(
            cost((source, *middle, destination))
            for length in range(4)
            for middle in itertools.permutations(others, length)
        )
        if (source, destination) in found:
            assert abs(cost(found[source, destination]) - best) < 1e-9
        else:
            assert best == float("inf")


MESH = both(
    {
        ("A", "B"): PLENTY,
        ("B", "D"): PLENTY,
        ("A", "C"): PLENTY,
        ("C", "D"): PLENTY,
        ("A", "E"): PLENTY,
        ("E", "D"): 2 * RELAY_UNIT_BITS,
    }
)


def routed(trust, stock=MESH):
    return Router(of_stock(stock)).paths(trust, "A", "D")


def test_disjoint_paths_are_those_with_most_key():
    """Two of three possible ones: not the one with a scarce link."""
    assert routed(Trust(paths=2)) == (("A", "B", "D"), ("A", "C", "D"))


def test_fewer_paths_than_shares_are_needed_are_none():
    """Three wanted and needed but one has no key: none. With a threshold of two the others are taken."""
    stock = MESH | {("E", "D"): 0.0}
    assert routed(Trust(paths=3), stock) == ()
    assert len(routed(Trust(paths=3, threshold=2), stock)) == 2
    assert why_none(Trust(paths=3), "A", "D") == "fewer than 3 node-disjoint paths with key from A to D"


def test_the_centre_is_on_no_path():
    """A central site learns XORs only if it forwards nothing itself, also when the cheapest path is over it."""
    assert routed(Trust(scheme="central", centre="B")) == (("A", "C", "D"),)
    assert ("A", "B", "D") not in routed(Trust(scheme="central", centre="B", paths=2))


def test_the_least_stock_limits_a_chunk():
    """The hop with the least key of all paths."""
    router = Router(of_stock(MESH))
    assert router.least_stock((("A", "B", "D"), ("A", "E", "D"))) == 2 * RELAY_UNIT_BITS
    assert router.least_stock(()) == 0


def test_a_hop_whose_links_make_no_key_is_gone_around_but_used_if_there_is_no_other():
    """Its stock is for when nothing else is left."""
    ring = both({("A", "B"): PLENTY, ("B", "C"): PLENTY, ("A", "D"): PLENTY, ("D", "E"): PLENTY, ("E", "C"): PLENTY})
    topology = of_stock(ring)
    cut = np.array([set(hop) == {"A", "B"} for hop in topology.hops])
    assert Router(topology).cheapest("A", "C") == ("A", "B", "C")
    assert Router(dataclasses.replace(topology, broken=cut)).cheapest("A", "C") == ("A", "D", "E", "C")
    chain = of_stock(both({("A", "B"): PLENTY}))
    assert Router(dataclasses.replace(chain, broken=np.ones(2, bool))).cheapest("A", "B") == ("A", "B")


def test_an_excluded_site_is_on_no_path():
    """Nor does a backup meet it; when nothing else is left there is none, and the reason names it."""
    trust = Trust(excluded=("B", "E"))
    assert routed(trust) == (("A", "C", "D"),)
    assert Router(of_stock(MESH)).backups(trust, "A", "D", routed(trust)) == ()
    assert routed(Trust(excluded=("B", "C", "E"))) == ()
    assert "beside B, E" in why_none(trust, "A", "D")


@pytest.mark.parametrize(("bound_ms", "found"), [(0.0, ("A", "B", "C")), (0.5, ("A", "D", "E", "C")), (0.1, None)])
def test_a_path_keeps_within_its_latency(bound_ms, found):
    """The cheap path is long: a bound makes the router take the quick one; a bound that none keeps leaves none."""
    ring = both({("A", "B"): PLENTY, ("B", "C"): PLENTY, ("A", "D"): PLENTY, ("D", "E"): PLENTY, ("E", "C"): PLENTY})
    topology = of_stock(ring)
    slow = np.array([1e-3 if "B" in hop else 1e-4 for hop in topology.hops])
    router = Router(dataclasses.replace(topology, latency_s=slow))
    trust = Trust(max_latency_ms=bound_ms)
    assert router.paths(trust, "A", "C") == ((found,) if found else ())


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(list(itertools.permutations("ABCDE", 2))), st.just(PLENTY)))
def test_a_backup_meets_its_path_as_little_as_possible(stock):
    """Against all simple paths: none shares fewer sites and hops with the first. Several paths are not met at all."""
    if not any("A" in hop for hop in stock) or not any("E" in hop for hop in stock):
        return
    router = Router(of_stock(stock))

    def simple(path=("A",)):
        if path[-1] == "E":
            yield path
            return
        for site in "BCDE":
            if (path[-1], site) in stock and site not in path:
                yield from simple((*path, site))

    first = router.paths(Trust(), "A", "E")
    others = [path for path in simple() if (path,) != first]
    backup = router.backups(Trust(), "A", "E", first)
    assert bool(backup) == bool(first and others)
    if backup:
        used = set(first[0][1:-1])

        def met(path):
            hops = set(itertools.pairwise(first[0]))
            return sum(3 if hop in hops else bool(used.intersection(hop)) for hop in itertools.pairwise(path))

        assert met(backup[0]) == min(met(path) for path in others)
    two = router.paths(Trust(paths=2), "A", "E")
    for path in router.backups(Trust(paths=2), "A", "E", two):
        assert not set(path[1:-1]).intersection(site for one in two for site in one[1:-1])


def in_ducts(stock, **ducts):
    """A topology with the pairs of letters that run through each duct."""
    pairs = {pair for of_it in ducts.values() for pair in of_it}
    known = {tuple(sorted(pair)): frozenset(d for d, of_it in ducts.items() if pair in of_it) for pair in pairs}
    return Router(dataclasses.replace(of_stock(stock), ducts=known))


def test_disjoint_paths_go_through_different_ducts_where_they_can():
    """Of three ways the scarce one is taken, if the others leave through one duct; where all do, that is told."""
    router = in_ducts(MESH, x=("AB", "CD"))
    found = router.paths(Trust(paths=2), "A", "D")
    assert ("A", "E", "D") in found
    assert router.shared_ducts(found) == ()
    router = in_ducts(MESH, x=("AB", "AC", "AE"))
    found = router.paths(Trust(paths=2), "A", "D")
    assert found == routed(Trust(paths=2))
    assert router.shared_ducts(found) == ("x",)


def test_a_backup_goes_through_other_ducts_where_it_can():
    """Against the cheaper one through the same duct; if nothing else is left it takes that."""
    stock = {hop: bits for hop, bits in MESH.items() if set(hop) != {"E", "D"}} | both({("E", "D"): PLENTY / 1e5})
    first = (("A", "B", "D"),)
    assert Router(of_stock(stock)).backups(Trust(), "A", "D", first) == (("A", "C", "D"),)
    assert in_ducts(stock, x=("BD", "AC")).backups(Trust(), "A", "D", first) == (("A", "E", "D"),)
    assert in_ducts(stock, x=("BD", "AC", "AE")).backups(Trust(), "A", "D", first) == (("A", "C", "D"),)
    two = (("A", "B", "D"), ("A", "C", "D"))
    assert in_ducts(stock, x=("AB", "AE")).backups(Trust(paths=2), "A", "D", two) == (("A", "E", "D"),)
