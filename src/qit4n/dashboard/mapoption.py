"""The options of Apache ECharts that draw a scene on a map or a scheme."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from qit4n.dashboard.drawing import Drawing
from qit4n.dashboard.flow import Flow
from qit4n.dashboard.places import Plan
from qit4n.dashboard.scene import Edge, Node, Scene, width_of
from qit4n.units import rate_text

Option = dict[str, Any]
BADGES = 60
LABELLED = 400
MOST_FLOWS = 60
NEAR_EDGE = 0.3
FONT = "system-ui, sans-serif"


def var(name: str) -> str:
    """A colour of the palette, as charts name it."""
    return f"var(--{name})"


def map_option(plan: Plan, scene: Scene, land: str) -> Option:
    """The whole option; ``land`` is the address of the GeoJSON underneath."""
    box = plan.box
    aspect = math.cos(math.radians(box.middle_latitude)) if plan.is_map else 1.0
    quiet = {"label": {"show": False}, "itemStyle": {"areaColor": "transparent", "borderWidth": 0}}
    geo = {
        "map": land,
        "roam": True,
        "scaleLimit": {"min": 0.7, "max": 60},
        "aspectScale": aspect,
        "boundingCoords": [[box.west, box.north], [box.east, box.south]],
        "left": 0,
        "right": 0,
        "top": 8,
        "bottom": 8,
        "silent": True,
        "regions": _regions(plan.is_map),
        **quiet,
    }
    return {"geo": geo, "series": map_series(plan, scene), "tooltip": _tooltip()}


def _regions(is_map: bool) -> list[Option]:
    sea = var("sea") if is_map else var("surface")
    styles = {
        "sea": {"areaColor": sea, "borderWidth": 0},
        "land": {"areaColor": var("land"), "borderColor": var("border"), "borderWidth": 0.6},
        "lake": {"areaColor": sea, "borderColor": var("river"), "borderWidth": 0.6},
        "border": {"areaColor": "transparent", "borderColor": var("border"), "borderWidth": 1, "borderType": [6, 3]},
        "river": {"areaColor": "transparent", "borderColor": var("river"), "borderWidth": 1.2},
    }
    return [{"name": name, "itemStyle": style, "silent": True} for name, style in styles.items()]


def _tooltip() -> Option:
    return {
        "backgroundColor": var("surface"),
        "borderColor": var("line"),
        "textStyle": {"color": var("ink"), "fontFamily": FONT, "fontSize": 13},
    }


def map_series(plan: Plan, scene: Scene) -> list[Option]:
    """The series that change with the network; each has an id by which it is renewed."""
    drawn = [edge for edge in scene.edges if edge.ends[0] in plan.places and edge.ends[1] in plan.places]
    nodes = [node for node in scene.nodes if node.id in plan.places]
    return [
        {
            "id": "links",
            "type": "lines",
            "coordinateSystem": "geo",
            "z": 2,
            "data": [_line(plan, edge) for edge in sorted(drawn, key=lambda edge: edge.look.rank == "critical")],
            "lineStyle": {"opacity": 1, "cap": "round"},
            "emphasis": {"lineStyle": {"width": 8}},
        },
        {
            "id": "sites",
            "type": "scatter",
            "coordinateSystem": "geo",
            "z": 3,
            "data": [_dot(plan, node) for node in nodes],
            "itemStyle": {"opacity": 1},
            "label": {
                "show": len(nodes) <= LABELLED,
                "position": "bottom",
                "distance": 4,
                "color": var("ink"),
                "fontFamily": FONT,
                "fontSize": 12,
                "textBorderColor": var("land") if plan.is_map else var("surface"),
                "textBorderWidth": 3,
            },
            "labelLayout": {"hideOverlap": True},
        },
        {
            "id": "trouble",
            "type": "scatter",
            "coordinateSystem": "geo",
            "z": 5,
            "symbol": "circle",
            "symbolSize": 6,
            "data": _badges(plan, drawn, nodes),
            "labelLayout": {"moveOverlap": "shiftY"},
        },
    ]


def _place(plan: Plan, name: str) -> list[float]:
    return [round(axis, 4) for axis in plan.places[name]]  # degrees: about 10 m


def _line(plan: Plan, edge: Edge) -> Option:
    kinds = {"solid": "solid", "dashed": [8, 5], "dotted": [2, 5]}
    return {
        "name": edge.id,
        "coords": [_place(plan, end) for end in edge.ends],
        "tip": edge.tip,
        "to": edge.to,
        "lineStyle": {
            "color": var(edge.look.colour),
            "width": max(edge.width, 3.0) if edge.look.rank == "critical" else edge.width,
            "type": kinds[edge.look.line],
        },
    }


def _dot(plan: Plan, node: Node) -> Option:
    size = 11.0 if node.count == 1 else round(9.0 + 3.0 * math.log2(node.count), 1)
    filled = node.look.rank == "fine"
    return {
        "name": node.id,
        "value": _place(plan, node.id),
        "tip": node.tip,
        "to": node.to,
        "symbolSize": size,
        "itemStyle": {
            "color": var("surface"),
            "borderColor": var("ink" if filled else node.look.colour),
            "borderWidth": 2.5,
            "borderType": "solid" if filled else "dotted",
        },
        "label": {"formatter": node.label if node.count == 1 else f"{node.label} ({node.count})"},
    }


def _badges(plan: Plan, edges: list[Edge], nodes: list[Node]) -> list[Option]:
    """What is in trouble, by name, where it is; what is only to be watched, by its sign."""
    places = {edge.id: [sum(plan.places[end][axis] for end in edge.ends) / 2 for axis in (0, 1)] for edge in edges}
    places |= {node.id: list(plan.places[node.id]) for node in nodes}
    all_: list[Node | Edge] = [*nodes, *edges]
    ill = [one for one in all_ if one.look.rank in {"critical", "warning"}]
    ill.sort(key=lambda one: not _is_critical(one))
    return [
        {
            "name": one.id,
            "value": places[one.id],
            "tip": one.tip,
            "to": one.to,
            "itemStyle": {"color": var(one.look.colour), "opacity": 1},
            "label": {
                "show": True,
                "position": _side(plan, places[one.id][0]) if _is_critical(one) else "inside",
                "formatter": f"{one.look.sign} {one.id}: {one.look.word}" if _is_critical(one) else one.look.sign,
                "color": var("surface"),
                "backgroundColor": var(one.look.colour),
                "borderRadius": 3,
                "padding": [4, 7] if _is_critical(one) else [2, 3],
                "fontFamily": FONT,
                "fontSize": 12,
                "fontWeight": 600,
            },
        }
        for one in ill[:BADGES]
    ]


def _side(plan: Plan, east: float) -> str:
    """Where a label has room: near the edge of the map it leads away from it."""
    share = (east - plan.box.west) / (plan.box.east - plan.box.west)
    return "right" if share < NEAR_EDGE else "left" if share > 1 - NEAR_EDGE else "top"


def _is_critical(one: Node | Edge) -> bool:
    return one.look.rank == "critical"


def summary(scene: Scene) -> str:
    """The picture in a sentence, for those who do not see it."""
    all_: list[Node | Edge] = [*scene.edges, *scene.nodes]
    ill = [one for one in all_ if one.look.rank in {"critical", "warning"}]
    what = "; ".join(f"{one.id}: {one.look.word}" for one in ill[:10])
    more = f" and {len(ill) - 10} more" if len(ill) > 10 else ""  # noqa: PLR2004
    state = f"needing attention: {what}{more}" if ill else "nothing needs attention"
    sites = sum(node.count for node in scene.nodes)
    links = sum(edge.count for edge in scene.edges) + sum(node.links for node in scene.nodes)
    return f"Map of {sites} sites and {links} links; {state}. The same is told in the lists on this page."


def flow_series(drawing: Drawing, scene: Scene, flows: Sequence[Flow]) -> list[Option]:
    """Links in grey, and on top of them the paths of pools in use, with an arrow at their end, wider for more key."""
    lines, dots, _ = map_series(drawing.plan, scene)
    quiet = [{**one, "lineStyle": {"color": var("border"), "width": 2}} for one in lines["data"]]
    paths = []
    for flow in flows[:MOST_FLOWS]:
        for path in flow.pool.paths if flow.used_bps > 0 else ():
            stops = [list(drawing.plan.places[site]) for site in drawing.stops(path)]
            if len(stops) > 1:
                names = ", ".join(f"{one} → {other}" for one, other in flow.applications)
                tip = Markup("<b>{}</b><br>{}<br>{}").format(names, rate_text(flow.used_bps), " → ".join(path))
                width = width_of(flow.used_bps)
                paths.append({"coords": stops, "tip": tip, "lineStyle": {"color": var("first"), "width": width}})
    used = {
        "id": "paths",
        "type": "lines",
        "coordinateSystem": "geo",
        "polyline": True,
        "z": 4,
        "symbol": ["none", "arrow"],
        "symbolSize": 12,
        "data": paths,
        "lineStyle": {"opacity": 0.85, "join": "round"},
    }
    return [{**lines, "data": quiet}, dots, used]
