"""Routing control (ITU-T Y.3804): the paths of key relays, by available key and under the demand's constraints.

The cost of a hop is 1 plus a penalty that grows as its stock shrinks, so a path is short where key is plentiful
and goes around where it is scarce. A hop that cannot pay for one relay unit is no hop; one whose links have stopped
making key is gone around while there is another way, so that its stock lasts. A trust policy that wants several paths
gets node-disjoint ones, together the cheapest of those that share no duct, as far as such are found
(:mod:`qit4n.network.diverse`); fewer than it needs are none.

A path with bounded latency is found by Lagrangian relaxation (Jüttner et al., "Lagrange relaxation based method for
the QoS routing problem", INFOCOM 2001): always within the bound, nearly always the cheapest such path.
"""

import itertools
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qit4n.control.cheapest import Cheapest, Graph
from qit4n.control.topology import Hop, Topology
from qit4n.network.diverse import diverse_paths, ducts_of, shared_ducts
from qit4n.network.model import Trust

Path = tuple[str, ...]
Paths = tuple[Path, ...]

RELAY_UNIT_BITS = 8 * (128 + 128 + 32)  # smallest chunk, its salts and a tag key
SCARCITY_BITS = 64.0 * RELAY_UNIT_BITS
BROKEN_COST = 8.0  # a link that makes no key costs as much as so many hops more
AGAIN_COST = 1000.0  # a backup meets a site of its path only where there is no other way
AGAIN_HOP = 3.0  # times as much for a hop of its path, or in its duct: more than to leave the path and come back
MOST_MULTIPLIERS = 12


def hop_costs(topology: Topology) -> NDArray[np.float64]:
    """(hops,) cost of each hop; infinite below one relay unit."""
    stock = topology.stock_bits
    costs = 1.0 + SCARCITY_BITS / np.maximum(stock, 1.0) + BROKEN_COST * topology.broken
    return np.where(stock < RELAY_UNIT_BITS, np.inf, costs)


class Router:
    """Answers questions about the paths of one topology; a cheapest path is looked for once."""

    def __init__(self, topology: Topology) -> None:
        """Take the hops that can pay for a relay."""
        self.topology = topology
        self._number = {site: place for place, site in enumerate(topology.sites)}
        costs = hop_costs(topology)
        self._usable = np.flatnonzero(np.isfinite(costs))
        self._costs = costs[self._usable]
        self._tails, self._heads = topology.tails[self._usable], topology.heads[self._usable]
        hops = topology.hops
        self._hops = tuple(hops[place] for place in self._usable.tolist())
        self.graph = Graph(len(topology.sites), self._tails, self._heads)
        self._cheapest = Cheapest(self.graph, self._costs)

    @cached_property
    def usable(self) -> frozenset[Hop]:
        """The hops that can pay for a relay."""
        return frozenset(self._hops)

    @cached_property
    def _place(self) -> dict[Hop, int]:
        return {hop: place for place, hop in enumerate(self._hops)}

    @cached_property
    def _latency(self) -> NDArray[np.float64]:
        return self.topology.latency_s[self._usable]

    @cached_property
    def _stock(self) -> list[float]:
        found: list[float] = self.topology.stock_bits[self._usable].tolist()
        return found

    def _path(self, cheapest: Cheapest, source: str, destination: str, *, alone: bool = False) -> Path:
        one, other = self._number[source], self._number[destination]
        return tuple(self.topology.sites[number] for number in cheapest.path(one, other, alone=alone))

    def cheapest(self, source: str, destination: str) -> Path:
        """The cheapest path between two sites, empty if there is none."""
        return self._path(self._cheapest, source, destination)

    def paths(self, trust: Trust, source: str, destination: str) -> Paths:
        """The paths over which shares go from one site to another, none if there are fewer than the policy needs."""
        if trust.paths == 1 and not _closed(trust):
            path = self.cheapest(source, destination)
            found: Paths = (path,) if path else ()
        else:
            found = self._disjoint(trust, source, destination, self._costs)
        if trust.max_latency_ms and self.latency_s(found) > trust.max_latency_ms / 1e3:
            found = self._quick_enough(trust, source, destination)
        return found if len(found) >= trust.shares_needed else ()

    def _disjoint(self, trust: Trust, source: str, destination: str, costs: NDArray[np.float64]) -> Paths:
        hops = dict(zip(self._hops, costs.tolist(), strict=True))
        return diverse_paths(hops, source, destination, trust.paths, _closed(trust), ducts=self.topology.ducts)

    def shared_ducts(self, paths: Paths) -> tuple[str, ...]:
        """The ducts that two or more paths run through."""
        if len(paths) == 1 or not self.topology.ducts:
            return ()
        return shared_ducts(paths, self.topology.ducts)

    def latency_s(self, paths: Paths) -> float:
        """Latency of light over the slowest of the paths."""
        return max((self._latency_s(path) for path in paths), default=0.0)

    def _latency_s(self, path: Path) -> float:
        return float(sum(self._latency[self._place[hop]] for hop in itertools.pairwise(path)))

    def _quick_enough(self, trust: Trust, source: str, destination: str) -> Paths:
        """Paths within the latency bound: a price on latency that grows until they are."""
        bound_s, weight = trust.max_latency_ms / 1e3, 1.0 / max(float(np.sum(self._latency)), 1e-9)
        for _ in range(MOST_MULTIPLIERS):
            found = self._disjoint(trust, source, destination, self._costs + weight * self._latency)
            if len(found) >= trust.shares_needed and self.latency_s(found) <= bound_s:
                return found
            weight *= 8.0
        return ()

    def backups(self, trust: Trust, source: str, destination: str, paths: Paths) -> Paths:
        """One path to be taken when one of ``paths`` fails.

        For a single path it meets that path, and the ducts that it runs through, as little as possible; for several
        it meets none of them, since shares never meet at a site, and their ducts as little as possible.
        """
        if not paths:
            return ()
        several = len(paths) > 1
        met = self._sites_of(site for path in paths for site in path[1:-1])
        shut = self._sites_of(_closed(trust)) | (met & several)
        again = 1.0 * (met[self._tails] | met[self._heads])
        closed = shut[self._tails] | shut[self._heads]
        used = [self._place[hop] for path in paths for hop in itertools.pairwise(path) if hop in self._place]
        again[used] = AGAIN_HOP
        again[self._beside(paths)] = AGAIN_HOP
        closed[used] |= several
        costs = np.where(closed, np.inf, self._costs + AGAIN_COST * again)
        found = self._path(Cheapest(self.graph, costs), source, destination, alone=True)
        late = bool(found and trust.max_latency_ms) and 1e3 * self._latency_s(found) > trust.max_latency_ms
        return () if not found or found in paths or late else (found,)

    def _beside(self, paths: Paths) -> list[int]:
        """The hops that share a duct with paths."""
        ducts = self.topology.ducts
        crossed = frozenset[str]().union(*(ducts_of(path, ducts) for path in paths)) if ducts else None
        pairs = [pair for pair, own in ducts.items() if own & crossed] if crossed else []
        return [self._place[hop] for pair in pairs for hop in (pair, pair[::-1]) if hop in self._place]

    def _sites_of(self, sites: Iterable[str]) -> NDArray[np.bool_]:
        """(sites,) which ones are among these."""
        found = np.zeros(len(self.topology.sites), np.bool_)
        found[[self._number[site] for site in sites if site in self._number]] = True
        return found

    def least_stock(self, paths: Paths) -> float:
        """The least stock of a hop of the paths, 0 without paths."""
        hops = (hop for path in paths for hop in itertools.pairwise(path))
        return min((self._stock[self._place[hop]] for hop in hops), default=0.0)

    def pricing(self, trust: Trust) -> Callable[[NDArray[np.float64]], Callable[[str, str], Paths]]:
        """Cheapest paths under other costs of the pairs of neighbours (a price per bit of each), for allocation."""
        pairs = self.topology.pairs[self._usable]
        plain = trust.paths == 1 and not _closed(trust)

        def at(prices: NDArray[np.float64]) -> Callable[[str, str], Paths]:
            if trust.max_latency_ms:
                return lambda source, destination: self.paths(trust, source, destination)
            costs = prices[pairs] + 1e-9 * self._costs
            if not plain:
                return lambda source, destination: self._disjoint(trust, source, destination, costs)
            found = Cheapest(self.graph, costs)

            def cheapest(source: str, destination: str) -> Paths:
                path = self._path(found, source, destination)
                return (path,) if path else ()

            return cheapest

        return at


def _closed(trust: Trust) -> Iterable[str]:
    """Sites that a policy has on no path."""
    return (*([trust.centre] if trust.centre else []), *trust.excluded)


def why_none(trust: Trust, source: str, destination: str) -> str:
    """What is missing when :meth:`Router.paths` found nothing."""
    within = f" within {trust.max_latency_ms:g} ms" if trust.max_latency_ms else ""
    beside = f" beside {', '.join(trust.excluded)}" if trust.excluded else ""
    if trust.shares_needed == 1:
        return f"no path with key from {source} to {destination}{beside}{within}"
    return (
        f"fewer than {trust.shares_needed} node-disjoint paths with key from {source} to {destination}{beside}{within}"
    )
