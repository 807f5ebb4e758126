"""``qit standards``: who writes what, what is missing, what is written twice, and when it can be approved."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from qit4n.cli import standardstrace
from qit4n.cli.standardstrace import Folder, Json, Source, checkout
from qit4n.cli.tabletext import show, tell
from qit4n.coordination import clocks, export, matrix, trace
from qit4n.coordination.clocks import clock_of, told
from qit4n.coordination.export import documents, lines, trusted
from qit4n.coordination.reading import load
from qit4n.coordination.roadmap import timeline
from qit4n.coordination.tables import Desk, WorkItem
from qit4n.errors import StandardsDataError

app = typer.Typer(add_completion=False, help="The coordination desk: documents, gaps, overlaps.", no_args_is_help=True)
app.command("trace")(standardstrace.trace_)


@app.command("matrix")
def matrix_(
    folder: Folder = None,
    json_: Json = False,
    columns: Annotated[
        bool,
        typer.Option("--columns", help="with the columns of the record, what stands in them, and what became of it"),
    ] = False,
) -> None:
    """Topic by body: what is published, in hand, or was searched for and not found."""
    desk = load(folder)
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
        ("topic", "body", "state", "documents (confidence, if not high)"),
        (
            (one.topic, one.body, one.status, ", ".join(_named(item) for item in one.items if item.status != "none"))
            for one in rows
        ),
    )


def _named(item: WorkItem) -> str:
    return item.document if item.confidence == "high" else f"{item.document} ({item.confidence})"


def _columns(desk: Desk, *, json_: bool) -> None:
    """What stands in each column of the record's tables, word for word, and the state of that today."""
    states = {(gap.topic, gap.aspect): gap for gap in matrix.changes(desk)}
    rows = []
    for topic in desk.topics:
        for column in ("current-work", "potential-benefit", "areas", *matrix.RECORD):
            cells = [cell for cell in desk.cells if cell.topic == topic.id and cell.aspect == column]
            said: dict[str, list[str]] = {}
            for cell in cells:
                text = f"{cell.body}: {cell.value}" if column == "current-work" else cell.value
                said.setdefault(text.replace(f"{cell.body}: {cell.body}", cell.body), []).append(
                    f"{cell.record_line}{'' if cell.confidence == 'high' else ' ' + cell.confidence}"
                )
            gap = states.get((topic.id, column))
            today = f"{gap.state}, {gap.confidence}" if gap and gap.confidence else gap.state if gap else ""
            if said or today:
                record = "; ".join(f"{value} ({', '.join(dict.fromkeys(at))})" for value, at in said.items())
                rows.append((topic.id, column, record, today))
    head = ("topic", "column", "record of 2019 (line, confidence if not high)", "today, confidence")
    if json_:
        tell([dict(zip(("topic", "column", "record", "today"), row, strict=True)) for row in rows])
        return
    show(head, rows)


@app.command()
def gaps(folder: Folder = None, json_: Json = False) -> None:
    """Topics and deliverables that nobody has published or in hand."""
    desk = load(folder)
    found = matrix.gaps(desk)
    if json_:
        tell(found)
        return
    show(
        ("topic", "deliverable", "asked for in line", "searched and not found", "near by"),
        (
            (
                gap.topic,
                gap.aspect,
                lines(gap.lines) or "not asked",
                ", ".join(dict.fromkeys(f"{item.body} {item.group}".strip() for item in gap.searched)),
                documents(gap.nearby),
            )
            for gap in found
        ),
    )
    print("near by: published, but on a topic above or below, or before the record")
    _tell_holes(desk)


def _tell_holes(desk: Desk) -> None:
    for cell in matrix.unreadable(desk):
        print(f"no gap: {cell.topic}, {cell.body}: {cell.value} (line {cell.record_line})")


@app.command()
def overlaps(folder: Folder = None, json_: Json = False) -> None:
    """Topics and deliverables in which two bodies or more work; accepted ones with the reason."""
    found = matrix.overlaps(load(folder))
    if json_:
        tell(found)
        return
    show(
        ("topic", "deliverable", "documents of each body", "accepted because"),
        (
            (
                one.topic,
                one.aspect,
                "; ".join(f"{body}: {_some(documents(items).split(', '))}" for body, items in one.items.items()),
                f"{one.accepted.reason} ({one.accepted.source}; {one.accepted.confidence})" if one.accepted else "",
            )
            for one in found
        ),
    )
    accepted = sum(one.accepted is not None for one in found)
    print(f"{len(found)} overlaps, {accepted} accepted (overlaps.csv), {len(found) - accepted} to be talked about")


def _some(names: list[str]) -> str:
    most = 4
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@app.command()
def diff(folder: Folder = None, json_: Json = False) -> None:
    """What became of each gap in the tables of 2019, with the documents that closed it and how well they are known."""
    desk = load(folder)
    found = matrix.changes(desk)
    if json_:
        tell(found)
        return
    show(
        ("topic", "deliverable", "line", "today, confidence", "documents (confidence)"),
        (
            (
                gap.topic,
                gap.aspect,
                lines(gap.lines),
                f"{gap.state}, {gap.confidence}" if gap.confidence else gap.state,
                trusted(gap.deciding) or (f"near by: {documents(gap.nearby)}" if gap.nearby else ""),
            )
            for gap in found
        ),
    )
    print(matrix.summary(found))
    doubted = {item.id: item for gap in found for item in gap.deciding if item.confidence != "high"}
    for item in sorted(doubted.values(), key=lambda item: (item.confidence != "low", item.document)):
        print(f"  {item.confidence:6} {item.document}: {item.source}")
    print("near by: published, but on a topic above or below, or before the record")
    _tell_holes(desk)


@app.command("roadmap")
def roadmap_(
    topic: Annotated[str, typer.Argument(help="a topic; all if absent")] = "",
    folder: Folder = None,
    json_: Json = False,
) -> None:
    """Documents by year, then what is in hand with the clock of its approval."""
    desk = load(folder)
    found = timeline(desk, desk.topic(topic).id if topic else "")
    if json_:
        tell({year: [{"item": item, "clock": clock_of(item)} for item in items] for year, items in found.items()})
        return
    show(
        ("year", "body", "document (confidence, if not high)", "title, and clock of approval"),
        (
            (year, item.body, _named(item), "\n".join(part for part in (item.title, told(clock_of(item))) if part))
            for year, items in found.items()
            for item in items
        ),
    )


@app.command()
def clock(
    process: Annotated[str, typer.Argument(help="as AAP, TAP, ISO, ETSI-ISG; all if absent")] = "",
    step: Annotated[str, typer.Argument(help="what is reached; the first step if absent")] = "",
    since: Annotated[str, typer.Option(help="the day on which it was reached, as 2026-11-23")] = "",
    json_: Json = False,
) -> None:
    """The steps of approval, how long each takes at least, and the earliest day of approval."""
    shown = (clocks.process(process),) if process else clocks.processes()
    try:
        day = date.fromisoformat(since) if since else None
    except ValueError as error:
        raise StandardsDataError(f"--since {since}: a date is written as 2026-11-23") from error
    if day and not process:
        raise StandardsDataError("--since needs the process and the step that was reached")
    found = clocks.clock(process, step, day) if process else None
    if json_:
        tell({"processes": shown, "clock": found})
        return
    show(
        ("process", "step", "days at least", "what happens", "rule (confidence)"),
        (
            (
                one.id,
                each.name + (" (if there are comments)" if each.is_optional else ""),
                "" if each.days is None else str(each.days),
                each.text,
                f"{each.source} ({each.confidence})",
            )
            for one in shown
            for each in one.steps
        ),
    )
    if found:
        print(told(found))


@app.command()
def document(
    name: Annotated[str, typer.Argument(help="as Y.3803 or 014")],
    folder: Folder = None,
    source: Source = None,
    json_: Json = False,
) -> None:
    """A document: its topics, its state and clock, where that is known from, and what of it runs here."""
    desk = load(folder)
    wanted = name.casefold()
    found = [item for item in desk.work_items if wanted in item.document.casefold() and item.status != "none"]
    if not found:
        raise StandardsDataError(f"no document is called {name}; qit standards roadmap lists all")
    if json_:
        tell(found)
        return
    root = checkout(source)
    places = trace.places(root) if trace.is_checkout(root) else ()
    for item in found:
        print(f"{item.document}  {item.title}")
        print(f"    {item.body} {item.group}, {item.status} {item.year or ''}; topics {', '.join(item.topics)}")
        if item.process:
            print(f"    clock: {told(clock_of(item))}")
        print(f"    source: {item.source} ({item.confidence} confidence)")
        here = [one for one in places if one.document == trace.plain(item.document)]
        if here:
            code, tests = {one.file for one in here if not one.is_test}, {one.name for one in here if one.is_test}
            print(
                f"    here: {len(code)} files name it, {len(tests)} tests; "
                f"qit standards trace {trace.plain(item.document)} lists them"
            )


@app.command()
def why(topic: str, folder: Folder = None, json_: Json = False) -> None:
    """Why a topic is on the table: what the record says of it, and who has taken it up since."""
    desk = load(folder)
    asked = desk.topic(topic)
    topic, title = asked.id, asked.label
    cells = [cell for cell in desk.cells if cell.topic == topic]
    today = [entry for entry in matrix.entries(desk) if entry.topic == topic]
    still = [gap.aspect for gap in matrix.gaps(desk) if gap.topic == topic]
    if json_:
        tell({"topic": topic, "record": cells, "today": today, "open": still})
        return
    print(f"{title}\n\nThe record of 2019:")
    said: dict[tuple[int, str, str, str], list[str]] = {}
    for cell in cells:
        said.setdefault((cell.record_line, cell.aspect, cell.value, cell.confidence), []).append(cell.body)
    for (line, aspect, value, confidence), bodies in said.items():
        print(f"  line {line:3}  {', '.join(bodies)}: {aspect}: {value} ({confidence} confidence)")
    print("\nToday:")
    for entry in today:
        print(f"  {entry.body}: {entry.status}: {trusted(entry.items)}".rstrip(": "))
    print(f"\nStill open: {', '.join(still) or 'nothing that was asked for'}")


@app.command("export")
def export_(
    folder: Annotated[Path, typer.Argument(help="where to write; made if absent")],
    format_: Annotated[str, typer.Option("--format", help="csv, yaml, json, skos, markdown or html")] = "csv",
    own: Annotated[Path | None, typer.Option("--folder", "--from", help="tables of your own")] = None,
    source: Source = None,
) -> None:
    """Write the tables: CSV or YAML to edit and load again with --folder, or another form to read."""
    made = export.files(load(own), format_, checkout(source))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = next((one for one in map(folder.joinpath, export.taken(made)) if one.exists()), None)
        if there:
            raise StandardsDataError(f"{there} is there already; name a new folder")
        for name, text in made.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
            print(folder / name)
    except OSError as error:
        raise StandardsDataError(f"{error.filename or folder}: {error.strerror}") from error
