"""``qit terms``: what each source means by a word, where words clash, and whether our own text keeps to them."""

from pathlib import Path
from typing import Annotated

import typer

from qit4n.cli.standards import Folder, Json, show, tell
from qit4n.coordination import tables, terms, usage
from qit4n.errors import StandardsDataError

app = typer.Typer(help="The words of the field.", no_args_is_help=True)


@app.command()
def lookup(word: str, folder: Folder = None, json_: Json = False) -> None:
    """Every definition of a word, with its source, and what clashes with it."""
    desk = tables.load(folder)
    found = terms.lookup(desk, word)
    if json_:
        tell(found)
        return
    for term in found:
        line = f", line {term.record_line} of the record" if term.record_line else ""
        print(f"{term.label}: {term.definition}\n    {term.body}: {term.document}{line}")
        for what, text in (("same as", term.same_as), ("note", term.note)):
            if text:
                print(f"    {what}: {text}")
    for conflict in terms.conflicts(desk):
        if {term.id for term in conflict.terms} & {term.id for term in found}:
            print(f"clash: {conflict.kind}: {conflict.subject} ({conflict.text})")


@app.command()
def conflicts(folder: Folder = None, json_: Json = False) -> None:
    """Where words clash: several meanings, several words, undefined abbreviations, circles."""
    found = terms.conflicts(tables.load(folder))
    if json_:
        tell(found)
        return
    show(("kind", "subject", "proof"), ((one.kind, one.subject, one.text) for one in found))


@app.command()
def check(source: Annotated[Path, typer.Argument(help="checkout of qit4n")] = Path()) -> None:
    """Whether code, interfaces and documents keep to the terms of the field; an error if not."""
    if not (source / "src").is_dir():
        raise StandardsDataError(f"{source} is no checkout of the sources (there is no src)")
    found = list(usage.check(source))
    for one in found:
        print(one)
    if found:
        raise StandardsDataError(f"{len(found)} places use a word that the field does not")
    print(f"{len(usage.rules())} rules kept")
