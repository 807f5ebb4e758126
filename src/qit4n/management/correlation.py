"""Correlation: what follows from a root cause is told with it, and is no alarm of its own (ITU-T Y.3804, fault).

A root cause is an alarm of a link, a duct or a site: it takes hops away. The pools whose paths went over such a hop
when the trouble began are its consequences. They are restored when each has other paths; that time is the restoration
time of Y.3807 as the manager sees it. A pool that runs out without a path is an alarm of its own only if no root cause
explains it.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from qit4n.refpoints import mc
from qit4n.units import bits_text

Hop = frozenset[str]
MOST_SENTENCES = 20
RECENT = 4  # the controller may have moved a path before the link is seen to be down
PATIENCE_S = 15.0  # paths come and go while stock is scarce
LOW = 0.5  # of the target
LOST = frozenset({"down", "no-key"})


def pool_name(pool: mc.PoolStatus) -> str:
    """An end-to-end pool by its ends and trust policy."""
    return f"{pool.source} - {pool.destination} ({pool.trust})"


def hops_of(pool: mc.PoolStatus) -> set[Hop]:
    """The hops of its present paths."""
    return {frozenset(hop) for path in pool.paths for hop in itertools.pairwise(path)}


def lost_hops(status: mc.NetworkStatus, element: str) -> frozenset[Hop]:
    """The hops that are gone with a site, or with a link whose ends no other link joins."""
    pairs = {link.link: frozenset(link.ends) for link in status.links}
    if element not in pairs:
        return frozenset(pair for pair in pairs.values() if element in pair)
    well = {pairs[link.link] for link in status.links if link.link != element and link.state not in LOST}
    return frozenset({pairs[element]} - well)


def leads_round(status: mc.NetworkStatus, element: str) -> bool:
    """Whether links that make key join the ends of a link without it."""
    (ends,) = (link.ends for link in status.links if link.link == element)
    well = {frozenset(link.ends) for link in status.links if link.link != element and link.state not in LOST}
    return _joined(*ends, well)


def stranded(status: mc.NetworkStatus, elements: Iterable[str]) -> bool:
    """Whether some pool has no way without these links, and would have one with them."""
    pairs = {link.link: frozenset(link.ends) for link in status.links}
    gone = set(elements)
    well = {pairs[link.link] for link in status.links if link.link not in gone and link.state not in LOST}
    back = well | {pairs[link] for link in gone}
    ends = {(pool.source, pool.destination) for pool in status.pools}
    return any(not _joined(*one, well) and _joined(*one, back) for one in ends)


@dataclass
class Root:
    """A root cause that stands; ``whole_at`` is the last time when it was not seen.

    ``elements`` are the links or the site that it took away; links of a duct may come one after the other.
    """

    whole_at: float
    hops: frozenset[Hop] = frozenset()
    elements: set[str] = field(default_factory=set)
    pools: set[str] = field(default_factory=set)
    restored_s: float | None = None

    def follow(self, pools: Mapping[str, mc.PoolStatus], at: float) -> tuple[str, ...]:
        """What has become of its pools, one sentence each; notes when all are restored."""
        told = {name: self._fate(pools[name]) for name in sorted(self.pools) if name in pools}
        waiting = [name for name, (restored, _) in told.items() if not restored]
        if self.restored_s is None and not waiting:
            self.restored_s = at - self.whole_at
        texts = [f"pool {name} {text}" for name, (_, text) in told.items()]
        more = len(texts) - MOST_SENTENCES
        return (*texts[:MOST_SENTENCES], *([f"{more} more pools"] if more > 0 else []))

    def _fate(self, pool: mc.PoolStatus) -> tuple[bool, str]:
        if not pool.paths:
            return False, f"has no path; {bits_text(pool.ready_bits)} are left of it"
        if hops_of(pool) & self.hops:
            return False, "still spends the stock of the lost hop"
        return True, f"goes over {', '.join('-'.join(path) for path in pool.paths)}"


class Correlation:
    """The root causes that stand, by element and kind."""

    def __init__(self) -> None:
        """None yet."""
        self._roots: dict[tuple[str, str], Root] = {}
        self._recent: deque[mc.NetworkStatus] = deque(maxlen=RECENT)
        self._pathless_since: dict[str, float] = {}

    def update(self, status: mc.NetworkStatus, roots: Mapping[tuple[str, str], Iterable[str]]) -> list[str]:
        """Take a state and the root causes in it, with the links or the site that each takes away.

        Returns:
            The pools that run out and none of them explains.
        """
        pools = {pool_name(pool): pool for pool in status.pools}
        self._roots = {key: self._root(status, key, frozenset(elements)) for key, elements in roots.items()}
        self._recent.append(status)
        pathless = {name for name, pool in pools.items() if not pool.paths and pool.ready_bits < LOW * pool.target_bits}
        since = self._pathless_since
        self._pathless_since = {name: since.get(name, status.at) for name in sorted(pathless)}
        explained = {name for name in pathless if self._explain(name, pools[name], status)}
        late = {name for name, begun in self._pathless_since.items() if status.at - begun >= PATIENCE_S}
        return sorted(late - explained)

    def _root(self, status: mc.NetworkStatus, key: tuple[str, str], elements: frozenset[str]) -> Root:
        """A root cause, new or with more elements than before; what it takes over from others was theirs until now."""
        root = self._roots.get(key) or Root(whole_at=self._recent[-1].at if self._recent else status.at)
        root.hops = frozenset[Hop]().union(*(lost_hops(status, element) for element in elements))
        new = elements - root.elements
        if new:
            taken = [other for (element, _), other in self._roots.items() if element in new and other is not root]
            root.whole_at = min([root.whole_at, *(other.whole_at for other in taken)])
            root.pools.update(self._hit(status, root.hops, new), *(other.pools for other in taken))
            root.elements |= new
            root.restored_s = None
        return root

    def _hit(self, status: mc.NetworkStatus, hops: frozenset[Hop], elements: frozenset[str]) -> set[str]:
        """The pools that have lately gone over these hops, and do not begin or end at a site that is lost."""
        ends = elements - {link.link for link in status.links}
        return {
            pool_name(pool)
            for before in self._recent
            for pool in before.pools
            if hops_of(pool) & hops and not ends & {pool.source, pool.destination}
        }

    def _explain(self, name: str, pool: mc.PoolStatus, status: mc.NetworkStatus) -> bool:
        """Whether a root cause took the paths of a pool; if some do together, the first is told of it."""
        if any(name in root.pools for root in self._roots.values()):
            return True
        gone = frozenset[Hop]().union(*(root.hops for root in self._roots.values()))
        left = {frozenset(link.ends) for link in status.links} - gone
        if not self._roots or _joined(pool.source, pool.destination, left):
            return False
        next(iter(self._roots.values())).pools.add(name)
        return True

    def consequences(self, key: tuple[str, str], status: mc.NetworkStatus) -> tuple[tuple[str, ...], float | None]:
        """What follows from a root cause, and after how long key flowed again; nothing for other alarms."""
        root = self._roots.get(key)
        if root is None:
            return (), None
        return root.follow({pool_name(pool): pool for pool in status.pools}, status.at), root.restored_s


def _joined(source: str, destination: str, hops: set[Hop]) -> bool:
    """Whether hops lead from one site to another."""
    reached, edge = {source}, {source}
    while edge:
        edge = {site for hop in hops if hop & edge for site in hop} - reached
        reached |= edge
    return destination in reached
