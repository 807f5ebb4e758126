"""Node-disjoint paths that share no duct either, where such are found.

Whether paths exist that share no risk group is NP-complete in general, also where all links of a group meet at a site
(Bermond, Coudert, d'Angelo and Moataz, "SRLG-diverse routing with the star property", DRCN 2013). So this is a search
with a limit: the cheapest node-disjoint paths, then without one or the other of two hops that share a duct, the best
first. It misses paths that take two hops of a duct on one of them where the cheapest had them on two, and what lies
beyond the limit. A duct that nobody can go without is left alone: without it there are not enough paths for the others.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping

from qit4n.network.disjoint import Path, disjoint_paths

MOST_TRIES = 16

Pair = tuple[str, str]
Hops = Mapping[Pair, float]
Ducts = Mapping[Pair, frozenset[str]]
"""Of each pair of neighbours, in the order of their names, the ducts of which each takes all of its links away."""


def ducts_of(path: Path, ducts: Ducts) -> frozenset[str]:
    """The ducts that a path runs through."""
    hops = (ducts.get((min(hop), max(hop)), frozenset()) for hop in itertools.pairwise(path))
    return frozenset[str]().union(*hops)


def shared_ducts(paths: Iterable[Path], ducts: Ducts) -> tuple[str, ...]:
    """The ducts that two or more of the paths run through."""
    count = Counter(itertools.chain.from_iterable(ducts_of(path, ducts) for path in paths))
    return tuple(sorted(duct for duct, times in count.items() if times > 1))


def diverse_paths(
    hops: Hops, source: str, destination: str, most: int, closed: Iterable[str] = (), *, ducts: Ducts
) -> tuple[Path, ...]:
    """As many node-disjoint paths as there are, up to ``most``; of these such as share few ducts, none if possible.

    Arguments and result are those of :func:`disjoint_paths`, with the ducts of each pair of neighbours.
    """
    first = disjoint_paths(hops, source, destination, most, closed)
    if not shared_ducts(first, ducts):
        return first
    return _Search(hops, ducts, (source, destination), tuple(closed)).best(first)


class _Search:
    """Takes hops away until no two paths share a duct."""

    def __init__(self, hops: Hops, ducts: Ducts, ends: Pair, closed: tuple[str, ...]) -> None:
        self._hops, self._ducts, self._ends, self._closed = hops, ducts, ends, closed
        self._wanted = 0
        self._avoidable: dict[str, bool] = {}

    def best(self, first: tuple[Path, ...]) -> tuple[Path, ...]:
        """The paths with the fewest shared ducts, then the cheapest, of all that were tried."""
        self._wanted = len(first)
        found = {frozenset[Pair](): first}
        queue = [(self._rank(first), 0, frozenset[Pair]())]
        for tried in itertools.count(1):
            if not queue or tried > MOST_TRIES:
                break
            gone = heapq.heappop(queue)[-1]
            duct = next((one for one in shared_ducts(found[gone], self._ducts) if self._can_be_avoided(one)), None)
            if duct is None:
                break
            for hop in self._hops_in(duct, found[gone]):
                more = gone | {hop}
                paths = () if more in found else self._without(more, self._wanted)
                if len(paths) == self._wanted:
                    found[more] = paths
                    heapq.heappush(queue, (self._rank(paths), len(found), more))
        return min(found.values(), key=self._rank)

    def _rank(self, paths: tuple[Path, ...]) -> tuple[int, float]:
        cost = sum(self._hops[hop] for path in paths for hop in itertools.pairwise(path))
        return len(shared_ducts(paths, self._ducts)), cost

    def _can_be_avoided(self, duct: str) -> bool:
        """Whether all paths but one can do without a duct."""
        if duct not in self._avoidable:
            inside = frozenset(pair for pair, ducts in self._ducts.items() if duct in ducts)
            self._avoidable[duct] = len(self._without(inside, self._wanted - 1)) == self._wanted - 1
        return self._avoidable[duct]

    def _hops_in(self, duct: str, paths: tuple[Path, ...]) -> list[Pair]:
        """A hop in a duct of each of the first two paths that run through it."""
        each = ([(min(hop), max(hop)) for hop in itertools.pairwise(path)] for path in paths)
        inside = ([hop for hop in hops if duct in self._ducts.get(hop, ())] for hops in each)
        return [hops[0] for hops in inside if hops][:2]

    def _without(self, gone: frozenset[Pair], most: int) -> tuple[Path, ...]:
        left = {hop: cost for hop, cost in self._hops.items() if (min(hop), max(hop)) not in gone}
        return disjoint_paths(left, *self._ends, most, self._closed)
