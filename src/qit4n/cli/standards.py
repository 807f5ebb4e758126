"""``qit standards``: who writes what, what is missing, what is written twice, and what of it runs here."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from qit4n.coordination import formats, matrix, pages, roadmap, tables, trace
from qit4n.coordination.tables import Desk, WorkItem
from qit4n.errors import StandardsDataError

app = typer.Typer(help="The coordination desk: documents, gaps, overlaps.", no_args_is_help=True)
Folder = Annotated[Path | None, typer.Option("--folder", help="tables of your own; the shipped record if absent")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Source = Annotated[Path, typer.Option("--source", help="checkout of qit4n")]
STYLES = {"done": "green", "closed": "green", "ongoing": "yellow", "under way": "yellow", "open": "red"}


def show(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A table that fits the terminal; words are wrapped, never cut."""
    table = Table(*head, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(f"[{STYLES[cell]}]{cell}[/]" if cell in STYLES else cell.replace("[", r"\[") for cell in row))
    Console().print(table)


def tell(value: Any) -> None:
    """JSON on standard output."""
    print(msgspec.json.encode(value).decode())


@app.command("matrix")
def matrix_(
    folder: Folder = None,
    json_: Json = False,
    columns: Annotated[
        bool, typer.Option("--columns", help="with the columns of the record, and what became of them")
    ] = False,
) -> None:
    """Topic by body: what is published, in hand, or was searched for and not found."""
    desk = tables.load(folder)
    if columns:
        _columns(desk, json_=json_)
        return
    found = matrix.entries(desk)
    if json_:
        tell(found)
        return
    order = [topic.id for topic in desk.topics]
    rows = sorted(found, key=lambda entry: (order.index(entry.topic), entry.body))
    show(
        ("topic", "body", "state", "documents"),
        ((one.topic, one.body, one.status, _documents(one.items)) for one in rows),
    )


def _columns(desk: Desk, *, json_: bool) -> None:
    """Who worked on a topic in 2019, what it is good for, and what there is today of each kind of document."""
    states = {(gap.topic, gap.aspect): gap.state for gap in matrix.changes(desk)}
    rows = []
    for topic in desk.topics:
        cells = [cell for cell in desk.cells if cell.topic == topic.id]
        if cells:
            work = dict.fromkeys(
                cell.body for cell in cells if cell.aspect == "current-work" and cell.status == "ongoing"
            )
            benefit = "; ".join(cell.value for cell in cells if cell.aspect == "potential-benefit")
            rows.append(
                (topic.id, ", ".join(work), benefit, *(states.get((topic.id, one), "") for one in matrix.RECORD))
            )
    head = ("topic", "work in 2019", "benefit", *matrix.RECORD)
    if json_:
        tell([dict(zip(head, row, strict=True)) for row in rows])
        return
    show(head, rows)


@app.command()
def gaps(folder: Folder = None, json_: Json = False) -> None:
    """Topics and deliverables that nobody has published or in hand."""
    desk = tables.load(folder)
    found = matrix.gaps(desk)
    if json_:
        tell(found)
        return
    show(
        ("topic", "deliverable", "asked for in 2019, line", "searched at"),
        ((gap.topic, gap.aspect, _lines(gap), ", ".join(item.body for item in gap.searched)) for gap in found),
    )


@app.command()
def overlaps(folder: Folder = None, json_: Json = False) -> None:
    """Topics and deliverables in which two bodies or more work; accepted ones with the reason."""
    found = matrix.overlaps(tables.load(folder))
    if json_:
        tell(found)
        return
    show(
        ("topic", "deliverable", "bodies", "accepted because"),
        (
            (
                one.topic,
                one.aspect,
                ", ".join(f"{body} {len(items)}" for body, items in one.items.items()),
                one.accepted,
            )
            for one in found
        ),
    )


@app.command()
def diff(folder: Folder = None, json_: Json = False) -> None:
    """What became of each gap in the tables of 2019, with the documents that closed it."""
    found = matrix.changes(tables.load(folder))
    if json_:
        tell(found)
        return
    show(
        ("topic", "deliverable", "line", "today", "documents"),
        ((gap.topic, gap.aspect, _lines(gap), gap.state, _documents(gap.closed_by or gap.in_hand)) for gap in found),
    )
    closed = sum(gap.state == "closed" for gap in found)
    print(f"{len(found)} gaps in 2019: {closed} closed, {len(found) - closed} not")


@app.command("roadmap")
def roadmap_(
    topic: Annotated[str, typer.Argument(help="a topic; all if absent")] = "",
    consent: Annotated[str, typer.Option(help="a date: when can what is consented then be approved?")] = "",
    folder: Folder = None,
) -> None:
    """Documents by year, what is in hand, and the clock of approval."""
    if consent:
        _clock(consent)
        return
    desk = tables.load(folder)
    if topic:
        desk.topic(topic)
    show(
        ("year", "body", "document", "title"),
        (
            (year, item.body, item.document, item.title)
            for year, items in roadmap.timeline(desk, topic).items()
            for item in items
        ),
    )


def _clock(consent: str) -> None:
    try:
        day = date.fromisoformat(consent)
    except ValueError as error:
        raise StandardsDataError(f"--consent {consent}: a date is written as 2026-11-23") from error
    found = roadmap.clock(day)
    print(f"consented {found.consented}; approved (ITU-T A.8) at the earliest {found.if_quiet} without comments,")
    print(f"{found.if_reviewed} after an additional review")


@app.command()
def document(
    name: Annotated[str, typer.Argument(help="as Y.3803 or 014")], folder: Folder = None, source: Source = Path()
) -> None:
    """A document: its topics, its state, and what of it runs here."""
    desk = tables.load(folder)
    wanted = name.casefold()
    found = [item for item in desk.work_items if wanted in item.document.casefold()]
    if not found:
        raise StandardsDataError(f"no document is called {name}; qit standards roadmap lists all")
    for item in found:
        print(f"{item.document}  {item.title}")
        print(f"    {item.body} {item.group}, {item.status} {item.year or ''}; topics {', '.join(item.topics)}")
        print(f"    source: {item.source} ({item.confidence} confidence)")
    if (source / "src" / "qit4n").is_dir():
        places = trace.find(source, name)
        code, tests = [one for one in places if not one.is_test], [one for one in places if one.is_test]
        print(f"\nhere: {len({one.file for one in code})} files name it, {len({one.name for one in tests})} tests")
        print(f"qit standards trace {name} lists them")


@app.command()
def why(topic: str, folder: Folder = None) -> None:
    """Why a topic is on the table: what the record says of it, and who has taken it up since."""
    desk = tables.load(folder)
    print(f"{desk.topic(topic).label}\n\nThe record of 2019:")
    for cell in desk.cells:
        if cell.topic == topic:
            print(
                f"  line {cell.record_line:3}  {cell.body}: {cell.aspect}: {cell.value} ({cell.confidence} confidence)"
            )
    print("\nToday:")
    for entry in matrix.entries(desk):
        if entry.topic == topic:
            print(f"  {entry.body}: {entry.status}: {_documents(entry.items)}")
    still = [gap.aspect for gap in matrix.gaps(desk) if gap.topic == topic]
    print(f"\nStill open: {', '.join(still) or 'nothing that was asked for'}")


@app.command("trace")
def trace_(
    document: Annotated[str, typer.Argument(help="as 014, Y.3803, RFC 8439")],
    clause: Annotated[str, typer.Argument(help="as 5.3; all if absent")] = "",
    source: Source = Path(),
    run: Annotated[bool, typer.Option("--run", help="run the tests")] = False,
) -> None:
    """From a clause to the code that implements it and the tests that prove it."""
    found = trace.find(source, document, clause)
    if not found:
        raise StandardsDataError(f"nothing below {source.resolve()} names {document} {clause}".rstrip())
    for one in sorted(found, key=lambda one: ([int(part) for part in one.clause.split(".") if part], one.is_test)):
        print(f"{one.clause or 'all':6} {'test' if one.is_test else 'code'}  {one.file}:{one.line}  {one.name}")
    if run:
        tests = sorted({f"{one.file}::{one.name}" for one in found if one.is_test})
        if not tests:
            raise StandardsDataError(f"no test names {document} {clause}".rstrip())
        command = [sys.executable, "-m", "pytest", "-q", *tests]
        sys.exit(subprocess.run(command, cwd=source, check=False).returncode)  # noqa: S603 - names of our own tests


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="where to write; made if absent")],
    format_: Annotated[str, typer.Option("--format", help="csv, json, skos, markdown or html")] = "csv",
    own: Annotated[Path | None, typer.Option("--from", help="tables of your own")] = None,
    source: Source = Path(),
) -> None:
    """Write the tables: CSV to edit and load again with --folder, or another form to read."""
    desk = tables.load(own)
    makers: dict[str, Callable[[Desk], dict[str, str]]] = {
        "csv": _csv,
        "json": _json,
        "skos": _skos,
        "markdown": _markdown,
        "html": partial(_html, source),
    }
    if format_ not in makers:
        raise StandardsDataError(f"--format {format_}: one of {', '.join(makers)}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in makers[format_](desk).items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
            print(folder / name)
    except FileExistsError as error:
        raise StandardsDataError(f"{error.filename} is there already; name a new folder") from error
    except OSError as error:
        raise StandardsDataError(f"{error.filename or folder}: {error.strerror}") from error


def _csv(desk: Desk) -> dict[str, str]:
    return {f"{name}.csv": tables.to_csv(getattr(desk, name), kind) for name, kind in tables.TABLES.items()}


def _json(desk: Desk) -> dict[str, str]:
    return {"desk.json": formats.to_json(desk)}


def _skos(desk: Desk) -> dict[str, str]:
    return {"terms.jsonld": formats.to_skos(desk)}


def _html(source: Path, desk: Desk) -> dict[str, str]:
    places = trace.places(source) if (source / "src" / "qit4n").is_dir() else ()
    return {"desk.html": pages.page(desk, places)}


def _markdown(desk: Desk) -> dict[str, str]:
    rows = [(one.topic, one.body, one.status, _documents(one.items)) for one in matrix.entries(desk)]
    terms = [(one.label, one.definition, one.document, one.note) for one in desk.terms]
    return {
        "matrix.md": formats.to_markdown(("topic", "body", "state", "documents"), rows),
        "terms.md": formats.to_markdown(("term", "definition", "source", "note"), terms),
    }


def _documents(items: Iterable[WorkItem]) -> str:
    return ", ".join(item.document for item in items if item.status != "none")


def _lines(gap: matrix.Gap) -> str:
    return ", ".join(str(line) for line in sorted({cell.record_line for cell in gap.since}))
