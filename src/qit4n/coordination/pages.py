"""The desk on one page of HTML: matrix as a heat map, what of it runs here, what became of the gaps, positions, words.

One file without script, font or picture from elsewhere; readable on paper.
"""

from html import escape
from pathlib import Path

from qit4n.coordination import trace
from qit4n.coordination.positionpages import (
    bridges_table,
    changes_of_mind_table,
    disputes_table,
    objections_table,
    positions_table,
)
from qit4n.coordination.standardpages import changes_table, gaps_table, heat_map, overlaps_table, roadmap_table
from qit4n.coordination.tables import Desk
from qit4n.coordination.termgraph import GRAPH, term_graph
from qit4n.coordination.termpages import circles, deprecated_table, words_table
from qit4n.coordination.terms import conflicts
from qit4n.coordination.tracepages import trace_tables

STYLE = """
:root{color-scheme:light dark}
body{font:14px/1.45 system-ui,sans-serif;max-width:78rem;margin:2rem auto;padding:0 1rem;color:#1d2433;background:#fff}
h1{font-size:1.5rem}h2{margin-top:2.2rem;font-size:1.15rem}h3{font-size:1rem;margin:1.4rem 0 .4rem}
nav a{margin-right:1rem}
table{border-collapse:collapse}td,th{border:1px solid #c4cad4;padding:.25rem .5rem;text-align:left;vertical-align:top}
th{font-weight:600;background:#f1f4f8}td,th,span,small{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.done,.closed,.support{background:#2f7d5b;color:#fff}.nothing,.open,.oppose{background:#b5483a;color:#fff}
.ongoing,.under,.conditional,.closed.low{background:#e9c46a;color:#1d2433}
.last{outline:3px solid #1d2433;outline-offset:-3px}
.done a,.closed a,.support a{color:inherit}td small,pre,code{overflow-wrap:anywhere}
.trust{border:1px solid #c4cad4;border-radius:3px;padding:0 .25rem;white-space:nowrap}
.trust.low{background:#e9c46a;color:#1d2433}
.support small,.oppose small{color:inherit}small.support,small.oppose{border-radius:3px;padding:0 .3rem}
details{margin:.1rem 0}summary{cursor:pointer}pre{font-size:12px;white-space:pre-wrap;margin:.3rem 0 .6rem}
.traces td{min-width:14rem}.sources{font-size:13px}
svg text{font:11px system-ui,sans-serif;fill:#1d2433}svg.circles{max-width:100%;height:auto}small{color:#566074}
section,.scroll{overflow-x:auto}svg.terms{max-width:100%;height:auto}svg.all{min-width:1100px}
.terms text{font-size:12px}.terms rect{fill:#fff;stroke:#7a8496}
.terms .clash rect{stroke:#a34d00;stroke-width:1.5;stroke-dasharray:2 2}
.terms .count{fill:#566074}.terms .edge{fill:none;stroke:#7a8496;opacity:.7}.terms marker path{fill:#7a8496}
@media (prefers-color-scheme:dark){
body{background:#14181f;color:#dfe5ee}th{background:#222936}td,th,.trust{border-color:#3b4454}
a{color:#8fb7ee}svg text{fill:#dfe5ee}.terms rect{fill:#14181f}
.terms .clash rect{stroke:#f0a060}.terms .count{fill:#9aa5b5}small{color:#9aa5b5}.last{outline-color:#fff}}
@page{size:A4 landscape;margin:12mm}
@media print{body{margin:0;max-width:none;font-size:10px}nav{display:none}
section,.scroll{overflow:visible}svg.all{min-width:0}svg{break-inside:avoid}h2,h3{break-after:avoid}tr{break-inside:avoid}
td,th{padding:.15rem .3rem}pre{display:none}}
"""


def page(desk: Desk, root: Path | None = None) -> str:
    """The whole page; ``root`` is a checkout, for what of it runs."""
    places = trace.places(root) if root else ()
    found = conflicts(desk)
    words = (
        f"{words_table(found)}<h3>Words that our own text avoids</h3>{deprecated_table(desk)}"
        f'<h3>What a definition needs</h3><p>{GRAPH}</p><div class="scroll">{term_graph(desk)}</div>'
        f"<h3>Definitions that lead in a circle</h3>{circles(found)}"
    )
    positions = (
        f"{positions_table(desk)}<h3>Objections that stand</h3>{objections_table(desk)}"
        f"<h3>Who might be won over</h3>{bridges_table(desk)}<h3>Changes of mind</h3>{changes_of_mind_table(desk)}"
        f"<h3>Sentences of which two versions are on record</h3>{disputes_table(desk)}"
    )
    parts = (
        ("matrix", "Who writes what", heat_map(desk, {place.document for place in places})),
        ("diff", "What became of the gaps of 2019", changes_table(desk)),
        ("gaps", "What nobody writes", gaps_table(desk)),
        ("overlaps", "What several bodies write", overlaps_table(desk)),
        ("roadmap", "What comes when", roadmap_table(desk)),
        ("positions", "Who can live with what", positions),
        ("words", "Words that clash", words),
        ("trace", "What of it runs here", trace_tables(root, places) if root else ""),
    )
    shown = [(anchor, title, content) for anchor, title, content in parts if content]
    links = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title, _ in shown)
    body = "".join(
        f'<section id="{anchor}"><h2>{escape(title)}</h2>{content}</section>' for anchor, title, content in shown
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Coordination desk</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>Coordination desk</h1><nav>{links}</nav>{body}</body></html>\n"
    )
