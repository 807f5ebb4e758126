"""Tables from a folder of CSV or YAML files.

Rows of terms and statements are only ever added. What is wrong is refused with file and line, as ``terms.csv:12``, and
with what would be right.
"""

import types
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from qit4n.coordination import sheets
from qit4n.coordination.checking import Places, check, check_statements
from qit4n.coordination.tables import MOST_LINES, TABLES, Desk, Row, Statement
from qit4n.errors import StandardsDataError
from qit4n.network import yamltext
from qit4n.network.model import Network

RowType = TypeVar("RowType", bound=Row)


def load(folder: Path | None = None) -> Desk:
    """The desk of a folder; the shipped record if none is given.

    Raises:
        StandardsDataError: a file is missing, a row is malformed, or it names a row that is not there; with the line.
    """
    if folder is not None and not folder.is_dir():
        raise StandardsDataError(f"{folder} is no folder; qit standards export {folder} writes one to start from")
    places: dict[str, Places] = {}
    tables = {}
    for name, kind in TABLES.items():
        rows, places[name] = _read(*_file(folder, name), kind)
        tables[name] = rows
    desk = msgspec.convert(tables, Desk, from_attributes=True)
    check(desk, places)
    return desk


def load_for(network: Network) -> Desk:
    """The desk of the folder that a network file names (``standards``, as an absolute path), or the shipped one.

    Raises:
        StandardsDataError: as :func:`load`, and where the folder is named.
    """
    try:
        return load(Path(network.standards) if network.standards else None)
    except StandardsDataError as error:
        raise StandardsDataError(f"standards: the tables in {network.standards} are damaged: {error}") from error


def read_statements(file: Path, desk: Desk | None = None) -> tuple[Statement, ...]:
    """The statements of one meeting, from its file; with a desk, about its options only.

    Raises:
        StandardsDataError: the file is missing or empty, or a row is malformed.
    """
    rows, places = _read(file.name, sheets.text_of(file), Statement)
    if not rows:
        raise StandardsDataError(f"{file.name}: no statement in it; it needs a row for each")
    options = {one.id for one in desk.options} if desk else {one.option for one in rows}
    check_statements(rows, options, places)
    return rows


def _file(folder: Path | None, name: str) -> tuple[str, str]:
    """Name and text of the file of a table."""
    if folder is None:
        file = f"{name}.csv"
        return file, (resources.files("qit4n.coordination") / "record" / file).read_text(encoding="utf-8")
    path = sheets.file_of(folder, name)
    return path.name, sheets.text_of(path)


def _read(file: str, text: str, kind: type[RowType]) -> tuple[tuple[RowType, ...], Places]:
    """The rows, and the place of each id."""
    rows: list[RowType] = []
    places: dict[str, str] = {}
    for record in sheets.records(file, kind, text):
        one = _convert(kind, record)
        if one.id in places:
            raise StandardsDataError(
                f"{record.place}: the id {one.id} is given twice, first at {places[one.id]}; each row has its own"
            )
        places[one.id] = record.place
        rows.append(one)
    return tuple(rows), places


def _convert(kind: type[RowType], record: sheets.Record) -> RowType:
    values = {}
    for field in msgspec.structs.fields(kind):
        value = record.values[field.name]
        try:
            values[field.name] = msgspec.convert(value, field.type, strict=False)
        except msgspec.ValidationError as error:
            wrong = f"{record.place}: {field.name} {_shown(value)}"
            raise StandardsDataError(f"{wrong}: {_right(field.type, value)}") from error
    return kind(**values)


def _shown(value: Any) -> str:
    """A value as it stands in the file."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ";".join(value)
    return value or "(empty)" if isinstance(value, str) else yamltext.shown(value) if value is not None else "(empty)"


def _right(kind: Any, value: Any) -> str:
    """What a field of a type may be, and why this value is none."""
    if get_origin(kind) in {Union, types.UnionType}:
        return f"{_right(get_args(kind)[0], value)}, or nothing"
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    bounds = next((one for one in get_args(kind)[1:] if isinstance(one, msgspec.Meta)), msgspec.Meta())
    if get_origin(inner) is Literal:
        return f"one of {', '.join(get_args(inner))}"
    if get_origin(inner) is tuple:
        item = get_args(inner)[0]
        return "at least one, separated by ;" + (f", each {_right(item, value)}" if get_origin(item) is Literal else "")
    if inner is int:
        return f"a whole number from {bounds.ge or 0} to {bounds.le or MOST_LINES}"
    if inner is date:
        return "a date as 2026-11-23"
    return "it must not be empty" if not value else "text; what looks like a number or a list stands in quotes"
