"""Performance and accounting: the QoS parameters of ITU-T Y.3807, from what the sites count at Ak.

As measured here (Y.3807 names the parameters; where it leaves the measurement open, this is what is done):

- throughput: KSA-key bits supplied to masters, per second of observation.
- KKRD (KSA-key response delay): from the complete request at the KME to its complete answer, mean and 99 % quantile.
- KKRDV (its variation): the 99.9 % quantile minus the least. Quantiles are upper bounds of bins that double.
- KKDER (error ratio of KSA-keys at delivery): shares of key found altered when both ends compared them, per share
  compared. An altered share is never supplied: the ratio is of errors before the check.
- KKDLR (loss ratio of KSA-keys at delivery): keys asked for and not supplied for want of key or of the other site, per
  key asked for. Refusals that are the asker's (not allowed, over quota) do not count.
- availability: share of the time of observation in which the pool held a key of the default size; an outage ends when
  it does again, and lasts for the service restoration time.

Counters of a site that starts anew begin at zero and lose nothing here.
"""

import itertools
import math
from collections.abc import Iterable

import msgspec

from qit4n.management.correlation import pool_name
from qit4n.network.model import Network
from qit4n.refpoints import ck, mc
from qit4n.units import bits_text

LEAST_S = 1e-4  # the bounds of the bins of ``keys/supply/meter.py``
GAP_LIMIT_S = 5.0  # longer between two states: nobody observed


class Totals(msgspec.Struct, kw_only=True):
    """What was counted of one pair of master and slave since the observation began."""

    requests: int = 0
    keys_requested: int = 0
    keys_supplied: int = 0
    bits_supplied: int = 0
    keys_lost: int = 0
    keys_fetched: int = 0
    delay_sum_s: float = 0.0
    delay_min_s: float | None = None
    delays: list[int] = []

    def add(self, before: ck.SupplyReport | None, now: ck.SupplyReport) -> int:
        """Add what came since ``before``; the bits of it."""
        if before is None or before.requests > now.requests or before.keys_fetched > now.keys_fetched:
            before = None
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(now, name) - (getattr(before, name) if before else 0))
        known = before.delays if before else (0,) * len(now.delays)
        come = [a - b for a, b in zip(now.delays, known, strict=True)]
        self.delays = [a + b for a, b in itertools.zip_longest(self.delays, come, fillvalue=0)]
        if now.delay_min_s is not None:
            self.delay_min_s = min(now.delay_min_s, self.delay_min_s or math.inf)
        return now.bits_supplied - (before.bits_supplied if before else 0)


COUNTED = tuple(name for name in Totals.__struct_fields__ if name not in {"delay_min_s", "delays"})


class Outages(msgspec.Struct, kw_only=True):
    """How long a pool was observed and could supply; its outages."""

    observed_s: float = 0.0
    available_s: float = 0.0
    outages: int = 0
    restoration_sum_s: float = 0.0
    restoration_max_s: float = 0.0
    out_since: float | None = None


class State(msgspec.Struct, kw_only=True):
    """All that is counted; a restart of the manager goes on from it."""

    since: float = 0.0
    observed_s: float = 0.0
    compared_shares: int = 0
    altered_shares: int = 0
    pairs: dict[str, Totals] = {}
    pools: dict[str, Outages] = {}
    links: dict[str, int] = {}
    last: dict[str, ck.SupplyReport] = {}
    shares: dict[str, tuple[int, int]] = {}


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """KKRD and KKRDV in seconds; None while nothing was supplied."""

    mean_s: float | None
    quantile_99_s: float | None
    variation_s: float | None


class PairPerformance(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of one pair of master and slave."""

    master: str
    slave: str
    throughput_bps: float
    kkrd: Delay
    kkdlr: float | None
    keys_supplied: int
    keys_fetched: int


class PoolPerformance(msgspec.Struct, frozen=True, kw_only=True):
    """Availability of one pool, and its service restoration times."""

    pool: str
    availability: float | None
    outages: int
    restoration_mean_s: float | None
    restoration_max_s: float | None


class PerformanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """``qit report performance``: of the whole network, of pairs and of pools."""

    since: float
    observed_s: float
    throughput_bps: float
    kkrd: Delay
    kkder: float | None
    kkdlr: float | None
    availability: float | None
    restoration_mean_s: float | None
    pairs: tuple[PairPerformance, ...]
    pools: tuple[PoolPerformance, ...]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """``qit report accounting``: key of one pair, and what it used of one link ("" for what crosses none)."""

    master: str
    slave: str
    link: str
    keys: int
    bits: int


class Performance:
    """Counts what the states of the network bring."""

    def __init__(self, network: Network, state: State | None = None) -> None:
        """Go on from ``state``, or begin."""
        self._network = network
        self.state = state or State()
        self._at: float | None = None
        self._ways: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._links = {frozenset(link.ends): link.id for link in reversed(network.links)}
        self._homes = {one.id: one.homes for one in network.applications}
        self._trusts = {frozenset(one.between): str(one.trust) for one in network.demands}

    def receive(self, status: mc.NetworkStatus) -> None:
        """Take a state of the network."""
        state = self.state
        state.since = state.since or status.at
        passed_s = status.at - self._at if self._at is not None else 0.0
        passed_s = passed_s if 0 < passed_s <= GAP_LIMIT_S else 0.0
        self._at = status.at
        state.observed_s += passed_s
        pools = {pool_name(pool): pool for pool in status.pools}
        self._ways |= {name: pool.paths for name, pool in pools.items() if pool.paths}
        for report in status.supply:
            self._supplied(report)
        for name, pool in pools.items():
            self._observe(state.pools.setdefault(name, Outages()), pool, passed_s, status.at)
            self._compared(name, pool)

    def _supplied(self, report: ck.SupplyReport) -> None:
        pair = f"{report.master}>{report.slave}>{report.site}"
        totals = self.state.pairs.setdefault(f"{report.master}>{report.slave}", Totals())
        bits = totals.add(self.state.last.get(pair), report)
        self.state.last[pair] = report
        for link in self._used(report) if bits else ():
            key = f"{report.master}>{report.slave}>{link}"
            self.state.links[key] = self.state.links.get(key, 0) + bits

    def _used(self, report: ck.SupplyReport) -> Iterable[str]:
        """The links over which its pool goes now, or went last, each once for each share that crosses it.

        Which home of the slave had the keys is not reported: the first is assumed.
        """
        sites = self._homes.get(report.master, ()), self._homes.get(report.slave, ("",))
        source, destination = report.site if report.site in sites[0] else next(iter(sites[0]), ""), sites[1][0]
        trust = self._trusts.get(frozenset((report.master, report.slave)))
        paths = self._ways.get(f"{source} - {destination} ({trust})", ())
        found = [self._links.get(frozenset(hop), "") for path in paths for hop in itertools.pairwise(path)]
        return found or [""]

    def _observe(self, one: Outages, pool: mc.PoolStatus, passed_s: float, at: float) -> None:
        ready = pool.ready_bits >= self._network.policies.key_size_bits
        one.observed_s += passed_s
        if ready:
            one.available_s += passed_s
            if one.out_since is not None:
                lasted_s = at - one.out_since
                one.outages += 1
                one.restoration_sum_s += lasted_s
                one.restoration_max_s = max(one.restoration_max_s, lasted_s)
                one.out_since = None
        elif one.out_since is None and one.available_s > 0:  # the first filling is no outage
            one.out_since = at
        elif one.available_s == 0:
            one.observed_s = 0.0

    def _compared(self, name: str, pool: mc.PoolStatus) -> None:
        relayed, altered = self.state.shares.get(name, (0, 0))
        if pool.compared_shares < relayed:
            relayed, altered = 0, 0
        self.state.compared_shares += pool.compared_shares - relayed
        self.state.altered_shares += pool.altered_shares - altered
        self.state.shares[name] = (pool.compared_shares, pool.altered_shares)

    def report(self) -> PerformanceReport:
        """The parameters since the observation began."""
        state = self.state
        whole = Totals()
        for totals in state.pairs.values():
            _merge(whole, totals)
        observed = sum(one.observed_s for one in state.pools.values())
        outages = sum(one.outages for one in state.pools.values())
        return PerformanceReport(
            since=state.since,
            observed_s=state.observed_s,
            throughput_bps=_ratio(whole.bits_supplied, state.observed_s) or 0.0,
            kkrd=_delay(whole),
            kkder=_ratio(state.altered_shares, state.compared_shares),
            kkdlr=_ratio(whole.keys_lost, whole.keys_requested),
            availability=_ratio(sum(one.available_s for one in state.pools.values()), observed),
            restoration_mean_s=_ratio(sum(one.restoration_sum_s for one in state.pools.values()), outages),
            pairs=tuple(self._pair(name, totals) for name, totals in sorted(state.pairs.items())),
            pools=tuple(_pool(name, one) for name, one in sorted(state.pools.items())),
        )

    def _pair(self, name: str, totals: Totals) -> PairPerformance:
        master, slave = name.split(">")
        return PairPerformance(
            master=master,
            slave=slave,
            throughput_bps=_ratio(totals.bits_supplied, self.state.observed_s) or 0.0,
            kkrd=_delay(totals),
            kkdlr=_ratio(totals.keys_lost, totals.keys_requested),
            keys_supplied=totals.keys_supplied,
            keys_fetched=totals.keys_fetched,
        )

    def accounting(self) -> tuple[Usage, ...]:
        """Key by pair and link. A pair's bits count on each link that its pool went over when it was supplied."""
        found = []
        for name, bits in sorted(self.state.links.items()):
            master, slave, link = name.split(">")
            keys = self.state.pairs[f"{master}>{slave}"].keys_supplied
            found.append(Usage(master=master, slave=slave, link=link, keys=keys, bits=bits))
        return tuple(found)

    def summary(self) -> str:
        """One line for people."""
        bits = sum(totals.bits_supplied for totals in self.state.pairs.values())
        return f"{bits_text(bits)} supplied in {self.state.observed_s:.0f} s"


def _merge(whole: Totals, part: Totals) -> None:
    for name in COUNTED:
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.delays = [a + b for a, b in itertools.zip_longest(whole.delays, part.delays, fillvalue=0)]
    if part.delay_min_s is not None:
        whole.delay_min_s = min(part.delay_min_s, whole.delay_min_s or math.inf)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def quantile_s(delays: list[int], share: float) -> float | None:
    """The upper bound of the bin in which so large a share of the delays has ended; None if there are none."""
    wanted, passed = share * sum(delays), 0
    for number, count in enumerate(delays):
        passed += count
        if count and passed >= wanted:
            return float(LEAST_S * 2**number)
    return None


def _delay(totals: Totals) -> Delay:
    most = quantile_s(totals.delays, 0.999)
    return Delay(
        mean_s=_ratio(totals.delay_sum_s, sum(totals.delays)),
        quantile_99_s=quantile_s(totals.delays, 0.99),
        variation_s=None if most is None or totals.delay_min_s is None else max(0.0, most - totals.delay_min_s),
    )


def _pool(name: str, one: Outages) -> PoolPerformance:
    return PoolPerformance(
        pool=name,
        availability=_ratio(one.available_s, one.observed_s),
        outages=one.outages,
        restoration_mean_s=_ratio(one.restoration_sum_s, one.outages),
        restoration_max_s=one.restoration_max_s if one.outages else None,
    )
