"""The desk as files: CSV or YAML to edit and load again, or another form to read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from qit4n.coordination import formats, matrix, pages, sheets, trace
from qit4n.coordination.clocks import clock_of, told
from qit4n.coordination.consensus import options
from qit4n.coordination.roadmap import timeline
from qit4n.coordination.tables import TABLES, Desk, WorkItem
from qit4n.errors import StandardsDataError

Maker = Callable[[Desk, Path], dict[str, str]]


def files(desk: Desk, form: str, source: Path) -> dict[str, str]:
    """Names and texts of a form; ``source`` is a checkout, for what runs.

    Raises:
        StandardsDataError: there is no such form.
    """
    if form not in MAKERS:
        raise StandardsDataError(f"--format {form}: one of {', '.join(MAKERS)}")
    return MAKERS[form](desk, source)


def taken(made: Iterable[str]) -> Iterator[str]:
    """Names that must be free for files of these names: a table stands in a folder once, as CSV or as YAML."""
    for name in made:
        stem, _, suffix = name.rpartition(".")
        yield from (stem + one for one in sheets.SUFFIXES) if f".{suffix}" in sheets.SUFFIXES else (name,)


def documents(items: Iterable[WorkItem]) -> str:
    """Names of documents."""
    return ", ".join(item.document for item in items if item.status != "none")


def trusted(items: Iterable[WorkItem]) -> str:
    """Names of documents, each with the confidence of its row."""
    return ", ".join(f"{item.document} ({item.confidence})" for item in items if item.status != "none")


def lines(found: Iterable[int]) -> str:
    """Numbers of lines."""
    return ", ".join(str(line) for line in found)


def _csv(desk: Desk, _: Path) -> dict[str, str]:
    return {f"{name}.csv": sheets.to_csv(getattr(desk, name), kind) for name, kind in TABLES.items()}


def _yaml(desk: Desk, _: Path) -> dict[str, str]:
    return {f"{name}.yaml": sheets.to_yaml(getattr(desk, name)) for name in TABLES}


def _json(desk: Desk, _: Path) -> dict[str, str]:
    return {"desk.json": formats.to_json(desk)}


def _skos(desk: Desk, _: Path) -> dict[str, str]:
    return {"terms.jsonld": formats.to_skos(desk)}


def _html(desk: Desk, source: Path) -> dict[str, str]:
    return {"desk.html": pages.page(desk, source if trace.is_checkout(source) else None)}


def _markdown(desk: Desk, _: Path) -> dict[str, str]:
    found = matrix.changes(desk)
    diff = [
        (gap.topic, gap.aspect, lines(gap.lines), gap.state, gap.confidence or "", _sources(gap.deciding))
        for gap in found
    ]
    overlaps = [
        (one.topic, one.aspect, "; ".join(f"{body}: {documents(items)}" for body, items in one.items.items()))
        + ((one.accepted.reason, one.accepted.source) if one.accepted else ("", ""))
        for one in matrix.overlaps(desk)
    ]
    roadmap = [
        (year, item.body, item.document, item.title, told(clock_of(item)), item.confidence)
        for year, items in timeline(desk).items()
        for item in items
    ]
    entries = [(one.topic, one.body, one.status, trusted(one.items)) for one in matrix.entries(desk)]
    terms = [
        (one.label, one.definition, one.document, ", ".join(one.deprecated), one.note, one.confidence)
        for one in desk.terms
    ]
    positions = [
        (option.name, said.stance, said.delegation, str(said.record_line), said.gist)
        for option in options(desk.statements)
        for said in (*option.support, *option.conditional, *option.oppose)
    ]
    tables: dict[str, tuple[tuple[str, ...], Sequence[tuple[str, ...]]]] = {
        "matrix.md": (("topic", "body", "state", "documents"), entries),
        "diff.md": (("topic", "deliverable", "lines", "today", "confidence", "documents and sources"), diff),
        "overlaps.md": (("topic", "deliverable", "documents", "accepted because", "source"), overlaps),
        "roadmap.md": (("year", "body", "document", "title", "clock", "confidence"), roadmap),
        "terms.md": (("term", "definition", "source", "to avoid", "note", "confidence"), terms),
        "positions.md": (("option", "stance", "delegation", "line", "gist"), positions),
    }
    made = {name: formats.to_markdown(head, rows) for name, (head, rows) in tables.items()}
    made["diff.md"] += f"\n{matrix.summary(found)}.\n"
    return made


def _sources(items: Iterable[WorkItem]) -> str:
    return "; ".join(f"{item.document} ({item.confidence}: {item.source})" for item in items)


MAKERS: dict[str, Maker] = {
    "csv": _csv,
    "yaml": _yaml,
    "json": _json,
    "skos": _skos,
    "markdown": _markdown,
    "html": _html,
}
