"""What is drawn of a network at one moment: sites and links with what their colour, dash, sign and width say.

A colour never stands alone: trouble has a broken line and a sign as well, and a word in every list.
"""

import math
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup
from msgspec import structs

from qit4n.network.model import Network
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text

LOW, HALF = 0.1, 0.5  # of the stock at which a link rests
THINNEST, WIDEST = 1.5, 6.0

Rank = Literal["critical", "warning", "unknown", "fine"]
RANKS: tuple[Rank, ...] = ("critical", "warning", "unknown", "fine")


@dataclass(frozen=True, kw_only=True)
class Look:
    """How an element in some condition is drawn: a colour of the palette, a line, a sign, and the word for it."""

    name: str
    word: str
    colour: str
    line: Literal["solid", "dashed", "dotted"] = "solid"
    sign: str = ""
    rank: Rank = "fine"


DOWN = Look(name="down", word="no contact", colour="critical", line="dotted", sign="✕", rank="critical")
NO_KEY = Look(name="no-key", word="yields no key", colour="critical", line="dashed", sign="!", rank="critical")
LOW_STOCK = Look(name="low", word="stock is low", colour="stock-low", line="dashed", sign="▾", rank="warning")
STARTING = Look(name="starting", word="starting", colour="unknown", line="dashed", sign="…", rank="unknown")
HALF_STOCK = Look(name="half", word="stock is filling", colour="stock-half")
FULL_STOCK = Look(name="full", word="stock is good", colour="stock-full")
LOOKS = (DOWN, NO_KEY, LOW_STOCK, STARTING, HALF_STOCK, FULL_STOCK)

SITE_UP = Look(name="up", word="up", colour="ink")
SITE_DOWN = Look(name="silent", word="does not report", colour="critical", sign="✕", rank="critical")
SITE_FAULT = Look(name="fault", word="reports a fault", colour="critical", sign="!", rank="critical")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A site, or a region of ``count`` sites and the ``links`` between them; ``to`` is the page that tells more."""

    id: str
    label: str
    look: Look
    tip: str
    to: str
    count: int = 1
    links: int = 0


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A link, or all ``count`` links between two regions."""

    id: str
    ends: tuple[str, str]
    look: Look
    width: float
    tip: str
    to: str
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that is drawn."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def link_look(state: str, stock_bits: float, full_bits: float) -> Look:
    """How a link is drawn; ``full_bits`` is the stock at which it rests."""
    if state == "down":
        return DOWN
    if state == "no-key":
        return NO_KEY
    if state == "starting":
        return STARTING
    if stock_bits < LOW * full_bits:
        return LOW_STOCK
    return HALF_STOCK if stock_bits < HALF * full_bits else FULL_STOCK


def site_look(site: mc.SiteStatus) -> Look:
    """How a site is drawn."""
    if not site.up:
        return SITE_DOWN if site.pid else STARTING
    return SITE_FAULT if site.fault else SITE_UP


def width_of(rate_bps: float) -> float:
    """Width in pixels of a line for a key rate: as wide again for each tenfold, from 100 bit/s to 1 Mbit/s."""
    share = (math.log10(max(rate_bps, 1.0)) - 2.0) / 4.0
    return round(THINNEST + (WIDEST - THINNEST) * min(max(share, 0.0), 1.0), 1)


def scene_of(
    network: Network, status: mc.NetworkStatus, sites: frozenset[str] | None = None, *, tips: bool = True
) -> Scene:
    """Sites (all, if none are named) and the links between them, in a status; ``tips`` may be left out to save time."""
    full = network.policies.link_stock_bits
    names = {site.id: site.name for site in network.sites}
    seen = [site for site in status.sites if sites is None or site.site in sites]
    unheard = {site.site for site in status.sites if not site.up and not site.pid}
    links = [link for link in status.links if sites is None or sites.issuperset(link.ends)]
    links = [link if unheard.isdisjoint(link.ends) else structs.replace(link, state="starting") for link in links]
    return Scene(
        nodes=tuple(_node(site, names.get(site.site, ""), tips) for site in seen),
        edges=tuple(_edge(link, full, tips) for link in links),
    )


def _node(site: mc.SiteStatus, name: str, tips: bool) -> Node:
    look = site_look(site)
    tip = Markup("<b>{}</b> {}<br>{}").format(site.site, name, look.word) if tips else ""
    return Node(id=site.site, label=site.site, look=look, tip=tip, to=f"/site/{site.site}")


def _edge(link: mc.LinkStatus, full_bits: float, tips: bool) -> Edge:
    look = link_look(link.state, link.stock_bits, full_bits)
    return Edge(
        id=link.link,
        ends=link.ends,
        look=look,
        width=width_of(link.secret_rate_bps if link.state in {"running", "resting"} else 0.0),
        tip=link_tip(link, look) if tips else "",
        to=f"/link/{link.link}",
    )


def link_tip(link: mc.LinkStatus, look: Look) -> str:
    """A link in three lines of HTML."""
    qber = "" if link.qber is None else f", QBER {link.qber:.2%}"
    return Markup("<b>{}</b> {}<br>{}, {} in stock<br>{}{}").format(
        link.link,
        " – ".join(link.ends),
        look.word,
        bits_text(link.stock_bits),
        rate_text(link.secret_rate_bps),
        qber,
    )


def worst(looks: list[Look]) -> Look:
    """The look that needs attention first."""
    return min(looks, key=lambda look: (RANKS.index(look.rank), LOOKS.index(look) if look in LOOKS else 0))
