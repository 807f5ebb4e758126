"""Tables and JSON on standard output: as wide as the terminal, or a line for each row where a program reads."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import typer
from rich.console import Console

COLOURS = {"done": "green", "closed": "green", "ongoing": "yellow", "under way": "yellow", "open": "red"}
WHOLE = 22  # columns that the first one, a name, keeps for itself
LEAST = 8  # columns that each has at least
GAP = "  "
PIPE_COLUMNS = 1_000  # nothing is cut off or wrapped for a program


def screen() -> Console:
    """As wide as the terminal; for a pipe as wide as it takes, so that grep finds a row in one line.

    What names and errors say is text: brackets in them mean nothing.
    """
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS
    return Console(width=width, markup=False, emoji=False)


def plain(text: str) -> str:
    """What a stranger said, for a terminal: without control characters, which could move the cursor or hide lines."""
    return "".join(one if one.isprintable() else "?" for one in text)


def show(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A table; what is too long for its column goes on in the next line, nothing is cut off."""
    listed, limit = list(rows), _limit()
    if limit is None:
        _show_plainly([head, *listed])
        return
    widths = _widths([head, *listed], limit)
    for line in _lines(head, widths):
        print(line)
    print("-" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    for row in listed:
        for line in _lines(row, widths):
            print(line)


def _show_plainly(rows: Iterable[tuple[str, ...]]) -> None:
    """A line for each row, in columns as far as the texts are short."""
    listed = list(rows)
    widths = [min(max(len(row[number]) for row in listed), WHOLE) for number in range(len(listed[0]))]
    for row in listed:
        print(GAP.join(cell.replace("\n", "; ").ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _limit() -> int | None:
    """Columns of the terminal; none for a pipe, so that grep finds a row in one line."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    return shutil.get_terminal_size().columns


def _widths(rows: Sequence[tuple[str, ...]], limit: int) -> list[int]:
    """As wide as the longest text; if that is too much, the widest columns give way, the first one last."""
    widths = [max(len(part) for row in rows for part in row[number].split("\n")) for number in range(len(rows[0]))]
    kept = min(widths[0], WHOLE)
    while sum(widths) + len(GAP) * (len(widths) - 1) > limit:
        least = [kept, *(LEAST for _ in widths[1:])]
        loose = [number for number, width in enumerate(widths) if width > least[number]]
        if not loose:
            break
        widths[max(loose, key=lambda number: widths[number])] -= 1
    return widths


def _lines(row: tuple[str, ...], widths: list[int]) -> Iterable[str]:
    cells = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(len(cell) for cell in cells)):
        parts = [cell[number] if number < len(cell) else "" for cell in cells]
        padded = GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        yield _coloured(padded, row) if number == 0 else padded


def _wrapped(cell: str, width: int) -> list[str]:
    found = [line for part in cell.split("\n") for line in textwrap.wrap(part, width, break_on_hyphens=False)]
    return found or [""]


def _coloured(line: str, row: tuple[str, ...]) -> str:
    if sys.stdout.isatty():
        for cell in row:
            colour = COLOURS.get(cell.partition(",")[0])
            if colour:
                return line.replace(cell, typer.style(cell, fg=colour), 1)
    return line


def tell(value: Any) -> None:
    """JSON on standard output."""
    print(msgspec.json.encode(value).decode())
