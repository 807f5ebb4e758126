"""What the sites are to do: the path of each pool, its backup, its part of the links' key."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from qit4n.control import routing
from qit4n.control.allocation import Allocator, Commodity, Floats, Prices, Share, Way
from qit4n.control.pools import PoolKey, PoolWatch
from qit4n.control.routing import Paths, Router
from qit4n.control.topology import Hop, Topology
from qit4n.network.model import Trust
from qit4n.refpoints import ck

SHARE_OF_STOCK = 0.25
RESERVED = 8  # before every priority of the file
SPEND_S = 2.0  # a stock may be spent in so many seconds: rates follow it down
REFRESH_S = 1.0
REFRESH_S_PER_POOL = 0.003  # an allocation by linear programmes takes time


@dataclass
class PoolPlan:
    """What is ordered of one pool."""

    target_bits: int
    wanted_bps: float = 0.0
    reserved_bps: float = 0.0
    rate_bps: float | None = None
    paths: Paths = ()
    backups: Paths = ()
    shared_ducts: tuple[str, ...] = ()
    most_bits: int = 0
    reason: str = ""


@dataclass
class Orders:
    """The orders for all pools, made anew when the network changes, and from time to time as stock changes."""

    watch: PoolWatch
    plans: dict[PoolKey, PoolPlan] = field(default_factory=dict)
    version: int = 0
    programmes: int = 0
    _known: tuple[object, ...] = ()
    _next_at: float = -math.inf
    _backups: dict[PoolKey, tuple[frozenset[Hop], Paths, Paths]] = field(default_factory=dict)
    _turns: dict[PoolKey, dict[Paths, float]] = field(default_factory=dict)

    def refresh(self, topology: Topology, reserved: Mapping[PoolKey, tuple[float, float]], now: float) -> bool:
        """Make them anew if it is time; True if they are new. ``reserved``: bits to hold, bits per second."""
        router = Router(topology)
        known = (topology.sites, router.usable, topology.broken.tobytes(), tuple(reserved))
        if known == self._known and now < self._next_at:
            return False
        self._known = known
        self.version += 1
        self._make(router, reserved)
        self._next_at = now + REFRESH_S + (REFRESH_S_PER_POOL * len(self.plans) if self.programmes else 0.0)
        return True

    def of(self, site: str) -> tuple[ck.PoolOrder, ...]:
        """The orders for the pools of which a site is the source."""
        return tuple(
            ck.PoolOrder(
                peer=peer,
                paths=plan.paths,
                target_bits=plan.target_bits,
                trust=trust,
                reason=plan.reason,
                most_bits=plan.most_bits,
                rate_bps=plan.rate_bps,
                backups=plan.backups,
            )
            for (source, peer, trust), plan in self.plans.items()
            if source == site
        )

    def _make(self, router: Router, reserved: Mapping[PoolKey, tuple[float, float]]) -> None:
        live = set(router.topology.sites)
        self.plans = {}
        for pool in self.watch.goals:
            bits, rate_bps = reserved.get(pool, (0.0, 0.0))
            target = self.watch.target_bits(pool, bits)
            self.plans[pool] = PoolPlan(target, self.watch.wanted_bps(pool, target), reserved_bps=rate_bps)
        for (source, peer, trust), plan in self.plans.items():
            if {source, peer} <= live:
                plan.paths = router.paths(trust, source, peer)
            plan.reason = "" if plan.paths else routing.why_none(trust, source, peer)
        self._allocate(router)
        for pool, plan in self.plans.items():
            plan.backups = self._backup(router, pool, plan.paths)
            plan.shared_ducts = router.shared_ducts(plan.paths)
            plan.most_bits = int(router.least_stock(plan.paths) * SHARE_OF_STOCK)

    def _backup(self, router: Router, pool: PoolKey, paths: Paths) -> Paths:
        """The backups of the paths, found again only when the hops that can be used are others."""
        source, peer, trust = pool
        usable, before, backups = self._backups.get(pool, (frozenset(), (), ()))
        if usable != router.usable or before != paths:
            backups = router.backups(trust, source, peer, paths)
            self._backups[pool] = (router.usable, paths, backups)
        return backups

    def _allocate(self, router: Router) -> None:
        """Give each pool its rate, and the paths on which it finds the key for it.

        The two directions between two sites are one commodity: they share links, and mostly want alike.
        """
        topology = router.topology
        both: dict[tuple[frozenset[str], Trust], list[PoolKey]] = {}
        for pool, plan in self.plans.items():
            if plan.paths:
                both.setdefault((frozenset(pool[:2]), pool[2]), []).append(pool)
        groups = list(both.values())
        commodities = [
            Commodity(
                sum(self.plans[pool].wanted_bps for pool in group),
                max(self.watch.goals[pool].priority for pool in group),
            )
            for group in groups
        ]
        booked = [pool for pool, plan in self.plans.items() if plan.reserved_bps and plan.paths]
        commodities += [Commodity(self.plans[pool].reserved_bps, RESERVED) for pool in booked]
        firsts = [group[0] for group in groups] + booked
        capacity = topology.rate_bps + topology.pair_stock_bits / SPEND_S
        allocator = Allocator(capacity, tuple(commodities), prices(router, firsts), router.graph.is_forest)
        shares = allocator.shares() if groups else ()
        self.programmes = allocator.programmes
        if not allocator.scarce:
            return  # everybody gets what it wants over its cheapest path, and more if it asks
        for group, share in zip(groups, shares, strict=False):
            self._share_out(group, share, router)
        for pool, share in zip(booked, shares[len(groups) :], strict=True):
            plan = self.plans[pool]
            plan.rate_bps = (plan.rate_bps or 0.0) + share.rate_bps

    def _share_out(self, group: list[PoolKey], share: Share, router: Router) -> None:
        wanted = sum(self.plans[pool].wanted_bps for pool in group)
        for pool in group:
            plan = self.plans[pool]
            plan.rate_bps = share.rate_bps * plan.wanted_bps / wanted if wanted else 0.0
            paths = self._turn(pool, share)
            if pool[0] != group[0][0]:
                paths = tuple(path[::-1] for path in paths)
            if paths and all(hop in router.usable for path in paths for hop in itertools.pairwise(path)):
                plan.paths = paths

    def _turn(self, pool: PoolKey, share: Share) -> Paths:
        """Of several ways now one, now another, so that over some refreshes each has its part."""
        if not share.rate_bps:
            return ()
        turns = self._turns.get(pool, {})
        credit = {paths: turns.get(paths, 0.0) + flow / share.rate_bps for paths, flow in share.ways.items()}
        chosen = max(credit, key=lambda paths: (credit[paths], paths))
        credit[chosen] -= 1.0
        self._turns[pool] = credit
        return chosen


def prices(router: Router, pools: list[PoolKey]) -> Prices:
    """The cheapest way of each pool under prices of the links."""
    number = dict(zip(router.topology.hops, router.topology.pairs.tolist(), strict=True))
    pricing = {trust: router.pricing(trust) for trust in {pool[2] for pool in pools}}

    def at(prices: Floats) -> Callable[[int], tuple[Paths, Way]]:
        cheapest = {trust: price(prices) for trust, price in pricing.items()}

        def way(place: int) -> tuple[Paths, Way]:
            source, peer, trust = pools[place]
            paths = cheapest[trust](source, peer)
            if len(paths) < trust.shares_needed:
                return (), ()
            return paths, tuple(sorted(number[hop] for path in paths for hop in itertools.pairwise(path)))

        return way

    return at
