"""Cheapest paths from a site to all others (Dijkstra, Numerische Mathematik 1, 269 (1959)).

A small graph is searched here, from one source when it is asked for: SciPy takes longer to build its matrix than this
takes for all. A large one is searched by SciPy, from all sources at once unless one is named.
"""

import heapq
import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SMALL_HOPS = 80
NOBODY = -9999  # as SciPy marks a site that no path reaches


class Graph:
    """The hops of a network, to be searched under one cost vector after the other."""

    def __init__(self, sites: int, tails: NDArray[np.int32], heads: NDArray[np.int32]) -> None:
        """``tails`` and ``heads``: (hops,) numbers of the sites where each hop begins and ends."""
        self.sites, self.tails, self.heads = sites, tails, heads

    @cached_property
    def leaving(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Of each site the hops that begin there: their number and where they end."""
        found: list[list[tuple[int, int]]] = [[] for _ in range(self.sites)]
        for place, (tail, head) in enumerate(zip(self.tails.tolist(), self.heads.tolist(), strict=True)):
            found[tail].append((place, head))
        return tuple(map(tuple, found))

    @cached_property
    def is_forest(self) -> bool:
        """Whether no two sites are joined by more than one path."""
        above = list(range(self.sites))

        def root(site: int) -> int:
            while above[site] != site:
                above[site] = above[above[site]]
                site = above[site]
            return site

        for one, other in {(min(hop), max(hop)) for hop in zip(self.tails.tolist(), self.heads.tolist(), strict=True)}:
            if root(one) == root(other):
                return False
            above[root(one)] = root(other)
        return True


class Cheapest:
    """Cheapest paths of a graph under (hops,) ``costs``; infinite ones are no hops."""

    def __init__(self, graph: Graph, costs: NDArray[np.float64]) -> None:
        """Nothing is searched yet."""
        self._graph, self._costs = graph, costs
        self._before: dict[int, list[int]] = {}
        self._all: list[list[int]] = []

    def path(self, source: int, destination: int, *, alone: bool = False) -> tuple[int, ...]:
        """The sites of the cheapest path, empty if there is none; ``alone``: no other source will be asked for."""
        before = self._tree(source, alone=alone)
        path = [destination]
        while path[-1] != source:
            previous = before[path[-1]]
            if previous < 0:
                return ()
            path.append(previous)
        return tuple(path[::-1]) if len(path) > 1 else ()

    def _tree(self, source: int, *, alone: bool) -> list[int]:
        """(sites,) the site before each on the cheapest path from ``source``."""
        if len(self._graph.tails) > SMALL_HOPS:
            if alone:
                return self._by_scipy([source])[0]
            self._all = self._all or self._by_scipy(None)
            return self._all[source]
        if source not in self._before:
            self._before[source] = self._search(source)
        return self._before[source]

    def _by_scipy(self, sources: list[int] | None) -> list[list[int]]:
        from scipy.sparse import csr_array  # noqa: PLC0415 - slow to import
        from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415 - slow to import

        shape = (self._graph.sites, self._graph.sites)
        graph = csr_array((self._costs, (self._graph.tails, self._graph.heads)), shape=shape)
        found: list[list[int]] = dijkstra(graph, indices=sources, return_predecessors=True)[1].tolist()
        return found

    @cached_property
    def _cost_list(self) -> list[float]:
        found: list[float] = self._costs.tolist()
        return found

    def _search(self, source: int) -> list[int]:
        costs, leaving = self._cost_list, self._graph.leaving
        before, reached = [NOBODY] * self._graph.sites, [math.inf] * self._graph.sites
        reached[source], queue = 0.0, [(0.0, source)]
        while queue:
            distance, site = heapq.heappop(queue)
            if distance > reached[site]:
                continue
            for place, head in leaving[site]:
                further = distance + costs[place]
                if further < reached[head]:
                    reached[head], before[head] = further, site
                    heapq.heappush(queue, (further, head))
        return before
