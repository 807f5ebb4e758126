"""Whether the tables fit together: every row that is named is there, and no tree runs in a circle."""

from collections.abc import Iterable, Mapping

from qit4n.coordination.clocks import processes
from qit4n.coordination.tables import Body, Desk, Statement, Topic
from qit4n.coordination.terms import names_of
from qit4n.errors import StandardsDataError

Places = Mapping[str, str]
"""Where the row of an id stands, as ``terms.csv:12``."""

WITHOUT_BODY = ("literature", "record")  # sources of a term that are no body
SHOWN = 12


def check(desk: Desk, places: Mapping[str, Places]) -> None:
    """Raises StandardsDataError with file and line for the first thing that does not fit."""
    topics, bodies = {one.id for one in desk.topics}, {one.id for one in desk.bodies}
    _check_tree(desk.topics, places["topics"], "topic")
    _check_tree(desk.bodies, places["bodies"], "body")
    for item in desk.work_items:
        place = places["work_items"][item.id]
        _known(place, item.topics, topics, "topic")
        _known(place, (item.body,), bodies, "body")
        _check_process(place, item.process, item.step, has_date=item.since is not None)
    accepted: dict[tuple[str, str], str] = {}
    for overlap in desk.overlaps:
        place = places["overlaps"][overlap.id]
        _known(place, (overlap.topic,), topics, "topic")
        first = accepted.setdefault((overlap.topic, overlap.aspect), place)
        if first != place:
            raise StandardsDataError(
                f"{place}: {overlap.topic} {overlap.aspect} is accepted at {first} already; keep one"
            )
    for cell in desk.cells:
        place = places["cells"][cell.id]
        _known(place, (cell.topic,), topics, "topic")
        _known(place, (cell.body,), bodies, "body")
    named = {name.casefold() for term in desk.terms for name in (term.id, term.label, *names_of(term.label))}
    for term in desk.terms:
        place = places["terms"][term.id]
        _known(place, (term.body,), bodies | set(WITHOUT_BODY), "body")
        if term.same_as and term.same_as.casefold() not in named:
            raise StandardsDataError(
                f"{place}: same_as {term.same_as}: the glossary has no such term; name the label or id of a row, "
                "or put a word without a row of its own into deprecated"
            )
    check_statements(desk.statements, {one.id for one in desk.options}, places["statements"])


def check_statements(statements: Iterable[Statement], options: set[str], places: Places) -> None:
    """Raises StandardsDataError for an option or another version that is not there."""
    said = {one.id: one for one in statements}
    for one in said.values():
        place = places[one.id]
        _known(place, (one.option,), options, "option", "the table options lists them")
        if one.version_of:
            _known(place, (one.version_of,), set(said), "statement")
            if one.version_of == one.id or said[one.version_of].version_of:
                raise StandardsDataError(
                    f"{place}: version_of {one.version_of}: name the version that was recorded first"
                )


def _check_tree(rows: Iterable[Topic | Body], places: Places, what: str) -> None:
    parents = {one.id: one.parent for one in rows}
    for start in parents:
        way = [start]
        while parents[way[-1]]:
            place = places[way[-1]]
            above = parents[way[-1]]
            _known(place, (above,), set(parents), what)
            if above in way:
                circle = " -> ".join((*way[way.index(above) :], above))
                raise StandardsDataError(f"{place}: {circle} is a circle; leave the parent of the topmost empty")
            way.append(above)


def _check_process(place: str, process: str, step: str, *, has_date: bool) -> None:
    if not process:
        if step or has_date:
            raise StandardsDataError(f"{place}: a step or date needs the process that it belongs to")
        return
    known = {one.id: one for one in processes()}
    _known(place, (process,), set(known), "process")
    if step:
        _known(place, (step,), {one.name for one in known[process].steps}, f"step of {process}")
    elif has_date:
        raise StandardsDataError(f"{place}: a date needs the step that was reached on it")


def _known(place: str, names: Iterable[str], known: set[str], what: str, hint: str = "") -> None:
    missing = next((name for name in names if name not in known), None)
    if missing is not None:
        listed = sorted(known)
        shown = ", ".join(listed[:SHOWN]) + (" ..." if len(listed) > SHOWN else "")
        raise StandardsDataError(f"{place}: there is no {what} {missing}; {hint or 'known'}: {shown}")
