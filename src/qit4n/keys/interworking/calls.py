"""Calls to the key managers of other networks: who waits for which outcome, and who of them is there.

What both sides say the same way to calls from there is here too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from qit4n.entropy import Entropy
from qit4n.keys.step import AnswerNeighbour, CallNeighbour, Step
from qit4n.refpoints.interworking import (
    AskVersions,
    NotSent,
    Outcome,
    Problem,
    Reply,
    Request,
    Unclear,
    Versions,
)

ASK_INTERVAL_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

Then = Callable[[Outcome, float], Step]


@dataclass
class Retry:
    """When to try again: not while a try is under way, and after pauses that grow."""

    at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    under_way: bool = False

    def begin(self, now: float, then: Then) -> Then:
        """Try now; gives who is to be told the outcome, ``then`` at last."""
        self.under_way = True
        self.at = now + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)

        def ended(outcome: Outcome, at: float) -> Step:
            self.under_way = False
            return then(outcome, at)

        return ended

    def due(self, now: float) -> bool:
        """Whether to try now."""
        return not self.under_way and now >= self.at


@dataclass
class Neighbour:
    """What is known of the key manager of another network, and counted with it."""

    versions: Versions | None = None
    detail: str = "not heard of yet"
    asked_at: float = float("-inf")
    handed: int = 0
    taken: int = 0
    refused: int = 0
    voided: int = 0


class Calls:
    """Calls under way, by a random number: outcomes of calls before a restart do not fit."""

    def __init__(self, neighbours: tuple[str, ...], entropy: Entropy) -> None:
        """Nobody has been asked."""
        self.neighbours = {name: Neighbour() for name in neighbours}
        self._entropy = entropy
        self._waiting: dict[int, Then] = {}

    def call(self, neighbour: str, request: Request, then: Then, url: str = "") -> CallNeighbour:
        """Ask; ``then`` is told the outcome."""
        number = int.from_bytes(self._entropy(7))
        self._waiting[number] = then
        return CallNeighbour(number, neighbour, request, url)

    def called(self, number: int, outcome: Outcome, now: float) -> Step:
        """The outcome of a call."""
        then = self._waiting.pop(number, None)
        return then(outcome, now) if then else Step()

    def synchronous(self, neighbour: str) -> bool:
        """Whether the neighbour is known to answer at once; every one can call back."""
        known = self.neighbours[neighbour].versions
        return known is not None and known.synchronous

    def timer(self, now: float) -> Step:
        """Ask all neighbours for their versions now and then."""
        step = Step()
        for name, neighbour in self.neighbours.items():
            if not 0 <= now - neighbour.asked_at < ASK_INTERVAL_S:
                neighbour.asked_at = now
                step.actions.append(self.call(name, AskVersions(), self._heard(neighbour)))
        return step

    @staticmethod
    def _heard(neighbour: Neighbour) -> Then:
        def heard(outcome: Outcome, _now: float) -> Step:
            neighbour.versions = outcome if isinstance(outcome, Versions) else None
            neighbour.detail = said(outcome)
            if neighbour.versions and "v1" not in neighbour.versions.versions:
                neighbour.detail = f"it speaks {', '.join(neighbour.versions.versions) or 'no version'}, not v1"
            return Step()

        return heard


def answer(number: int, reply: Reply) -> Step:
    """Answer request ``number`` of a neighbour."""
    return Step(actions=[AnswerNeighbour(number, reply)])


def problem(status: int, kind: str, text: str, topic: str = "") -> Problem:
    """A refusal; ``topic`` is the member of its details if that is not ``kind``."""
    return Problem(status=status, kind=kind, details={topic or kind.replace("-", "_"): text})


def said(outcome: Outcome) -> str:
    """Why an outcome is not what was hoped for; empty if it is."""
    if isinstance(outcome, Problem):
        return f"the other network answers {outcome}"
    return outcome.text if isinstance(outcome, NotSent | Unclear) else ""
