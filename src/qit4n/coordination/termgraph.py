"""The terms of the glossary as a picture: an arrow from each to the terms that its definition uses.

What a definition needs stands to the right of it. A term that no other definition uses is shown only if sources mean
different things by it, or beside a term that somebody asks for.
"""

from collections import Counter
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from qit4n.coordination.columns import Point, layout
from qit4n.coordination.tables import Desk
from qit4n.coordination.terms import by_name, conflicts, names_of, uses

GRAPH = (
    "An arrow leads from a term to each term that its definition uses; the number says how many definitions use it. "
    "Dotted: the sources mean different things by it."
)
PADDING, HEIGHT, COUNT = 7.0, 21.0, 20.0  # around a label, of it, of the number behind it, in pixels
LETTERS = {**dict.fromkeys("fijlrt -()/.", 4.8), **dict.fromkeys("mwMW", 11.7)}  # widths in 12 pixels of a wide font
CAPITAL, LETTER = 9.2, 7.5


def term_graph(desk: Desk, link: str = "", word: str = "") -> str:
    """The picture as SVG; ``link`` begins the address of a term. With a word: what it uses and what uses it, alone."""
    used = uses(desk.terms)
    counts = Counter(one for found in used.values() for one in found)
    clash = {term.label for one in conflicts(desk) if one.kind == "several meanings" for term in one.terms}
    asked = by_name(desk.terms).get(word.casefold()) if word else None
    arrows = [(label, one) for label, found in sorted(used.items()) for one in sorted(found)]
    if asked:
        arrows = [arrow for arrow in arrows if asked.label in arrow]
    else:
        arrows = [arrow for arrow in arrows if counts[arrow[0]] or arrow[0] in clash]
    names = _names({label for arrow in arrows for label in arrow} | ({asked.label} if asked else clash))
    if not names:
        return "<p>No definition uses another term.</p>"
    placed = layout({label: _width(name, counts[label]) for label, name in names.items()}, arrows)
    meaning = {term.label: term.definition for term in reversed(desk.terms)}
    drawn = [_arrow(way) for way in placed.arrows.values()]
    for label, name in names.items():
        kind = " ".join(["clash"] * (label in clash) + ["chosen"] * (asked is not None and label == asked.label))
        text = _label(placed.words[label], name, counts[label], f"{label}: {meaning[label]}")
        if link:
            text = f'<a href="{escape(link + quote(label))}">{text}</a>'
        drawn.append(f'<g class="{kind}">{text}</g>')
    return (
        f'<svg class="terms{"" if asked else " all"}" viewBox="0 0 {placed.width:.0f} {placed.height:.0f}" '
        f'width="{placed.width:.0f}" role="group" '
        'aria-label="Terms, with arrows to the terms that the definition of each uses">'
        '<defs><marker id="uses" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0L8 4L0 8z"/></marker></defs>{"".join(drawn)}</svg>'
    )


def _names(labels: Iterable[str]) -> dict[str, str]:
    """The first name of each label, with what stands behind it where two would have the same."""
    names = {label: names_of(label)[0] for label in sorted(labels)}
    often = Counter(names.values())
    return {label: name if often[name] == 1 else label.partition(" / ")[0] for label, name in names.items()}


def _width(name: str, count: int) -> float:
    """Of a label with the number of its uses, at most, in pixels."""
    letters = sum(LETTERS.get(one, CAPITAL if one.isupper() else LETTER) for one in name)
    return letters + 2 * PADDING + (COUNT if count > 1 else 0.0)


def _arrow(points: list[Point]) -> str:
    """A smooth line through points, level at each of them."""
    (x, y), *rest = points
    line = f"M{x:.0f} {y:.0f}"
    for to_x, to_y in rest:
        middle = (x + to_x) / 2
        line += f"C{middle:.0f} {y:.0f} {middle:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
        x, y = to_x, to_y
    return f'<path class="edge" d="{line}" marker-end="url(#uses)"/>'


def _label(at: Point, name: str, count: int, told: str) -> str:
    x, y = at
    number = f' <tspan class="count">{count}</tspan>' if count > 1 else ""
    return (
        f"<title>{escape(told)}</title>"
        f'<rect x="{x:.0f}" y="{y - HEIGHT / 2:.1f}" width="{_width(name, count):.0f}" height="{HEIGHT:.0f}" rx="4"/>'
        f'<text x="{x + PADDING:.0f}" y="{y + 4:.1f}">{escape(name)}{number}</text>'
    )
