"""What needs attention, first things first, in words: alarms that stand, then what may become one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from qit4n.dashboard.markup import badge, clock, join, link
from qit4n.dashboard.scene import LOW_STOCK, Look, link_look
from qit4n.network.model import Network
from qit4n.refpoints import mc
from qit4n.units import bits_text

MOST_SHOWN = 30
MOST_NAMED = 8
SEVERE = {
    "critical": Look(name="critical", word="critical", colour="critical", sign="✕", rank="critical"),
    "major": Look(name="major", word="major", colour="critical", sign="!", rank="critical"),
    "minor": Look(name="minor", word="minor", colour="warning", sign="▾", rank="warning"),
    "warning": Look(name="warning", word="warning", colour="warning", sign="▾", rank="warning"),
}
WATCHED = Look(name="watch", word="watch", colour="warning", sign="▾", rank="warning")


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Something that is no alarm yet, of several elements, each with its page."""

    title: str
    elements: tuple[tuple[str, str], ...]
    advice: str


def page_of(network: Network, element: str) -> str:
    """The page of what an alarm is about."""
    if any(link.id == element for link in network.links):
        return f"/link/{element}"
    if any(site.id == element for site in network.sites):
        return f"/site/{element}"
    if element in network.ducts:
        return f"/what-if?cut={element}"
    switch = next((one for one in network.switches if one.id == element), None)
    return f"/site/{switch.site}" if switch else "/pools"


def cause_text(cause: str) -> str:
    """A probable cause of ITU-T X.733 as words: ``lossOfSignal`` is ``loss of signal``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cause).lower()


def watches(network: Network, status: mc.NetworkStatus) -> list[Watch]:
    """Pools that cannot supply, and low stocks of which no alarm speaks."""
    full = network.policies.link_stock_bits
    alarmed = {one for alarm in status.alarms for one in (alarm.element, *alarm.about)}
    without = [f"{pool.source} → {pool.destination}" for pool in status.pools if not pool.paths]
    low = [
        one.link
        for one in status.links
        if one.link not in alarmed and link_look(one.state, one.stock_bits, full) is LOW_STOCK
    ]
    found = []
    if without:
        title = "1 pool has no path with key" if len(without) == 1 else f"{len(without)} pools have no path with key"
        advice = "their ready key is supplied until it is used up; see which links on the way have none"
        found.append(Watch(title=title, elements=tuple((name, "/pools") for name in without), advice=advice))
    if low:
        title = "stock is low on 1 link" if len(low) == 1 else f"stock is low on {len(low)} links"
        advice = "it fills while a link runs; if it stays so, key is used faster than it is made"
        found.append(Watch(title=title, elements=tuple((name, f"/link/{name}") for name in low), advice=advice))
    return found


def attention(network: Network, alarms: Iterable[mc.Alarm], status: mc.NetworkStatus | None, now: float) -> Markup:
    """The list; first the alarms, as they come: the worst first."""
    standing = list(alarms)
    cards = [_alarm(network, alarm, now) for alarm in standing[:MOST_SHOWN]]
    left = len(standing) - len(cards)
    cards += [_watch(one) for one in (watches(network, status) if status else ())]
    if left > 0:
        cards.append(Markup('<li class="more">and {} more: {}</li>').format(left, link("/links", "all links")))
    if not cards:
        return Markup('<p class="well"><span aria-hidden="true">✓</span> Nothing needs attention.</p>')
    return Markup('<ol class="cards">{}</ol>').format(join(cards))


def _alarm(network: Network, alarm: mc.Alarm, now: float) -> Markup:
    to = page_of(network, alarm.element)
    affects = Markup("<ul>{}</ul>").format(join(Markup("<li>{}</li>").format(one) for one in alarm.affects[:6]))
    cut = link(f"/what-if?cut={alarm.element}", "What if it stays so?") if to.startswith("/link/") else ""
    return Markup(
        '<li class="card {}"><p class="top">{}<span>since {} UTC</span></p><h3>{}</h3>'
        '<p class="cause">Probable cause: {}</p>{}<p class="advice">{}</p>{}</li>'
    ).format(
        SEVERE[alarm.severity].rank,
        badge(SEVERE[alarm.severity]),
        clock(alarm.since, now),
        link(to, _sentence(alarm.text), f"alarm-{alarm.element}-{alarm.kind}"),
        cause_text(alarm.cause),
        affects if alarm.affects else "",
        _sentence(alarm.advice) + ".",
        Markup('<p class="more">{}</p>').format(cut) if cut else "",
    )


def _watch(one: Watch) -> Markup:
    names = join((link(to, name, f"watch-{name}") for name, to in one.elements[:MOST_NAMED]), ", ")
    more = f" and {len(one.elements) - MOST_NAMED} more" if len(one.elements) > MOST_NAMED else ""
    return Markup(
        '<li class="card watch"><p class="top">{}</p><h3>{}</h3><p>{}{}</p><p class="advice">{}</p></li>'
    ).format(badge(WATCHED), _sentence(one.title), names, more, _sentence(one.advice) + ".")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def numbers(status: mc.NetworkStatus) -> list[tuple[str, str]]:
    """The network in four figures."""
    up = sum(site.up for site in status.sites)
    running = sum(one.state in {"running", "resting"} for one in status.links)
    ready = sum(pool.ready_bits > 0 for pool in status.pools)
    stock = sum(one.stock_bits for one in status.links)
    return [
        ("sites up", f"{up} of {len(status.sites)}"),
        ("links that make key or rest", f"{running} of {len(status.links)}"),
        ("pools with key", f"{ready} of {len(status.pools)}"),
        ("key in stock on links", bits_text(stock)),
    ]
