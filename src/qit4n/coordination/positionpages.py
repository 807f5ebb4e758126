"""Positions as HTML: who can live with what, who might be won over, who changed their mind, which sentences differ."""

from collections.abc import Iterable
from html import escape

from qit4n.coordination.consensus import bridges, changes, disputes, options, preferences
from qit4n.coordination.markup import row, table
from qit4n.coordination.tables import Desk, Statement

SHORT = {"support": "yes", "conditional": "if", "oppose": "no"}


def positions_table(desk: Desk) -> str:
    """Delegation by option: who can live with what."""
    found = options(desk.statements)
    last = preferences(desk.statements)
    stance: dict[tuple[str, str], Statement] = {}
    for option in found:
        for one in (*option.support, *option.conditional, *option.oppose):
            stance[one.delegation, option.name] = one
    speakers = list(dict.fromkeys(one.delegation for one in desk.statements))
    rows = []
    for speaker in speakers:
        if not any((speaker, option.name) in stance for option in found):
            continue
        cells = []
        for option in found:
            said = stance.get((speaker, option.name))
            if said is None:
                cells.append("<td></td>")
                continue
            mark = " last" if last.get(speaker) is said else ""
            doubt = "" if said.confidence == "high" else f", {said.confidence} confidence"
            cells.append(
                f'<td class="{said.stance}{mark}" title="{escape(said.gist)}">{SHORT[said.stance]} '
                f"(line {said.record_line}{doubt})</td>"
            )
        rows.append(row(speaker, *cells))
    head = "".join(
        f'<th scope="col">{escape(option.name)}<br>'
        f"{'nobody objects' if option.is_free_of_objection else f'{len(option.oppose)} object'}</th>"
        for option in found
    )
    note = (
        '<p class="key"><span class="support">&nbsp;yes&nbsp;</span> supports '
        '<span class="conditional">&nbsp;if&nbsp;</span> on a condition <span class="oppose">&nbsp;no&nbsp;</span> '
        "objects; framed: what the delegation spoke for last. Consensus is the absence of sustained objection.</p>"
    )
    return f"{note}<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def objections_table(desk: Desk) -> str:
    """The objections that stand, word for word as short as the record allows."""
    rows = (
        row(option.name, said.delegation, said.gist, f"{said.record_line}: {said.fragment}")
        for option in options(desk.statements)
        for said in option.oppose
    )
    return table(("option", "delegation", "why", "line of the record"), rows)


def bridges_table(desk: Desk) -> str:
    """Options with the number of delegations that prefer another one and did not speak against this."""
    rows = (
        row(option.name, str(count), str(len(option.support)), str(len(option.oppose)))
        for option, count in bridges(desk.statements)
    )
    return table(("option", "might be won over", "support", "object"), rows)


def changes_of_mind_table(desk: Desk) -> str:
    """Who came to prefer another option, or took back what it had said of one; both lines."""
    rows = (
        row(change.later.delegation, *_sides((change.earlier, change.later))) for change in changes(desk.statements)
    )
    return table(("delegation", "first", "then"), rows)


def disputes_table(desk: Desk) -> str:
    """Sentences of which the record keeps two versions: both."""
    rows = (
        row(first.delegation, f"line {first.record_line}: {first.gist}", f"line {second.record_line}: {second.gist}")
        for first, second in disputes(desk.statements)
    )
    return table(("speaker", "one version", "the other"), rows)


def _sides(said: Iterable[Statement]) -> tuple[str, ...]:
    return tuple(
        f'<td class="{one.stance}">{escape(one.option)}: {one.stance} (line {one.record_line}) '
        f"<small>{escape(one.gist)}</small></td>"
        for one in said
    )
