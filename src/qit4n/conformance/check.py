"""What a check is: its clause of ETSI GS QKD 014 V1.1.1, its weight, its sentence and its function."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from qit4n.conformance.bench import Bench


class Weight(StrEnum):
    """What a deviation means."""

    SHALL = "shall"  # the document demands it: a deviation fails
    RECOMMENDED = "recommended"  # good practice beside the document: a deviation warns
    OPEN = "open"  # the document leaves it open; a deviation from what clients can rely on warns


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    WARN = "warn"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    id: str
    clause: str
    weight: Weight
    sentence: str
    function: Callable[[Bench], None]


@dataclass(frozen=True)
class Result:
    """How one check ended, and what was seen if not as its sentence says."""

    check: Check
    outcome: Outcome
    seen: str
    seconds: float


def check(clause: str, weight: Weight = Weight.SHALL) -> Callable[[Callable[[Bench], None]], Check]:
    """Make a function a check: its name is the id, its docstring the sentence."""

    def made(function: Callable[[Bench], None]) -> Check:
        name, sentence = function.__name__.replace("_", "-"), " ".join((function.__doc__ or "").split())
        return Check(name, clause, weight, sentence, function)

    return made
