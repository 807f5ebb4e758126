"""Who may fill its end-to-end pool over which links at which rate: max-min fair, by linear programmes.

A *commodity* is a pool with the rate it wants. It flows over *ways*: a way is a set of paths over which one chunk goes
(one path, or as many as the trust policy asks for), and a bit of key costs a bit of each hop of each of its paths.
Links are shared by both directions. Within a priority the rates are max-min fair (Bertsekas and Gallager, Data
Networks, 2nd ed., 6.5.2): nobody's can be raised but at the cost of somebody's that is not higher. A lower
priority gets what the higher ones leave.

Each level of fairness is one linear programme over ways (HiGHS), with ways added while one is cheaper under the dual
prices than a commodity pays (column generation; Dijkstra's algorithm finds it), so that its optimum is that over all
ways. A pool is fixed at a level when its dual says that it cannot get more. When the levels would take too long,
the last ones are shared out by progressive filling over one way each: feasible, fair, a little less in sum. Where
nobody has a second way (the links form no ring), that is the max-min fair allocation, and no programme is solved.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qit4n.control.routing import Paths

SMALL = 1e-7
MOST_WORK = 2000  # pools times programmes
SPREAD_ROUNDS = 5
MOST_COLUMNS_ROUNDS = 12

Floats = NDArray[np.float64]
Way = tuple[int, ...]
Prices = Callable[[Floats], Callable[[int], tuple[Paths, Way]]]


@dataclass(frozen=True)
class Commodity:
    """A pool that wants key at a rate."""

    wanted_bps: float
    priority: int = 0


@dataclass(frozen=True)
class Share:
    """What a commodity gets: its rate, and how much of it over which paths."""

    rate_bps: float
    ways: Mapping[Paths, float]


@dataclass
class Allocator:
    """Allocates the capacities of links to commodities.

    Args:
        capacity_bps: (pairs,) bits per second that each pair of neighbours can spend, both directions together.
        commodities: who wants what.
        prices: given a price per bit for each pair, the cheapest way of a commodity by its number: its paths, and the
            number of the pair of each hop (once per path that crosses it); empty if there is none.
        one_way: whether nobody has more than one way, whatever the prices.

    Attributes:
        scarce: whether somebody got less than it wants, or took another way than the cheapest.
        programmes: how many were solved.
    """

    capacity_bps: Floats
    commodities: tuple[Commodity, ...]
    prices: Prices
    one_way: bool = False
    scarce: bool = False
    programmes: int = 0
    _ways: dict[tuple[int, Way], Paths] = field(default_factory=dict)

    def shares(self) -> tuple[Share, ...]:
        """The share of each commodity; nothing without a way."""
        cheapest = self.prices(1.0 / np.maximum(self.capacity_bps, SMALL))
        found = {number: cheapest(number) for number in range(len(self.commodities))}
        first = {number: one for number, one in found.items() if one[0]}
        for number, (paths, way) in first.items():
            self._ways[number, way] = paths
        flows = self._if_all_fits(first)
        if flows is None:
            self.scarce = True
            if not self.one_way:
                self._spread(first)
            flows = self._by_levels(first)
        ways: list[dict[Paths, float]] = [{} for _ in self.commodities]
        for (number, way), flow in flows.items():
            if flow > 0.0:
                ways[number][self._ways[number, way]] = flow
        return tuple(Share(sum(own.values()), own) for own in ways)

    def _if_all_fits(self, first: Mapping[int, tuple[Paths, Way]]) -> dict[tuple[int, Way], float] | None:
        """Everybody over the cheapest way gets what it wants, if the links have so much."""
        flows = {(number, way): self.commodities[number].wanted_bps for number, (_, way) in first.items()}
        return flows if np.all(self._load(flows) <= self.capacity_bps) else None

    def _spread(self, first: Mapping[int, tuple[Paths, Way]]) -> None:
        """Ways to begin with: the cheapest again and again while those that were taken become dearer."""
        price = 1.0 / np.maximum(self.capacity_bps, SMALL)
        taken = {number: way for number, (_, way) in first.items()}
        for _ in range(SPREAD_ROUNDS):
            load = self._load(dict.fromkeys(taken.items(), 1.0)) * price
            price = price * (1.0 + 0.5 * load / float(np.max(load)))
            cheapest = self.prices(price)
            for number in taken:
                paths, way = cheapest(number)
                taken[number] = way
                self._ways[number, way] = paths

    def _load(self, flows: Mapping[tuple[int, Way], float]) -> Floats:
        load = np.zeros(len(self.capacity_bps))
        for (_, way), flow in flows.items():
            np.add.at(load, list(way), flow)
        return load

    def _by_levels(self, first: Mapping[int, tuple[Paths, Way]]) -> dict[tuple[int, Way], float]:
        """Priority after priority, level after level."""
        fixed: dict[int, float] = {}
        flows: dict[tuple[int, Way], float] = {}
        for priority in sorted({self.commodities[number].priority for number in first}, reverse=True):
            active = {number for number in first if self.commodities[number].priority == priority}
            while active and not self.one_way and len(first) * self.programmes < MOST_WORK:
                level, blocked, flows = self._raise(fixed, active)
                content = {n for n in active if self.commodities[n].wanted_bps <= level * (1 + SMALL)}
                fixed |= {n: self.commodities[n].wanted_bps for n in content}
                if not content:
                    fixed |= dict.fromkeys(blocked or active, level)
                active -= fixed.keys()
                flows = _trimmed(flows, fixed, level)
            if active:
                self._fill(flows, active, first)
                fixed |= {n: sum(flow for (owner, _), flow in flows.items() if owner == n) for n in active}
        return flows

    def _raise(
        self, fixed: Mapping[int, float], active: set[int]
    ) -> tuple[float, set[int], dict[tuple[int, Way], float]]:
        """The highest level that all ``active`` reach while the ``fixed`` keep theirs; who is blocked there; flows."""
        owners = [*fixed, *sorted(active)]
        floor = np.array([fixed.get(number, 0.0) for number in owners])
        rising = np.array([number in active for number in owners], np.float64)
        for _ in range(MOST_COLUMNS_ROUNDS):
            columns = [column for column in self._ways if column[0] in fixed or column[0] in active]
            level, value, paid, prices = self._solve(columns, owners, floor, rising)
            cheapest, new = self.prices(prices), 0
            for place, number in enumerate(owners):
                if paid[place] <= SMALL:
                    continue
                paths, way = cheapest(number)
                cheaper = paths and float(np.sum(prices[list(way)])) < paid[place] * (1.0 - 1e-6)
                if cheaper and (number, way) not in self._ways:
                    self._ways[number, way] = paths
                    new += 1
            if not new:
                break
        flows = {column: float(flow) for column, flow in zip(columns, value, strict=True)}
        blocked = {number for place, number in enumerate(owners) if number in active and paid[place] > SMALL}
        return level, blocked, flows

    def _solve(
        self, columns: list[tuple[int, Way]], owners: list[int], floor: Floats, rising: Floats
    ) -> tuple[float, Floats, Floats, Floats]:
        """One programme: the level, the flow of each column, what each owner pays per bit, the price of each pair.

        max t subject to: flows over a pair <= its capacity; flows of an owner >= floor + t * rising. Scaled to the
        largest capacity, or tolerances would mean different things on fast and slow links.
        """
        self.programmes += 1
        scale = float(np.max(self.capacity_bps)) or 1.0
        place = {number: row for row, number in enumerate(owners)}
        count, pairs = len(columns), len(self.capacity_bps)
        hops = np.array([pair for _, way in columns for pair in way], np.int64)
        of_column = np.repeat(np.arange(count), [len(way) for _, way in columns])
        from scipy.optimize import linprog  # noqa: PLC0415 - slow to import
        from scipy.sparse import csr_array, vstack  # noqa: PLC0415 - slow to import

        uses = csr_array((np.ones(len(hops)), (hops, of_column)), shape=(pairs, count + 1))
        rows = np.array([place[number] for number, _ in columns], np.int64)
        own = csr_array(
            (
                np.concatenate([-np.ones(count), rising]),
                (
                    np.concatenate([rows, np.arange(len(owners))]),
                    np.concatenate([np.arange(count), np.full(len(owners), count)]),
                ),
            ),
            shape=(len(owners), count + 1),
        )
        found = linprog(
            np.concatenate([np.zeros(count), [-1.0]]),
            A_ub=vstack([uses, own]),
            b_ub=np.concatenate([self.capacity_bps, -floor * (1.0 - SMALL)]) / scale,
            method="highs-ds",
        )
        duals = -found.ineqlin.marginals
        return float(found.x[-1]) * scale, found.x[:-1] * scale, duals[pairs:], duals[:pairs]

    def _fill(
        self, flows: dict[tuple[int, Way], float], active: set[int], first: Mapping[int, tuple[Paths, Way]]
    ) -> None:
        """Raise the flows of ``active`` together over one way each until a link is full; go on with the others."""
        left = np.maximum(self.capacity_bps - self._load(flows), 0.0)
        missing = {
            n: self.commodities[n].wanted_bps - sum(flow for (owner, _), flow in flows.items() if owner == n)
            for n in active
        }
        numbers = sorted(n for n in active if missing[n] > 0.0)
        ways = {n: self._widest(n, left, first[n][1]) for n in numbers}
        while numbers:
            uses = np.zeros(len(left))
            for n in numbers:
                np.add.at(uses, list(ways[n]), 1.0)
            used = uses > 0
            step = min(float(np.min(left[used] / uses[used])), *(missing[n] for n in numbers))
            for n in numbers:
                flows[n, ways[n]] = flows.get((n, ways[n]), 0.0) + step
                missing[n] -= step
            left = np.maximum(left - step * uses, 0.0)
            full = left <= SMALL * self.capacity_bps
            numbers = [n for n in numbers if missing[n] > SMALL and not np.any(full[list(ways[n])])]

    def _widest(self, number: int, left: Floats, otherwise: Way) -> Way:
        """Of the known ways of a commodity the one with most capacity left."""
        known = [way for owner, way in self._ways if owner == number] or [otherwise]
        return max(known, key=lambda way: float(np.min(left[list(way)])))


def _trimmed(
    flows: Mapping[tuple[int, Way], float], fixed: Mapping[int, float], level: float
) -> dict[tuple[int, Way], float]:
    """The flows without what a programme gave somebody beyond the rate at which it is fixed, or the level."""
    total: dict[int, float] = {}
    for (number, _), flow in flows.items():
        total[number] = total.get(number, 0.0) + flow
    return {
        (number, way): flow * min(1.0, fixed.get(number, level) / total[number])
        for (number, way), flow in flows.items()
        if flow > 0.0
    }
