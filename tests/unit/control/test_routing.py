"""Paths by available key."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.control.routing import RELAY_UNIT_BITS, hop_cost, paths

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
