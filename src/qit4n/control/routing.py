"""Routing control (ITU-T Y.3804): the path of a key relay, by available key.

The cost of a hop is 1 plus a penalty that grows as its stock shrinks, so a path is short where key is plentiful
and goes around where it is scarce. A hop that cannot pay for one relay unit is no hop.
"""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

RELAY_UNIT_BITS = 8 * (128 + 32)
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
