"""``qit terms``: what each source means by a word, where words clash, and whether our own text keeps to them."""

from pathlib import Path
from typing import Annotated

import typer

from qit4n.cli.standardstrace import Folder, Json, checkout
from qit4n.cli.tabletext import show, tell
from qit4n.coordination import terms, usage
from qit4n.coordination.reading import load
from qit4n.errors import StandardsDataError

app = typer.Typer(add_completion=False, help="The words of the field.", no_args_is_help=True)


@app.command()
def lookup(word: str, folder: Folder = None, json_: Json = False) -> None:
    """Every definition of a word, with its source, and what clashes with it."""
    desk = load(folder)
    found = terms.lookup(desk, word)
    if json_:
        tell(found)
        return
    for term in found:
        line = f", line {term.record_line} of the record" if term.record_line else ""
        print(f"{term.label}: {term.definition}\n    {term.body}: {term.document}{line} ({term.confidence} confidence)")
        same = next((one.label for one in desk.terms if one.id == term.same_as), term.same_as)
        for what, text in (("same as", same), ("to avoid", ", ".join(term.deprecated)), ("note", term.note)):
            if text:
                print(f"    {what}: {text}")
    for conflict in terms.conflicts(desk):
        if {term.id for term in conflict.terms} & {term.id for term in found}:
            print(f"clash: {conflict.kind}: {conflict.subject} ({conflict.text})")


@app.command()
def conflicts(folder: Folder = None, json_: Json = False) -> None:
    """Where words clash: several meanings, several words, undefined abbreviations, circles."""
    found = terms.conflicts(load(folder))
    if json_:
        tell(found)
        return
    show(("kind", "subject", "proof"), ((one.kind, one.subject, one.text) for one in found))


@app.command()
def check(
    source: Annotated[Path | None, typer.Argument(help="checkout of qit4n; found by itself if this is one")] = None,
    folder: Folder = None,
    json_: Json = False,
) -> None:
    """Whether code, interfaces and documents keep to the glossary; an error if not."""
    root, desk = checkout(source), load(folder)
    if not (root / "src").is_dir():
        raise StandardsDataError(f"{root} is no checkout of the sources (there is no src)")
    found = list(usage.check(root, desk))
    if json_:
        tell(found)
    else:
        for one in found:
            print(one)
    if found:
        places = "1 place does" if len(found) == 1 else f"{len(found)} places do"
        raise StandardsDataError(f"{places} not keep to the glossary; what is right all the same stands in usage.csv")
    if not json_:
        print(f"kept to the glossary: {len(usage.rules(desk))} words avoided, every abbreviation explained")
