"""From a clause to the code that implements it and the test that proves it, read from the checkout itself.

Markers are what stands in the text anyway: a document with a clause (``014 clause 5.3``, ``Y.3807 table 2``,
``RFC 8439 2.5``) or alone (``ETSI GS QKD 014``) in the code, and test functions that are called after the clause they
prove (``test_014_5_3_...``), that name it in their docstring, or that carry the mark of a line of the conformance
checklist (``@pytest.mark.checklist("3g")``), whose clauses stand in that list. A bare ``clause 6.4`` is of the ETSI
document that the module names first.
"""

import ast
import csv
import functools
import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
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
DESK = frozenset({"standards", "terms", "consensus"})  # commands of the desk, which quotes clauses and implements none
TEST = re.compile(rf"test_(?P<document>{ETSI})_(?P<clause>\d+(?:_\d+)*)_")
CHECKLIST = Path("docs") / "reference" / "checklist.md"
LINE = re.compile(r"^\| (?P<line>\d+[a-z]) \| (?P<standard>[^|]+?) \| (?P<clauses>[^|]*?) ?\| ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """Where a clause is named: ``clause`` is empty if the document as a whole is; ``name`` is of the test or code.

    ``mark`` has the lines of the conformance checklist that a test carries, if it counts for those.
    """

    document: str
    clause: str
    is_test: bool
    file: str
    line: int
    name: str
    mark: str = ""


def is_checkout(root: Path) -> bool:
    """Whether the sources stand in a folder."""
    return (root / "src" / "qit4n").is_dir()


def places(root: Path) -> tuple[Place, ...]:
    """Every place below a checkout that names a document or clause, by document and clause.

    Raises:
        StandardsDataError: the folder is no checkout.
    """
    if not is_checkout(root):
        raise StandardsDataError(
            f"{root} is no checkout of the sources (there is no src/qit4n); name one with --source"
        )
    return tuple(sorted({*_code(root), *_tests(root)}, key=_order))


def find(root: Path, document: str, clause: str = "") -> tuple[Place, ...]:
    """The places of a document, or of one clause of it and those below it."""
    wanted = plain(document)
    return tuple(
        place
        for place in places(root)
        if place.document == wanted and (not clause or f"{place.clause}.".startswith(f"{clause}."))
    )


@functools.cache
def titles() -> dict[tuple[str, str], str]:
    """Titles of clauses by document and number, of the documents whose clauses are known (``clauses.csv``)."""
    text = (resources.files("qit4n.coordination") / "clauses.csv").read_text(encoding="utf-8")
    return {(row["document"], row["clause"]): row["title"] for row in csv.DictReader(io.StringIO(text))}


def clause_of(document: str, clause: str) -> str:
    """The number of a clause that is given by number or by title.

    Raises:
        StandardsDataError: no clause of the document has this title.
    """
    if not clause or clause[0].isdigit():
        return clause
    known = {title.casefold(): number for (name, number), title in titles().items() if name == plain(document)}
    if clause.casefold() not in known:
        listed = f"; titles: {', '.join(known)}" if known else ""
        raise StandardsDataError(f"{document} has no clause {clause} here: name its number, as 5.3{listed}")
    return known[clause.casefold()]


def _order(place: Place) -> tuple[str, bool, list[int], bool, str, int, str, str]:
    numbers = [int(part) for part in place.clause.split(".") if part]
    return place.document, not numbers, numbers, place.is_test, place.file, place.line, place.name, place.mark


def plain(document: str) -> str:
    """The short form of a document's name: ``014``, ``Y.3803``, ``RFC9340``; without edition or date."""
    short = re.sub(r" (V[\d.]+|\([\d/]+\).*)$", "", document.strip())
    return re.sub(r"^(ETSI )?(GS |GR )?(QKD )?(?=\d{3}$)|^ITU-T | ", "", short)


def _code(root: Path) -> Iterator[Place]:
    for path in sorted((root / "src" / "qit4n").rglob("*.py")):
        if "coordination" in path.parts or path.stem in DESK:
            continue
        text = path.read_text(encoding="utf-8")
        if not MARKER.search(text):
            continue
        names = _names(ast.parse(text))
        for one in _markers(path, root, text, is_test=False):
            yield replace(one, name=names.get(one.line, path.stem))


def _names(tree: ast.Module) -> dict[int, str]:
    """The class or function in which each line stands, the innermost one."""
    found: dict[int, str] = {}

    def walk(node: ast.AST, above: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{above}.{child.name}" if above else child.name
                found.update(dict.fromkeys(range(child.lineno, (child.end_lineno or child.lineno) + 1), name))
                walk(child, name)
            else:
                walk(child, above)

    walk(tree, "")
    return found


def _markers(path: Path, root: Path, text: str, *, is_test: bool, name: str = "", at: int = 0) -> Iterator[Place]:
    file = path.relative_to(root).as_posix()
    own = ""

    def place(document: str, clause: str, number: int) -> Place:
        return Place(document=document, clause=clause, is_test=is_test, file=file, line=at or number, name=name)

    for number, line in enumerate(text.splitlines(), start=1):
        for match in MARKER.finditer(line):
            yield place(plain(match["etsi"] or match["bare"] or match["other"]), match["clause"] or "", number)
            own = own or match["etsi"] or ""
        for match in OWN_CLAUSE.finditer(MARKER.sub("", line)) if own else ():
            yield place(own, match["clause"], number)


def _tests(root: Path) -> Iterator[Place]:
    clauses = checklist_clauses(root)
    for path in sorted((root / "tests").rglob("test_*.py")):
        if "coordination" in path.parts:
            continue
        file, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        if not (MARKER.search(text) or TEST.search(text) or "checklist(" in text):
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            named = {_proof(node, file, *_of_name(node.name))} if TEST.match(node.name) else set()
            told = ast.get_docstring(node) or ""
            named |= set(_markers(path, root, told, is_test=True, name=node.name, at=node.lineno))
            yield from named
            seen = {(one.document, one.clause) for one in named}
            marked: dict[tuple[str, str], list[str]] = defaultdict(list)
            for mark in _marks(node):
                for where in clauses.get(mark, ()):
                    marked[where].append(mark)
            for where, marks in marked.items():
                if where not in seen:
                    yield _proof(node, file, *where, mark=", ".join(marks))


def _proof(
    node: ast.FunctionDef | ast.AsyncFunctionDef, file: str, document: str, clause: str, mark: str = ""
) -> Place:
    return Place(document=document, clause=clause, is_test=True, file=file, line=node.lineno, name=node.name, mark=mark)


def _of_name(name: str) -> tuple[str, str]:
    match = TEST.match(name)
    return (match["document"], match["clause"].replace("_", ".")) if match else ("", "")


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Lines of the checklist that the decorators of a test name."""
    for one in node.decorator_list:
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "checklist":
            yield from (str(argument.value) for argument in one.args if isinstance(argument, ast.Constant))


def checklist_clauses(root: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """Document and clause that each line of the conformance checklist is about; the clause is empty for a whole one."""
    try:
        text = (root / CHECKLIST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    found = {}
    for match in LINE.finditer(text):
        document = plain(match["standard"])
        clauses = [one.strip() for one in match["clauses"].split(",")] if match["clauses"] else [""]
        if MARKER.fullmatch(match["standard"]) or MARKER.fullmatch(document) or re.fullmatch(ETSI, document):
            found[match["line"]] = tuple((document, clause) for clause in clauses)
    return found
