"""End-to-end pools as the controller sees them: whose they are, how much they should hold, what they want.

A pool is kept as large as the file says, and larger while more is taken from it: what applications took lately is
forecast to go on, and so much is kept ready that it lasts for ``REPLENISH_S``, before they ask. Reservations
(:mod:`qit4n.control.reservations`) raise a pool before their time comes.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from qit4n.network.model import Demand, Network, Trust
from qit4n.refpoints import ck

PoolKey = tuple[str, str, Trust]

REPLENISH_S = 5.0
MOST_GROWTH = 16
FILL_S = 1.0
LEAST_SHARE = 0.1
FORGET_S = 3.0


@dataclass(frozen=True)
class Goal:
    """What the file asks of a pool."""

    bits: int
    priority: int = 0


def goals(network: Network) -> dict[PoolKey, Goal]:
    """Of each pool the sum of the demands between its sites under its trust policy, and the highest priority."""
    found: dict[PoolKey, Goal] = {}
    for demand in network.demands:
        for source, destination in directions(network, demand.between):
            pool = (source, destination, demand.trust)
            before = found.get(pool, Goal(0))
            found[pool] = Goal(before.bits + demand.pool_bits, max(before.priority, demand.priority))
    return found


def directions(network: Network, between: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Source and destination of the pools of a demand: two for each pair of different homes, the first homes first.

    None if both applications are at one site.
    """
    pairs = itertools.product(*map(network.homes_of, between))
    ways = (way for one, other in pairs if one != other for way in ((one, other), (other, one)))
    return tuple(dict.fromkeys(ways))


def demand_of(network: Network, between: tuple[str, str]) -> Demand | None:
    """The demand of two applications, in either order."""
    return next((one for one in network.demands if set(one.between) == set(between)), None)


@dataclass
class Use:
    """How fast key is taken from a pool: an average that forgets in some seconds."""

    supplied_bits: int | None = None
    at: float = 0.0
    taken_bps: float = 0.0

    def hear(self, supplied_bits: int, now: float) -> None:
        """A report; a site that has started again counts from zero."""
        if self.supplied_bits is not None and now > self.at:
            elapsed = now - self.at
            taken = max(0, supplied_bits - self.supplied_bits) / elapsed
            self.taken_bps += (taken - self.taken_bps) * min(1.0, elapsed / FORGET_S)
        self.supplied_bits, self.at = supplied_bits, now


class PoolWatch:
    """Hears how full each pool is and how fast it is used."""

    def __init__(self, wanted: Mapping[PoolKey, Goal]) -> None:
        """Nothing is used yet."""
        self.goals = dict(wanted)
        self.ready_bits = dict.fromkeys(wanted, 0)
        self._uses = {pool: Use() for pool in wanted}

    def hear(self, report: ck.SiteReport, now: float) -> None:
        """A site tells of the pools of which it is the source."""
        for one in report.pools:
            pool = (report.site, one.peer, one.trust)
            if pool in self._uses:
                self.ready_bits[pool] = one.ready_bits
                self._uses[pool].hear(one.supplied_bits, now)

    def taken_bps(self, pool: PoolKey) -> float:
        """How fast key is taken from a pool."""
        return self._uses[pool].taken_bps

    def target_bits(self, pool: PoolKey, reserved_bits: float = 0.0) -> int:
        """How much it should hold, with what is reserved of it for soon."""
        least = self.goals[pool].bits
        lasting = min(int(self._uses[pool].taken_bps * REPLENISH_S), MOST_GROWTH * least)
        return max(least, lasting, int(reserved_bits))

    def wanted_bps(self, pool: PoolKey, target_bits: int) -> float:
        """The rate that fills it within a second and keeps pace with what is taken.

        A full pool wants a little as well: it may be asked for much before the next allocation.
        """
        missing = max(target_bits - self.ready_bits[pool], LEAST_SHARE * target_bits)
        return missing / FILL_S + self._uses[pool].taken_bps
