"""Node-disjoint paths of least total cost (Suurballe, Networks 4, 125 (1974); Bhandari's form of it).

Each site is split into an entrance and an exit joined by one arc, so that a unit of flow through it closes it. A path
more is a shortest path in what is left, where arcs in use may be crossed backwards at a refund (successive shortest
paths); potentials keep all costs at or above zero, so that Dijkstra's algorithm finds it (Johnson 1977).
"""

import heapq
import itertools
from collections.abc import Iterable, Mapping

Node = tuple[str, int]
Arcs = dict[Node, dict[Node, float]]
Path = tuple[str, ...]

ENTRANCE, EXIT = 0, 1


def disjoint_paths(
    hops: Mapping[tuple[str, str], float], source: str, destination: str, most: int, closed: Iterable[str] = ()
) -> tuple[Path, ...]:
    """As many paths as there are, up to ``most``, that share only their ends; together the cheapest.

    Args:
        hops: cost of each hop that can be used, in its direction.
        source: where the paths begin.
        destination: where they end.
        most: no more are looked for.
        closed: sites that no path may meet between its ends.

    Returns:
        The paths, cheapest first; each holds both ends.
    """
    shut = set(closed) - {source, destination}
    arcs = _split({hop: cost for hop, cost in hops.items() if not shut.intersection(hop)})
    potential: dict[Node, float] = {}
    begin, end = (source, EXIT), (destination, ENTRANCE)
    for _ in range(most):
        distance, before = _shortest(arcs, begin, potential)
        if end not in distance:
            break
        for node, reached in distance.items():
            potential[node] = potential.get(node, 0.0) + reached
        _turn(arcs, before, end)
    return _collect(arcs, hops, source, destination)


def _split(hops: Mapping[tuple[str, str], float]) -> Arcs:
    arcs: Arcs = {(site, door): {} for hop in hops for site in hop for door in (ENTRANCE, EXIT)}
    for one, other in hops:
        for site in (one, other):
            arcs[site, ENTRANCE][site, EXIT] = 0.0
        arcs[one, EXIT][other, ENTRANCE] = hops[one, other]
    return arcs


def _shortest(arcs: Arcs, begin: Node, potential: dict[Node, float]) -> tuple[dict[Node, float], dict[Node, Node]]:
    """Distances from ``begin`` by reduced cost, and the node before each."""
    final: dict[Node, float] = {}
    before: dict[Node, Node] = {}
    tried, queue = {begin: 0.0}, [(0.0, begin)]
    while queue:
        reached, node = heapq.heappop(queue)
        if node in final:
            continue
        final[node] = reached
        here = potential.get(node, 0.0)
        for following, cost in arcs.get(node, {}).items():
            reduced = max(0.0, cost + here - potential.get(following, 0.0))  # below zero by rounding only
            if reached + reduced < tried.get(following, float("inf")):
                tried[following] = reached + reduced
                before[following] = node
                heapq.heappush(queue, (reached + reduced, following))
    return final, before


def _turn(arcs: Arcs, before: dict[Node, Node], node: Node) -> None:
    """Turn round the arcs on the way back from ``node``: used ones can be crossed backwards, at a refund."""
    while node in before:
        previous = before[node]
        arcs[node][previous] = -arcs[previous].pop(node)
        node = previous


def _collect(arcs: Arcs, hops: Mapping[tuple[str, str], float], source: str, destination: str) -> tuple[Path, ...]:
    used = [(b[0], a[0]) for a, others in arcs.items() if a[1] == ENTRANCE for b in others if b[0] != a[0]]
    following = {one: other for one, other in used if one != source}
    found = []
    for _, second in sorted(hop for hop in used if hop[0] == source):
        path = [source, second]
        while path[-1] != destination:
            path.append(following[path[-1]])
        found.append(tuple(path))
    return tuple(sorted(found, key=lambda path: (sum(hops[hop] for hop in itertools.pairwise(path)), path)))
