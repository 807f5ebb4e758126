"""One simulated site: a real key manager, its store, and what ``node/site.py`` and ``node/journal.py`` do live."""

from collections.abc import Callable, Iterable

import msgspec

from qit4n.errors import InvariantViolatedError, QitError, StoreError
from qit4n.keys.manager import KeyManager
from qit4n.keys.step import Action, Answer, AnswerNeighbour, CallNeighbour, Control, Send, Step
from qit4n.keys.store import PositionRecord, position_of, settle
from qit4n.keys.synchronise import TO, TWIN
from qit4n.refpoints import ak, ck, interworking, kq1, kx
from qit4n.simulation.disk import Copy, Disk
from qit4n.simulation.encapsulation import SimulatedEncapsulation
from qit4n.simulation.oldcopy import OldCopy, Past
from qit4n.simulation.surroundings import Surroundings

TIMER_S = 0.5
COMMIT_S = 0.004
ENCODE = msgspec.msgpack.Encoder().encode
Answered = Callable[[ak.Reply | None], None]
Mouth = Callable[[str, kx.KxMessage], Iterable[tuple[str, kx.KxMessage]]]
Input = Callable[[KeyManager, float], Step]
NOT_READY = ak.Refused(reason="not-ready", text="the key store of this site does not take writes")


def _encode(step: Step) -> None:
    """What cannot be written or sent must not be asked for."""
    for write in step.writes:
        ENCODE(write)
    for action in step.actions:
        if isinstance(action, Send):
            ENCODE(action.message)


class SimulatedSite:
    """A site whose process can be stopped and started; the disk stays."""

    def __init__(self, world: Surroundings, site: str) -> None:
        """Start the process for the first time, with an empty store."""
        self._world = world
        self.id = site
        self.disk = Disk()
        self.up = False
        self.generation = 0
        self.clock_offset = 0.0
        self.crash_at: tuple[int, str] | None = None
        self.old: OldCopy | None = None
        self.mouth: Mouth | None = None
        self.gate: Callable[[Action], None] | None = None
        self.resting: set[str] = set()
        self._said: dict[tuple[str, int], bytes] = {}
        self._past = Past()
        self._giving_up: Step | None = None
        self._requests: dict[int, Answered] = {}
        self._waiting: list[Step] = []
        self._committing: list[Step] = []
        self._commits = 0
        self._number = 0

    @property
    def clock(self) -> float:
        """What time this site thinks it is."""
        return self._world.now + self.clock_offset

    # life

    def start(self) -> None:
        """Start the process from what is on the disk."""
        self.up = True
        self.generation += 1
        self.resting.clear()
        self._table = ck.RelayTable(version=0, pools=())
        self._load()
        self._world.after(TIMER_S * self._world.dice.random(), self._timer, self.generation)
        for way in self._world.ways_from(self.id):
            way.connect()

    def _load(self) -> None:
        self._started_at = self.clock
        self.manager = KeyManager(
            self._world.network,
            self.id,
            self._world.entropy,
            self.disk,
            witnessed=self.disk.mark,
            encapsulation=SimulatedEncapsulation(self._world.entropy),
        )
        self._known_old, self._giving_up = False, None
        if self.old is None and self._lost_position():
            self.old = OldCopy({}, knows_tags=False, behind=False)  # nobody knows how old the store is
        if self.old is not None:
            self.old.begin(self._peers())
        for place in sorted(self.disk.damaged):
            for watcher in self._world.watchers:
                watcher.rotted(self.id, self.disk.records[place])

    def _lost_position(self) -> bool:
        """Whether the site cannot know its own position, or, both records being damaged, what it told a peer."""
        lost = {key for kind, key in self.disk.damaged if kind == PositionRecord.kind}
        return self.id in lost or any(key.startswith(TO) and key + TWIN in lost for key in lost)

    def come_back_old(self, copy: Copy, *, with_mark: bool) -> None:
        """The process ends, and its store is replaced by an older copy, the mark beside it too or not."""
        self.crash()
        self.disk.restore(copy, with_mark=with_mark)
        behind = self._past.come_back(copy, with_mark=with_mark)
        self.old = OldCopy.of(self.disk.records, behind=behind, marked=behind and self._past.marked)
        for watcher in self._world.watchers:
            watcher.restored(self.id)

    def _look_whether_old(self, step: Step) -> None:
        """The mark or a peer may have shown that the store is an old copy: then ``step`` gives up all that it held.

        The mark does not show a copy from before nothing but a telling: that counts no commit. A peer does.
        """
        if self.manager.is_old_copy and not self._known_old:
            self._known_old, self._giving_up = True, step
            self._world.trace.add(self._world.now, self.id, "is an old copy")
            if self.old is None:
                raise InvariantViolatedError("a store that is up to date is used", f"{self.id} gives up its store")
        if self.old is not None:
            goes_on = self.manager.agrees_with(self.id)
            waited_s = self.clock - self._started_at
            self.old.check(self.id, waited_s, noticed=self.manager.is_old_copy, goes_on=goes_on)

    def crash(self) -> None:
        """End the process now; a commit under way is on the disk or is not."""
        if not self.up:
            return
        writes = [write for step in self._committing for write in step.writes]
        outcome = self._world.dice.randrange(3) if writes else 0
        if outcome == 1:
            self.disk.torn(writes, self._world.dice.randrange(len(writes)))
        elif outcome == 2 and not self.disk.full:  # noqa: PLR2004 - reached the disk, nobody was told
            self._make_durable(self._committing)
        self._end("crash")

    def _end(self, event: str) -> None:
        self._world.trace.add(self._world.now, self.id, event)
        self.up = False
        self._waiting, self._committing = [], []
        for way in self._world.ways_from(self.id):
            way.forget()
        for way in self._world.ways_to(self.id):
            way.cut()
        lost, self._requests = self._requests, {}
        for answered in lost.values():
            answered(None)

    # inputs

    def _input(self, work: Input) -> None:
        if not self.up:
            return
        try:
            step = work(self.manager, self.clock)
            _encode(step)
        except QitError as error:
            if isinstance(error, InvariantViolatedError):
                raise
            self._world.trace.add(self._world.now, self.id, "refuses", f"{type(error).__name__}: {error}")
            return
        except Exception as error:
            raise InvariantViolatedError(
                "machines refuse, they do not break", f"{self.id}: {type(error).__name__}: {error}"
            ) from error
        self._look_whether_old(step)
        self.submit(step)

    def receive(self, peer: str, message: kx.KxMessage) -> None:
        """A message of another key manager has come."""
        self._world.trace.add(self._world.now, self.id, f"< {type(message).__name__}", "from", peer, message)
        for watcher in self._world.watchers:
            watcher.received(self.id, peer, message)
        if self.old is not None:
            self.old.hear(peer, message, self._said)
        self._input(lambda manager, now: manager.receive(peer, message, now))

    def request(self, request: ak.Request, answered: Answered) -> bool:
        """An application asks; ``answered`` is told the reply, or None if the process ended. False if it is down."""
        if not self.up:
            return False
        self._number += 1
        number = self._number
        self._requests[number] = answered
        self._world.trace.add(self._world.now, self.id, f"? {type(request).__name__}", number, request)
        self._input(lambda manager, now: manager.request(number, request, now))
        return True

    def distilled(self, key: kq1.QKDKey) -> None:
        """A QKD module hands over a block."""
        self._world.trace.add(self._world.now, self.id, "block", key.link, key.block, f"<{len(key.material)} bytes>")
        self._input(lambda manager, now: manager.receive_qkd_key(key, now))

    def order(self, table: ck.RelayTable) -> None:
        """The controller's table has come."""
        if self.up:
            self._table = table
            self._world.trace.add(self._world.now, self.id, "table", table.version)
            self._input(lambda manager, now: manager.order(table, now))

    def asked(self, number: int, neighbour: str, request: interworking.Request) -> None:
        """A key manager of another network asks."""
        self._world.trace.add(self._world.now, self.id, f"? {type(request).__name__}", number, request)
        self._input(lambda manager, now: manager.foreign(number, neighbour, request, now))

    def called(self, call: int, outcome: interworking.Outcome) -> None:
        """What became of a call to one."""
        self._world.trace.add(self._world.now, self.id, f"< {type(outcome).__name__}", outcome)
        self._input(lambda manager, now: manager.called(call, outcome, now))

    def connected(self, peer: str) -> None:
        """The way to ``peer`` is open."""
        self._world.trace.add(self._world.now, self.id, "connected", peer)
        self._input(lambda manager, now: manager.connected(peer, now))

    def disconnected(self, peer: str) -> None:
        """The way to ``peer`` is gone."""
        self._world.trace.add(self._world.now, self.id, "disconnected", peer)
        self._input(lambda manager, _: manager.disconnected(peer))

    def _timer(self, generation: int) -> None:
        if generation == self.generation and self.up:
            self._input(lambda manager, now: manager.timer(now))
            self._world.after(TIMER_S, self._timer, generation)

    # durable before visible: the rule of node/journal.py

    def submit(self, step: Step) -> None:
        """Queue a step for the next commit."""
        self._waiting.append(step)
        if not self._committing:
            self._begin_commit()

    def _begin_commit(self) -> None:
        self._committing, self._waiting = self._waiting, []
        if any(step.writes for step in self._committing):
            delay = COMMIT_S * (0.5 + self._world.dice.random())
            self._world.after(delay, self._end_commit, self.generation, self._committing)
        else:
            self._carry_out(self._committing)

    def _end_commit(self, generation: int, steps: list[Step]) -> None:
        if generation != self.generation or steps is not self._committing:
            return
        self._commits += 1
        if self.crash_at is not None and self._commits >= self.crash_at[0]:
            (_, moment), self.crash_at = self.crash_at, None
            self._crash_in_commit(moment, steps)
            return
        try:
            self._make_durable(steps)
        except StoreError:
            self._store_failed()
            return
        self._carry_out(steps)

    def _crash_in_commit(self, moment: str, steps: list[Step]) -> None:
        writes, actions = [w for step in steps for w in step.writes], [a for step in steps for a in step.actions]
        if moment == "torn" and writes:
            self.disk.torn(writes, self._world.dice.randrange(len(writes)))
        if moment in {"after", "between"} and not self.disk.full:
            self._make_durable(steps)
        if moment == "between" and not self.disk.full:
            for action in actions[: self._world.dice.randint(0, len(actions))]:
                self._perform(action)
        self._end(f"crash {moment} commit")

    def _make_durable(self, steps: list[Step]) -> None:
        writes = [write for step in steps for write in step.writes]
        self.disk.commit(writes)
        position = position_of(writes, self.id)
        self.disk.mark = position or self.disk.mark
        if self.old is not None:
            self._give_up(self.old, steps)
        if position:
            self._past.commit(self.disk, self.old)
        records, events = settle(writes)
        for watcher in self._world.watchers:
            watcher.committed(self.id, records, events)

    def _give_up(self, old: OldCopy, steps: list[Step]) -> None:
        if any(step is self._giving_up for step in steps):
            self._giving_up = None
            self._past.give_up()
            if old.give_up(self._peers()):
                for watcher in self._world.watchers:
                    watcher.restored(self.id)
        elif old.given_up:
            old.owed -= {peer for peer in old.owed if self.manager.agrees_with(peer)}
            self.old = old if old.owed else None

    def _peers(self) -> set[str]:
        return {name for name in self._world.sites if name != self.id}

    def _carry_out(self, steps: list[Step]) -> None:
        generation = self.generation
        for step in steps:
            for action in step.actions:
                self._perform(action)
        if generation == self.generation and self._committing is steps:
            self._committing = []
            if self._waiting:
                self._begin_commit()

    def _store_failed(self) -> None:
        self._world.trace.add(self._world.now, self.id, "store full")
        self._waiting, self._committing = [], []
        lost, self._requests = self._requests, {}
        self._load()
        table = self._table
        for answered in lost.values():
            answered(NOT_READY)
        self._input(lambda manager, now: manager.order(table, now))
        for way in self._world.ways_from(self.id):
            if way.is_open:
                self.connected(way.destination)

    # actions

    def _perform(self, action: Action) -> None:
        match action:
            case Send(peer, message):
                self._send(peer, message)
            case Answer(number, reply):
                answered = self._requests.pop(number, None)
                if answered is not None:
                    self._world.trace.add(self._world.now, self.id, f"! {type(reply).__name__}", number, reply)
                    answered(reply)
            case Control(order):
                (self.resting.discard if order.run else self.resting.add)(order.link)
            case CallNeighbour() | AnswerNeighbour() if self.gate is not None:
                self.gate(action)

    def _send(self, peer: str, message: kx.KxMessage) -> None:
        if peer == self.id:
            self._world.trace.add(self._world.now, self.id, "to itself", message)  # node/site.py warns and drops it
            return
        self._world.trace.add(self._world.now, self.id, f"> {type(message).__name__}", "to", peer, message)
        if isinstance(message, kx.Position):
            self._said[peer, message.position] = message.tag
        for watcher in self._world.watchers:
            watcher.sent(self.id, peer, message)
        for to, said in self.mouth(peer, message) if self.mouth else ((peer, message),):
            self._world.way(self.id, to).send(said)
