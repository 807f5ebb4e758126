"""Keys handed over to another network: the machine of the giving side (table ``HANDOVER``).

The values are kept in memory only, and only until the first answer: what is not settled when this process ends is
voided by the next one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from qit4n.keys.interworking.calls import Calls, Retry, said
from qit4n.keys.interworking.table import HANDOVER, Give, Handed, Handing
from qit4n.keys.step import CallNeighbour, Step
from qit4n.keys.store import Erase, HandoverRecord, Put
from qit4n.refpoints import ak
from qit4n.refpoints.interworking import (
    Accepted,
    Acknowledgement,
    Done,
    ForeignKey,
    HandKeys,
    KeyStatus,
    NotSent,
    Outcome,
    Problem,
    VoidKeys,
)

HAND_LIMIT_S = 4.5  # less than the master's site waits, so that the master is told why
REMEMBERED_S = 60.0
VOID_LIMIT_S = 86_400.0
LIMITS_S = {Handing.RELAYED: REMEMBERED_S, Handing.VOIDING: VOID_LIMIT_S}
ANSWER_S = 10.0  # so long an acknowledgement of a void is waited for before it is asked for again
NOTHING_KEPT = {400, 401}
VOID_ANSWERS = {KeyStatus.VOIDED, KeyStatus.FAILED_TO_VOID, KeyStatus.NOT_PRESENT}

Told = Callable[[str, bytes, str | None, float], Step]


@dataclass
class Handover:
    """Keys of one batch for one neighbour; ``settled`` are those whose acknowledgement has come."""

    batch: bytes
    neighbour: str
    number: int
    origin: str
    master: str
    slaves: tuple[str, ...]
    state: Handing
    at: float
    settled: set[bytes] = field(default_factory=set)
    retry: Retry = field(default_factory=Retry)
    text: str = ""

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The ids of its keys."""
        return ak.split_ids(ak.key_ids(self.batch, self.number))

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{self.batch.hex()}/{self.neighbour}"

    def record(self) -> Put:
        """What the store keeps."""
        return Put(
            HandoverRecord(
                key=self.key,
                batch=self.batch,
                neighbour=self.neighbour,
                number=self.number,
                origin=self.origin,
                master=self.master,
                slaves=self.slaves,
                state=self.state.value,
                at=self.at,
            )
        )


class Handovers:
    """All handovers of a site; ``told`` tells the site that cut a batch that it is held, or why not."""

    def __init__(self, calls: Calls, callback: str, told: Told, records: Iterable[HandoverRecord]) -> None:
        """Start with those of the store."""
        self._calls = calls
        self._callback = callback
        self._told = told
        self._batches: dict[bytes, dict[str, Handover]] = {}
        for one in records:
            state = Handing(one.state)
            known = Handover(one.batch, one.neighbour, one.number, one.origin, one.master, one.slaves, state, one.at)
            self._batches.setdefault(one.batch, {})[one.neighbour] = known

    def __contains__(self, batch: bytes) -> bool:
        """Whether a batch is, or was lately, handed over."""
        return batch in self._batches

    def all(self) -> list[Handover]:
        """All, in no order that matters."""
        return [one for batch in self._batches.values() for one in batch.values()]

    def begin(self) -> Step:
        """After a start nothing is known of what was under way: void it."""
        step = Step()
        for one in self.all():
            if one.neighbour in self._calls.neighbours:
                step.extend(self._event(one, Handed.RESTARTED, 0.0))
            else:
                step.extend(self._forget(one))  # the network file names that neighbour no more
        return step

    def hand(
        self,
        origin: str,
        batch: bytes,
        values: bytes,
        *,
        size: int,
        master: str,
        slaves: dict[str, tuple[str, ...]],
        now: float,
    ) -> Step:
        """Hand a batch over to each of the neighbours that ``slaves`` are reached through."""
        step, number = Step(), len(values) // size
        made = {
            neighbour: Handover(batch, neighbour, number, origin, master, there, Handing.SENDING, now)
            for neighbour, there in slaves.items()
        }
        self._batches[batch] = made
        for neighbour, one in made.items():
            keys = tuple(
                ForeignKey(key_id=key_id, value=values[place * size : (place + 1) * size])
                for place, key_id in enumerate(one.ids)
            )
            callback = "" if self._calls.synchronous(neighbour) else self._callback
            request = HandKeys(keys=keys, initiator=master, targets=one.slaves, callback=callback)
            step.writes.append(one.record())
            step.tell("handed", batch.hex(), len(values), master, *one.slaves, note=f"to network {neighbour}")
            step.actions.append(self._calls.call(neighbour, request, self._answered(one)))
        return step

    def _answered(self, one: Handover) -> Callable[[Outcome, float], Step]:
        def answered(outcome: Outcome, now: float) -> Step:
            one.text = said(outcome)
            match outcome:
                case Accepted():
                    return self._event(one, Handed.ACCEPTED, now)
                case Done(acks=acks):
                    step, _ = self.acknowledged(one.neighbour, acks, now)
                    one.text = one.text or "the other network has not acknowledged all keys"
                    step.extend(self._event(one, Handed.UNCLEAR, now) if one.state is Handing.SENDING else Step())
                    return step
                case NotSent():
                    return self._event(one, Handed.REFUSED, now) if one.state is Handing.SENDING else Step()
                case Problem(status=status) if status in NOTHING_KEPT:
                    return self._event(one, Handed.REFUSED, now) if one.state is Handing.SENDING else Step()
            return self._event(one, Handed.UNCLEAR, now)

        return answered

    def acknowledged(
        self, neighbour: str, acks: Iterable[Acknowledgement], now: float
    ) -> tuple[Step, tuple[bytes, ...]]:
        """The neighbour says what became of keys; the step, and the ids that are not known here."""
        step, unknown = Step(), list[bytes]()
        for ack in acks:
            for batch, ids in _by_batch(ack.key_ids).items():
                one = self._batches.get(batch, {}).get(neighbour)
                if one is None or not ids <= set(one.ids) or ack.initiator != one.master:
                    unknown += ids
                else:
                    step.extend(self._acknowledged(one, ack, ids, now))
        return step, tuple(unknown)

    def _acknowledged(self, one: Handover, ack: Acknowledgement, ids: set[bytes], now: float) -> Step:
        if one.state is Handing.VOIDING:
            if ack.status not in VOID_ANSWERS:
                return Step()
            if ack.status is KeyStatus.FAILED_TO_VOID:
                one.text = "the other network could not void it"
            return self._settle(one, ids, Handed.SETTLED, now)
        if one.state is Handing.RELAYED:
            return Step()
        if ack.status is KeyStatus.RELAYED:
            return self._settle(one, ids, Handed.RELAYED, now)
        one.text = f"the other network says: {ack.text or ack.status}"
        return self._event(one, Handed.FAILED, now)

    def _settle(self, one: Handover, ids: set[bytes], event: Handed, now: float) -> Step:
        one.settled |= ids
        return self._event(one, event, now) if len(one.settled) == one.number else Step()

    def withdraw(self, origin: str, batch: bytes, now: float) -> Step:
        """The site that cut a batch has refused its master."""
        step = Step()
        for one in tuple(self._batches.get(batch, {}).values()):
            if one.origin == origin:
                step.extend(self._event(one, Handed.WITHDRAWN, now))
        return step

    def void(self, neighbour: str, ids: Iterable[bytes], now: float) -> tuple[Step, dict[bytes, KeyStatus]]:
        """The neighbour voids what it was handed: too late for what the master has."""
        step, found = Step(), dict[bytes, KeyStatus]()
        for key_id in ids:
            one = self._batches.get(key_id[: ak.BATCH_BYTES], {}).get(neighbour)
            if one is None or key_id not in one.ids:
                found[key_id] = KeyStatus.NOT_PRESENT
            elif one.state is Handing.RELAYED:
                found[key_id] = KeyStatus.FAILED_TO_VOID
            else:
                one.text = "the other network has voided it"
                step.extend(self._event(one, Handed.VOIDED, now))
                found[key_id] = KeyStatus.VOIDED
        return step, found

    def ids(self, neighbour: str, master: str, slaves: tuple[str, ...]) -> tuple[bytes, ...]:
        """The ids of all keys of these applications that were handed to a neighbour lately."""
        known = (one for one in self.all() if one.neighbour == neighbour and one.master == master)
        return tuple(key_id for one in known if set(one.slaves) == set(slaves) for key_id in one.ids)

    def timer(self, now: float) -> Step:
        """Give up waiting, void what is to be voided, forget what is long ago."""
        step = Step()
        for one in self.all():
            age = now - one.at
            if one.state in {Handing.SENDING, Handing.ACCEPTED} and age > HAND_LIMIT_S:
                one.text = f"no acknowledgement from network {one.neighbour} within {HAND_LIMIT_S:g} s"
                step.extend(self._event(one, Handed.LATE, now))
            elif age > LIMITS_S.get(one.state, age):
                step.extend(self._event(one, Handed.OLD, now))
            elif one.state is Handing.VOIDING and one.retry.due(now):
                step.actions.append(self._void(one, now))
        return step

    def _event(self, one: Handover, event: Handed, now: float) -> Step:
        """Look the event up in the table, and do what stands there."""
        row = HANDOVER.get((one.state, event))
        if row is None or self._batches.get(one.batch, {}).get(one.neighbour) is not one:
            return Step()
        action, one.state = row
        step = self._forget(one) if one.state is Handing.OVER else Step([one.record()])
        counted = self._calls.neighbours[one.neighbour]
        if action is Give.HOLD:
            counted.handed += one.number
            together = self._batches[one.batch].values()
            if all(other.state is Handing.RELAYED for other in together):
                step.extend(self._told(one.origin, one.batch, None, now))
        if action in {Give.VOID, Give.REFUSE_AND_VOID}:
            counted.voided += one.number
            one.settled.clear()
            step.tell("voided", one.batch.hex(), 0, one.master, *one.slaves, note=one.text or event.value)
            step.extend(self._void_now(one, now))
        if action in {Give.REFUSE, Give.REFUSE_AND_VOID}:
            counted.refused += one.number
            step.extend(self._told(one.origin, one.batch, one.text or event.value, now))
        return step

    def _void_now(self, one: Handover, now: float) -> Step:
        """After a start the timer does it: then there is a time."""
        return Step(actions=[self._void(one, now)]) if now else Step()

    def _void(self, one: Handover, now: float) -> CallNeighbour:
        callback = "" if self._calls.synchronous(one.neighbour) else self._callback
        request = VoidKeys(key_ids=one.ids, initiator=one.master, targets=one.slaves, callback=callback)
        return self._calls.call(one.neighbour, request, one.retry.begin(now, self._voided(one)))

    def _voided(self, one: Handover) -> Callable[[Outcome, float], Step]:
        def voided(outcome: Outcome, now: float) -> Step:
            match outcome:
                case Done(acks=acks):
                    return self.acknowledged(one.neighbour, acks, now)[0]
                case Accepted():
                    one.retry.at = now + ANSWER_S
                case Problem(status=status) if status in NOTHING_KEPT:
                    one.text = said(outcome)
                    return self._event(one, Handed.REFUSED, now)
            return Step()

        return voided

    def _forget(self, one: Handover) -> Step:
        batch = self._batches[one.batch]
        del batch[one.neighbour]
        if not batch:
            del self._batches[one.batch]
        return Step([Erase(HandoverRecord.kind, one.key)])


def _by_batch(key_ids: Iterable[bytes]) -> dict[bytes, set[bytes]]:
    found: dict[bytes, set[bytes]] = {}
    for key_id in key_ids:
        found.setdefault(key_id[: ak.BATCH_BYTES], set()).add(key_id)
    return found
