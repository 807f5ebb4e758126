"""``qit consensus``: who can live with which option."""

from pathlib import Path
from typing import Annotated

import typer

from qit4n.cli.standardstrace import Folder, Json
from qit4n.cli.tabletext import show, tell
from qit4n.coordination.consensus import bridges, changes, disputes, options, preferences
from qit4n.coordination.reading import load, read_statements
from qit4n.coordination.tables import Statement


def consensus(
    file: Annotated[
        Path | None, typer.Argument(help="statements of a meeting (CSV or YAML); those of the folder if absent")
    ] = None,
    folder: Folder = None,
    json_: Json = False,
) -> None:
    """Options, who supports and who objects with the line that proves it, changes of mind, and bridges.

    With a file and a folder the meeting is about the options of that folder.
    """
    desk = load(folder) if folder or not file else None
    statements = read_statements(file, desk) if file else desk.statements if desk else ()
    found = options(statements)
    if json_:
        tell(
            {
                "options": found,
                "preferences": preferences(statements),
                "bridges": [{"option": option.name, "could_be_won": count} for option, count in bridges(statements)],
                "changes": changes(statements),
                "disputes": disputes(statements),
            }
        )
        return
    show(
        ("option", "support", "on condition", "object"),
        ((one.name, _who(one.support), _who(one.conditional), _who(one.oppose)) for one in found),
    )
    free = [one.name for one in found if one.is_free_of_objection]
    print(
        f"Nobody objects to: {', '.join(free) or 'nothing'}  (number: line of the record; a question is no objection)"
    )
    last = preferences(statements)
    tally = {one.name: sum(said.option == one.name for said in last.values()) for one in found}
    print("Spoke for last:", ", ".join(f"{name} {count}" for name, count in tally.items()), "(not a vote)")
    print("Might be won over:", ", ".join(f"{option.name} {count}" for option, count in bridges(statements)))
    for change in changes(statements):
        before, after = change.earlier, change.later
        print(
            f"{after.delegation}: {before.stance} {before.option} (line {before.record_line}), "
            f"then {after.stance} {after.option} (line {after.record_line})"
        )
    for first, second in disputes(statements):
        print(f"Two versions are on record, lines {first.record_line} and {second.record_line}: {first.gist};")
        print(f"    {second.gist}")


def _who(said: tuple[Statement, ...]) -> str:
    return ", ".join(
        f"{one.delegation} {one.record_line}" + ("" if one.confidence == "high" else f" ({one.confidence})")
        for one in said
    )
