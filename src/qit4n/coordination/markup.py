"""Pieces of HTML that all pages of the desk are made of; every text is escaped here."""

from collections.abc import Iterable
from html import escape

from qit4n.coordination.tables import WorkItem


def table(head: Iterable[str], rows: Iterable[str]) -> str:
    """A table from titles and rows that are HTML already; a sentence if there is none."""
    body = "".join(rows)
    if not body:
        return "<p>None.</p>"
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def row(first: str, *cells: str) -> str:
    """A row: its title, which is escaped, and cells that begin with ``<td`` or are escaped."""
    made = "".join(cell if cell.startswith("<td") else f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(first)}</th>{made}</tr>'


def documents(items: Iterable[WorkItem]) -> str:
    """Documents, each with the confidence of its row; the source when pointed at."""
    return ", ".join(
        f'<span title="{escape(item.source)}">{escape(item.document)}</span> '
        f'<small class="trust {item.confidence}">{item.confidence}</small>'
        for item in items
        if item.status != "none"
    )


def sources(items: Iterable[WorkItem]) -> str:
    """The source of each document that is not known from its own text or registry, for paper too."""
    doubted = {item.document: item for item in items if item.confidence != "high" and item.status != "none"}
    if not doubted:
        return ""
    rows = "".join(
        f"<li>{escape(name)} ({item.confidence}): {escape(item.source)}</li>" for name, item in sorted(doubted.items())
    )
    return f'<p>Rows of medium or low confidence and where they come from:</p><ul class="sources">{rows}</ul>'
