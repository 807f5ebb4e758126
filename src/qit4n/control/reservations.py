"""The reservation calendar: admission, counter-proposals, what is to be ready when.

A reservation is of a rate over a window, or of an amount by a deadline, for two applications of a demand; the first
named is the master. It is admitted if the links can make its key beside all that is admitted already, in every
interval of the calendar: one allocation per interval (:mod:`qit4n.control.allocation`), in which what was admitted
comes first, over ``RESERVABLE`` of the links' rates; stock is not counted on. An amount is made as early as it can be.
Who is refused gets counter-proposals that would be admitted: less at the wanted time, or all of it later.
Of applications with several homes the pool is that between the first two which links that make key join.

While it lasts a reservation comes before every priority, and shortly before it begins its pool is filled for it.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from qit4n.control.allocation import Allocator, Commodity
from qit4n.control.orders import prices
from qit4n.control.pools import PoolKey, demand_of, directions
from qit4n.control.routing import Router
from qit4n.control.topology import Topology
from qit4n.errors import ReservationError
from qit4n.network.model import Network
from qit4n.refpoints import mc

RESERVABLE = 0.8
LEAD_S = 10.0
PLENTY_BITS = 1e12
LEAST_BPS = 1e-6
LONGEST_S = 366 * 86_400.0


@dataclass
class Calendar:
    """All reservations of a network that are not over."""

    network: Network
    entries: tuple[mc.Reservation, ...] = ()
    _numbers: int = field(default=0)

    def __post_init__(self) -> None:
        """Go on counting after the last one."""
        self._numbers = max((int(one.id.removeprefix("r")) for one in self.entries), default=self._numbers)

    def reserve(self, wish: mc.Reserve, topology: Topology, now: float) -> mc.ReserveAnswer:
        """Admit a wish, or say what would be admitted.

        Raises:
            ReservationError: no demand joins the applications, or times and amounts make no sense.
        """
        self._check(wish, now)
        found = self._fit(wish, topology, now)
        if found:
            self._numbers += 1
            entry = mc.Reservation(id=f"r{self._numbers}", between=wish.between, segments=found)
            self.entries = (*self.entries, entry)
            return mc.ReserveAnswer(admitted=entry)
        return mc.ReserveAnswer(proposals=tuple(self._proposals(wish, topology, now)))

    def cancel(self, name: str) -> None:
        """Take one back.

        Raises:
            ReservationError: there is none of this name.
        """
        left = tuple(one for one in self.entries if one.id != name)
        if len(left) == len(self.entries):
            known = ", ".join(one.id for one in self.entries) or "none"
            raise ReservationError(f"there is no reservation {name}; there are: {known}")
        self.entries = left

    def forget(self, now: float) -> None:
        """What is over is forgotten."""
        self.entries = tuple(one for one in self.entries if one.segments[-1].until_at > now)

    def due(self, topology: Topology, now: float) -> dict[PoolKey, tuple[float, float]]:
        """By pool: bits to hold ready and bits per second to make now; what is over is forgotten."""
        self.forget(now)
        found: dict[PoolKey, tuple[float, float]] = {}
        if not self.entries:
            return found
        router = _router(topology)
        for entry in self.entries:
            bits, rate_bps = _due(entry, now)
            if bits or rate_bps:
                pool = self._pool(entry.between, router)
                before = found.get(pool, (0.0, 0.0))
                found[pool] = (before[0] + bits, before[1] + rate_bps)
        return found

    def _check(self, wish: mc.Reserve, now: float) -> None:
        one, other = wish.between
        if demand_of(self.network, wish.between) is None or not directions(self.network, wish.between):
            raise ReservationError(f"no demand of {self.network.name} joins {one} and {other} at two sites")
        amounts = (wish.rate_bps, wish.amount_bits)
        if not all(math.isfinite(value) for value in (*amounts, wish.from_at, wish.until_at)):
            raise ReservationError("a reservation takes finite numbers")
        if sum(value > 0 for value in amounts) != 1 or min(amounts) < 0:
            raise ReservationError("reserve either a rate in bits per second or an amount in bits, more than 0")
        if wish.until_at <= max(wish.from_at, now) or wish.until_at > now + LONGEST_S:
            raise ReservationError("a reservation ends after it begins, in the future, within a year")

    def _pool(self, between: tuple[str, str], router: Router) -> PoolKey:
        """From the master's home to the slave's: the first two with a way, or else the first two."""
        demand = demand_of(self.network, between)
        if demand is None:
            raise ReservationError(f"the demand of {' and '.join(between)} is gone")
        ways, live = directions(self.network, between)[::2], set(router.topology.sites)
        joined = (way for way in ways if live.issuperset(way) and router.paths(demand.trust, *way))
        return *next(joined, ways[0]), demand.trust

    def _fit(self, wish: mc.Reserve, topology: Topology, now: float) -> tuple[mc.Segment, ...]:
        """The segments of an admitted wish; none if it does not fit."""
        begin = max(wish.from_at, now)
        spans = list(self._free(wish.between, topology, begin, wish.until_at))
        if wish.rate_bps:
            if all(span.rate_bps >= wish.rate_bps * (1.0 - 1e-6) for span in spans):
                return (mc.Segment(from_at=begin, until_at=wish.until_at, rate_bps=wish.rate_bps),)
            return ()
        left, made = wish.amount_bits, []
        for span in spans:
            if left > 0 and span.rate_bps > LEAST_BPS:
                until = min(span.until_at, span.from_at + left / span.rate_bps)
                made.append(mc.Segment(from_at=span.from_at, until_at=until, rate_bps=span.rate_bps))
                left -= (until - span.from_at) * span.rate_bps
        if left > 1e-6 * wish.amount_bits:
            return ()
        return (*made, mc.Segment(from_at=made[-1].until_at, until_at=wish.until_at, rate_bps=0.0))

    def _free(self, between: tuple[str, str], topology: Topology, begin: float, end: float) -> Iterable[mc.Segment]:
        """The rate that is free for a pair, interval after interval."""
        times = {time for one in self.entries for part in one.segments for time in (part.from_at, part.until_at)}
        moments = [begin, *sorted(time for time in times if begin < time < end), end]
        for one, other in itertools.pairwise(moments):
            yield mc.Segment(from_at=one, until_at=other, rate_bps=self._rate(between, topology, one))

    def _rate(self, between: tuple[str, str], topology: Topology, at: float) -> float:
        """What the links can make for a pair at a time, after all that is admitted for then."""
        router = _router(topology)
        busy = [
            (self._pool(one.between, router), part.rate_bps)
            for one in self.entries
            for part in one.segments
            if part.from_at <= at < part.until_at and part.rate_bps > 0
        ]
        pools = [self._pool(between, router), *(pool for pool, _ in busy)]
        if any(site not in topology.sites for site in pools[0][:2]):
            return 0.0
        here = [number for number, pool in enumerate(pools) if {*pool[:2]} <= set(topology.sites)]
        wanted = [Commodity(1e15), *(Commodity(rate, priority=1) for _, rate in busy)]
        ways = prices(router, [pools[number] for number in here])
        capacity, own = RESERVABLE * topology.rate_bps, tuple(wanted[number] for number in here)
        return Allocator(capacity, own, ways, router.graph.is_forest).shares()[0].rate_bps

    def _proposals(self, wish: mc.Reserve, topology: Topology, now: float) -> Iterable[mc.Reserve]:
        """What would be admitted instead: less then, or all of it later."""
        begin = max(wish.from_at, now)
        spans = list(self._free(wish.between, topology, begin, wish.until_at))
        least = 0.999 * min(span.rate_bps for span in spans)
        total = 0.999 * sum((span.until_at - span.from_at) * span.rate_bps for span in spans)
        if wish.rate_bps and least > LEAST_BPS:
            yield msgspec.structs.replace(wish, rate_bps=least, from_at=begin)
        if wish.amount_bits and total >= 1.0:
            yield msgspec.structs.replace(wish, amount_bits=float(math.floor(total)), from_at=begin)
        ends = sorted({one.segments[-1].until_at for one in self.entries if one.segments[-1].until_at > begin})
        for later in (*ends, wish.until_at):
            shift = later - begin if wish.rate_bps else 0.0
            until = wish.until_at + shift if wish.rate_bps else later + self._needed_s(wish, topology, later)
            moved = msgspec.structs.replace(wish, from_at=begin + shift, until_at=until)
            if until > wish.until_at and until < now + LONGEST_S and self._fit(moved, topology, now):
                yield moved
                return

    def _needed_s(self, wish: mc.Reserve, topology: Topology, at: float) -> float:
        rate = self._rate(wish.between, topology, at)
        return 1.001 * wish.amount_bits / rate if rate > LEAST_BPS else math.inf


def _router(topology: Topology) -> Router:
    """Routes over all hops that make key, whatever their stock."""
    makes = topology.rate_bps[topology.pairs] > 0
    return Router(replace(topology, stock_bits=np.where(makes, PLENTY_BITS, 0.0)))


def _due(entry: mc.Reservation, now: float) -> tuple[float, float]:
    """Bits to hold ready, and bits per second, of one reservation.

    With an amount (the last segment, of rate 0, waits for the deadline) all that should be made by now is held; with
    a rate, what is taken in the lead time.
    """
    by_amount = entry.segments[-1].rate_bps == 0.0
    bits = rate_bps = 0.0
    for part in entry.segments:
        if by_amount:
            bits += part.rate_bps * max(0.0, min(now + LEAD_S, part.until_at) - part.from_at)
        elif part.from_at - LEAD_S <= now < part.until_at:
            bits += part.rate_bps * min(LEAD_S, part.until_at - max(now, part.from_at))
        if part.from_at - LEAD_S <= now < part.until_at:
            rate_bps += part.rate_bps
    return bits, rate_bps
