"""Which stock of key runs out, when, and what helps: of links and of end-to-end pools, from the history.

A stock is followed since it was last full, at most for half an hour: that of a link with what the pools over it hold,
that of a pool while it is less than half full. One that is empty within ``HORIZON_S`` with a
probability of ``SURE`` is an alarm, until that is less likely than not. A pool over a link that runs out is told with
the link. The band of a forecast holds four times of five (``depletion.py``), if use and making go on as they did.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qit4n.management.correlation import hops_of, pool_name
from qit4n.management.depletion import Flow, empty_within, flow, survival
from qit4n.management.history import STATES, History
from qit4n.management.performance import Performance
from qit4n.management.symptoms import Symptom
from qit4n.network.model import Network
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text, span_text

KIND = "starvation-ahead"
HORIZON_S = 6 * 3600.0
WINDOW_S = 1800.0
LEAST_S = 120.0
FULL = 0.98
SURE, LIKELY = 0.98, 0.5
BAND = (0.1, 0.5, 0.9)
ROUND = 40  # states in which every stock is looked at once: ten seconds
USE_PERIOD_S, USES = 60.0, 11
SECONDS_PER_DAY = 86_400.0
LOW = 0.5  # of a pool's target
RESTING = STATES.index("resting")

Key = tuple[Literal["link", "pool"], str]
Floats = NDArray[np.float64]


class Uses:
    """Who used how much key of which link lately, in bit/s."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._kept: deque[tuple[float, dict[str, int]]] = deque(maxlen=USES)

    def receive(self, at: float, bits: Mapping[str, int]) -> None:
        """Take what ``Performance`` has counted, by ``master>slave>link``."""
        if not self._kept or at - self._kept[-1][0] >= USE_PERIOD_S:
            self._kept.append((at, dict(bits)))

    def most(self, links: Iterable[str], at: float, bits: Mapping[str, int]) -> tuple[str, float] | None:
        """The pair of applications that used most of these links, and how much; None if nobody used any."""
        if not self._kept or at <= self._kept[0][0]:
            return None
        begin, before = self._kept[0]
        wanted, used = set(links), dict[str, float]()
        for name, now in bits.items():
            pair, _, link = name.rpartition(">")
            if link in wanted:
                rate = (now - before.get(name, 0)) / (at - begin)
                used[pair] = max(used.get(pair, 0.0), rate)  # of each link the whole share crosses
        pair = max(used, key=used.__getitem__, default="")
        return (pair, used[pair]) if pair and used[pair] > 0 else None


class Forecasts:
    """Follows the stocks of a network."""

    def __init__(self, network: Network) -> None:
        """Know nothing yet."""
        self._network = network
        self._links = {frozenset(link.ends): link.id for link in reversed(network.links)}
        self._known: dict[Key, mc.Forecast] = {}
        self._alarmed: set[Key] = set()
        self._over: dict[str, list[str]] = {}
        self._uses = Uses()
        self._turn = 0

    @property
    def standing(self) -> tuple[mc.Forecast, ...]:
        """Stocks that are likely to be empty within the horizon, the first to be empty first."""
        return tuple(sorted(self._known.values(), key=lambda one: one.empty_s or 0.0))

    def receive(self, status: mc.NetworkStatus, history: History, performance: Performance) -> None:
        """Look at some of the stocks; at all of them within ``ROUND`` states."""
        self._uses.receive(status.at, performance.state.links)
        full = self._network.policies.link_stock_bits
        stocks: list[tuple[Literal["link", "pool"], str, float, float]]
        stocks = [("link", link.link, link.stock_bits, full) for link in status.links]
        stocks += [("pool", pool_name(pool), pool.ready_bits, pool.target_bits) for pool in status.pools]
        here = {(kind, name) for kind, name, _, _ in stocks}
        self._known = {key: one for key, one in self._known.items() if key in here}
        self._alarmed &= here
        if self._turn == 0:
            self._over = {}
            for pool in status.pools:
                for link in self._crossed(pool):
                    self._over.setdefault(link, []).append(pool_name(pool))
        for kind, name, stock, most in stocks[self._turn :: ROUND]:
            if kind == "link":
                found = _link_flow(history, name, self._over.get(name, ()), status.at, most)
            else:  # one that is half full is filled in time, if there is key
                found = _pool_flow(history, name, status.at, most) if stock < LOW * most else None
            self._judge((kind, name), stock, found)
        self._turn = (self._turn + 1) % ROUND

    def _judge(self, key: Key, stock: float, found: Flow | None) -> None:
        self._known.pop(key, None)
        doomed = 0.0
        if found is not None and found.net_bps > 0:
            doomed = 1.0 - survival(stock, found, HORIZON_S)
            if doomed > LIKELY:
                early, middle, late = (empty_within(stock, found, share, HORIZON_S) for share in BAND)
                self._known[key] = mc.Forecast(
                    kind=key[0], element=key[1], stock_bits=int(stock), net_bps=found.net_bps,
                    early_s=early, empty_s=middle, late_s=late,
                )  # fmt: skip
        if doomed > SURE:
            self._alarmed.add(key)
        elif key not in self._known:
            self._alarmed.discard(key)

    def symptoms(self, status: mc.NetworkStatus, performance: Performance) -> list[Symptom]:
        """What is to be an alarm: links, and pools that go over none of them."""
        doomed = {key: self._known[key] for key in self._alarmed if key in self._known}
        if not doomed:
            return []
        links = {link.link: link for link in status.links}
        pools = {pool_name(pool): pool for pool in status.pools}
        over = {name: self._crossed(pool) for name, pool in pools.items()}
        found, told = [], set[str]()
        for (kind, name), one in sorted(doomed.items()):  # links first
            if kind == "link":
                affected = sorted(pool for pool, crossed in over.items() if name in crossed)
                told.update(affected)
                advice = self._advice([links[name]], status.at, performance, one)
                texts = tuple(f"pool {pool} goes over it" for pool in affected)
                found.append(Symptom(name, KIND, _when(one), advice, texts))
            elif name not in told:
                fed = [links[link] for link in over[name]]
                advice = self._advice(fed, status.at, performance, one, pools[name])
                found.append(Symptom(name, KIND, _when(one), advice))
        return found

    def _crossed(self, pool: mc.PoolStatus) -> list[str]:
        return sorted({self._links[hop] for hop in hops_of(pool) if hop in self._links})

    def _advice(
        self,
        fed: list[mc.LinkStatus],
        at: float,
        performance: Performance,
        one: mc.Forecast,
        pool: mc.PoolStatus | None = None,
    ) -> str:
        """What feeds it, who uses most, and what would help."""
        feeds = [f"{link.link} ({rate_text(link.secret_rate_bps)}, {bits_text(link.stock_bits)} left)" for link in fed]
        parts = [f"it is fed by {', '.join(feeds)}" if feeds else "nothing feeds it"]
        most = self._uses.most([link.link for link in fed], at, performance.state.links)
        if most is not None:
            pair, rate = most
            master, _, slave = pair.partition(">")
            parts.append(f"{master} uses most, with {slave} as slave: {rate_text(rate)}")
            left = rate - one.net_bps
            if left > 0:
                bits = left * SECONDS_PER_DAY
                parts.append(f"with limits.key_bits_per_day {bits:.2g} for {master} it would last")
        if pool is not None and pool.backups:
            parts.append(f"its backup goes over {', '.join('-'.join(path) for path in pool.backups)}")
        parts.append("or use less, reserve key ahead (qit reserve), add a link or a path")
        return "; ".join(parts)


def _link_flow(history: History, link: str, pools: Iterable[str], at: float, full: float) -> Flow | None:
    """How the key of a link changes, that in the pools over it included: a pool that fills is no use.

    Followed since the link was last full or at rest, when it made none by choice.
    """
    times, stocks = history.series("link", link, "stock_bits", at - WINDOW_S)
    _, states = history.series("link", link, "state", at - WINDOW_S)
    total = np.array(stocks, np.float64)
    for pool in pools:
        known, ready = history.series("pool", pool, "ready_bits", at - WINDOW_S)
        total += np.interp(times, known, np.nan_to_num(ready)) if len(known) else 0.0
    return _flow(times, total, (stocks >= FULL * full) | (states == RESTING))


def _pool_flow(history: History, pool: str, at: float, full: float) -> Flow | None:
    times, stocks = history.series("pool", pool, "ready_bits", at - WINDOW_S)
    return _flow(times, np.array(stocks, np.float64), stocks >= FULL * full)


def _flow(times: Floats, stocks: Floats, brim: NDArray[np.bool_]) -> Flow | None:
    full = np.flatnonzero(brim)
    if len(full):
        times, stocks = times[full[-1] :], stocks[full[-1] :]
    known = ~np.isnan(stocks)
    times, stocks = times[known], stocks[known]
    if len(times) < 2 or times[-1] - times[0] < LEAST_S:  # noqa: PLR2004 - a beginning and an end
        return None
    return flow(times.tolist(), stocks.tolist())


def _when(one: mc.Forecast) -> str:
    return f"{forecast_text(one)}: {bits_text(one.stock_bits)} left, {rate_text(one.net_bps)} more used than made"


def forecast_text(one: mc.Forecast) -> str:
    """``'will be empty in 2 h 10 min (1 h 30 min to 3 h)'``."""
    early, middle, late = (
        f"more than {span_text(HORIZON_S)}" if value is None else span_text(value)
        for value in (one.early_s, one.empty_s, one.late_s)
    )
    return f"will be empty in {middle} ({early} to {late})"
