"""One site: its process, applications, links and pools."""

import msgspec
from markupsafe import Markup
from nicegui import ui

from qit4n.dashboard.attention import attention
from qit4n.dashboard.elements import Live
from qit4n.dashboard.frame import Page, frame
from qit4n.dashboard.markup import badge, duration, facts, link, section, table
from qit4n.dashboard.scene import site_look
from qit4n.dashboard.tables import links_table, pools_table
from qit4n.network.model import Network, Site
from qit4n.node.managerpages import Manager
from qit4n.refpoints import mc


def register(manager: Manager) -> None:
    """Serve it."""

    @ui.page("/site/{ident}")
    def one(ident: str) -> None:
        known = next((site for site in manager.network.sites if site.id == ident), None)
        with frame(manager, ident if known else "No such site", "/sites") as page:
            if known is None:
                Live(Markup("<h1>No such site</h1><p>{}</p>").format(link("/sites", "All sites")))
                return
            _show(page, known)


def _show(page: Page, known: Site) -> None:
    manager = page.manager
    name = f"{known.id}: {known.name}" if known.name else known.id
    Live(Markup('<p class="trail"><a href="/sites">Sites</a></p><h1>{}</h1>').format(name))
    top, alarms, below = Live(), Live(), Live()

    def renew() -> None:
        seen = manager.overview.status
        if seen is None:
            return
        status = next(one for one in seen.sites if one.site == known.id)
        top.show(state(status, known))
        mine = [one for one in manager.overview.alarms if one.element == known.id]
        alarms.show(attention(manager.network, mine, None, manager.now()) if mine else Markup(""))
        below.show(tables(manager.network, seen, known.id))

    page.renew(renew)


def state(status: mc.SiteStatus, known: Site) -> Markup:
    """The site now."""
    replica = f"replica {status.replica} serves, {status.standbys} stand by" if status.replica else "one process"
    return Markup('<p class="lead">{} {}</p><div class="panel">{}</div>').format(
        badge(site_look(status)),
        status.fault,
        facts(
            [
                ("up for", duration(status.uptime_s) if status.up else "–"),
                ("memory", f"{status.memory_bytes / 1e6:.0f} MB"),
                ("keys not fetched yet", str(status.unclaimed_keys)),
                ("processes", replica),
                ("trust domain", known.trust_domain),
                ("host", known.host),
            ]
        ),
    )


def tables(network: Network, status: mc.NetworkStatus, site: str) -> Markup:
    """Its links, pools and applications."""
    links = [one for one in status.links if site in one.ends]
    pools = [one for one in status.pools if site in {one.source, one.destination}]
    through = [one for one in status.pools if any(site in path[1:-1] for path in one.paths)]
    rows = []
    for application in network.applications:
        if site in application.homes:
            partners = {
                other
                for demand in network.demands
                for one, other in (demand.between, demand.between[::-1])
                if one == application.id
            }
            rows.append((application.id, ", ".join(sorted(partners)) or "nobody"))

    def panel(body: Markup) -> Markup:
        return Markup('<div class="panel">{}</div>').format(body)

    part = msgspec.structs.replace(status, links=tuple(links))
    found = section("Links", panel(links_table(network, part)))
    found += section("Applications", panel(table("Applications", ("application", "shares keys with"), rows)))
    found += section("Pools that begin or end here", panel(pools_table(status, pools)))
    if through:
        found += section(
            "Pools that are relayed through it",
            panel(pools_table(status, through)),
            "A site on a path could know the key, unless it is split over disjoint paths.",
        )
    return found
