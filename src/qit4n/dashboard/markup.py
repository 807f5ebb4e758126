"""Pieces of HTML. Every text that comes in is escaped, unless it is markup already (``markupsafe``)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from markupsafe import Markup, escape

from qit4n.dashboard.scene import Look

Cell = str | Markup


def join(parts: Iterable[Cell], between: str = "") -> Markup:
    """Pieces one after the other."""
    return Markup(between).join(parts)  # noqa: S704 - ours


def link(to: str, text: Cell, ident: str = "") -> Markup:
    """A link; with an id it keeps the keyboard focus when its part of the page is renewed."""
    extra = Markup(' id="{}"').format(ident) if ident else ""
    return Markup('<a href="{}"{}>{}</a>').format(to, extra, text)


def badge(look: Look) -> Markup:
    """A condition: colour, sign and word."""
    sign = Markup('<span aria-hidden="true">{}</span> ').format(look.sign) if look.sign else ""
    return Markup('<span class="badge {}">{}{}</span>').format(look.rank, sign, look.word)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Sequence[int] = ()) -> Markup:
    """A table; the first cell of a row is its heading, ``right`` are the columns of numbers."""
    heads = join(
        Markup('<th scope="col"{}>{}</th>').format(_align(number in right), name) for number, name in enumerate(head)
    )
    lines = [
        Markup("<tr>{}</tr>").format(join(_cell(number, cell, number in right) for number, cell in enumerate(row)))
        for row in rows
    ]
    body = join(lines) or Markup('<tr><td class="none" colspan="{}">none</td></tr>').format(len(head))
    return Markup(
        '<div class="scroll" role="region" aria-label="{}" tabindex="0"><table><caption>{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, caption, heads, body)


def _align(right: bool) -> Markup:
    return Markup(' class="n"') if right else Markup("")


def _cell(number: int, cell: Cell, right: bool) -> Markup:
    if number == 0:
        return Markup('<th scope="row">{}</th>').format(cell)
    return Markup("<td{}>{}</td>").format(_align(right), cell)


def facts(pairs: Iterable[tuple[str, Cell]]) -> Markup:
    """Names and values."""
    return Markup('<dl class="facts">{}</dl>').format(
        join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in pairs)
    )


def section(title: str, body: Markup, note: str = "") -> Markup:
    """A part of a page under its heading."""
    more = Markup("<p class=note>{}</p>").format(note) if note else ""
    return Markup("<section><h2>{}</h2>{}{}</section>").format(title, more, body)


def clock(at: float, now: float | None = None) -> Markup:
    """A time of day in UTC, with the date if it is not the day of ``now``."""
    moment = datetime.fromtimestamp(at, UTC)
    same = now is None or datetime.fromtimestamp(now, UTC).date() == moment.date()
    text = moment.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), text)


def duration(seconds: float) -> str:
    """A span of time for people: ``'45 s'``, ``'12 min'``, ``'3.5 h'``, ``'2.1 days'``."""
    for limit, unit, text in ((90.0, 1.0, "s"), (5400.0, 60.0, "min"), (172_800.0, 3600.0, "h")):
        if seconds < limit:
            return f"{seconds / unit:.3g} {text}"
    return f"{seconds / 86_400.0:.3g} days"


__all__ = ["Cell", "Markup", "badge", "clock", "duration", "escape", "facts", "join", "link", "section", "table"]
