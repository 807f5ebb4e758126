"""The network as it was: links from the history, alarms and events of that time."""

from collections.abc import Iterable, Mapping
from math import isnan

from markupsafe import Markup
from msgspec import structs

from qit4n.dashboard.markup import clock, join
from qit4n.management.history import STATES
from qit4n.management.overview import Event
from qit4n.refpoints import mc

EVENTS_SHOWN = 12


def status_at(
    status: mc.NetworkStatus, at: float, links: Mapping[str, Mapping[str, float]], alarms: Iterable[mc.Alarm]
) -> mc.NetworkStatus:
    """The status with the links of then; sites count as down while an alarm of then says so. Pools are not told.

    A link that was down without an alarm at it or its ends had not been heard of yet.
    """
    standing_ = list(alarms)
    silent = {alarm.element for alarm in standing_ if alarm.kind == "site-silent"}
    alarmed = {one for alarm in standing_ for one in (alarm.element, *alarm.about)}
    return structs.replace(
        status,
        at=at,
        links=tuple(
            _link(link, links.get(link.link, {}), alarmed=not alarmed.isdisjoint({link.link, *link.ends}))
            for link in status.links
        ),
        sites=tuple(structs.replace(site, up=site.site not in silent, pid=1, fault="") for site in status.sites),
        pools=(),
    )


def _link(link: mc.LinkStatus, values: Mapping[str, float], *, alarmed: bool) -> mc.LinkStatus:
    def known(name: str, other: float) -> float:
        value = values.get(name, float("nan"))
        return other if isnan(value) else value

    number = values.get("state", float("nan"))
    state = "starting" if isnan(number) else STATES[round(number)]
    if state == "down" and not alarmed:
        state = "starting"
    qber = values.get("qber", float("nan"))
    return structs.replace(
        link,
        state=state,
        stock_bits=int(known("stock_bits", 0.0)),
        secret_rate_bps=link.secret_rate_bps if state == "resting" else known("rate_bps", 0.0),
        qber=None if isnan(qber) else qber,
        detail="",
    )


def standing(now: Iterable[mc.Alarm], past: Iterable[mc.Alarm], at: float) -> list[mc.Alarm]:
    """The alarms that stood at a time."""
    return [
        alarm for alarm in (*now, *past) if alarm.since <= at and (alarm.cleared_at is None or alarm.cleared_at > at)
    ]


def events_before(events: Iterable[Event], at: float) -> Markup:
    """The last events until a time, the newest first."""
    found = [event for event in events if event.at <= at][-EVENTS_SHOWN:][::-1]
    rows = join(Markup("<li>{} {}</li>").format(clock(event.at, at), event.text) for event in found)
    return Markup('<ol class="events">{}</ol>').format(rows) if found else Markup("<p>Nothing is recorded.</p>")
