"""Words as HTML: those that clash, and definitions that lead in a circle."""

import math
from html import escape

from qit4n.coordination.markup import row, table
from qit4n.coordination.tables import Desk
from qit4n.coordination.terms import Conflict, names_of

RADIUS, PER_LETTER, EDGE = 190, 6.4, 14  # of the ring, of a label of 11 pixels, around the picture


def words_table(found: tuple[Conflict, ...]) -> str:
    """Words with several meanings, different words for the same thing, abbreviations that nobody explains."""
    rows = []
    for one in found:
        if one.kind != "several meanings":
            continue
        meanings = "".join(
            f"<li>{escape(term.definition)} <small>{escape(term.document)}"
            f"{f', line {term.record_line}' if term.record_line else ''}, {term.confidence}</small></li>"
            for term in one.terms
        )
        rows.append(row(one.subject, f"<td><ul>{meanings}</ul></td>"))
    same = "; ".join(escape(one.subject) for one in found if one.kind == "several words")
    unknown = "; ".join(escape(f"{one.subject} ({one.text})") for one in found if one.kind == "undefined abbreviation")
    return (
        f"{table(('word', 'meanings'), rows)}<h3>Different words, the same thing</h3><p>{same}</p>"
        f"<h3>Abbreviations that no source explains</h3><p>{unknown or 'None.'}</p>"
    )


def deprecated_table(desk: Desk) -> str:
    """Words that our own text avoids, and what it says instead."""
    rows = (
        row(", ".join(term.deprecated), names_of(term.label)[0], term.document, term.note)
        for term in desk.terms
        if term.deprecated
    )
    return table(("not", "but", "source", "note"), rows)


def circles(found: tuple[Conflict, ...]) -> str:
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
    half = RADIUS + EDGE + PER_LETTER * max(len(label) for label in labels)
    middle = RADIUS + 3 * EDGE
    place = {}
    for number, label in enumerate(labels):
        angle = 2 * math.pi * number / len(labels) - math.pi / 2
        place[label] = (half + RADIUS * math.cos(angle), middle + RADIUS * math.sin(angle))
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
        side = "start" if x > half + 1 else "end" if x < half - 1 else "middle"
        shift = {"start": 8, "end": -8, "middle": 0}[side]
        drop = 4 if side != "middle" else (-10 if y < middle else 18)
        texts.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#4777b8"/>'
            f'<text x="{x + shift:.0f}" y="{y + drop:.0f}" text-anchor="{side}">{escape(label)}</text>'
        )
    marker = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="11" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#4777b8"/></marker></defs>'
    )
    return (
        f'<svg viewBox="0 0 {2 * half:.0f} {2 * middle:.0f}" width="{2 * half:.0f}" class="circles" role="img" '
        f'aria-label="definitions that lead in a circle">{marker}{"".join(lines)}{"".join(texts)}</svg>'
    )
