"""Routing control (ITU-T Y.3804): the paths of key relays, by available key.

The cost of a hop is 1 plus a penalty that grows as its stock shrinks, so a path is short where key is plentiful
and goes around where it is scarce. A hop that cannot pay for one relay unit is no hop. A trust policy that wants
several paths gets node-disjoint ones, together the cheapest; fewer than it needs are none.
"""

import itertools
from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from qit4n.network.disjoint import disjoint_paths
from qit4n.network.model import Trust

Paths = tuple[tuple[str, ...], ...]

RELAY_UNIT_BITS = 8 * (128 + 128 + 32)  # smallest chunk, its salts and a tag key
SCARCITY_BITS = 64.0 * RELAY_UNIT_BITS


def hop_cost(stock_bits: float) -> float:
    """Cost of a hop that holds ``stock_bits`` for the direction of the relay; infinite below one unit."""
    if stock_bits < RELAY_UNIT_BITS:
        return float("inf")
    return 1.0 + SCARCITY_BITS / stock_bits


def paths(
    sites: tuple[str, ...], stock_bits: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Cheapest path for each ordered pair of sites that one joins.

    Args:
        sites: all site ids.
        stock_bits: key with which the first site of the pair can encrypt to the second, its neighbour.

    Returns:
        The sites from source to destination, both included; pairs without a path are absent.
    """
    index = {site: number for number, site in enumerate(sites)}
    hops = [(pair, hop_cost(stock)) for pair, stock in stock_bits.items()]
    usable = [(index[a], index[b], cost) for (a, b), cost in hops if np.isfinite(cost)]
    if not usable:
        return {}
    rows, columns, costs = zip(*usable, strict=True)
    graph = csr_array((costs, (rows, columns)), shape=(len(sites), len(sites)))
    _, before = dijkstra(graph, return_predecessors=True)
    found = {}
    for source in sites:
        for destination in sites:
            path = _walk_back(before[index[source]], index[source], index[destination])
            if len(path) > 1:
                found[source, destination] = tuple(sites[number] for number in path)
    return found


def _walk_back(before: "np.ndarray[tuple[int], np.dtype[np.int32]]", source: int, destination: int) -> list[int]:
    path = [destination]
    while path[-1] != source:
        previous = int(before[path[-1]])
        if previous < 0:
            return []
        path.append(previous)
    return path[::-1]


def paths_for(
    trust: Trust,
    source: str,
    destination: str,
    cheapest: Mapping[tuple[str, str], tuple[str, ...]],
    stock_bits: Mapping[tuple[str, str], float],
) -> Paths:
    """The paths over which shares go from one site to another, none if there are fewer than the policy needs.

    Args:
        trust: how many paths, and which site is the centre: it may be on none of them.
        source: first site.
        destination: last site.
        cheapest: what :func:`paths` found.
        stock_bits: as there.
    """
    closed = [trust.centre] if trust.centre else []
    if trust.paths == 1 and not closed:
        path = cheapest.get((source, destination))
        return (path,) if path else ()
    costs = {hop: hop_cost(stock) for hop, stock in stock_bits.items()}
    hops = {hop: cost for hop, cost in costs.items() if np.isfinite(cost)}
    found = disjoint_paths(hops, source, destination, trust.paths, closed)
    return found if len(found) >= trust.shares_needed else ()


def why_none(trust: Trust, source: str, destination: str) -> str:
    """What is missing when :func:`paths_for` found nothing."""
    if trust.shares_needed == 1:
        return f"no path with key from {source} to {destination}"
    return f"fewer than {trust.shares_needed} node-disjoint paths with key from {source} to {destination}"


def least_stock(paths: Paths, stock_bits: Mapping[tuple[str, str], float]) -> float:
    """The least stock of a hop of the paths, 0 without paths."""
    return min((stock_bits[hop] for path in paths for hop in itertools.pairwise(path)), default=0.0)
