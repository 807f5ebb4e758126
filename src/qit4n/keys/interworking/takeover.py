"""Keys taken over from another network: the machine of the taking side (table ``TAKEOVER``).

The values go to the sites of the targets under one-time pads, as those of any supply; what is stored here are ids, and
a salted digest by which a repeated request is known. An acknowledgement ``relayed`` is told when every target's site
holds its copy durably.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from qit4n.entropy import Entropy, new_id
from qit4n.keys.directory import Directory
from qit4n.keys.interworking.calls import Calls, answer, problem
from qit4n.keys.interworking.table import TAKEOVER, Take, Taken, Taking
from qit4n.keys.interworking.taken import Takeover, batches_of, loaded, values_of
from qit4n.keys.step import AnswerNeighbour, Send, Step
from qit4n.keys.store import Erase, TakeoverRecord
from qit4n.keys.supply.ksa import KSA
from qit4n.keys.supply.supplies import Finish
from qit4n.pools.digest import SALT_BYTES, digest
from qit4n.refpoints import ak, kx
from qit4n.refpoints.interworking import (
    Accepted,
    Acknowledge,
    Done,
    ForeignKey,
    HandKeys,
    KeyStatus,
    NotSent,
    Outcome,
    Problem,
    VoidKeys,
)

REMEMBERED_S = 600.0
MOST_REMEMBERED, MOST_KEYS_REMEMBERED = 20_000, 1_000_000
TELL_LIMIT_S = 60.0
VOID_LIMIT_S = 86_400.0
BAD_REQUEST = 400


class Takeovers:
    """All takeovers of a site."""

    def __init__(
        self,
        directory: Directory,
        ksa: KSA,
        calls: Calls,
        entropy: Entropy,
        records: Iterable[TakeoverRecord],
        *,
        callback: str,
    ) -> None:
        """Start with those of the store; ``callback`` is where this site takes acknowledgements."""
        self._callback = callback
        self._site = ksa.site
        self._directory = directory
        self._ksa = ksa
        self._calls = calls
        self._entropy = entropy
        self._now = 0.0
        self._all: dict[str, Takeover] = {}
        self._by_id: dict[bytes, Takeover] = {}
        for record in records:
            self._add(loaded(record))

    def _add(self, one: Takeover) -> None:
        self._all[one.name] = one
        self._by_id.update(dict.fromkeys(one.ids, one))

    def begin(self) -> Step:
        """After a start: what was on its way is given up, what was to be told is told."""
        step = Step()
        for one in tuple(self._all.values()):
            if one.neighbour not in self._calls.neighbours:
                step.extend(self._forget(one))
            elif one.state is Taking.RELAYING:
                one.text = "the key manager has started again"
                step.extend(self._event(one, Taken.RESTARTED))
        return step

    @property
    def _full(self) -> bool:
        return len(self._all) > MOST_REMEMBERED or len(self._by_id) > MOST_KEYS_REMEMBERED

    def find(self, neighbour: str, key_id: bytes) -> Takeover | None:
        """The takeover of a key."""
        one = self._by_id.get(key_id)
        return one if one is not None and one.neighbour == neighbour else None

    def take(self, number: int, neighbour: str, request: HandKeys, now: float) -> Step:
        """Another network hands keys over, and is known to be allowed to."""
        self._now = now
        known = {id(one): one for key in request.keys if (one := self._by_id.get(key.key_id))}
        if known:
            return self._again(number, neighbour, request, tuple(known.values()))
        batches = tuple(batches_of(request.keys))
        if any(batch in self._ksa.held for batch, _ in batches):
            return answer(number, _in_use())
        bits = 8 * sum(len(key.value) for key in request.keys)
        refused = self._ksa.refuse_foreign(_wanted(request, 1, bits), now)
        if refused:
            kind = "insufficient-key-material" if refused.reason == "no-key" else "key-routing-error"
            return answer(number, problem(503, kind, refused.text))
        return self._begin(number, neighbour, request, batches)

    def _begin(
        self, number: int, neighbour: str, request: HandKeys, batches: tuple[tuple[bytes, list[ForeignKey]], ...]
    ) -> Step:
        name, salt = new_id(self._entropy), self._entropy(SALT_BYTES)
        one = Takeover(
            name=name,
            neighbour=neighbour,
            ids=tuple(key.key_id for key in request.keys),
            batches=tuple(batch for batch, _ in batches),
            salt=salt,
            digest=digest(name, salt + values_of(request.keys)),
            initiator=request.initiator,
            targets=request.targets,
            callback=request.callback,
            state=Taking.RELAYING,
            result=KeyStatus.FAILED,
            at=self._now,
        )
        one.left = set(one.batches)
        self._add(one)
        step = Step([one.record()])
        length = sum(len(key.value) for key in request.keys)
        step.tell("taken", name, length, one.initiator, *one.targets, note=f"from network {neighbour}")
        if one.callback:
            step.actions.append(AnswerNeighbour(number, Accepted()))
        else:
            one.asked.append(number)
        for batch, keys in batches:
            values = b"".join(key.value for key in keys)
            wanted = _wanted(request, len(keys), 8 * len(keys[0].value))
            step.extend(self._ksa.take(wanted, batch, values, self._arrived(one), self._now))
        return step

    def _arrived(self, one: Takeover) -> Finish:
        def arrived(batch: bytes, refused: ak.Refused | None) -> Step:
            one.left.discard(batch)
            if refused:
                one.text = refused.text
                return self._event(one, Taken.FAILED)
            return Step() if one.left else self._event(one, Taken.HELD)

        return arrived

    def _again(self, number: int, neighbour: str, request: HandKeys, known: tuple[Takeover, ...]) -> Step:
        """Some of the keys are known: the same request once more is answered once more, any other is refused."""
        one = known[0]
        ids = tuple(key.key_id for key in request.keys)
        if len(known) > 1 or one.neighbour != neighbour or ids != one.ids or not one.same(request.keys, request):
            return answer(number, _in_use())
        one.callback = request.callback
        step = Step([one.record()])
        if one.callback:
            step.actions.append(AnswerNeighbour(number, Accepted()))
        else:
            one.asked.append(number)
        step.extend(self._event(one, Taken.REPEATED))
        return step

    def cancel(self, one: Takeover, now: float) -> Step:
        """The other network voids what is still on its way."""
        self._now = now
        one.text = "voided"
        if one.state is Taking.RELAYING:
            one.result = KeyStatus.FAILED
        return self._event(one, Taken.VOIDED)

    def bury(self, neighbour: str, request: VoidKeys, ids: tuple[bytes, ...], now: float) -> Step:
        """Remember ids that were voided before they came: they must not come afterwards."""
        if not ids:
            return Step()
        one = Takeover(
            name=new_id(self._entropy),
            neighbour=neighbour,
            ids=ids,
            batches=(),
            salt=b"",
            digest=b"",
            initiator=request.initiator,
            targets=request.targets,
            callback="",
            state=Taking.TOLD,
            result=KeyStatus.NOT_PRESENT,
            at=now,
        )
        self._add(one)
        return Step([one.record()])

    def under_way(self, neighbour: str, request: VoidKeys) -> list[Takeover]:
        """The takeovers that are not finished, or not told, and that a void is about."""
        return [one for one in self._about(neighbour, request) if one.state in {Taking.RELAYING, Taking.TELLING}]

    def given_up(self, neighbour: str, request: VoidKeys) -> set[bytes]:
        """The keys that a void is about and that were given up, or voided before."""
        gone = {KeyStatus.FAILED, KeyStatus.VOIDED}
        return {key_id for one in self._about(neighbour, request) if one.result in gone for key_id in one.ids}

    def _about(self, neighbour: str, request: VoidKeys) -> list[Takeover]:
        if request.all_of_them:
            pair = (request.initiator, request.targets)
            return [
                one for one in self._all.values() if (one.initiator, one.targets) == pair and one.neighbour == neighbour
            ]
        found = (self.find(neighbour, key_id) for key_id in request.key_ids)
        return list({one.name: one for one in found if one is not None}.values())

    def note_voided(self, neighbour: str, gone: AbstractSet[bytes]) -> Step:
        """Every copy of these keys has been taken back; remember it of takeovers that are gone whole."""
        step = Step()
        touched = {one.name: one for key_id in gone if (one := self.find(neighbour, key_id)) is not None}
        for one in touched.values():
            if gone >= set(one.ids):
                one.result, one.text = KeyStatus.VOIDED, ""
                step.writes.append(one.record())
        return step

    def timer(self, now: float) -> Step:
        """Tell again what was not taken, void back what is not taken for long, forget what is long ago."""
        self._now = now
        step = Step()
        for one in tuple(self._all.values()):
            age = now - one.at
            if one.state is Taking.TELLING and one.retry.due(now):
                late = Taken.OLD if one.unclear else Taken.LATE
                limit_s = VOID_LIMIT_S if one.unclear else TELL_LIMIT_S
                step.extend(self._event(one, late) if age > limit_s else self._tell(one))
            elif one.state is Taking.VOIDING and one.retry.due(now):
                step.extend(self._event(one, Taken.OLD) if age > VOID_LIMIT_S else self._void(one))
            elif one.state is Taking.TOLD and (age > REMEMBERED_S or self._full):
                step.extend(self._event(one, Taken.OLD))
        return step

    def _event(self, one: Takeover, event: Taken) -> Step:
        """Look the event up in the table, and do what stands there."""
        row = TAKEOVER.get((one.state, event))
        if row is None or self._all.get(one.name) is not one:
            return Step()
        action, one.state = row
        counted = self._calls.neighbours[one.neighbour]
        if event is Taken.HELD:
            one.result, one.text = KeyStatus.RELAYED, ""
            counted.taken += len(one.ids)
        step = self._forget(one) if one.state is Taking.OVER else Step([one.record()])
        match action:
            case Take.TELL:
                step.extend(self._tell(one))
            case Take.WITHDRAW_AND_TELL:
                counted.refused += len(one.ids)
                step.extend(self._withdraw(one))
                step.extend(self._tell(one))
            case Take.VOID_BACK if one.result is KeyStatus.RELAYED:
                counted.voided += len(one.ids)
                step.extend(self._withdraw(one))
                step.extend(self._void(one))
            case Take.VOID_BACK:
                step.extend(self._event(one, Taken.SETTLED))
        return step

    def _tell(self, one: Takeover) -> Step:
        step = Step(actions=[AnswerNeighbour(number, Done(acks=one.acks)) for number in one.asked])
        one.asked.clear()
        if not one.callback:
            step.extend(self._event(one, Taken.TOLD))
            return step

        def answered(outcome: Outcome, now: float) -> Step:
            self._now = now
            if isinstance(outcome, Done):
                return self._event(one, Taken.TOLD)
            if isinstance(outcome, Problem) and outcome.status == BAD_REQUEST:  # or it has heard it, and forgotten
                return self._event(one, Taken.TOLD if one.unclear else Taken.REFUSED)
            one.unclear |= not isinstance(outcome, NotSent)
            return Step()

        then = one.retry.begin(self._now, answered)
        step.actions.append(self._calls.call(one.neighbour, Acknowledge(acks=one.acks), then, one.callback))
        return step

    def _withdraw(self, one: Takeover) -> Step:
        """Take back what the sites of the targets hold, or will be told to hold."""
        step = Step()
        for batch in one.batches:
            step.extend(self._ksa.give_up(batch, one.text or "given up", self._now))
            step.extend(self._ksa.held.erase(batch, "voided", one.text or "given up"))
            sites = dict.fromkeys(self._directory.sites.get(target, self._site) for target in one.targets)
            step.actions += [Send(site, kx.WithdrawSupply(batch=batch)) for site in sites if site != self._site]
        return step

    def _void(self, one: Takeover) -> Step:
        """Void towards the network that handed the keys over: it has not heard that they were relayed."""

        def answered(outcome: Outcome, now: float) -> Step:
            self._now = now
            settled = isinstance(outcome, Done | Accepted | Problem)
            return self._event(one, Taken.SETTLED) if settled else Step()

        callback = "" if self._calls.synchronous(one.neighbour) else self._callback
        request = VoidKeys(key_ids=one.ids, initiator=one.initiator, targets=one.targets, callback=callback)
        return Step(actions=[self._calls.call(one.neighbour, request, one.retry.begin(self._now, answered))])

    def _forget(self, one: Takeover) -> Step:
        del self._all[one.name]
        for key_id in one.ids:
            if self._by_id.get(key_id) is one:
                del self._by_id[key_id]
        return Step([Erase(TakeoverRecord.kind, one.name)])


def _wanted(request: HandKeys, number: int, size_bits: int) -> ak.GetKeys:
    """What the initiator would have asked for, had it been of this network."""
    return ak.GetKeys(master=request.initiator, slaves=request.targets, number=number, size=size_bits)


def _in_use() -> Problem:
    text = "a key_id is known already, and not of this very request"
    return problem(503, "server-side-general-error", text, "key_id_in_use")
