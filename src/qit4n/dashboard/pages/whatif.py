"""What if: cut a link, a duct or a site in thought."""

from math import inf

from markupsafe import Markup
from nicegui import ui

from qit4n.dashboard.elements import Live
from qit4n.dashboard.flow import used_bps
from qit4n.dashboard.frame import frame
from qit4n.dashboard.markup import duration, join, link, section, table
from qit4n.dashboard.tables import MOST_ROWS, path_text
from qit4n.dashboard.whatif import Answer, PoolFate, what_if
from qit4n.network.model import Network
from qit4n.node.managerpages import Manager
from qit4n.units import bits_text, rate_text

LEAD = (
    "Asked of the controller's own routing, on a copy of the network as it is now. Stock is taken as equal in both "
    "directions of a link, use as it was in the last minute."
)


def register(manager: Manager) -> None:
    """Serve it."""

    @ui.page("/what-if")
    def page(cut: str = "") -> None:
        with frame(manager, "What if", "/what-if"):
            Live(Markup('<h1>What if it is cut?</h1><p class="lead">{}</p>{}').format(LEAD, form(manager.network, cut)))
            status = manager.overview.status
            names = _names(manager.network)
            if cut and cut not in names:
                Live(Markup('<p class="error" role="alert">There is no link, duct or site {}.</p>').format(cut))
            elif cut and status is not None:
                Live(answered(what_if(manager.network, status, cut, used_bps(manager.overview.history, status))))


def _names(network: Network) -> list[str]:
    return [link.id for link in network.links] + [*network.ducts] + [site.id for site in network.sites]


def form(network: Network, cut: str) -> Markup:
    """Which link, duct or site; names are offered as they are typed."""
    offered = join(Markup("<option>{}</option>").format(name) for name in _names(network))
    return Markup(
        '<form class="form" action="/what-if"><label>Link, duct or site to cut<input name="cut" value="{}" '
        'list="elements" required autocomplete="off"></label><datalist id="elements">{}</datalist>'
        '<button class="main">Answer</button></form>'
    ).format(cut, offered)


def answered(answer: Answer) -> Markup:
    """The answer, first in a sentence."""
    lost = [one for one in answer.pools if one.fate == "loses its paths"]
    moved = [one for one in answer.pools if one.fate == "goes another way"]
    ended = [one for one in answer.pools if one.fate == "is at a cut site"]
    first = min((one.lasts_s for one in lost), default=inf)
    elsewhere = [one for one in answer.pools if one.fate == "other homes take over"]
    counts = (len(lost), len(ended), len(elsewhere), len(moved))
    verdict = _verdict(counts, answer.same, first)
    links = f" (links {', '.join(answer.links)})" if len(answer.links) > 1 else ""
    parts = [Markup('<div class="panel"><h2>Without {}{}</h2><p>{}</p></div>').format(answer.cut, links, verdict)]
    if lost or ended:
        parts.append(section("Pools without a path", _panel(_lost(lost + ended))))
    if elsewhere:
        note = "Their applications are served by other sites as well, which have key for them."
        parts.append(section("Pools for which other homes take over", _panel(_moved(elsewhere)), note))
    if moved:
        parts.append(section("Pools that go another way", _panel(_moved(moved))))
    if answer.strained:
        note = "At the present use these links would have to carry more than they make; then their stock shrinks."
        parts.append(section("Links that are asked for more than they make", _panel(_strained(answer)), note))
    return join(parts)


def _verdict(counts: tuple[int, int, int, int], same: int, first: float) -> str:
    lost, ended, elsewhere, moved = counts
    if not any(counts):
        return f"No pool is relayed over it now: all {same} go on as they are."
    parts = []
    if lost:
        lasts = "none of them is used now" if first == inf else f"the first is empty after {duration(first)}"
        parts.append(f"{_pools(lost)} without any path ({lasts})")
    if ended:
        parts.append(f"{_pools(ended)} at the cut site")
    if elsewhere:
        parts.append(f"{_pools(elsewhere)} for which other homes take over")
    if moved:
        parts.append(f"{_pools(moved)} to another path")
    return f"{', '.join(parts)}; {same} unchanged."


def _pools(count: int) -> str:
    return "1 pool" if count == 1 else f"{count} pools"


def _panel(body: Markup) -> Markup:
    return Markup('<div class="panel">{}</div>').format(body)


def _lasts(one: PoolFate) -> str:
    return "not used now" if one.lasts_s == inf else duration(one.lasts_s)


def _lost(pools: list[PoolFate]) -> Markup:
    rows = [
        (
            f"{one.pool.source} → {one.pool.destination}",
            one.fate,
            bits_text(one.pool.ready_bits),
            rate_text(one.used_bps) if one.used_bps else "–",
            _lasts(one),
        )
        for one in pools[:MOST_ROWS]
    ]
    return table("Pools without a path", ("from → to", "why", "ready", "used", "lasts"), rows, right=(2, 3, 4))


def _moved(pools: list[PoolFate]) -> Markup:
    rows = [
        (
            f"{one.pool.source} → {one.pool.destination}",
            join(map(path_text, one.pool.paths), "<br>"),
            join(map(path_text, one.paths), "<br>"),
            bits_text(one.pool.ready_bits),
            rate_text(one.used_bps) if one.used_bps else "–",
        )
        for one in pools[:MOST_ROWS]
    ]
    return table("Pools that go another way", ("from → to", "now", "then", "ready", "used"), rows, right=(3, 4))


def _strained(answer: Answer) -> Markup:
    rows = [
        (
            link(f"/link/{one.link.link}", one.link.link),
            rate_text(one.carries_bps),
            rate_text(one.makes_bps),
            bits_text(one.link.stock_bits),
            duration(one.lasts_s),
        )
        for one in answer.strained[:MOST_ROWS]
    ]
    return table("Links", ("link", "must carry", "makes", "stock", "stock lasts"), rows, right=(1, 2, 3, 4))
