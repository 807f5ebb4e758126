"""The two ways to write a table: CSV and YAML, as rows of plain values, each with its place.

CSV is UTF-8 with commas, as spreadsheets write it (a byte order mark is taken off); lists inside a field are separated
by ``;``. YAML is a list of mappings with the same columns; a column without a value may be left out, and a list is a
list, or text with ``;``. Both ways give the same rows.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
import yaml

from qit4n.coordination.tables import Row
from qit4n.errors import StandardsDataError
from qit4n.network import yamltext

YAML = (".yaml", ".yml")
SUFFIXES = (".csv", *YAML)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row: where it stands, as ``terms.csv:12``, and its values by column."""

    place: str
    values: dict[str, Any]


def file_of(folder: Path, name: str) -> Path:
    """The file of a table in a folder, whichever way it is written.

    Raises:
        StandardsDataError: there is none, or two.
    """
    found = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").exists()]
    if len(found) > 1:
        both = " and ".join(one.name for one in found)
        raise StandardsDataError(f"{folder}: {both} are the same table; keep one of them")
    return found[0] if found else folder / f"{name}.csv"


def text_of(path: Path) -> str:
    """What stands in a file.

    Raises:
        StandardsDataError: it is missing or no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        or_yaml = f" (or {path.stem}.yaml)" if path.suffix == ".csv" else ""
        raise StandardsDataError(
            f"{path}{or_yaml} is missing; qit standards export FOLDER writes a whole set to start from"
        ) from error
    except OSError as error:
        raise StandardsDataError(f"{path} cannot be read: {error.strerror}; name a file of CSV or YAML") from error
    except UnicodeDecodeError as error:
        kind = "YAML" if path.suffix in YAML else "CSV"
        raise StandardsDataError(f"{path} cannot be read: {error}; save it as {kind} in UTF-8") from error


def records(file: str, kind: type[Row], text: str) -> Iterator[Record]:
    """The rows of a text, whose file name says how it is written.

    Raises:
        StandardsDataError: it is written otherwise, or has other columns; with the line.
    """
    return _from_yaml(file, kind, text) if file.endswith(YAML) else _from_csv(file, kind, text)


def to_csv(rows: Iterable[Row], kind: type[Row]) -> str:
    """The text of a table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(kind.__struct_fields__)
    for row in rows:
        values = (getattr(row, name) for name in kind.__struct_fields__)
        writer.writerow(";".join(value) if isinstance(value, tuple) else value for value in values)
    return out.getvalue()


def to_yaml(rows: Iterable[Row]) -> str:
    """The text of a table; what is empty is left out."""
    plain = (msgspec.to_builtins(row, builtin_types=(date,)) for row in rows)
    filled = [{name: value for name, value in row.items() if value not in ("", None, ())} for row in plain]
    return yaml.dump(filled, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Lists on one line; words that any reader takes for something else in quotes."""


_Dumper.add_representer(
    tuple, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)
)
for _tag, _pattern, _first in yamltext.RESOLVERS:
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def _from_csv(file: str, kind: type[Row], text: str) -> Iterator[Record]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    end = 0  # line of the last row that could be read
    try:
        _check_columns(file, kind, reader.fieldnames)
        end = reader.line_num
        for row in reader:
            end = reader.line_num
            line = end - sum(str(value).count("\n") for value in row.values())
            place = f"{file}:{line}"
            if None in row or None in row.values():
                raise StandardsDataError(
                    f"{place}: as many fields as there are columns; quote a field that holds a comma"
                )
            yield Record(place=place, values={name: _plain(types[name], value.strip()) for name, value in row.items()})
    except csv.Error as error:
        raise StandardsDataError(
            f"{file}:{end + 1}: {error}; a field with a comma or a quote in it stands in quotes"
        ) from error


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


def _from_yaml(file: str, kind: type[Row], text: str) -> Iterator[Record]:
    example = f"it is a list, each row as '- {kind.__struct_fields__[0]}: ...'"
    data, places = yamltext.read(text, file, hint=f"{example} and a line for each further column")
    for one in places.problems:
        raise StandardsDataError(f"{file}:{one.line}: {one.what}; {one.right}")
    if not isinstance(data, list):
        columns = ", ".join(kind.__struct_fields__)
        raise StandardsDataError(f"{file}:1: the file is no list of rows; {example}, with the columns {columns}")
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for number, row in enumerate(data):
        place = f"{file}:{places.line_of((number,))}"
        if not isinstance(row, dict):
            raise StandardsDataError(f"{place}: {yamltext.shown(row)} is no row; {example}")
        wrong = next((name for name in row if name not in types), None)
        if wrong is not None:
            line = places.line_of((number, wrong))
            raise StandardsDataError(f"{file}:{line}: there is no column {wrong}; columns: {', '.join(types)}")
        values = {name: row.get(name) for name in types}
        yield Record(place=place, values={name: _of_yaml(types[name], value) for name, value in values.items()})


def _of_yaml(kind: Any, value: Any) -> Any:
    """As a field of CSV is given: what is left out is an empty field."""
    text = "" if value is None else value
    return _plain(kind, text.strip()) if isinstance(text, str) else text


def _plain(kind: Any, text: str) -> Any:
    """What msgspec converts: a list for lists, nothing for an empty field that may be empty."""
    if is_list(kind):
        return [part.strip() for part in text.split(";") if part.strip()]
    return None if not text and type(None) in get_args(kind) else text


def is_list(kind: Any) -> bool:
    """Whether a field of a type holds several values."""
    return get_origin(get_args(kind)[0] if get_origin(kind) is Annotated else kind) is tuple
