"""The terms of the glossary as a graph: an arrow from each to the terms that its definition uses."""

from markupsafe import Markup

from qit4n.coordination.tables import Desk
from qit4n.coordination.terms import conflicts, names_of, uses
from qit4n.dashboard.mapoption import FONT, Option, var
from qit4n.dashboard.places import scheme_of

LABELLED_USES = 3
WHOLE = 0.64  # at which every node and its label stands inside the picture


def term_option(desk: Desk) -> Option:
    """The option of the chart: the largest part of the glossary that hangs together."""
    graph = uses(desk.terms)
    arrows = [(label, used) for label, all_used in sorted(graph.items()) for used in sorted(all_used)]
    labels = _together(arrows)
    arrows = [arrow for arrow in arrows if arrow[0] in labels]
    counts = {label: sum(used == label for _, used in arrows) for label in labels}
    clash = {term.label for one in conflicts(desk) if one.kind == "several meanings" for term in one.terms}
    meaning = {term.label: term.definition for term in reversed(desk.terms)}
    places = scheme_of(labels, arrows).places
    nodes = [
        {
            "name": label,
            "x": 14 * places[label][0],
            "y": 9 * places[label][1],
            "symbolSize": 7 + 3 * min(counts[label], 12),
            "tip": Markup('<div class="tip"><b>{}</b><br>{}</div>').format(label, meaning[label]),
            "to": f"/standards/terms?word={names_of(label)[0]}",
            "itemStyle": {
                "color": var("second" if label in clash else "first"),
                "borderColor": var("ink") if label in clash else var("surface"),
                "borderType": "dotted" if label in clash else "solid",
                "borderWidth": 1.5,
            },
            "label": {"show": counts[label] >= LABELLED_USES or label in clash},
        }
        for label in labels
    ]
    series = {
        "id": "terms",
        "type": "graph",
        "layout": "force",
        "force": {"repulsion": 300, "edgeLength": [60, 160], "gravity": 0.22, "layoutAnimation": False},
        "roam": True,
        "zoom": WHOLE,
        "data": nodes,
        "links": [{"source": one, "target": other} for one, other in arrows],
        "edgeSymbol": ["none", "arrow"],
        "edgeSymbolSize": 7,
        "lineStyle": {"color": var("unknown"), "width": 1, "opacity": 0.7, "curveness": 0.1},
        "label": {"position": "bottom", "color": var("ink"), "fontFamily": FONT, "fontSize": 12},
        "labelLayout": {"hideOverlap": True},
        "emphasis": {"focus": "adjacency", "label": {"show": True}},
    }
    tooltip = {
        "backgroundColor": var("surface"),
        "borderColor": var("line"),
        "textStyle": {"color": var("ink"), "fontFamily": FONT, "fontSize": 13},
    }
    return {"series": [series], "tooltip": tooltip}


def _together(arrows: list[tuple[str, str]]) -> list[str]:
    """The terms of the largest part that hangs together."""
    of: dict[str, set[str]] = {}
    for one, other in arrows:
        joined = of.get(one, {one}) | of.get(other, {other})
        for label in joined:
            of[label] = joined
    largest: set[str] = max(of.values(), key=len, default=set[str]())
    return sorted(largest)
