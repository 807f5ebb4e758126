"""The overview: the map, and beside it what needs attention first."""

from markupsafe import Markup
from nicegui import ui

from qit4n.dashboard.attention import attention, numbers
from qit4n.dashboard.drawing import Drawing, Drawings
from qit4n.dashboard.elements import Chart, Live
from qit4n.dashboard.frame import Page, frame
from qit4n.dashboard.mapoption import map_option, map_series, summary
from qit4n.dashboard.markup import facts, join
from qit4n.dashboard.scene import LOOKS, Look
from qit4n.node.managerpages import Manager

LINES = {"solid": "", "dashed": "6 4", "dotted": "1.5 4"}


def register(manager: Manager, drawings: Drawings) -> None:
    """Serve it."""

    @ui.page("/")
    def overview(view: str = "", region: str = "") -> None:
        with frame(manager, "Overview", "/", full=True) as page, ui.element("div").classes("stage"):
            drawing = drawings.drawing(view, region)
            with ui.element("div").classes(f"canvas {drawing.view}"):
                draw(page, drawings, drawing)
            with ui.element("aside").classes("side").props('aria-label="What needs attention"'):
                side(page)


def draw(page: Page, drawings: Drawings, drawing: Drawing) -> None:
    """The map with its legend."""
    seen = page.manager.overview
    if seen.status is None:
        Live(Markup('<p class="over legend">The controller has not told anything yet.</p>'))
        ui.timer(1.0, ui.navigate.reload, once=True)
        return
    land = f"/land.json?view={drawing.view}&region={drawing.region}"
    scene = drawing.scene(page.manager.network, seen.status)
    chart = Chart(map_option(drawing.plan, scene, land), summary(scene), land=land, classes="map")
    Live(legend(), classes="over legend")
    Live(switch(drawings, drawing), classes="over switch")

    def renew() -> None:
        if seen.status is not None:
            now = drawing.scene(page.manager.network, seen.status)
            chart.renew(map_series(drawing.plan, now), summary(now))

    page.renew(renew)


def side(page: Page) -> None:
    """The list of what needs attention, and the network in four figures."""
    Live(Markup("<h1>Needs attention</h1>"))
    listed, figures = Live(announces=True), Live()
    manager = page.manager

    def renew() -> None:
        seen = manager.overview
        listed.show(attention(manager.network, seen.alarms, seen.status, manager.now()))
        if seen.status is not None:
            figures.show(Markup("<h2>The network now</h2>{}").format(facts(numbers(seen.status))))

    page.renew(renew)


def switch(drawings: Drawings, drawing: Drawing) -> Markup:
    """Map or scheme, and the way back from a region."""
    if drawing.region:
        return Markup('{}<a href="/" >All regions</a>').format(
            Markup('<a aria-current="true">Around {}</a>').format(drawings.regions().names[drawing.region])
        )
    if drawings.is_large:
        return Markup('<a aria-current="true">By region</a>')
    if not drawings.has_map:
        return Markup('<a aria-current="true">Scheme</a>')
    return join(
        Markup('<a href="/?view={}"{}>{}</a>').format(
            name, Markup(' aria-current="true"') if name == drawing.view else "", name.capitalize()
        )
        for name in ("map", "scheme")
    )


def legend() -> Markup:
    """What colours, lines, signs and widths say."""
    lines = join(Markup("<li>{}{}</li>").format(_sample(look), look.word) for look in reversed(LOOKS))
    return Markup("<ul>{}</ul><p>Wider lines make more key: 100 bit/s to 1 Mbit/s.</p>").format(lines)


def _sample(look: Look) -> Markup:
    dashes = Markup(' stroke-dasharray="{}"').format(LINES[look.line]) if LINES[look.line] else ""
    return Markup(
        '<svg width="30" height="14" aria-hidden="true"><line x1="1" y1="7" x2="29" y2="7" stroke="var(--{})" '
        'stroke-width="3.5"{}/></svg>'
    ).format(look.colour, dashes)
