"""History of links and pools for charts and playback: the last minutes finely, the last days coarsely, bounded.

Each level of :data:`LEVELS` keeps the means of its period; of states it keeps the worst. For a large network the
levels reach less far back, so that all of them together hold at most :data:`MOST_VALUES` numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STATES = ("running", "resting", "starting", "no-key", "down")
"""States of a link, from good to bad; in the history they are their index here."""

QUANTITIES = {"link": ("qber", "rate_bps", "stock_bits", "state"), "pool": ("ready_bits", "supplied_bps", "paths")}
"""What is kept of each kind of element: QBER 0..1, rates in bit/s, stock in bits, number of present paths."""


@dataclass(frozen=True)
class Level:
    """One resolution: a row each ``period_s``, ``rows`` of them."""

    period_s: float
    rows: int


LEVELS = (Level(1.0, 600), Level(10.0, 2160), Level(120.0, 1440))  # 10 minutes, 6 hours, 2 days
KEPT_LEVEL = 1  # its rows are written to the disk
KEPT_S = LEVELS[KEPT_LEVEL].period_s * LEVELS[KEPT_LEVEL].rows
MOST_VALUES = 16_000_000  # 64 MB


@dataclass(frozen=True)
class Row:
    """The values of all elements of one kind over one period that ended ``at``; shape (elements, quantities)."""

    kind: str
    at: float
    elements: tuple[str, ...]
    values: Floats


class _Ring:
    """The last rows of one level; values have the shape (rows, elements, quantities)."""

    def __init__(self, period_s: float, rows: int, elements: int, quantities: int, worst: Sequence[int]) -> None:
        self.period_s = period_s
        self.times = np.full(rows, np.nan)
        self.values: Floats = np.full((rows, elements, quantities), np.nan, np.float32)
        self._next = 0
        self._worst = list(worst)
        self._waiting: list[Floats] = []
        self._period = 0

    def add(self, at: float, values: Floats) -> "tuple[float, Floats] | None":
        """Add values; end and row of the period before, if this is the first of a new one."""
        period = floor(at / self.period_s)
        made = None
        if self._waiting and period != self._period:
            made = (self._period + 1) * self.period_s, _summary(self._waiting, self._worst)
            self.put(*made)
            self._waiting = []
        self._period = period
        self._waiting.append(values)
        return made

    def put(self, at: float, row: Floats) -> None:
        """Keep a row in place of the oldest."""
        self.times[self._next], self.values[self._next] = at, row
        self._next = (self._next + 1) % len(self.times)

    def ordered(self) -> NDArray[np.intp]:
        """Indices of the rows, the oldest first."""
        order: NDArray[np.intp] = np.roll(np.arange(len(self.times)), -self._next)
        known: NDArray[np.intp] = order[~np.isnan(self.times[order])]
        return known


def _summary(rows: list[Floats], worst: list[int]) -> Floats:
    stacked = np.stack(rows)
    known = ~np.isnan(stacked)
    total, count = np.where(known, stacked, 0).sum(axis=0), known.sum(axis=0)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
    for column in worst:
        mean[:, column] = np.fmax.reduce(stacked[:, :, column], axis=0)
    return mean


class _Kind:
    """All elements of one kind, which are numbered in their order."""

    def __init__(self, kind: str, elements: tuple[str, ...], most_values: int) -> None:
        self.elements, self.quantities = elements, QUANTITIES[kind]
        self.index = {element: number for number, element in enumerate(elements)}
        width = max(1, len(elements) * len(self.quantities))
        share = min(1.0, most_values / (width * sum(level.rows for level in LEVELS)))
        worst = [number for number, name in enumerate(self.quantities) if name == "state"]
        self.rings = [
            _Ring(level.period_s, max(10, int(level.rows * share)), len(elements), len(self.quantities), worst)
            for level in LEVELS
        ]


class History:
    """What was measured of links and pools, and when."""

    def __init__(self, elements: Mapping[str, Sequence[str]], most_values: int = MOST_VALUES) -> None:
        """Keep a history of these elements by kind (``"link"``, ``"pool"``)."""
        self._share = most_values // len(QUANTITIES)
        self._kinds = {kind: _Kind(kind, tuple(elements.get(kind, ())), self._share) for kind in QUANTITIES}

    def elements(self, kind: str) -> tuple[str, ...]:
        """The elements of a kind, in order."""
        return self._kinds[kind].elements

    def add_elements(self, kind: str, elements: Iterable[str]) -> None:
        """Keep a history of these elements too; what is known of the others stays."""
        one = self._kinds[kind]
        fresh = [element for element in elements if element not in one.index]
        if fresh:
            larger = _Kind(kind, (*one.elements, *dict.fromkeys(fresh)), self._share)
            for ring, old in zip(larger.rings, one.rings, strict=True):
                for row in old.ordered()[-len(ring.times) :]:
                    values: Floats = np.full(ring.values.shape[1:], np.nan, np.float32)
                    values[: len(one.elements)] = old.values[row]
                    ring.put(float(old.times[row]), values)
            self._kinds[kind] = larger

    def record(self, kind: str, at: float, values: Mapping[str, Sequence[float]]) -> Row | None:
        """Add what was measured of elements ``at`` a time (in the order of :data:`QUANTITIES`); a row to keep on disk.

        Elements of which nothing is told, and quantities that are NaN, are gaps.
        """
        one = self._kinds[kind]
        row: Floats = np.full((len(one.elements), len(one.quantities)), np.nan, np.float32)
        for element, measured in values.items():
            if element in one.index:
                row[one.index[element]] = measured
        kept = None
        for number, ring in enumerate(one.rings):  # each level takes what the finer one has summed up
            made = ring.add(at, row)
            if made is None:
                break
            at, row = made
            if number == KEPT_LEVEL:
                kept = Row(kind, at, one.elements, row)
        return kept

    def restore(self, row: Row) -> None:
        """Take a row back that was kept on disk; elements that are gone are left out."""
        one = self._kinds[row.kind]
        values: Floats = np.full((len(one.elements), len(one.quantities)), np.nan, np.float32)
        pairs = [(one.index[name], number) for number, name in enumerate(row.elements) if name in one.index]
        if pairs and row.values.shape == (len(row.elements), len(one.quantities)):
            mine, theirs = zip(*pairs, strict=True)
            values[list(mine)] = row.values[list(theirs)]
        one.rings[KEPT_LEVEL].put(row.at, values)
        one.rings[KEPT_LEVEL + 1].add(row.at, values)

    def series(
        self, kind: str, element: str, quantity: str, since: float, until: float = np.inf
    ) -> tuple[NDArray[np.float64], Floats]:
        """Times and values of one quantity of one element, the oldest first; NaN where nothing is known.

        From the finest level that reaches back to ``since``, or the coarsest. Unknown names have an empty series.
        """
        one = self._kinds[kind]
        if element not in one.index or quantity not in one.quantities:
            return np.empty(0), np.empty(0, np.float32)
        ring = self._level(one, since)
        order = ring.ordered()
        order = order[(ring.times[order] >= since) & (ring.times[order] <= until)]
        return ring.times[order], ring.values[order, one.index[element], one.quantities.index(quantity)]

    def at(self, kind: str, at: float) -> dict[str, dict[str, float]]:
        """All elements of a kind as they were at a time, for playback; {} if nothing is known of then."""
        one = self._kinds[kind]
        ring = self._level(one, at)
        order = ring.ordered()
        order = order[ring.times[order] <= at + ring.period_s]
        if not len(order) or ring.times[order[-1]] < at - 3 * ring.period_s:
            return {}
        row = ring.values[order[-1]].tolist()
        return {name: dict(zip(one.quantities, row[number], strict=True)) for name, number in one.index.items()}

    def span(self) -> tuple[float, float] | None:
        """The first and the last time of which something is known; None if nothing is."""
        times = np.concatenate([ring.times for kind in self._kinds.values() for ring in kind.rings])
        known = times[~np.isnan(times)]
        return (float(known.min()), float(known.max())) if len(known) else None

    @staticmethod
    def _level(one: _Kind, since: float) -> _Ring:
        for ring in one.rings:
            order = ring.ordered()
            if len(order) and ring.times[order[0]] <= since:
                return ring
        filled = [ring for ring in one.rings if len(ring.ordered())]
        return min(filled, key=lambda ring: ring.times[ring.ordered()[0]]) if filled else one.rings[0]
