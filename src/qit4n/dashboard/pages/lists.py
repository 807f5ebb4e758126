"""All links, all sites, all pools."""

from collections.abc import Callable

from markupsafe import Markup
from nicegui import ui

from qit4n.dashboard.elements import Live
from qit4n.dashboard.frame import frame
from qit4n.dashboard.markup import section
from qit4n.dashboard.tables import links_table, pools_table, sites_table, streams_table
from qit4n.node.managerpages import Manager
from qit4n.refpoints import mc

Body = Callable[[mc.NetworkStatus, str], Markup]


def register(manager: Manager) -> None:
    """Serve them."""
    network = manager.network

    def page(title: str, here: str, lead: str, search: str, body: Body) -> None:
        with frame(manager, title, here) as shown:
            Live(Markup('<h1>{}</h1><p class="lead">{}</p>{}').format(title, lead, _search(here, title, search)))
            live = Live(classes="panel")

            def renew() -> None:
                if manager.overview.status is not None:
                    live.show(body(manager.overview.status, search))

            shown.renew(renew)

    @ui.page("/links")
    def links(search: str = "") -> None:
        lead = "Measured beside what the physics predicts. A link rests when its stock is full."
        page("Links", "/links", lead, search, lambda status, text: links_table(network, status, text))

    @ui.page("/sites")
    def sites(search: str = "") -> None:
        lead = "One process per site holds its keys; others may stand by."
        page("Sites", "/sites", lead, search, lambda status, text: sites_table(network, status, text))

    @ui.page("/pools")
    def pools(search: str = "") -> None:
        lead = "Key kept ready between two sites, at both ends, and the paths over which it is relayed."
        page("Pools", "/pools", lead, search, _pools)


def _pools(status: mc.NetworkStatus, search: str) -> Markup:
    streams = section("Key streams", streams_table(status)) if status.streams else Markup("")
    return pools_table(status, status.pools, search) + streams


def _search(here: str, title: str, search: str) -> Markup:
    return Markup(
        '<form class="form" action="{}" role="search"><label>Search {}'
        '<input name="search" type="search" value="{}"></label><button class="main">Search</button></form>'
    ).format(here, title.lower(), search)
