"""From a clause to the code that implements it and the test that proves it, read from the checkout itself.

Markers are what stands in the text anyway: a document with a clause (``014 clause 5.3``, ``Y.3807 table 2``,
``RFC 8439 2.5``) or alone (``ETSI GS QKD 014``) in the code, and test functions that are called after the clause they
prove (``test_014_5_3_...``) or that name it in their docstring. A bare ``clause 6.4`` is of the ETSI document that the
module names first.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qit4n.errors import StandardsDataError

ETSI = r"0(?:0[2-9]|1\d|2\d)"
OTHERS = r"[YXQ]\.\d{4}|RFC ?\d{4}|FIPS ?\d{3}|SP ?800-\d+[A-D]?"
CLAUSE = r"(?P<clause>\d+(?:\.\d+)*)(?!\d|\.\d)"
MARKER = re.compile(
    rf"(?<![\w.])(?:(?:ETSI )?G[SR] QKD (?P<etsi>{ETSI})(?: V[\d.]+\d)?|(?P<bare>{ETSI})(?= (?:clause|table|section))|"
    rf"(?P<other>{OTHERS}))(?:,? (?:(?:clause|section|table)s? )?{CLAUSE})?(?!\w)"
)
OWN_CLAUSE = re.compile(r"clauses? (?P<clause>\d+(?:\.\d+)+)")
TEST = re.compile(rf"test_(?P<document>{ETSI})_(?P<clause>\d+(?:_\d+)*)_")


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """Where a clause is named: ``clause`` is empty if the document as a whole is; ``name`` is of the test or module."""

    document: str
    clause: str
    is_test: bool
    file: str
    line: int
    name: str


def places(root: Path) -> tuple[Place, ...]:
    """Every place below a checkout that names a document or clause, by document and clause.

    Raises:
        StandardsDataError: the folder is no checkout.
    """
    if not (root / "src" / "qit4n").is_dir():
        raise StandardsDataError(
            f"{root} is no checkout of the sources (there is no src/qit4n); name one with --source"
        )
    found = {*_code(root), *_tests(root)}
    return tuple(sorted(found))


def find(root: Path, document: str, clause: str = "") -> tuple[Place, ...]:
    """The places of a document, or of one clause of it and those below it."""
    wanted = plain(document)
    return tuple(
        place
        for place in places(root)
        if place.document == wanted and (not clause or f"{place.clause}.".startswith(f"{clause}."))
    )


def plain(document: str) -> str:
    """The short form of a document's name: ``014``, ``Y.3803``, ``RFC9340``; without edition or date."""
    short = re.sub(r" (V[\d.]+|\([\d/]+\).*)$", "", document.strip())
    return re.sub(r"^(ETSI )?(GS |GR )?(QKD )?(?=\d{3}$)|^ITU-T | ", "", short)


def _code(root: Path) -> Iterator[Place]:
    for path in sorted((root / "src" / "qit4n").rglob("*.py")):
        if "coordination" in path.parts:
            continue
        yield from _markers(path, root, path.read_text(encoding="utf-8"), is_test=False)


def _markers(path: Path, root: Path, text: str, *, is_test: bool, name: str = "", at: int = 0) -> Iterator[Place]:
    file = path.relative_to(root).as_posix()
    own = ""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in MARKER.finditer(line):
            yield Place(
                document=plain(match["etsi"] or match["bare"] or match["other"]),
                clause=match["clause"] or "",
                is_test=is_test,
                file=file,
                line=at or number,
                name=name or path.stem,
            )
            own = own or match["etsi"] or ""
        for match in OWN_CLAUSE.finditer(MARKER.sub("", line)) if own else ():
            yield Place(
                document=own,
                clause=match["clause"],
                is_test=is_test,
                file=file,
                line=at or number,
                name=name or path.stem,
            )


def _tests(root: Path) -> Iterator[Place]:
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            match = TEST.match(node.name)
            if match:
                yield Place(
                    document=match["document"],
                    clause=match["clause"].replace("_", "."),
                    is_test=True,
                    file=path.relative_to(root).as_posix(),
                    line=node.lineno,
                    name=node.name,
                )
            text = ast.get_docstring(node) or ""
            yield from _markers(path, root, text, is_test=True, name=node.name, at=node.lineno)
