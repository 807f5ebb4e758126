"""What the manager knows of the network: the one object that the dashboard and the reports read.

How to read it (everything is immutable, or to be read only; call from the event loop of the manager):

- ``overview.network``: the network file. Sites have ``latitude_deg`` and ``longitude_deg``, or None.
- ``overview.status``: the last :class:`qit4n.refpoints.mc.NetworkStatus` (sites, links, pools with their present
  paths, key streams), None before the first; ``overview.fresh(now)`` says whether the controller still answers.
- ``overview.history``: :class:`qit4n.management.history.History`. ``series("link", link_id, "qber" | "rate_bps" |
  "stock_bits" | "state", since)`` and ``series("pool", pool_name, "ready_bits" | "supplied_bps" | "paths", since)``
  give times and values; ``at("link", time)`` is everything as it was then, for playback; ``span()`` how far back.
- ``correlation.pool_name(pool)``: the name of a pool in histories and alarms.
- ``overview.alarms``: those that stand, the worst first; ``overview.past``: those that cleared, the newest last.
  Each has severity, probable cause, advice, what follows from it (``affects``), and times (see ``mc.Alarm``).
- ``overview.events``: what happened, the newest last.
- ``overview.news``: alarms and events that the last state brought.
- ``overview.performance``: ``report()`` has the parameters of Y.3807, ``accounting()`` who used how much key of which
  link (live key flow: ``status.supply`` counts what each pair of applications got, see ``ck.SupplyReport``).
- ``overview.anomalies``: ``report()`` says of each link what is usual, and what is or was not.
- ``overview.forecasts``: ``standing`` are the stocks that are likely to run out within hours; also in ``status``.
- ``overview.version`` grows with each state that was taken: what was drawn at the same version need not be drawn anew.

Identifiers and amounts only; no key material reaches the manager.
"""

from collections import deque
from math import nan

from qit4n.management import anomalies
from qit4n.management.alarms import Alarms
from qit4n.management.commoncause import ducts_of
from qit4n.management.correlation import pool_name
from qit4n.management.forecast import Forecasts
from qit4n.management.history import STATES, History, Row
from qit4n.management.performance import Performance, State
from qit4n.management.publications import Event as Event  # noqa: PLC0414 - what events are, for readers
from qit4n.network.model import Network
from qit4n.refpoints import mc

FRESH_S = 5.0
PAST_ALARMS = 1_000
EVENTS = 5_000
SEVERITIES: tuple[mc.Severity, ...] = ("critical", "major", "minor", "warning")


class Overview:
    """State of the network, history and alarms."""

    def __init__(self, network: Network, counted: State | None = None) -> None:
        """Start knowing the file, and what was ``counted`` before a restart."""
        self.network = network
        self.status: mc.NetworkStatus | None = None
        self.history = History({"link": [link.id for link in network.links]})
        self.past: deque[mc.Alarm] = deque(maxlen=PAST_ALARMS)
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.news: tuple[mc.Alarm | Event, ...] = ()
        self.version = 0
        self.performance = Performance(network, counted)
        self.anomalies = anomalies.Anomalies(network)
        self.forecasts = Forecasts(network)
        self._alarms = Alarms(ducts_of(network))

    @property
    def alarms(self) -> tuple[mc.Alarm, ...]:
        """Those that stand, the worst first, then the oldest."""
        return tuple(
            sorted(self._alarms.standing.values(), key=lambda one: (SEVERITIES.index(one.severity), one.since))
        )

    def fresh(self, now: float) -> bool:
        """Whether the state is of now: the controller answers."""
        return self.status is not None and now - self.status.at <= FRESH_S

    def accept(self, link: str, at: float) -> Row:
        """What is unusual about a link now is well; a row to keep on disk. KeyError: no such link is watched."""
        return self.anomalies.accept(link, at)

    def receive(self, status: mc.NetworkStatus) -> tuple[Row, ...]:
        """Take the state of the network; the rows of history that are to be kept on disk."""
        before, self.status = self.status, status
        self.version += 1
        self.performance.receive(status)
        kept = self.anomalies.receive(status) + self._record(before, status)
        self.forecasts.receive(status, self.history, self.performance)
        ahead = self.forecasts.symptoms(status, self.performance)
        raised, cleared = self._alarms.update(status, [*self.anomalies.symptoms(status), *ahead])
        self.past.extend(cleared)
        changed = _changes(before, status)
        self.events.extend(Event(alarm.since, "raised", alarm.element, alarm.text) for alarm in raised)
        self.events.extend(Event(status.at, "cleared", alarm.element, alarm.text) for alarm in cleared)
        self.events.extend(changed)
        self.news = (*raised, *cleared, *changed)
        return kept

    def restore(self, rows: list[Row]) -> None:
        """Take back the history that was kept on disk, the oldest row first."""
        for row in rows:
            if row.kind in anomalies.KINDS:
                self.anomalies.restore(row)
                continue
            if row.kind == "pool":  # the file does not name them; links that are gone stay away
                self.history.add_elements(row.kind, row.elements)
            self.history.restore(row)

    def _record(self, before: mc.NetworkStatus | None, status: mc.NetworkStatus) -> tuple[Row, ...]:
        supplied = {pool_name(pool): pool.supplied_bits for pool in before.pools} if before else {}
        passed_s = status.at - before.at if before else 0.0
        links = {
            link.link: (
                nan if link.qber is None or not link.blocks + link.failed_blocks else link.qber,
                link.secret_rate_bps if link.state == "running" else 0.0,
                link.stock_bits,
                STATES.index(link.state) if link.state in STATES else nan,
            )
            for link in status.links
        }
        pools = {
            name: (pool.ready_bits, _rate(supplied.get(name), pool.supplied_bits, passed_s), len(pool.paths))
            for pool in status.pools
            for name in [pool_name(pool)]
        }
        self.history.add_elements("pool", pools)
        rows = (self.history.record("link", status.at, links), self.history.record("pool", status.at, pools))
        return tuple(row for row in rows if row is not None)


def _rate(before: int | None, now: int, passed_s: float) -> float:
    if before is None or passed_s <= 0 or now < before:  # a source that has started anew counts from zero
        return nan
    return (now - before) / passed_s


def _changes(before: mc.NetworkStatus | None, status: mc.NetworkStatus) -> list[Event]:
    """What is different about links, sites and pools."""
    if before is None:
        return []
    links = {link.link: link.state for link in before.links}
    sites = {site.site: site.up for site in before.sites}
    pools = {pool_name(pool): pool.paths for pool in before.pools}
    found = [
        Event(status.at, "state", link.link, f"link {link.link} is {link.state}, was {links[link.link]}")
        for link in status.links
        if links.get(link.link, link.state) != link.state
    ]
    found += [
        Event(status.at, "state", site.site, f"site {site.site} is {'up' if site.up else 'down'}")
        for site in status.sites
        if sites.get(site.site, site.up) != site.up
    ]
    for pool in status.pools:
        name = pool_name(pool)
        if pools.get(name, pool.paths) != pool.paths:
            way = ", ".join("-".join(path) for path in pool.paths) or "no path"
            found.append(Event(status.at, "state", name, f"pool {name} goes over {way}"))
    return found
