"""Max-min fair rates against progressive filling, against a programme by arcs written here, and by the definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from qit4n.control import allocation
from qit4n.control.allocation import Allocator, Commodity
from qit4n.control.orders import prices
from qit4n.control.routing import Router
from qit4n.control.topology import of_stock
from qit4n.network.model import Trust

PLENTY = 1e9


def allocator(capacities, demands, trust=None, wanted=None, priorities=None, filling=True):
    """An allocator on links ``{("A", "B"): capacity}``, with a commodity for each pair of ``demands``."""
    trust = trust or Trust()
    topology = of_stock({hop: PLENTY for link in capacities for hop in (link, link[::-1])})
    order = dict.fromkeys((min(hop), max(hop)) for hop in topology.hops)
    capacity = np.array([capacities.get(pair, capacities.get(pair[::-1])) for pair in order], float)
    commodities = tuple(Commodity((wanted or {}).get(pair, 1e12), (priorities or {}).get(pair, 0)) for pair in demands)
    router = Router(topology)
    ways = prices(router, [(*pair, trust) for pair in demands])
    return Allocator(capacity, commodities, ways, router.graph.is_forest and filling)


def rates(*given, **more):
    demands = given[1]
    return dict(zip(demands, (share.rate_bps for share in allocator(*given, **more).shares()), strict=True))


def test_two_share_a_link_and_the_third_takes_what_is_left_elsewhere():
    """As in Bertsekas and Gallager: the long flow on a chain is held by its narrow link."""
    got = rates({("A", "B"): 10.0, ("B", "C"): 4.0}, [("A", "C"), ("B", "C"), ("A", "B")])
    assert got == pytest.approx({("A", "C"): 2.0, ("B", "C"): 2.0, ("A", "B"): 8.0})


def test_who_wants_less_leaves_the_rest_to_others():
    """One bit per second is enough for the first: the two others share nine."""
    demands = [("A", "B"), ("A", "C"), ("B", "C")]
    got = rates({("A", "B"): 10.0, ("B", "C"): 100.0}, demands, wanted={("A", "B"): 1.0, ("B", "C"): 5.0})
    assert got == pytest.approx({("A", "B"): 1.0, ("A", "C"): 9.0, ("B", "C"): 5.0})


def test_a_higher_priority_is_filled_first():
    """The lower one gets what is left, here nothing but its own link's rest."""
    demands = [("A", "C"), ("B", "C")]
    got = rates({("A", "B"): 3.0, ("B", "C"): 4.0}, demands, priorities={("A", "C"): 1})
    assert got == pytest.approx({("A", "C"): 3.0, ("B", "C"): 1.0})


def test_a_flow_takes_several_paths_when_one_is_too_narrow():
    """Both ways round a ring carry it, each as much as it can."""
    found = allocator({("A", "B"): 5.0, ("B", "C"): 5.0, ("A", "D"): 2.0, ("D", "C"): 3.0}, [("A", "C")])
    (share,) = found.shares()
    assert share.rate_bps == pytest.approx(7.0)
    assert share.ways == pytest.approx({(("A", "B", "C"),): 5.0, (("A", "D", "C"),): 2.0})


def test_shares_on_two_disjoint_paths_cost_a_bit_on_each():
    """The narrower path bounds the rate, and both pay for it."""
    ring = {("A", "B"): 5.0, ("B", "C"): 5.0, ("A", "D"): 2.0, ("D", "C"): 3.0}
    assert rates(ring, [("A", "C")], trust=Trust(paths=2)) == pytest.approx({("A", "C"): 2.0})


def test_if_everybody_can_have_what_it_wants_no_programme_is_needed():
    """Over the cheapest paths."""
    found = allocator({("A", "B"): 10.0}, [("A", "B")], wanted={("A", "B"): 9.0})
    assert found.shares()[0].rate_bps == 9.0
    assert found.programmes == 0


def test_a_pool_without_a_way_gets_nothing():
    """The others are not disturbed."""
    got = rates({("A", "B"): 10.0, ("C", "D"): 1.0}, [("A", "C"), ("A", "B")])
    assert got == pytest.approx({("A", "C"): 0.0, ("A", "B"): 10.0})


# trees: each pair has one path, so that progressive filling gives the one max-min fair allocation


def progressive_filling(capacities, paths, wanted):
    """Raise all rates together; who meets a full link or has what it wants stays."""
    rate, open_ = dict.fromkeys(paths, 0.0), set(paths)
    while open_:
        left = {link: room - sum(rate[p] for p in paths if link in paths[p]) for link, room in capacities.items()}
        steps = [wanted[p] - rate[p] for p in open_]
        steps += [left[link] / count for link in capacities if (count := sum(link in paths[p] for p in open_))]
        step = min(steps)
        for pair in open_:
            rate[pair] += step
        full = {
            link for link, room in capacities.items() if room - sum(rate[p] for p in paths if link in paths[p]) < 1e-9
        }
        open_ = {p for p in open_ if not full.intersection(paths[p]) and wanted[p] - rate[p] > 1e-9}
    return rate


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=4, max_size=4),
    st.lists(st.integers(1, 40), min_size=5, max_size=5),
    st.dictionaries(st.sampled_from(list(itertools.combinations("ABCDEF", 2))), st.integers(1, 60), min_size=1),
    st.booleans(),
)
def test_on_a_tree_it_is_progressive_filling(parents, room, wanted, filling):
    """Whatever the tree, the capacities and what is wanted; by programmes too, and without them."""
    names = "ABCDEF"
    links = [("A", "B"), *((names[min(parent, child - 1)], names[child]) for child, parent in enumerate(parents, 2))]
    capacities = {link: float(space) for link, space in zip(links, room, strict=True)}
    above = {child: parent for parent, child in links}

    def way(one, other):
        up = {}
        for end in (one, other):
            here, chain = end, set()
            while here in above:
                chain.add((above[here], here))
                here = above[here]
            up[len(up)] = chain
        return up[0] ^ up[1]

    paths = {pair: way(*pair) for pair in wanted}
    found = allocator(capacities, list(wanted), wanted=wanted, filling=filling)
    got = dict(zip(wanted, (share.rate_bps for share in found.shares()), strict=True))
    assert bool(found.programmes) == (found.scarce and not filling)
    assert got == pytest.approx(progressive_filling(capacities, paths, wanted), rel=1e-5)


# meshes: the definition, by programmes on arcs that know nothing of paths


def by_arcs(capacities, demands, cost, least):
    """Maximise ``cost`` . rates over all flows on arcs, with each rate at least ``least``; the rates."""
    sites = sorted({site for link in capacities for site in link})
    arcs = [arc for link in capacities for arc in (link, link[::-1])]
    size = len(demands) * len(arcs) + len(demands)
    balance, right = [], []
    for number, (source, destination) in enumerate(demands):
        for site in sites:
            row = np.zeros(size)
            for place, (tail, head) in enumerate(arcs):
                row[number * len(arcs) + place] = (tail == site) - (head == site)
            row[len(demands) * len(arcs) + number] = (site == destination) - (site == source)
            balance.append(row)
            right.append(0.0)
    loads = []
    for link in capacities:
        row = np.zeros(size)
        for number, (place, arc) in itertools.product(range(len(demands)), enumerate(arcs)):
            row[number * len(arcs) + place] = arc in (link, link[::-1])
        loads.append(row)
    bounds = [(0, None)] * (len(demands) * len(arcs)) + [(bound, None) for bound in least]
    objective = np.concatenate([np.zeros(len(demands) * len(arcs)), -np.array(cost)])
    found = linprog(objective, A_ub=loads, b_ub=list(capacities.values()), A_eq=balance, b_eq=right, bounds=bounds)
    assert found.status == 0, found.message
    return found.x[-len(demands) :]


MESH = [("A", "B"), ("B", "C"), ("C", "D"), ("D", "A"), ("A", "C"), ("C", "E"), ("D", "E")]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=len(MESH), max_size=len(MESH)),
    st.sets(st.sampled_from(list(itertools.combinations("ABCDE", 2))), min_size=2, max_size=5),
)
def test_on_a_mesh_nobody_can_have_more_but_from_somebody_who_has_no_more(room, demands):
    """The definition: with all that have no more than k keeping theirs, k's rate cannot be raised."""
    capacities = {link: float(space) for link, space in zip(MESH, room, strict=True)}
    demands = sorted(demands)
    got = rates(capacities, demands)
    for number, pair in enumerate(demands):
        least = [got[other] * (1 - 1e-6) if got[other] <= got[pair] * (1 + 1e-6) else 0.0 for other in demands]
        best = by_arcs(capacities, demands, np.eye(len(demands))[number], least)[number]
        assert best == pytest.approx(got[pair], rel=1e-4)


def test_when_levels_would_take_too_long_the_rest_is_shared_feasibly(monkeypatch):
    """The first level is the optimum still, and no link is overfull."""
    monkeypatch.setattr(allocation, "MOST_WORK", 1)
    room = {link: 10.0 + number for number, link in enumerate(MESH)}
    demands = list(itertools.combinations("ABCDE", 2))
    found = allocator(room, demands)
    shares = found.shares()
    load = dict.fromkeys(room, 0.0)
    for share in shares:
        for paths, flow in share.ways.items():
            for hop in (hop for path in paths for hop in itertools.pairwise(path)):
                load[hop if hop in load else hop[::-1]] += flow
    assert all(load[link] <= space * (1 + 1e-6) for link, space in room.items())
    exact = rates(room, demands)
    monkeypatch.undo()
    assert min(share.rate_bps for share in shares) == pytest.approx(min(exact.values()), rel=1e-5)
