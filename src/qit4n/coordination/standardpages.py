"""Who writes what as HTML: heat map, what became of the gaps, overlaps, what comes when."""

from collections import Counter
from collections.abc import Iterable
from html import escape

from qit4n.coordination import markup
from qit4n.coordination.clocks import clock_of, told
from qit4n.coordination.markup import row, table
from qit4n.coordination.matrix import OPEN, Gap, changes, entries, gaps, overlaps, summary, unreadable
from qit4n.coordination.roadmap import timeline
from qit4n.coordination.tables import Cell, Desk
from qit4n.coordination.trace import plain

LEGEND = (
    '<p class="key"><span class="done">&nbsp;3 +1&nbsp;</span> published documents, and how many more are in hand '
    '<span class="ongoing">&nbsp;1&nbsp;</span> in hand only '
    '<span class="nothing">&nbsp;none found&nbsp;</span> searched, nothing found; empty: not searched; '
    "a link: part of it runs here, with code and tests</p>"
)
TRUST = (
    "<p><b>high</b>: the body's own text, page or registry was seen. <b>medium</b>: somebody else names it. "
    "<b>low</b>: from memory alone; look before you quote.</p>"
)


def heat_map(desk: Desk, here: set[str], trace: str = "#") -> str:
    """Topic by body: how many documents; ``here`` are those of which a part runs, ``trace`` begins the links to it."""
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
            names = ", ".join(f"{item.document} ({item.confidence})" for item in entry.items if item.status != "none")
            text = _counts(item.status for item in entry.items)
            runs = sorted(here & {plain(item.document) for item in entry.items})
            links = "".join(f' <a href="{trace}{escape(one)}">{escape(one)}</a>' for one in runs)
            title = escape(names or "; ".join(f"{item.group}: {item.title}" for item in entry.items))
            cells.append(f'<td class="{entry.status.split()[0]}" title="{title}">{text}{links}</td>')
        rows.append(f'<tr><th scope="row">{escape(topic.label)}</th>{"".join(cells)}</tr>')
    return f"{LEGEND}<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _counts(statuses: Iterable[str]) -> str:
    """How many are published, and how many in hand; what has expired counts as neither."""
    found = Counter(statuses)
    published, in_hand = found["published"], sum(found[one] for one in OPEN)
    if published and in_hand:
        return f"{published} +{in_hand}"
    return str(published or in_hand or "none found")


def changes_table(desk: Desk) -> str:
    """What became of each gap of the record, with the documents, how well they are known, and from where."""
    found = changes(desk)
    head = ("topic", "deliverable", "today", "documents", "lines of the record")
    rows = (row(desk.topic(gap.topic).label, gap.aspect, _state(gap), _what(gap), _lines(gap)) for gap in found)
    return (
        f"<p>{escape(summary(found))}.</p>{TRUST}{table(head, rows)}{_holes(unreadable(desk))}"
        f"{markup.sources(item for gap in found for item in gap.deciding)}"
    )


def _state(gap: Gap) -> str:
    trust = f", {gap.confidence}" if gap.confidence else ""
    return f'<td class="{gap.state.split()[0]} {gap.confidence or ""}">{gap.state}{trust}</td>'


def _what(gap: Gap) -> str:
    if gap.deciding:
        return f"<td>{markup.documents(gap.deciding)}</td>"
    near = f"near by: {markup.documents(gap.nearby)}" if gap.nearby else ""
    searched = ", ".join(dict.fromkeys(f"{item.body} {item.group}".strip() for item in gap.searched))
    return f"<td>{near}{'; ' if near and searched else ''}{escape(f'searched: {searched}' if searched else '')}</td>"


def _lines(gap: Gap) -> str:
    return ", ".join(str(line) for line in gap.lines)


def _holes(cells: Iterable[Cell]) -> str:
    rows = "".join(
        f"<li>{escape(cell.topic)}, {escape(cell.body)} (line {cell.record_line}): {escape(cell.value)}</li>"
        for cell in cells
    )
    return f"<p>No gaps of the record, since nobody can say what stood there:</p><ul>{rows}</ul>" if rows else ""


def gaps_table(desk: Desk) -> str:
    """What nobody has published or in hand today, asked for in 2019 or not."""
    rows = (row(desk.topic(gap.topic).label, gap.aspect, _lines(gap) or "not asked", _what(gap)) for gap in gaps(desk))
    return table(("topic", "deliverable", "asked for in line", "near by; searched and not found"), rows)


def overlaps_table(desk: Desk) -> str:
    """Where two bodies or more have the same kind of document; accepted ones with the reason."""
    rows = []
    for one in overlaps(desk):
        works = "".join(
            f"<div><b>{escape(body)}</b> {markup.documents(items)}</div>" for body, items in one.items.items()
        )
        accepted = one.accepted
        why = (
            f"<td>{escape(accepted.reason)} <small>{escape(accepted.source)}, {accepted.confidence}</small></td>"
            if accepted
            else '<td class="ongoing">to be talked about</td>'
        )
        rows.append(row(desk.topic(one.topic).label, one.aspect, f"<td>{works}</td>", why))
    return table(("topic", "deliverable", "documents", "accepted because"), rows)


def roadmap_table(desk: Desk) -> str:
    """What is in hand with its clock of approval, then what was published, the latest year first."""
    years = timeline(desk)
    parts = []
    for year in sorted(years, key=lambda year: (not year.startswith("in hand"), year.isdigit() and -int(year), year)):
        is_open = year.startswith("in hand")
        rows = []
        for item in years[year]:
            cells = [item.body, item.title]
            cells += [told(clock_of(item)) or "no process known"] if is_open else [", ".join(item.aspects)]
            rows.append(row(item.document, *cells, _trust(item.confidence, item.source)))
        head = ("document", "body", "title", "clock of approval" if is_open else "kind", "confidence")
        parts.append(f"<h3>{escape(year)}</h3>{table(head, rows)}")
    return "".join(parts)


def _trust(confidence: str, source: str) -> str:
    return f'<td title="{escape(source)}"><small class="trust {confidence}">{confidence}</small></td>'
