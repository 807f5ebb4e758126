"""Tables of links, sites, pools and flows."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from qit4n.dashboard.markup import Cell, badge, duration, join, link, table
from qit4n.dashboard.scene import RANKS, link_look, site_look
from qit4n.management.correlation import pool_name
from qit4n.management.forecast import forecast_text
from qit4n.network.ducts import named
from qit4n.network.model import Network
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text

MOST_ROWS = 200


def shown(rows: Sequence[Sequence[Cell]], total: int) -> Markup:
    """How many of how many, if not all are shown."""
    if total <= len(rows):
        return Markup("")
    return Markup('<p class="note">The first {} of {}, those in trouble first. Search to see others.</p>').format(
        len(rows), total
    )


def found(text: str, *names: str) -> bool:
    """Whether a search means something of these names."""
    return not text or any(text.casefold() in name.casefold() for name in names)


def or_dash(value: float | None, text: Callable[[float], str]) -> str:
    """What is not known of a device is a dash."""
    return "–" if value is None else text(value)


def links_table(network: Network, status: mc.NetworkStatus, search: str = "") -> Markup:
    """Links, those in trouble first: measured beside predicted."""
    full = network.policies.link_stock_bits
    wanted = [(link_look(one.state, one.stock_bits, full), one) for one in status.links]
    wanted = [(look, one) for look, one in wanted if found(search, one.link, *one.ends)]
    wanted.sort(key=lambda pair: RANKS.index(pair[0].rank))
    rows = [
        (
            link(f"/link/{one.link}", one.link, f"l-{one.link}"),
            " – ".join(one.ends),
            badge(look),
            ahead(bits_text(one.stock_bits), status.forecasts, "link", one.link),
            rate_text(one.secret_rate_bps),
            or_dash(one.predicted_rate_bps, rate_text),
            or_dash(one.qber, "{:.2%}".format),
            or_dash(one.predicted_qber, "{:.2%}".format),
            str(one.failed_blocks),
        )
        for look, one in wanted[:MOST_ROWS]
    ]
    head = ("link", "from – to", "state", "stock", "key rate", "predicted", "QBER", "predicted", "failed blocks")
    return shown(rows, len(wanted)) + table("QKD links", head, rows, right=range(3, 9))


def sites_table(network: Network, status: mc.NetworkStatus, search: str = "") -> Markup:
    """Sites, those in trouble first."""
    names = {site.id: site for site in network.sites}
    wanted = [one for one in status.sites if found(search, one.site, names[one.site].name)]
    wanted.sort(key=lambda one: RANKS.index(site_look(one).rank))
    rows = [
        (
            link(f"/site/{one.site}", one.site, f"s-{one.site}"),
            names[one.site].name,
            badge(site_look(one)),
            duration(one.uptime_s) if one.up else "–",
            f"{one.memory_bytes / 1e6:.0f} MB",
            str(one.unclaimed_keys),
            f"{1 + one.standbys}" if one.replica else "1",
            names[one.site].trust_domain,
        )
        for one in wanted[:MOST_ROWS]
    ]
    head = ("site", "name", "state", "up for", "memory", "keys not fetched", "processes", "trust domain")
    return shown(rows, len(wanted)) + table("Sites", head, rows, right=(3, 4, 5, 6))


def path_text(path: Sequence[str]) -> Markup:
    """A path, unbroken."""
    return Markup('<span class="path">{}</span>').format(" → ".join(path))


def paths_text(pool: mc.PoolStatus) -> Markup:
    """The present paths and the ducts that several of them run through, or why there is none."""
    if pool.paths:
        shared = Markup('<span class="badge warning">▾ share {}</span>').format(named("duct", pool.shared_ducts))
        return join([*map(path_text, pool.paths), *([shared] if pool.shared_ducts else [])], "<br>")
    return Markup('<span class="badge warning">▾ {}</span>').format(pool.last_refusal or "no path")


def ahead(text: str, forecasts: Sequence[mc.Forecast], kind: str, element: str) -> Cell:
    """A stock, with the time in which it is likely to be empty, if it is."""
    found = (one for one in forecasts if (one.kind, one.element) == (kind, element) and one.empty_s is not None)
    one = next(found, None)
    if one is None:
        return text
    return Markup('{}<br><span class="badge warning">▾ {}</span>').format(text, forecast_text(one))


def pools_table(status: mc.NetworkStatus, pools: Sequence[mc.PoolStatus], search: str = "") -> Markup:
    """End-to-end pools (all or some of a status), those without a path first."""
    wanted = [one for one in pools if found(search, one.source, one.destination)]
    wanted.sort(key=lambda one: (bool(one.paths), one.ready_bits / max(one.target_bits, 1) >= 0.5))  # noqa: PLR2004
    rows = [
        (
            f"{one.source} → {one.destination}",
            ahead(bits_text(one.ready_bits), status.forecasts, "pool", pool_name(one)),
            f"{one.ready_bits / max(one.target_bits, 1):.0%}",
            bits_text(one.supplied_bits),
            paths_text(one),
            one.trust,
        )
        for one in wanted[:MOST_ROWS]
    ]
    head = ("from → to", "ready", "of target", "supplied", "present paths", "trust")
    return shown(rows, len(wanted)) + table("End-to-end pools", head, rows, right=(1, 2, 3))


def streams_table(status: mc.NetworkStatus) -> Markup:
    """Key streams (ETSI GS QKD 004)."""
    rows = [
        (
            one.stream,
            " – ".join(one.applications),
            str(len(one.open)),
            str(one.chunks),
            bits_text(8 * one.chunk_bytes * one.chunks),
        )
        for one in status.streams[:MOST_ROWS]
    ]
    head = ("Key_stream_ID", "applications", "open ends", "chunks", "supplied")
    return table("Key streams", head, rows, right=(2, 3, 4))
