"""Keys that another network takes back: all sites of their targets are asked, and the answer says what each says.

What a target has fetched cannot be voided. Ids that nobody here knows are remembered, so that a request which the
void has overtaken brings nothing.
"""

from dataclasses import dataclass, field

from qit4n.entropy import Entropy
from qit4n.keys.directory import Directory
from qit4n.keys.interworking.calls import Calls, Retry, answer, problem
from qit4n.keys.interworking.handover import Handovers
from qit4n.keys.interworking.takeover import Takeovers
from qit4n.keys.step import CallNeighbour, Send, Step
from qit4n.keys.supply.ksa import KSA
from qit4n.refpoints import kx
from qit4n.refpoints.interworking import (
    MOST_IDS,
    Accepted,
    Acknowledge,
    Acknowledgement,
    Done,
    KeyStatus,
    Outcome,
    Problem,
    VoidKeys,
)

ANSWER_LIMIT_S = 4.0
LIMIT_S = 600.0
ERRAND_S = 60.0
AGAIN_S = 1.0


@dataclass
class Voiding:
    """A void that waits for the sites that are ``left``; ``number`` is that of the request in synchronous mode."""

    neighbour: str
    request: VoidKeys
    number: int | None
    at: float
    left: set[str] = field(default_factory=set)
    voided: dict[str, set[bytes]] = field(default_factory=dict)
    asked_at: float = 0.0


@dataclass
class Errand:
    """An acknowledgement of a void that has not been taken yet."""

    neighbour: str
    acks: tuple[Acknowledgement, ...]
    url: str
    until: float
    retry: Retry = field(default_factory=Retry)
    done: bool = False


class Voids:
    """The voids of a site that are under way."""

    def __init__(
        self, directory: Directory, ksa: KSA, calls: Calls, parts: tuple[Handovers, Takeovers], entropy: Entropy
    ) -> None:
        """None yet."""
        self._site = ksa.site
        self._directory = directory
        self._ksa = ksa
        self._calls = calls
        self._handovers, self._takeovers = parts
        self._entropy = entropy
        self._waiting: dict[int, Voiding] = {}
        self._errands: list[Errand] = []

    def void(self, number: int, neighbour: str, request: VoidKeys, now: float) -> Step:
        """A neighbour voids keys, those that it has handed over or those that it was handed."""
        step = answer(number, Accepted()) if request.callback else Step()
        one = Voiding(neighbour, request, None if request.callback else number, now)
        if request.initiator not in self._directory.abroad:
            step.extend(self._void_handed(one, now))
            return step
        for takeover in self._takeovers.under_way(neighbour, request):
            step.extend(self._takeovers.cancel(takeover, now))
        sites = {self._directory.sites[target] for target in request.targets}
        if self._site in sites:
            wanted = None if request.all_of_them else request.key_ids
            found, taken_back = self._ksa.held.void(request.initiator, frozenset(request.targets), wanted)
            step.extend(taken_back)
            one.voided[self._site] = set(found)
        one.left = sites - {self._site}
        if one.left:
            name = int.from_bytes(self._entropy(7))
            self._waiting[name] = one
            step.extend(self._ask(name, one, now))
        else:
            step.extend(self._finish(one, now))
        return step

    def _void_handed(self, one: Voiding, now: float) -> Step:
        """The neighbour does not want what it was handed."""
        request = one.request
        ids = request.key_ids
        if request.all_of_them:
            ids = self._handovers.ids(one.neighbour, request.initiator, request.targets)
        step, found = self._handovers.void(one.neighbour, ids, now)
        step.extend(self._tell(one, found, now))
        return step

    @staticmethod
    def _ask(name: int, one: Voiding, now: float) -> Step:
        one.asked_at, request = now, one.request
        message = kx.VoidSupply(
            number=name,
            master=request.initiator,
            slaves=request.targets,
            key_ids=request.key_ids,
            all_of_them=request.all_of_them,
        )
        return Step(actions=[Send(site, message) for site in sorted(one.left)])

    def answered(self, peer: str, message: kx.SupplyVoided, now: float) -> Step:
        """A site of targets has answered."""
        one = self._waiting.get(message.number)
        if one is None or peer not in one.left:
            return Step()
        one.left.remove(peer)
        one.voided[peer] = set(message.key_ids)
        if one.left:
            return Step()
        del self._waiting[message.number]
        return self._finish(one, now)

    def _finish(self, one: Voiding, now: float) -> Step:
        """What became of each key: voided, too late, or never here."""
        gone = set[bytes].intersection(*one.voided.values())
        cancelled = self._takeovers.given_up(one.neighbour, one.request)
        wanted = tuple(gone | cancelled) if one.request.all_of_them else one.request.key_ids
        step, found, unknown = Step(), dict[bytes, KeyStatus](), list[bytes]()
        for key_id in wanted:
            known = self._takeovers.find(one.neighbour, key_id)
            if key_id in gone or key_id in cancelled:
                found[key_id] = KeyStatus.VOIDED
            elif known is None or known.result is KeyStatus.NOT_PRESENT:
                found[key_id] = KeyStatus.NOT_PRESENT
                unknown += [key_id] if known is None else []
            else:
                found[key_id] = KeyStatus.FAILED_TO_VOID
        self._calls.neighbours[one.neighbour].voided += len(gone)
        step.extend(self._takeovers.note_voided(one.neighbour, gone))
        step.extend(self._takeovers.bury(one.neighbour, one.request, tuple(unknown), now))
        step.extend(self._tell(one, found, now))
        return step

    def _tell(self, one: Voiding, found: dict[bytes, KeyStatus], now: float) -> Step:
        """Acknowledge: in the answer, or at the address that was given."""
        request = one.request
        by_status: dict[KeyStatus, list[bytes]] = {}
        for key_id, status in sorted(found.items()):
            by_status.setdefault(status, []).append(key_id)
        acks = tuple(
            Acknowledgement(
                key_ids=tuple(ids[at : at + MOST_IDS]),
                status=status,
                initiator=request.initiator,
                targets=request.targets,
            )
            for status, ids in by_status.items()
            for at in range(0, len(ids), MOST_IDS)
        ) or (
            Acknowledgement(key_ids=(), status=KeyStatus.VOIDED, initiator=request.initiator, targets=request.targets),
        )
        if one.number is not None:
            return answer(one.number, Done(acks=acks))
        errand = Errand(one.neighbour, acks, request.callback, now + ERRAND_S)
        self._errands.append(errand)
        return Step(actions=[self._run(errand, now)])

    def _run(self, errand: Errand, now: float) -> CallNeighbour:
        def answered(outcome: Outcome, _now: float) -> Step:
            errand.done = isinstance(outcome, Done | Problem)
            return Step()

        then = errand.retry.begin(now, answered)
        return self._calls.call(errand.neighbour, Acknowledge(acks=errand.acks), then, errand.url)

    def timer(self, now: float) -> Step:
        """Ask sites again, give up, and tell again what was not taken."""
        step = Step()
        for name, one in tuple(self._waiting.items()):
            if one.number is not None and now - one.at > ANSWER_LIMIT_S:
                del self._waiting[name]
                text = f"no answer from site {', '.join(sorted(one.left))}; ask again"
                refused = problem(503, "server-side-general-error", text, "key_voiding_error")
                step.extend(answer(one.number, refused))
            elif now - one.at > LIMIT_S:
                del self._waiting[name]
            elif now - one.asked_at > AGAIN_S:
                step.extend(self._ask(name, one, now))
        self._errands = [errand for errand in self._errands if not errand.done and now < errand.until]
        step.actions += [self._run(errand, now) for errand in self._errands if errand.retry.due(now)]
        return step
