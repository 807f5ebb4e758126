"""Who uses key, over which path, now."""

from markupsafe import Markup
from nicegui import ui

from qit4n.dashboard.drawing import Drawings
from qit4n.dashboard.elements import Chart, Live
from qit4n.dashboard.flow import Flow, flows, used_bps
from qit4n.dashboard.frame import frame
from qit4n.dashboard.mapoption import flow_series, map_option
from qit4n.dashboard.markup import join, table
from qit4n.dashboard.tables import MOST_ROWS, path_text
from qit4n.node.managerpages import Manager
from qit4n.units import bits_text, rate_text

LEAD = "Key that left each pool in the last minute, the applications that share it, and its present paths."


def register(manager: Manager, drawings: Drawings) -> None:
    """Serve it."""

    @ui.page("/flow")
    def flow() -> None:
        with frame(manager, "Key flow", "/flow") as page:
            Live(Markup('<h1>Key flow</h1><p class="lead">{}</p>').format(LEAD))
            drawing = drawings.drawing()
            if manager.overview.status is None:
                Live(Markup("<p>The controller has not told anything yet.</p>"))
                return
            land = f"/land.json?view={drawing.view}"
            scene = drawing.scene(manager.network, manager.overview.status)
            option = map_option(drawing.plan, scene, land)
            with ui.element("div").classes(f"canvas panel tall {drawing.view}"):
                chart = Chart(
                    {**option, "series": flow_series(drawing, scene, _now(manager))}, LEAD, land=land, classes="map"
                )
            listed = Live(classes="panel")

            def renew() -> None:
                if manager.overview.status is not None:
                    found = _now(manager)
                    chart.renew(
                        flow_series(drawing, drawing.scene(manager.network, manager.overview.status), found),
                        described(found),
                    )
                    listed.show(flow_table(found))

            page.renew(renew)


def _now(manager: Manager) -> list[Flow]:
    status = manager.overview.status
    return flows(manager.network, status, used_bps(manager.overview.history, status)) if status else []


def described(found: list[Flow]) -> str:
    """The picture in words."""
    active = [one for one in found if one.used_bps > 0]
    return f"Map of {len(active)} pools in use. The table below tells the same."


def flow_table(found: list[Flow]) -> Markup:
    """One row per pool, the most used first."""
    rows = [
        (
            join((f"{one} → {other}" for one, other in flow.applications), "<br>") or "none",
            rate_text(flow.used_bps) if flow.used_bps else "–",
            bits_text(flow.pool.supplied_bits),
            join(map(path_text, flow.pool.paths), "<br>") or "no path",
            flow.pool.trust,
        )
        for flow in found[:MOST_ROWS]
    ]
    head = ("applications, master first", "used now", "supplied so far", "over", "trust")
    return table("Key flow", head, rows, right=(1, 2))
