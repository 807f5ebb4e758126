"""Paths by available key."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.control.routing import RELAY_UNIT_BITS, hop_cost, least_stock, paths, paths_for, why_none
from qit4n.network.model import Trust

PLENTY = 1e9


def both(stock):
    return {(a, b): bits for (x, y), bits in stock.items() for a, b in ((x, y), (y, x))}


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

    def cost(path):
        return sum(hop_cost(stock.get(hop, 0.0)) for hop in itertools.pairwise(path))

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
    return paths_for(trust, "A", "D", paths(tuple("ABCDE"), stock), stock)


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
    assert least_stock((("A", "B", "D"), ("A", "E", "D")), MESH) == 2 * RELAY_UNIT_BITS
    assert least_stock((), MESH) == 0
