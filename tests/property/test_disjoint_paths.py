"""Node-disjoint paths against a search of all sets of paths, on small graphs."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.network.disjoint import disjoint_paths

SITES = "ABCDEF"
PAIRS = list(itertools.permutations(SITES, 2))


def graphs():
    """Directed graphs on six sites with a cost per hop; sums of the costs have no rounding."""
    return st.dictionaries(st.sampled_from(PAIRS), st.integers(1, 9).map(lambda n: n / 8), max_size=18)


def simple_paths(hops, here, end, seen=()):
    """All paths without a loop."""
    if here == end:
        yield (*seen, end)
        return
    for one, other in hops:
        if one == here and other not in seen:
            yield from simple_paths(hops, other, end, (*seen, here))


def cost(hops, path):
    return sum(hops[hop] for hop in itertools.pairwise(path))


def brute_force(hops, most, closed=()):
    """Number and total cost of the best disjoint paths from A to F: most of them, then cheapest."""
    paths = [path for path in simple_paths(hops, "A", "F") if not set(closed).intersection(path[1:-1])]
    for number in range(min(most, len(paths)), 0, -1):
        sets = (
            chosen
            for chosen in itertools.combinations(paths, number)
            if len({site for path in chosen for site in path[1:-1]}) == sum(len(path) - 2 for path in chosen)
        )
        costs = [sum(cost(hops, path) for path in chosen) for chosen in sets]
        if costs:
            return number, min(costs)
    return 0, 0


@settings(max_examples=300)
@given(graphs(), st.integers(1, 4))
def test_as_many_paths_as_there_are_and_together_the_cheapest(hops, most):
    """The same number and the same total cost as the best of all sets of disjoint paths."""
    found = disjoint_paths(hops, "A", "F", most)
    assert (len(found), sum(cost(hops, path) for path in found)) == brute_force(hops, most)


@settings(max_examples=200)
@given(graphs(), st.integers(1, 4), st.sampled_from(["B", "C"]))
def test_paths_share_only_their_ends_and_meet_no_closed_site(hops, most, closed):
    """Each is a path of hops that there are, no site is on two of them or twice on one, the closed one on none."""
    found = disjoint_paths(hops, "A", "F", most, [closed])
    between = [site for path in found for site in path[1:-1]]
    assert len(set(between)) == len(between)
    assert closed not in between
    assert all(path[0] == "A" and path[-1] == "F" for path in found)
    assert all(hop in hops for path in found for hop in itertools.pairwise(path))
    assert len(set(found)) == len(found)
    assert (len(found), sum(cost(hops, path) for path in found)) == brute_force(hops, most, [closed])


def test_a_greedy_choice_is_taken_back():
    """The cheapest path alone would block both others (the trap of Suurballe 1974): two are found nevertheless."""
    hops = {("A", "B"): 1, ("B", "C"): 1, ("C", "F"): 1, ("A", "C"): 3, ("B", "F"): 3}
    assert disjoint_paths(hops, "A", "F", 2) == (("A", "B", "F"), ("A", "C", "F"))
    assert disjoint_paths(hops, "A", "F", 1) == (("A", "B", "C", "F"),)


def test_what_is_taken_back_is_refunded():
    """Two paths beside the greedy one are together cheaper than the greedy one and a third, by the refund of a hop."""
    hops = {("A", "B"): 1, ("B", "C"): 1, ("C", "F"): 1, ("A", "C"): 3, ("B", "F"): 3}
    detour = {("A", "D"): 2, ("D", "E"): 1.5, ("E", "F"): 2}
    assert disjoint_paths(hops | detour, "A", "F", 2) == (("A", "B", "F"), ("A", "C", "F"))
