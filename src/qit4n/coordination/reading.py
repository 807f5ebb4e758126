"""Tables from a folder of CSV files, and written again.

The files are UTF-8 with commas, as spreadsheets write them (a byte order mark is taken off). Lists inside a field are
separated by ``;``. Rows of terms and statements are only ever added. What is wrong is refused with file and line, as
``terms.csv:12``, and with what would be right.
"""

import csv
import io
import types
from collections.abc import Iterable
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from qit4n.coordination.checking import Lines, check, check_statements
from qit4n.coordination.tables import MOST_LINES, TABLES, Desk, Row, Statement
from qit4n.errors import StandardsDataError

RowType = TypeVar("RowType", bound=Row)


def load(folder: Path | None = None) -> Desk:
    """The desk of a folder; the shipped record if none is given.

    Raises:
        StandardsDataError: a file is missing, a row is malformed, or it names a row that is not there; with the line.
    """
    if folder is not None and not folder.is_dir():
        raise StandardsDataError(f"{folder} is no folder; qit standards export {folder} writes one to start from")
    lines: dict[str, Lines] = {}
    tables = {}
    for name, kind in TABLES.items():
        rows, lines[name] = _read(f"{name}.csv", kind, _text(folder, name))
        tables[name] = rows
    desk = msgspec.convert(tables, Desk, from_attributes=True)
    check(desk, lines)
    return desk


def read_statements(file: Path, desk: Desk | None = None) -> tuple[Statement, ...]:
    """The statements of one meeting, from its CSV file; with a desk, about its options only.

    Raises:
        StandardsDataError: the file is missing or empty, or a row is malformed.
    """
    rows, lines = _read(file.name, Statement, _file(file))
    if not rows:
        raise StandardsDataError(f"{file.name}: no statement in it; after the line of columns comes a line for each")
    options = {one.id for one in desk.options} if desk else {one.option for one in rows}
    check_statements(file.name, rows, options, lines)
    return rows


def to_csv(rows: Iterable[Row], kind: type[Row]) -> str:
    """The text of a table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(kind.__struct_fields__)
    for row in rows:
        values = (getattr(row, name) for name in kind.__struct_fields__)
        writer.writerow(";".join(value) if isinstance(value, tuple) else value for value in values)
    return out.getvalue()


def _text(folder: Path | None, name: str) -> str:
    if folder is None:
        return (resources.files("qit4n.coordination") / "record" / f"{name}.csv").read_text(encoding="utf-8")
    return _file(folder / f"{name}.csv")


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise StandardsDataError(
            f"{path} is missing; qit standards export FOLDER writes a whole set to start from"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StandardsDataError(f"{path} cannot be read: {error}; save it as CSV in UTF-8") from error


def _read(file: str, kind: type[RowType], text: str) -> tuple[tuple[RowType, ...], Lines]:
    """The rows, and the line of each id."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    rows: list[RowType] = []
    lines: dict[str, int] = {}
    end = 0  # line of the last row that could be read
    try:
        _check_columns(file, kind, reader.fieldnames)
        end = reader.line_num
        for row in reader:
            end = reader.line_num
            line = end - sum(str(value).count("\n") for value in row.values())
            one = _convert(kind, row, f"{file}:{line}")
            if one.id in lines:
                raise StandardsDataError(
                    f"{file}:{line}: the id {one.id} is given twice, first in line {lines[one.id]}; each has its own"
                )
            lines[one.id] = line
            rows.append(one)
    except csv.Error as error:
        raise StandardsDataError(
            f"{file}:{end + 1}: {error}; a field with a comma or a quote in it stands in quotes"
        ) from error
    return tuple(rows), lines


def _check_columns(file: str, kind: type[Row], found: Iterable[str] | None) -> None:
    names, wanted = list(found or ()), kind.__struct_fields__
    if set(names) == set(wanted) and len(names) == len(wanted):
        return
    if not names:
        raise StandardsDataError(f"{file}: the file is empty; its first line names the columns {', '.join(wanted)}")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise StandardsDataError(f"{file}:1: columns are separated by commas here; save the sheet as CSV with commas")
    wrong = [f"there is no column {name}" for name in names if name not in wanted]
    wrong += [f"the column {name} is missing" for name in wanted if name not in names]
    wrong += [f"the column {name} is there twice" for name in wanted if names.count(name) > 1]
    raise StandardsDataError(f"{file}:1: {'; '.join(wrong)}; columns: {', '.join(wanted)}")


def _convert(kind: type[RowType], row: dict[str, Any], place: str) -> RowType:
    if None in row or None in row.values():
        raise StandardsDataError(f"{place}: as many fields as there are columns; quote a field that holds a comma")
    values = {}
    for field in msgspec.structs.fields(kind):
        text = row[field.name].strip()
        try:
            values[field.name] = msgspec.convert(_plain(field.type, text), field.type, strict=False)
        except msgspec.ValidationError as error:
            value = text or "(empty)"
            raise StandardsDataError(f"{place}: {field.name} {value}: {_right(field.type)}") from error
    return kind(**values)


def _plain(kind: Any, text: str) -> Any:
    """What msgspec converts: a list for lists, nothing for an empty field that may be empty."""
    if _is_list(kind):
        return [part.strip() for part in text.split(";") if part.strip()]
    return None if not text and type(None) in get_args(kind) else text


def _is_list(kind: Any) -> bool:
    return get_origin(get_args(kind)[0] if get_origin(kind) is Annotated else kind) is tuple


def _right(kind: Any) -> str:
    """What a field of a type may be."""
    if get_origin(kind) in {Union, types.UnionType}:
        return f"{_right(get_args(kind)[0])}, or nothing"
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    bounds = next((one for one in get_args(kind)[1:] if isinstance(one, msgspec.Meta)), msgspec.Meta())
    if get_origin(inner) is Literal:
        return f"one of {', '.join(get_args(inner))}"
    if get_origin(inner) is tuple:
        item = get_args(inner)[0]
        return "at least one, separated by ;" + (f", each {_right(item)}" if get_origin(item) is Literal else "")
    if inner is int:
        return f"a whole number from {bounds.ge or 0} to {bounds.le or MOST_LINES}"
    return "a date as 2026-11-23" if inner is date else "it must not be empty"
