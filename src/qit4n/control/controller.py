"""The QKDN controller (ITU-T Y.3804): hears the sites' reports, orders end-to-end pools and their paths.

A machine without IO: :meth:`Controller.receive` takes a report, :meth:`Controller.tables` computes what each
site is to do, :meth:`Controller.status` what an operator wants to see. It keeps no key and no secret; when it
dies the sites go on with their last tables, and a new one knows everything after one round of reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from qit4n.control.cuts import Cuts
from qit4n.control.orders import Orders
from qit4n.control.pools import PoolKey, PoolWatch, goals
from qit4n.control.reign import Reign
from qit4n.control.reservations import Calendar
from qit4n.control.switching import SwitchControl
from qit4n.control.topology import Topology, of_reports
from qit4n.errors import ProtocolError, ReservationError
from qit4n.network.changes import digest
from qit4n.network.model import Link, Network
from qit4n.refpoints import ck, kq2, mc
from qit4n.refpoints.kq1 import LinkAccount

SILENCE_LIMIT_S = 4.0
PATIENCE_S = 4.0  # a controller that rules makes new tables more often
PATIENCE_S_PER_DEMAND = 0.02


@dataclass(frozen=True)
class Prediction:
    """What the physics predicts for a link; the controller shows it beside what is measured."""

    secret_rate_bps: float
    qber: float
    lit_rate_bps: float = 0.0  # behind an optical switch: per second of light


class Controller:
    """One controller of one network."""

    def __init__(
        self,
        network: Network,
        predictions: Mapping[str, Prediction],
        reservations: tuple[mc.Reservation, ...] = (),
        epoch: int = 0,
    ) -> None:
        """Start knowing the file and the reservations that were admitted before; ``epoch`` as in :class:`Reign`."""
        self._reign = Reign(epoch, PATIENCE_S + PATIENCE_S_PER_DEMAND * len(network.demands))
        self.calendar = Calendar(network, reservations)
        self._network = network
        self._file = digest(network)
        self._predictions = predictions
        self._reports: dict[str, ck.SiteReport] = {}
        self._heard: dict[str, float] = {}
        self.cuts = Cuts(network)
        self._watch = PoolWatch(goals(network))
        self._orders = Orders(self._watch)
        self._switching = SwitchControl(network, {link: one.lit_rate_bps for link, one in predictions.items()})
        self._tables: dict[str, ck.RelayTable] = {}
        self._manager = mc.ManagerReport(pid=0, started_at=0.0, memory_bytes=0, alarms=())
        self._manager_heard = float("-inf")

    def receive(self, report: ck.SiteReport, now: float) -> None:
        """Take a site's report."""
        self._reports[report.site] = report
        self._heard[report.site] = now
        self.cuts.hear(report)
        self._watch.hear(report, now)
        self._reign.hear(report.follows, now)

    def up(self, site: str, now: float) -> bool:
        """Whether a site has reported lately."""
        return now - self._heard.get(site, float("-inf")) <= SILENCE_LIMIT_S

    def tables(self, now: float) -> dict[str, ck.RelayTable]:
        """The orders for each site that is up; the same until the network or its stock has changed.

        None while another controller rules.
        """
        if not self._reign.rules(now):
            self._tables = {}
            return {}
        live = self._live(now)
        self._switching.refresh(self._stock(), now)
        self._refresh(live, now)
        version = self._version
        if set(self._tables) != set(live) or any(table.version != version for table in self._tables.values()):
            self._tables = {site: self._table(site) for site in live}
        return self._tables

    def _live(self, now: float) -> tuple[str, ...]:
        return tuple(site.id for site in self._network.sites if self.up(site.id, now))

    @property
    def _version(self) -> int:
        """Of the orders as they are, whoever had them made anew: who asks for the status does so, too."""
        return self._orders.version + self._switching.version

    def _refresh(self, live: tuple[str, ...], now: float) -> None:
        topology = self._topology(live)
        self._orders.refresh(topology, self.calendar.due(topology, now), now)

    def _topology(self, live: tuple[str, ...]) -> Topology:
        predicted = {link: one.secret_rate_bps for link, one in self._predictions.items()}
        return of_reports(self._network, self._reports, live, predicted)

    def _table(self, site: str) -> ck.RelayTable:
        return ck.RelayTable(
            version=self._version,
            pools=self._orders.of(site),
            switches=self._switching.of(site),
            epoch=self._reign.epoch,
        )

    def _stock(self) -> dict[str, float]:
        return {
            one.link: float(one.sendable_bits + one.receivable_bits)
            for report in self._reports.values()
            for one in report.links
        }

    def status(self, now: float) -> mc.NetworkStatus:
        """The state of the whole network."""
        manager = self._manager_status(now)
        self._refresh(self._live(now), now)
        return mc.NetworkStatus(
            network=self._network.name,
            at=now,
            file=self._file,
            sites=tuple(self._site_status(site.id, now) for site in self._network.sites),
            links=tuple(self._link_status(link, now) for link in self._network.links),
            pools=tuple(self._pool_status(pool) for pool in self._orders.plans),
            alarms=self._manager.alarms if manager.up else (),
            forecasts=self._manager.forecasts if manager.up else (),
            manager=manager,
            streams=tuple(
                stream for site in self._network.sites if self.up(site.id, now) for stream in self._streams_of(site.id)
            ),
            supply=tuple(one for report in self._reports.values() for one in report.supply),
            neighbours=tuple(
                mc.NeighbourStatus(site=site, report=one)
                for site, report in self._reports.items()
                if self.up(site, now)
                for one in report.neighbours
            ),
            switches=tuple(
                mc.SwitchStatus(
                    switch=switch.id,
                    site=switch.site,
                    period_s=switch.period_s,
                    lit_shares=self._switching.shares.get(switch.id, {}),
                )
                for switch in self._network.switches
            ),
        )

    def answer(self, question: mc.McQuestion, now: float) -> mc.McAnswer:
        """Mc: what an operator asks."""
        if isinstance(question, mc.AskStatus):
            return self.status(now)
        if isinstance(question, mc.ManagerReport):
            self._manager, self._manager_heard = question, now
            return self.status(now)
        if isinstance(question, mc.CutFibre):
            if question.element:
                self.cuts.change(question.element, cut=question.cut)
            return mc.CutFibres(links=self.cuts.order().links)
        if not isinstance(question, mc.AskAccount):
            return self._reserve(question, now)
        link = next((one for one in self._network.links if one.id == question.link), None)
        if link is None:
            raise ProtocolError(f"an operator asks for link {question.link}, which is not in {self._network.name}")
        known = self._link_report(link.ends[0], link.id)
        return mc.AccountStatus(link=link.id, ends=link.ends, account=known.account if known else None)

    def _reserve(
        self, question: mc.Reserve | mc.AskReservations | mc.CancelReservation, now: float
    ) -> mc.ReserveAnswer | mc.Reservations | mc.NotPossible:
        if isinstance(question, mc.Reserve) and self._network.control == "distributed":
            return mc.NotPossible(text="control is distributed: there is no controller that could keep a reservation")
        try:
            if isinstance(question, mc.Reserve):
                return self.calendar.reserve(question, self._topology(self._live(now)), now)
            if isinstance(question, mc.CancelReservation):
                self.calendar.cancel(question.id)
        except ReservationError as error:
            return mc.NotPossible(text=str(error))
        self.calendar.forget(now)
        return mc.Reservations(reservations=self.calendar.entries)

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
            entropy=report.entropy,
            file=report.file,
        )

    def _manager_status(self, now: float) -> mc.ManagerStatus:
        manager = self._manager
        up = now - self._manager_heard <= SILENCE_LIMIT_S
        uptime_s = now - manager.started_at if up else 0.0
        return mc.ManagerStatus(up=up, pid=manager.pid, uptime_s=uptime_s, memory_bytes=manager.memory_bytes)

    def _link_report(self, site: str, link: str) -> ck.LinkReport | None:
        report = self._reports.get(site)
        return next((one for one in report.links if one.link == link), None) if report else None

    def _link_status(self, link: Link, now: float) -> mc.LinkStatus:
        """A link as its receiving end sees it, which knows the errors first; the pace is the transmitter's.

        If one end only is in trouble, that is the state of the link.
        """
        reports = [self._link_report(end, link.id) for end in link.ends]
        known = next((report for report in reversed(reports) if report), None)
        predicted = self._predictions.get(link.id)  # of emulated modules only
        modules = [report.module for report in reversed(reports) if report]
        module = max(modules, key=_trouble, default=None)
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
            reason=module.reason if module else "",
            device="" if self._network.device_of(link) is None else link.module,
            counted=_counts(reports[0].account) if reports[0] and predicted else None,
        )

    def _pool_status(self, key: PoolKey) -> mc.PoolStatus:
        source, destination, trust = key
        plan = self._orders.plans[key]
        report = self._reports.get(source)
        pools = report.pools if report else ()
        pool = next((one for one in pools if (one.peer, one.trust) == (destination, trust)), None)
        refusal = pool.last_refusal if pool else ""
        return mc.PoolStatus(
            source=source,
            destination=destination,
            trust=str(trust),
            ready_bits=pool.ready_bits if pool else 0,
            target_bits=plan.target_bits,
            paths=plan.paths,
            supplied_bits=pool.supplied_bits if pool else 0,
            compared_shares=pool.compared_shares if pool else 0,
            altered_shares=pool.altered_shares if pool else 0,
            last_refusal=refusal or plan.reason,
            priority=self._watch.goals[key].priority,
            wanted_bps=plan.wanted_bps,
            rate_bps=plan.rate_bps,
            backups=plan.backups,
            shared_ducts=plan.shared_ducts,
        )


def _counts(account: LinkAccount) -> mc.LinkCounts:
    return mc.LinkCounts(**{name: getattr(account, name) for name in mc.LinkCounts.__struct_fields__})


def _trouble(module: kq2.ModuleState) -> int:
    """How much a module's state needs explaining: blocks that fail, no contact with a known reason, without one."""
    if module.state == "no-key":
        return 3
    return (1 + (module.reason != "")) if module.state == "down" else 0
