"""The six tables of the desk, read from a folder of CSV files, and written again.

=================  ====================================================================
``bodies.csv``     who writes standards, and the body that a group belongs to
``topics.csv``     what is written about, as a tree
``work_items.csv`` documents and work in hand; a row with status ``none`` says that a search found nothing
``cells.csv``      the tables of the record of 2019: a topic, a body, what it does or should do
``terms.csv``      one definition a row; several rows for a word that several bodies define
``statements.csv`` what a delegation said about an option, with the line of the record
=================  ====================================================================

Lists inside a field are separated by ``;``. Rows of terms and statements are only ever added.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from qit4n.errors import StandardsDataError

Confidence = Literal["high", "medium", "low"]
Aspect = Literal[
    "terminology", "use-cases", "architecture", "roadmap", "protocol", "test", "guidance"
]  # kinds of deliverable
Column = Literal["current-work", "potential-benefit", "areas", "terminology", "use-cases", "architecture", "roadmap"]
Stance = Literal["support", "oppose", "conditional", "question", "neutral", "unclear"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table."""

    id: str


class Topic(Row, frozen=True, kw_only=True):
    """What is written about."""

    parent: str
    label: str


class Body(Row, frozen=True, kw_only=True):
    """A standards body or a group of one."""

    parent: str
    name: str


class WorkItem(Row, frozen=True, kw_only=True):
    """A document, work in hand, or (status ``none``) the note that nothing was found."""

    body: str
    group: str
    document: str
    title: str
    topics: tuple[str, ...]
    aspects: tuple[Aspect, ...]
    status: Literal["published", "ongoing", "draft", "expired", "none"]
    year: int | None
    source: str
    confidence: Confidence


class Cell(Row, frozen=True, kw_only=True):
    """One cell of a table of the record."""

    topic: str
    body: str
    aspect: Column
    status: Literal["todo", "ongoing", "none", "too-early", "not-needed", "considered", "noted"]
    value: str
    table: str
    record_line: int
    confidence: Confidence


class Term(Row, frozen=True, kw_only=True):
    """One definition of a word by one source."""

    label: str
    definition: str
    body: str
    document: str
    record_line: int | None
    same_as: str
    note: str


class Statement(Row, frozen=True, kw_only=True):
    """What a delegation said about an option; ``version_of`` names the row of which it is another wording."""

    record_line: int
    agenda_item: str
    delegation: str
    kind: str
    option: str
    stance: Stance
    gist: str
    fragment: str
    version_of: str


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """All tables."""

    topics: tuple[Topic, ...]
    bodies: tuple[Body, ...]
    work_items: tuple[WorkItem, ...]
    cells: tuple[Cell, ...]
    terms: tuple[Term, ...]
    statements: tuple[Statement, ...]

    def topic(self, topic_id: str) -> Topic:
        """The topic of an id.

        Raises:
            StandardsDataError: there is none.
        """
        found = next((one for one in self.topics if one.id == topic_id), None)
        if found is None:
            raise StandardsDataError(
                f"there is no topic {topic_id}; topics: {', '.join(one.id for one in self.topics)}"
            )
        return found

    def about(self, topic_id: str) -> Iterator[WorkItem]:
        """Work items of a topic."""
        return (item for item in self.work_items if topic_id in item.topics)


RowType = TypeVar("RowType", bound=Row)
TABLES: dict[str, type[Row]] = {
    "topics": Topic,
    "bodies": Body,
    "work_items": WorkItem,
    "cells": Cell,
    "terms": Term,
    "statements": Statement,
}


def load(folder: Path | None = None) -> Desk:
    """The desk of a folder; the shipped record if none is given.

    Raises:
        StandardsDataError: a file is missing, a row is malformed, or it names a row that is not there; with the line.
    """
    tables = {name: tuple(_read(name, kind, _text(folder, name))) for name, kind in TABLES.items()}
    desk = msgspec.convert(tables, Desk, from_attributes=True)
    _check_names(desk)
    return desk


def read_statements(file: Path) -> tuple[Statement, ...]:
    """The statements of one meeting, from its CSV file.

    Raises:
        StandardsDataError: the file is missing or a row is malformed.
    """
    return tuple(_read("statements", Statement, _file(file), file.name))


def to_csv(rows: Iterable[Row], kind: type[Row]) -> str:
    """The text of a table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_columns(kind))
    for row in rows:
        values = (getattr(row, name) for name in _columns(kind))
        writer.writerow(";".join(value) if isinstance(value, tuple) else value for value in values)
    return out.getvalue()


def _text(folder: Path | None, name: str) -> str:
    if folder is None:
        return (resources.files("qit4n.coordination") / "record" / f"{name}.csv").read_text(encoding="utf-8")
    return _file(folder / f"{name}.csv")


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StandardsDataError(
            f"{path} is missing; qit standards export FOLDER writes a whole set to start from"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StandardsDataError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _columns(kind: type[Row]) -> tuple[str, ...]:
    return kind.__struct_fields__


def _read(name: str, kind: type[RowType], text: str, file: str = "") -> Iterator[RowType]:
    file = file or f"{name}.csv"
    reader = csv.DictReader(io.StringIO(text), strict=True)
    columns = set(_columns(kind))
    if set(reader.fieldnames or ()) != columns:
        raise StandardsDataError(f"{file}: the first line names the columns {', '.join(_columns(kind))}")
    seen: set[str] = set()
    try:
        for row in reader:
            one = _convert(kind, row, f"{file}, line {reader.line_num}")
            if one.id in seen:
                raise StandardsDataError(f"{file}, line {reader.line_num}: the id {one.id} is given twice")
            seen.add(one.id)
            yield one
    except csv.Error as error:
        raise StandardsDataError(f"{file}, line {reader.line_num}: {error}") from error


def _convert(kind: type[RowType], row: dict[str, Any], place: str) -> RowType:
    if None in row or None in row.values():
        raise StandardsDataError(f"{place}: as many fields as there are columns; quote a field that holds a comma")
    for field in msgspec.structs.fields(kind):
        value = row[field.name].strip()
        if getattr(field.type, "__origin__", None) is tuple:
            row[field.name] = tuple(part.strip() for part in value.split(";") if part.strip())
        elif field.type == int | None:
            row[field.name] = int(value) if value.isdigit() else value or None
        else:
            row[field.name] = value
    if not row["id"]:
        raise StandardsDataError(f"{place}: the id is empty")
    try:
        return msgspec.convert(row, kind, strict=False)
    except msgspec.ValidationError as error:
        raise StandardsDataError(f"{place}: {error}") from error


def _check_names(desk: Desk) -> None:
    topics, bodies = {one.id for one in desk.topics}, {one.id for one in desk.bodies}
    for item in desk.work_items:
        _known(f"work_items.csv, {item.id}", item.topics, topics, "topic")
        _known(f"work_items.csv, {item.id}", (item.body,), bodies, "body")
    for cell in desk.cells:
        _known(f"cells.csv, {cell.id}", (cell.topic,), topics, "topic")
        _known(f"cells.csv, {cell.id}", (cell.body,), bodies, "body")
    said = {one.id for one in desk.statements}
    _known("statements.csv", (one.version_of for one in desk.statements if one.version_of), said, "statement")
    _known("topics.csv", (one.parent for one in desk.topics if one.parent), topics, "topic")
    _known("bodies.csv", (one.parent for one in desk.bodies if one.parent), bodies, "body")


def _known(place: str, names: Iterable[str], known: set[str], what: str) -> None:
    missing = [name for name in names if name not in known]
    if missing:
        raise StandardsDataError(f"{place}: there is no {what} {missing[0]}; known: {', '.join(sorted(known))}")


def counts(desk: Desk) -> Counter[str]:
    """How many rows each table has."""
    return Counter({name: len(getattr(desk, name)) for name in TABLES})
