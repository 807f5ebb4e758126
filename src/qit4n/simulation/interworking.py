"""A second network of one site, to which the first hands keys over and from which it takes some (ETSI GS QKD 020).

What is checked at each answer and at the end: a key that a master got can be fetched by its slave, equal, once. Calls
between the gates are requests of their own: each arrives or not, its answer comes back or not, after a delay.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from qit4n.errors import InvariantViolatedError
from qit4n.keys.step import Action, AnswerNeighbour, CallNeighbour
from qit4n.keys.store import HandoverRecord, Record, TakeoverRecord
from qit4n.network.model import Application, Demand, Neighbour, Network, Site
from qit4n.network.neighbours import ACK_PATH, callback_of
from qit4n.refpoints import ak
from qit4n.refpoints.interworking import NotSent, Outcome, Request, Unclear, Versions
from qit4n.simulation import seam
from qit4n.simulation.deliveries import EQUAL, KEPT, ONCE, Deliveries
from qit4n.simulation.ledger import Ledger
from qit4n.simulation.part import Part
from qit4n.simulation.site import SimulatedSite
from qit4n.simulation.watcher import Watcher
from qit4n.simulation.world import World

NORTH, SOUTH, GUEST = "simulated", "south", "app-south"
CALL_S, CALL_LIMIT_S = 0.05, 4.0  # as adapters/neighbourclient.py
RECOVERY_LIMIT_S = 90.0
OTHER = {NORTH: SOUTH, SOUTH: NORTH}


def joined(network: Network, dice: random.Random) -> tuple[Network, Network]:
    """The network with a neighbour at one of its sites, and the neighbour."""
    gate = dice.choice(network.sites).id
    hosts = tuple(one.id for one in dice.sample(network.applications, min(2, len(network.applications))))
    demands = tuple(Demand(between=(one, GUEST), pool_bits=4096) for one in hosts)
    south = Network(
        qit4n=1,
        name=SOUTH,
        sites=(Site(id=SOUTH),),
        applications=(Application(id=GUEST, site=SOUTH),),
        demands=demands,
        policies=network.policies,
        neighbours={NORTH: _neighbour(network, gate, SOUTH, hosts)},
    )
    return replace(
        network,
        demands=(*network.demands, *demands),
        neighbours={SOUTH: _neighbour(south, SOUTH, gate, (GUEST,))},
    ), south


def _neighbour(network: Network, gate: str, site: str, applications: tuple[str, ...]) -> Neighbour:
    url = callback_of(network, gate).removesuffix(ACK_PATH)
    return Neighbour(site=site, url=url, identity=f"urn:{gate}", ca="ca.pem", applications=applications)


@dataclass
class Crossing:
    """A key that crosses: ``value`` of the first who got it; ``acknowledged`` if that was the master."""

    value: bytes
    master: str
    slave: str
    acknowledged: bool = False
    fetched: int = 0


@dataclass
class Call:
    """A call under way."""

    network: str
    number: int
    generation: int
    there: int


@dataclass
class Interworking(Part, Watcher):
    """The neighbour, its faults, and applications of both networks that share keys."""

    south: Network = field(kw_only=True)

    def setup(self) -> None:
        """Start the neighbour."""
        self.interval_s = 0.7
        gate = next(iter(self.run.world.network.neighbours.values())).site
        self.world = World(self.south, str(self.dice.random()), beside=self.run.world)
        ledger = Ledger(self.south, frozenset())
        self.deliveries = {NORTH: self.run.deliveries, SOUTH: Deliveries(self.world, ledger)}
        self.world.watchers += [ledger, self.deliveries[SOUTH], self]
        self.run.world.watchers.append(self)
        self.sites: dict[str, SimulatedSite] = {NORTH: self.run.world.sites[gate], SOUTH: self.world.sites[SOUTH]}
        for name, site in self.sites.items():
            site.gate = lambda action, name=name: self._act(name, action)
        self.capabilities = self.dice.choice((("synchronous_mode",), ()))
        self.hosts = [one.between[0] for one in self.south.demands]
        self._calls: dict[int, Call] = {}
        self._numbers = iter(range(1, 1 << 30))
        self._until = 0.0
        self._under_way: set[bytes] = set()
        self.keys: dict[bytes, Crossing] = {}
        self.excused: set[bytes] = set()
        self.served: set[tuple[str, str]] = set()
        super().setup()

    # calls

    def _act(self, name: str, action: Action) -> None:
        if isinstance(action, CallNeighbour):
            self._call(name, action)
        elif isinstance(action, AnswerNeighbour):
            self._answer(name, action)

    def _call(self, name: str, action: CallNeighbour) -> None:
        here, there = self.sites[name], self.sites[OTHER[name]]
        call = Call(name, action.call, here.generation, there.generation)
        if not there.up or self.run.world.now < self._until:
            self._later(self._return, call, NotSent(text="no connection"))
            return
        number = next(self._numbers)
        self._calls[number] = call
        self.run.world.after(CALL_LIMIT_S, self._give_up, number)
        if not self._lost():
            self._later(self._ask, number, call, action.request)

    def _ask(self, number: int, call: Call, request: Request) -> None:
        site = self.sites[OTHER[call.network]]
        if number in self._calls and site.up and site.generation == call.there:
            site.asked(number, call.network, request)

    def _answer(self, name: str, action: AnswerNeighbour) -> None:
        call = self._calls.get(action.request)
        if call is None or OTHER[call.network] != name or self._lost():
            return
        del self._calls[action.request]
        reply = action.reply
        if isinstance(reply, Versions):
            reply = replace(reply, capabilities=self.capabilities)
        self._later(self._return, call, reply)

    def _give_up(self, number: int) -> None:
        call = self._calls.pop(number, None)
        if call is not None:
            self._return(call, Unclear(text="no answer in time"))

    def _return(self, call: Call, outcome: Outcome) -> None:
        site = self.sites[call.network]
        if site.up and site.generation == call.generation:
            site.called(call.number, outcome)

    def _later(self, call: Any, *arguments: Any) -> None:
        self.run.world.after(CALL_S * (0.5 + self.dice.random()), call, *arguments)

    def _lost(self) -> bool:
        return not self.run.calm and self.dice.random() < 0.1  # noqa: PLR2004

    # work and faults

    def step(self) -> None:
        """A request of a master; now and then the neighbour's process ends, or the way is cut."""
        if not self.run.calm and self.dice.random() < 0.1:  # noqa: PLR2004
            self._harm()
        host = self.dice.choice(self.hosts)
        self.get(*self.dice.sample((host, GUEST), 2))

    def _harm(self) -> None:
        pause_s = self.dice.choice((0.5, 3.0, 6.0)) * self.dice.random()
        if self.dice.random() < 0.5:  # noqa: PLR2004
            self._until = self.run.world.now + pause_s
            self.note("-", "networks cut", f"until {self._until:.3f}")
        elif self.sites[SOUTH].up:
            self.sites[SOUTH].crash()
            self.run.world.after(pause_s, self._start)

    def _start(self) -> None:
        if not self.sites[SOUTH].up:
            self.note(SOUTH, "start")
            self.sites[SOUTH].start()

    def stop(self) -> None:
        """The neighbour is there again; requests go on until keys cross again."""
        self._until = 0.0
        self._start()

    def _site(self, application: str) -> SimulatedSite:
        if application == GUEST:
            return self.sites[SOUTH]
        return self.run.world.sites[self.run.deliveries.site(application)]

    def get(self, master: str, slave: str) -> None:
        """Have a master get keys; the slave fetches them, now, late or at the end."""
        request = ak.GetKeys(master=master, slaves=(slave,), number=self.dice.choice((1, 2)), size=0)
        delay = self.dice.choice((0.1, 0.1, 5.0, 0.0))

        def answered(reply: ak.Reply | None) -> None:
            if isinstance(reply, ak.SuppliedKeys):
                for key_id, value in seam.keys(reply).items():
                    known = self._known(key_id, value, master, slave)
                    if known.acknowledged:
                        raise InvariantViolatedError(ONCE, f"key {key_id.hex()} was supplied to {master} twice")
                    known.acknowledged = True
                    if delay:
                        self.run.world.after(delay, self.fetch, key_id)

        self._site(master).request(request, answered)

    def _known(self, key_id: bytes, value: bytes, master: str, slave: str) -> Crossing:
        known = self.keys.setdefault(key_id, Crossing(value, master, slave))
        if (known.master, known.slave) != (master, slave):
            raise InvariantViolatedError(ONCE, f"{slave} got key {key_id.hex()} of {master}")
        if known.value != value:
            raise InvariantViolatedError(EQUAL, f"{master} and {slave} have key {key_id.hex()} with other values")
        return known

    def fetch(self, key_id: bytes) -> None:
        """Have the slave fetch a key."""
        known = self.keys[key_id]
        request = seam.fetch(known.slave, known.master, (key_id,))
        contested = known.fetched > 0 or key_id in self._under_way

        def answered(reply: ak.Reply | None) -> None:
            self._under_way.discard(key_id)
            if reply is None:
                self.excused.add(key_id)
            elif isinstance(reply, ak.SuppliedKeys):
                self._known(key_id, seam.keys(reply)[key_id], known.master, known.slave)
                known.fetched += 1
                self.served.add((known.master, known.slave))
                if known.fetched > 1:
                    raise InvariantViolatedError(ONCE, f"{known.slave} got key {key_id.hex()} twice")
            elif (
                isinstance(reply, ak.Refused)
                and reply.reason != "not-ready"
                and not (contested or self._excuse(key_id))
            ):
                raise InvariantViolatedError(KEPT, f"{known.slave} does not get {key_id.hex()}: {reply.reason}")

        self._under_way.add(key_id)
        if not self._site(known.slave).request(request, answered):
            self._under_way.discard(key_id)

    def _excuse(self, key_id: bytes) -> bool:
        slave = self.keys[key_id].slave
        copies = self.deliveries[SOUTH if slave == GUEST else NORTH].excused
        return key_id in self.excused or (key_id, slave) in copies

    # what may make copies go missing: a gate that forgets what it handed over or took

    def rotted(self, site: str, record: Record) -> None:
        """Both sides void what one of them knows nothing of any more."""
        del site
        if isinstance(record, HandoverRecord | TakeoverRecord):
            self._excuse_all()

    def restored(self, site: str) -> None:
        """The same."""
        if site in {one.id for one in self.sites.values()}:
            self._excuse_all()

    def _excuse_all(self) -> None:
        self.excused.update(self.keys)

    # the end

    def recovered(self) -> None:
        """Keys cross both ways again."""
        world, begun = self.run.world, self.run.world.now
        self.served.clear()
        wanted = {pair for host in self.hosts for pair in ((host, GUEST), (GUEST, host))}
        while missing := wanted - self.served:
            for pair in sorted(missing):
                self.get(*pair)
            world.run(2.0)
            for key_id, known in self.keys.items():
                if not known.fetched:
                    self.fetch(key_id)
            world.run(1.0)
            if world.now - begun > RECOVERY_LIMIT_S:
                raise InvariantViolatedError("supply works again after faults", f"no key crosses: {min(missing)}")
        super().stop()

    def check(self) -> None:
        """What was acknowledged is there, what was fetched is not."""
        for key_id in self.keys:
            self.fetch(key_id)
        self.run.world.run(1.0)
        for key_id, known in self.keys.items():
            if not known.fetched and not self._excuse(key_id):
                raise InvariantViolatedError(KEPT, f"{known.slave} got no answer for key {key_id.hex()}")
