"""``qit standards trace``: from a clause to the code that implements it and the tests that prove it."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

import qit4n
from qit4n.cli.tabletext import tell
from qit4n.coordination import results, trace
from qit4n.errors import StandardsDataError

Folder = Annotated[Path | None, typer.Option("--folder", help="tables of your own; the shipped record if absent")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Source = Annotated[Path | None, typer.Option("--source", help="checkout of qit4n; found by itself if this is one")]


def checkout(source: Path | None) -> Path:
    """The checkout that is named, else the folder where we stand, else the one that this program was installed from."""
    if source is not None or trace.is_checkout(Path()):
        return source or Path()
    return Path(qit4n.__file__).resolve().parents[2]


def trace_(
    document: Annotated[str, typer.Argument(help="as 014, Y.3803, RFC 8439")],
    clause: Annotated[str, typer.Argument(help='as 5.3, or its title as "get key"; all if absent')] = "",
    source: Source = None,
    run: Annotated[bool, typer.Option("--run", help="run the tests now, without those that start a network")] = False,
    text: Annotated[bool, typer.Option("--text", help="show the code and the tests")] = False,
    json_: Json = False,
) -> None:
    """From a clause to the code that implements it, the tests that prove it, and how they ended last."""
    root, titles = checkout(source), trace.titles()
    places = trace.find(root, document, trace.clause_of(document, clause))
    if not places:
        raise StandardsDataError(
            f"nothing below {root.resolve()} names {document} {clause}".rstrip()
            + "; qit standards document NAME tells whether anything names it"
        )
    ended = _run(root, places, f"{document} {clause}".rstrip()) if run else 0
    found = results.proofs(root, places)
    if json_:
        tell(found)
        sys.exit(ended)
    before = None
    for proof in found:
        one = proof.place
        if one.clause != before:
            before = one.clause
            title = titles.get((one.document, one.clause), "")
            print(f"{one.document} {one.clause or '(the document)'} {title}".rstrip())
        what = f"test  {proof.result or 'not run yet'}" if one.is_test else "code"
        mark = f"  (checklist {one.mark})" if one.mark else ""
        print(f"    {what}  {one.file}:{one.line}  {one.name}{mark}")
        if text:
            print(results.excerpt(root, one))
    sys.exit(ended)


def _run(root: Path, places: Iterable[trace.Place], what: str) -> int:
    """Run the tests, pytest's own output on standard error; its exit status."""
    tests = sorted({f"{one.file}::{one.name}" for one in places if one.is_test})
    if not tests:
        raise StandardsDataError(f"no test names {what}")
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not system and not long", *tests]
    return subprocess.run(command, cwd=root, check=False, stdout=sys.stderr).returncode  # noqa: S603 - our own tests
