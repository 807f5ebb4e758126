"""How the tests of a checkout ended when they ran last: what pytest wrote down, and a piece of text to look at."""

import ast
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from qit4n.coordination.trace import Place

FILE = Path(".pytest_cache") / "v" / "qit4n" / "results"  # written by tests/conftest.py
AROUND = 12
BAD = ("failed", "error")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a test function ended, over all its cases: ``passed``, ``failed``, ``error`` or ``skipped``; when (UTC)."""

    outcome: str
    at: str

    def __str__(self) -> str:
        """In a few words."""
        return f"{self.outcome} {self.at}"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A place with its last result; none if the test has not run since the cache was cleared, or for code."""

    place: Place
    result: Result | None


def results(root: Path) -> dict[str, Result]:
    """The last results of a checkout by ``file::function``; none where no test ran."""
    try:
        return msgspec.json.decode((root / FILE).read_bytes(), type=dict[str, Result])
    except (OSError, msgspec.MsgspecError):
        return {}


def proofs(root: Path, places: Iterable[Place]) -> tuple[Proof, ...]:
    """Places with the last results of the tests among them."""
    known = results(root)
    return tuple(
        Proof(place=one, result=known.get(f"{one.file}::{one.name}") if one.is_test else None) for one in places
    )


def excerpt(root: Path, place: Place) -> str:
    """What stands at a place: the whole of a short test or function, or the lines around a marker."""
    try:
        text = (root / place.file).read_text(encoding="utf-8")
    except OSError:
        return ""
    lines = text.splitlines()
    around = [span for span in _spans(text) if span[0] <= place.line <= span[1]]
    first, last = min(around, key=lambda span: span[1] - span[0], default=(1, len(lines)))
    if last - first > 2 * AROUND:
        first, last = max(place.line - 2, 1), min(place.line + AROUND, len(lines))
    return "\n".join(f"{number:4}  {lines[number - 1]}" for number in range(first, min(last, len(lines)) + 1))


@functools.lru_cache(maxsize=1000)
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    """First and last line of each function and class of a module."""
    return tuple(
        (min((one.lineno for one in node.decorator_list), default=node.lineno), node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
