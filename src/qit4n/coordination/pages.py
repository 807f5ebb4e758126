"""The desk on one page of HTML: matrix as a heat map, what of it runs here, what became of the gaps, positions, words.

One file without script, font or picture from elsewhere; readable on paper.
"""

import math
from html import escape

from qit4n.coordination.consensus import options, preferences
from qit4n.coordination.matrix import changes, entries
from qit4n.coordination.tables import Desk, Statement
from qit4n.coordination.terms import Conflict, conflicts
from qit4n.coordination.trace import Place, plain

STYLE = """
:root{color-scheme:light dark}
body{font:14px/1.45 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#1d2433;background:#fff}
h1{font-size:1.5rem}h2{margin-top:2.2rem;font-size:1.15rem}
table{border-collapse:collapse}td,th{border:1px solid #c4cad4;padding:.25rem .5rem;text-align:left;vertical-align:top}
th{font-weight:600;background:#f1f4f8}td.n{text-align:right;font-variant-numeric:tabular-nums}
.done{background:#2f7d5b;color:#fff}.ongoing,.under{background:#e9c46a;color:#1d2433}.nothing,.open{background:#b5483a;color:#fff}
.closed{background:#2f7d5b;color:#fff}.support{background:#2f7d5b;color:#fff}.oppose{background:#b5483a;color:#fff}
.conditional{background:#e9c46a;color:#1d2433}.last{outline:3px solid #1d2433;outline-offset:-3px}
td a{color:inherit}td small{overflow-wrap:anywhere}
svg text{font:11px system-ui,sans-serif;fill:#1d2433}small{color:#566074}
@media (prefers-color-scheme:dark){
body{background:#14181f;color:#dfe5ee}th{background:#222936}td,th{border-color:#3b4454}
svg text{fill:#dfe5ee}small{color:#9aa5b5}.last{outline-color:#fff}}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}
"""
SHORT = {"support": "yes", "conditional": "if", "oppose": "no"}


def page(desk: Desk, places: tuple[Place, ...] = ()) -> str:
    """The whole page; ``places`` are those of a checkout that name a document, for what of it runs."""
    here = {place.document for place in places}
    parts = (
        ("Who writes what", _heat_map(desk, here)),
        ("What of it runs here", _runs(places)),
        ("What became of the gaps of 2019", _changes(desk)),
        ("Who can live with what", _positions(desk)),
        ("Words that clash", _words(conflicts(desk))),
    )
    body = "".join(f"<section><h2>{escape(title)}</h2>{content}</section>" for title, content in parts if content)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Coordination desk</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>Coordination desk</h1>{body}</body></html>\n"
    )


def _heat_map(desk: Desk, here: set[str]) -> str:
    found = {(entry.topic, entry.body): entry for entry in entries(desk)}
    bodies = [body for body in desk.bodies if any(place[1] == body.id for place in found)]
    head = "".join(f'<th scope="col" title="{escape(body.name)}">{escape(body.id)}</th>' for body in bodies)
    rows = []
    for topic in desk.topics:
        cells = []
        for body in bodies:
            entry = found.get((topic.id, body.id))
            if entry is None:
                cells.append("<td></td>")
                continue
            documents = ", ".join(item.document for item in entry.items)
            count = sum(item.status != "none" for item in entry.items)
            text = f"{count}" if count else "none found"
            kind = entry.status.split()[0]
            runs = sorted(here & {plain(item.document) for item in entry.items})
            links = "".join(f' <a href="#{escape(one)}">{escape(one)}</a>' for one in runs)
            cells.append(f'<td class="{kind}" title="{escape(documents)}">{text}{links}</td>')
        rows.append(f'<tr><th scope="row">{escape(topic.label)}</th>{"".join(cells)}</tr>')
    legend = (
        '<p><span class="done">&nbsp;3&nbsp;</span> published (number of documents) '
        '<span class="ongoing">&nbsp;1&nbsp;</span> in hand only '
        '<span class="nothing">&nbsp;none found&nbsp;</span> searched, nothing found; empty: not searched; '
        "a link: part of it runs here</p>"
    )
    return f"{legend}<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _runs(places: tuple[Place, ...]) -> str:
    """For each document and clause the code that implements it and the tests that prove it."""
    by_clause: dict[tuple[str, str], list[Place]] = {}
    for place in places:
        by_clause.setdefault((place.document, place.clause), []).append(place)
    rows, seen = [], set[str]()
    for (document, clause), found in sorted(by_clause.items()):
        anchor = "" if document in seen else f' id="{escape(document)}"'
        seen.add(document)
        code = ", ".join(dict.fromkeys(f"{one.file}:{one.line}" for one in found if not one.is_test))
        tests = ", ".join(dict.fromkeys(one.name for one in found if one.is_test))
        rows.append(
            f"<tr{anchor}><td>{escape(document)}</td><td>{escape(clause or 'whole')}</td>"
            f"<td><small>{escape(code)}</small></td><td><small>{escape(tests)}</small></td></tr>"
        )
    if not rows:
        return ""
    head = "".join(f"<th>{one}</th>" for one in ("document", "clause", "code", "tests"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _changes(desk: Desk) -> str:
    rows = []
    for gap in changes(desk):
        documents = ", ".join(item.document for item in (gap.closed_by or gap.in_hand)) or ", ".join(
            f"{item.body}: {item.title}" for item in gap.searched
        )
        lines = ", ".join(sorted({str(cell.record_line) for cell in gap.since}, key=int))
        rows.append(
            f"<tr><td>{escape(desk.topic(gap.topic).label)}</td><td>{escape(gap.aspect)}</td>"
            f'<td class="{gap.state.split()[0]}">{gap.state}</td><td>{escape(documents)}</td><td>{lines}</td></tr>'
        )
    head = "".join(f"<th>{one}</th>" for one in ("topic", "deliverable", "today", "documents", "lines of the record"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _positions(desk: Desk) -> str:
    found = options(desk.statements)
    last = preferences(desk.statements)
    stance: dict[tuple[str, str], Statement] = {}
    for option in found:
        for one in (*option.support, *option.conditional, *option.oppose):
            stance[one.delegation, option.name] = one
    speakers = list(dict.fromkeys(one.delegation for one in desk.statements))
    rows = []
    for speaker in speakers:
        if not any((speaker, option.name) in stance for option in found):
            continue
        cells = []
        for option in found:
            said = stance.get((speaker, option.name))
            if said is None:
                cells.append("<td></td>")
                continue
            mark = " last" if last.get(speaker) is said else ""
            cells.append(
                f'<td class="{said.stance}{mark}" title="{escape(said.gist)}">{SHORT[said.stance]} '
                f"(line {said.record_line})</td>"
            )
        rows.append(f'<tr><th scope="row">{escape(speaker)}</th>{"".join(cells)}</tr>')
    head = "".join(
        f'<th scope="col">{escape(option.name)}<br>'
        f"{'nobody objects' if option.is_free_of_objection else f'{len(option.oppose)} object'}</th>"
        for option in found
    )
    note = "<p>Framed: what the delegation spoke for last. Consensus is the absence of sustained objection.</p>"
    return f"{note}<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _words(found: tuple[Conflict, ...]) -> str:
    rows = []
    for one in found:
        if one.kind != "several meanings":
            continue
        meanings = "".join(
            f"<li>{escape(term.definition)} <small>{escape(term.document)}"
            f"{f', line {term.record_line}' if term.record_line else ''}</small></li>"
            for term in one.terms
        )
        rows.append(f'<tr><th scope="row">{escape(one.subject)}</th><td><ul>{meanings}</ul></td></tr>')
    same = "; ".join(escape(one.subject) for one in found if one.kind == "several words")
    table = f"<table><tbody>{''.join(rows)}</tbody></table>"
    words = f"{table}<h3>Different words, the same thing</h3><p>{same}</p>"
    return f"{words}<h3>Definitions that lead in a circle</h3>{_graph(found)}"


def _graph(found: tuple[Conflict, ...]) -> str:
    """The terms of all circles on a ring, an arrow from each to what its definition needs."""
    arrows = [
        (one.terms[number].label, one.terms[(number + 1) % len(one.terms)].label)
        for one in found
        if one.kind == "circle"
        for number in range(len(one.terms))
    ]
    labels = list(dict.fromkeys(label for arrow in arrows for label in arrow))
    if not labels:
        return "<p>None.</p>"
    place = {}
    for number, label in enumerate(labels):
        angle = 2 * math.pi * number / len(labels) - math.pi / 2
        place[label] = (350 + 190 * math.cos(angle), 240 + 190 * math.sin(angle))
    lines = []
    for start, end in dict.fromkeys(arrows):
        (x1, y1), (x2, y2) = place[start], place[end]
        bend = 0.12
        cx, cy = (x1 + x2) / 2 + bend * (y2 - y1), (y1 + y2) / 2 - bend * (x2 - x1)
        lines.append(
            f'<path d="M{x1:.0f} {y1:.0f}Q{cx:.0f} {cy:.0f} {x2:.0f} {y2:.0f}" fill="none" stroke="#4777b8" '
            'stroke-width="1.4" marker-end="url(#arrow)"/>'
        )
    texts = []
    for label, (x, y) in place.items():
        side = "start" if x > 351 else "end" if x < 349 else "middle"  # noqa: PLR2004 - left or right of the middle
        shift = {"start": 8, "end": -8, "middle": 0}[side]
        drop = 4 if side != "middle" else (-8 if y < 240 else 16)  # noqa: PLR2004
        texts.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#4777b8"/>'
            f'<text x="{x + shift:.0f}" y="{y + drop:.0f}" text-anchor="{side}">{escape(label)}</text>'
        )
    marker = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="11" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#4777b8"/></marker></defs>'
    )
    return (
        '<svg viewBox="0 0 700 480" width="700" role="img" aria-label="definitions that lead in a circle">'
        f"{marker}{''.join(lines)}{''.join(texts)}</svg>"
    )
