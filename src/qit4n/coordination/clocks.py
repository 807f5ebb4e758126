"""How documents are approved, and the earliest day on which one can be.

``clocks.csv`` has the steps of each process in order, with the least time that each takes before the next and the rule
it comes from. A step without a fixed time (a draft is written as long as it takes) stops the clock.
"""

import csv
import functools
import io
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources

from qit4n.coordination.tables import WorkItem
from qit4n.errors import StandardsDataError


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a process; ``days`` until the next at the earliest, none if nothing fixes it.

    ``is_optional``: it comes only if there are comments.
    """

    name: str
    days: int | None
    is_optional: bool
    text: str
    source: str
    confidence: str


@dataclass(frozen=True, kw_only=True)
class Process:
    """The steps in order; the last one is the approval."""

    id: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Clock:
    """When a work item can be approved: ``if_quiet`` without comments, ``if_reviewed`` with every optional step.

    ``after`` says what comes before the clock starts to run; the days are none until then.
    """

    process: str
    step: str
    since: date | None
    after: str
    if_quiet: date | None
    if_reviewed: date | None
    days_quiet: int
    days_reviewed: int


@functools.cache
def processes() -> tuple[Process, ...]:
    """All processes of the shipped table."""
    text = (resources.files("qit4n.coordination") / "clocks.csv").read_text(encoding="utf-8")
    steps: dict[str, list[Step]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        steps.setdefault(row["process"], []).append(
            Step(
                name=row["step"],
                days=int(row["days"]) if row["days"] else None,
                is_optional=row["optional"] == "yes",
                text=row["text"],
                source=row["source"],
                confidence=row["confidence"],
            )
        )
    return tuple(Process(id=name, steps=tuple(found)) for name, found in steps.items())


def process(name: str) -> Process:
    """The process of a name, whatever its case.

    Raises:
        StandardsDataError: there is none.
    """
    found = next((one for one in processes() if one.id.casefold() == name.casefold()), None)
    if found is None:
        raise StandardsDataError(f"there is no process {name}; known: {', '.join(one.id for one in processes())}")
    return found


def clock(name: str, step: str = "", since: date | None = None) -> Clock:
    """The clock of a process from a step on, its first one that runs if none is named."""
    known = process(name)
    steps = known.steps
    names = [one.name for one in steps]
    step = next((one for one in names if one.casefold() == step.casefold()), step)
    if step and step not in names:
        raise StandardsDataError(f"{known.id} has no step {step}; steps: {', '.join(names)}")
    reached = names.index(step) if step else 0
    first = reached  # what follows the last step whose length nothing fixes
    for number in range(reached, len(steps) - 1):
        if steps[number].days is None:
            first = number + 1
    left = steps[first:-1]
    reviewed = sum(one.days or 0 for one in left)
    quiet = sum(one.days or 0 for one in left if not one.is_optional)
    runs = since is not None and first == reached
    return Clock(
        process=known.id,
        step=names[reached],
        since=since,
        after="" if first == reached and since else names[first],
        if_quiet=since + timedelta(days=quiet) if runs and since else None,
        if_reviewed=since + timedelta(days=reviewed) if runs and since else None,
        days_quiet=quiet,
        days_reviewed=reviewed,
    )


def clock_of(item: WorkItem) -> Clock | None:
    """The clock of a work item in hand; none if its process is not known."""
    return clock(item.process, item.step, item.since) if item.process else None


def told(found: Clock | None) -> str:
    """A clock in a few words."""
    if found is None:
        return ""
    if found.if_quiet and found.if_reviewed:
        later = f", {found.if_reviewed} with review" if found.if_reviewed != found.if_quiet else ""
        return f"{found.process}, {found.step} {found.since}: approved {found.if_quiet} at the earliest{later}"
    if not found.days_reviewed:
        return f"{found.process}: {found.step}; no fixed time"
    weeks = _weeks(found.days_quiet)
    if found.days_reviewed != found.days_quiet:
        weeks += f" to {_weeks(found.days_reviewed)}"
    step = f"{found.step}; " if found.step != found.after else ""
    return f"{found.process}: {step}{weeks} weeks from {found.after}"


def _weeks(days: int) -> str:
    return f"{days / 7:.0f}"
