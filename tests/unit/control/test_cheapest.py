"""Cheapest paths: the search for small graphs against SciPy's, and what is a forest."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qit4n.control import cheapest
from qit4n.control.cheapest import Cheapest, Graph

SITES = 6
HOPS = st.dictionaries(
    st.sampled_from(list(itertools.permutations(range(SITES), 2))), st.one_of(st.floats(0.1, 9.0), st.just(np.inf))
)


def graph(hops):
    return Graph(SITES, np.array([a for a, _ in hops], np.int32), np.array([b for _, b in hops], np.int32))


def cost(hops, path):
    return sum(hops[hop] for hop in itertools.pairwise(path))


@given(HOPS)
def test_a_small_graph_is_searched_as_scipy_searches_it(hops):
    """The same pairs have a path, and it costs the same; over a hop of infinite cost none goes."""
    costs, found = np.array(list(hops.values()), float), {}
    for limit in (cheapest.SMALL_HOPS, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cheapest, "SMALL_HOPS", limit)
            search = Cheapest(graph(hops), costs)
            found[limit] = {pair: search.path(*pair) for pair in itertools.permutations(range(SITES), 2)}
    ours, theirs = found.values()
    for pair, path in ours.items():
        assert bool(path) == bool(theirs[pair])
        assert cost(hops, path) == pytest.approx(cost(hops, theirs[pair]))
        assert cost(hops, path) < np.inf


def test_one_source_alone_is_found_in_a_large_graph_too():
    """A line that is longer than what is searched here."""
    hops = [(number, number + 1) for number in range(cheapest.SMALL_HOPS + 5)]
    line = Graph(len(hops) + 1, *(np.array(ends, np.int32) for ends in zip(*hops, strict=True)))
    for alone in (True, False):
        assert Cheapest(line, np.ones(len(hops))).path(3, 7, alone=alone) == (3, 4, 5, 6, 7)
        assert Cheapest(line, np.ones(len(hops))).path(7, 3, alone=alone) == ()


@pytest.mark.parametrize(
    ("hops", "forest"),
    [
        ([], True),
        ([(0, 1), (1, 0), (2, 1)], True),
        ([(0, 1), (2, 3), (3, 4)], True),
        ([(0, 1), (1, 2), (2, 0)], False),
        ([(0, 1), (0, 2), (3, 1), (2, 3)], False),
    ],
)
def test_a_forest_has_no_ring(hops, forest):
    """Both directions of a hop are one edge, and a ring counts whatever the directions of its hops."""
    assert graph(hops).is_forest is forest
