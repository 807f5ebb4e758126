"""The QKDN controller (ITU-T Y.3804): hears the sites' reports, orders end-to-end pools and their paths.

A machine without IO: :meth:`Controller.receive` takes a report, :meth:`Controller.tables` computes what each
site is to do, :meth:`Controller.status` what an operator wants to see. It keeps no key and no secret; when it
dies the sites go on with their last tables, and a new one knows everything after one round of reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from qit4n.control import alarms, routing
from qit4n.errors import ProtocolError
from qit4n.network.model import Demand, Link, Network, Trust
from qit4n.refpoints import ck, mc

SHARE_OF_STOCK = 0.25
PoolKey = tuple[str, str, Trust]
Stock = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Prediction:
    """What the physics predicts for a link; the controller shows it beside what is measured."""

    secret_rate_bps: float
    qber: float


class Controller:
    """One controller of one network."""

    def __init__(self, network: Network, predictions: Mapping[str, Prediction]) -> None:
        """Start knowing the file only."""
        self._network = network
        self._predictions = predictions
        self._reports: dict[str, ck.SiteReport] = {}
        self._heard: dict[str, float] = {}
        self._version = 0
        self._alarms: dict[tuple[str, str], mc.Alarm] = {}
        self._targets = _targets(network)

    def receive(self, report: ck.SiteReport, now: float) -> None:
        """Take a site's report."""
        self._reports[report.site] = report
        self._heard[report.site] = now

    def up(self, site: str, now: float) -> bool:
        """Whether a site has reported lately."""
        return now - self._heard.get(site, float("-inf")) <= alarms.SILENCE_LIMIT_S

    def tables(self, now: float) -> dict[str, ck.RelayTable]:
        """The orders for each site that is up, from the stock it reported."""
        self._version += 1
        live, stock = self._live_graph(now)
        routes = self._routes(live, stock)
        return {site: self._table(site, routes, stock) for site in live}

    def _routes(self, live: tuple[str, ...], stock: Stock) -> dict[PoolKey, routing.Paths]:
        """The paths of every pool between sites that are up."""
        cheapest = routing.paths(live, stock)
        return {
            (source, peer, trust): routing.paths_for(trust, source, peer, cheapest, stock)
            for source, peer, trust in self._targets
            if source in live and peer in live
        }

    def _stock(self, live: tuple[str, ...]) -> Stock:
        stock: Stock = {}
        for site in live:
            for link in self._reports[site].links:
                if link.peer in live:
                    pair = (site, link.peer)
                    stock[pair] = max(stock.get(pair, 0.0), link.sendable_bits)
        return stock

    def _table(self, site: str, routes: Mapping[PoolKey, routing.Paths], stock: Stock) -> ck.RelayTable:
        orders = []
        for (source, peer, trust), bits in self._targets.items():
            if source == site:
                paths = routes.get((source, peer, trust), ())
                order = ck.PoolOrder(
                    peer=peer,
                    paths=paths,
                    target_bits=bits,
                    trust=trust,
                    reason="" if paths else routing.why_none(trust, source, peer),
                    most_bits=int(routing.least_stock(paths, stock) * SHARE_OF_STOCK),
                )
                orders.append(order)
        return ck.RelayTable(version=self._version, pools=tuple(orders))

    def status(self, now: float) -> mc.NetworkStatus:
        """The state of the whole network."""
        self._alarms = alarms.update(self._alarms, self._network, self._reports, self._heard, now)
        routes = self._routes(*self._live_graph(now))
        return mc.NetworkStatus(
            network=self._network.name,
            at=now,
            sites=tuple(self._site_status(site.id, now) for site in self._network.sites),
            links=tuple(self._link_status(link, now) for link in self._network.links),
            pools=tuple(self._pool_status(pool, bits, routes.get(pool, ())) for pool, bits in self._targets.items()),
            alarms=tuple(self._alarms.values()),
            streams=tuple(
                stream for site in self._network.sites if self.up(site.id, now) for stream in self._streams_of(site.id)
            ),
        )

    def answer(self, question: mc.McQuestion, now: float) -> mc.McAnswer:
        """Mc: what an operator asks."""
        if isinstance(question, mc.AskStatus):
            return self.status(now)
        link = next((one for one in self._network.links if one.id == question.link), None)
        if link is None:
            raise ProtocolError(f"an operator asks for link {question.link}, which is not in {self._network.name}")
        known = self._link_report(link.ends[0], link.id)
        return mc.AccountStatus(link=link.id, ends=link.ends, account=known.account if known else None)

    def _live_graph(self, now: float) -> tuple[tuple[str, ...], Stock]:
        live = tuple(site.id for site in self._network.sites if self.up(site.id, now))
        return live, self._stock(live)

    def _streams_of(self, site: str) -> tuple[ck.StreamReport, ...]:
        report = self._reports.get(site)
        return report.streams if report else ()

    def _site_status(self, site: str, now: float) -> mc.SiteStatus:
        report = self._reports.get(site)
        if report is None:
            return mc.SiteStatus(site=site, up=False, pid=0, uptime_s=0.0, memory_bytes=0, unclaimed_keys=0)
        return mc.SiteStatus(
            site=site,
            up=self.up(site, now),
            pid=report.pid,
            uptime_s=now - report.started_at,
            memory_bytes=report.memory_bytes,
            unclaimed_keys=report.unclaimed_keys,
            fault=report.fault,
            replica=report.replica,
            standbys=report.standbys,
        )

    def _link_report(self, site: str, link: str) -> ck.LinkReport | None:
        report = self._reports.get(site)
        return next((one for one in report.links if one.link == link), None) if report else None

    def _link_status(self, link: Link, now: float) -> mc.LinkStatus:
        """A link as its receiving end sees it, which knows the errors first; the pace is the transmitter's."""
        reports = [self._link_report(end, link.id) for end in link.ends]
        known = next((report for report in reversed(reports) if report), None)
        predicted = self._predictions.get(link.id)  # of emulated modules only
        module = known.module if known else None
        reachable = all(self.up(end, now) for end in link.ends)
        return mc.LinkStatus(
            link=link.id,
            ends=link.ends,
            state=module.state if module and reachable else "down",
            stock_bits=known.sendable_bits + known.receivable_bits if known else 0,
            secret_rate_bps=module.secret_rate_bps if module else 0.0,
            predicted_rate_bps=predicted.secret_rate_bps if predicted else None,
            qber=(module.qber if module else 0.0) if predicted else None,
            predicted_qber=predicted.qber if predicted else None,
            blocks=module.blocks if module else 0,
            failed_blocks=module.failed_blocks if module else 0,
            emulation_speed=(reports[0].module.emulation_speed if reports[0] else 0.0) if predicted else None,
            detail=module.detail if module else "",
            device="" if self._network.device_of(link) is None else link.module,
        )

    def _pool_status(self, key: PoolKey, target_bits: int, paths: routing.Paths) -> mc.PoolStatus:
        source, destination, trust = key
        report = self._reports.get(source)
        pools = report.pools if report else ()
        pool = next((one for one in pools if (one.peer, one.trust) == (destination, trust)), None)
        refusal = pool.last_refusal if pool else ""
        return mc.PoolStatus(
            source=source,
            destination=destination,
            trust=str(trust),
            ready_bits=pool.ready_bits if pool else 0,
            target_bits=target_bits,
            paths=paths,
            supplied_bits=pool.supplied_bits if pool else 0,
            last_refusal=refusal if paths else refusal or routing.why_none(trust, source, destination),
        )


def _targets(network: Network) -> dict[PoolKey, int]:
    """Bits to keep ready per pool: the sum of the demands between its sites under its trust policy."""
    targets: dict[PoolKey, int] = {}
    for demand in network.demands:
        for source, destination in _directions(network, demand):
            pool = (source, destination, demand.trust)
            targets[pool] = targets.get(pool, 0) + demand.pool_bits
    return targets


def _directions(network: Network, demand: Demand) -> tuple[tuple[str, str], ...]:
    one, other = (network.application(application) for application in demand.between)
    if one is None or other is None or one.site == other.site:
        return ()
    return (one.site, other.site), (other.site, one.site)
