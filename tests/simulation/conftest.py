"""A network of real key managers in memory: messages in any order, stores that forget what was not committed."""

import itertools
import random
from dataclasses import dataclass, field

import pytest

from qit4n.errors import QitError
from qit4n.keys.manager import KeyManager
from qit4n.keys.step import Answer, Send, Step
from qit4n.keys.store import StreamChunkRecord, StreamRecord
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Policies, Site
from qit4n.refpoints import ak, ck, kq1
from qit4n.refpoints.ak import StreamStatus
from qit4n.simulation.disk import Disk
from qit4n.simulation.world import account


@dataclass
class KeyNet:
    """Key managers joined by unordered pairs of queues; each queue is first in, first out, as on TCP."""

    network: Network
    seed: int
    now: float = 1000.0
    stores: dict = field(default_factory=dict)
    managers: dict = field(default_factory=dict)
    queues: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)
    number: int = 0
    block: int = 0

    def __post_init__(self):
        self.dice = random.Random(self.seed)
        for site in self.network.sites:
            self.stores[site.id] = Disk()
            self.start(site.id)
        for one, other in itertools.permutations(self.managers, 2):
            self.do(one, self.managers[one].connected(other, self.now))
        self.settle()

    def entropy(self, size, /):
        return self.dice.randbytes(size)

    def start(self, site):
        self.managers[site] = KeyManager(self.network, site, self.entropy, self.stores[site])

    def crash(self, site):
        """Memory and everything on the wires to and from the site are gone; the store stays."""
        for source, destination in list(self.queues):
            if site in (source, destination):
                self.queues[source, destination].clear()
        self.start(site)
        for other in self.managers:
            if other != site:
                self.do(other, self.managers[other].disconnected(site))
                self.do(site, self.managers[site].connected(other, self.now))
                self.do(other, self.managers[other].connected(site, self.now))

    def lose(self, one, other):
        """The connections between two sites break, with everything on their wires, and open again."""
        for pair in ((one, other), (other, one)):
            self.queues.pop(pair, None)
            self.do(pair[0], self.managers[pair[0]].disconnected(pair[1]))
        for pair in ((one, other), (other, one)):
            self.do(pair[0], self.managers[pair[0]].connected(pair[1], self.now))

    def do(self, site, step: Step):
        """Commit, then act."""
        self.stores[site].commit(step.writes)
        for action in step.actions:
            if isinstance(action, Send):
                self.queues.setdefault((site, action.site), []).append(action.message)
            elif isinstance(action, Answer):
                self.answers[action.request] = action.reply

    def deliver_one(self):
        """One message of a random queue; False when all are empty."""
        filled = [pair for pair, queue in sorted(self.queues.items()) if queue]
        if not filled:
            return False
        source, destination = self.dice.choice(filled)
        message = self.queues[source, destination].pop(0)
        try:
            self.do(destination, self.managers[destination].receive(source, message, self.now))
        except QitError:
            self.refused = message
        return True

    def settle(self):
        while self.deliver_one():
            pass

    def tick(self, seconds=1.0):
        self.now += seconds
        for site, manager in self.managers.items():
            self.do(site, manager.timer(self.now))
        self.settle()

    def distilled(self, link, size=4096):
        """A fresh block, as a pair of QKD modules would deliver it."""
        self.block += 1
        return kq1.QKDKey(link=link, block=self.block, material=self.entropy(size), account=account(8 * size))

    def produce(self, size=4096, links=None):
        """One distilled block on each link, equal at both ends."""
        for link in links or [link.id for link in self.network.links]:
            key = self.distilled(link, size)
            ends = list(self.network.link(link).ends)
            self.dice.shuffle(ends)
            for end in ends:
                self.do(end, self.managers[end].receive_qkd_key(key, self.now))
        self.settle()

    def order(self, *paths, target_bits=8 * 4096):
        for path in paths:
            table = ck.RelayTable(
                version=1,
                pools=tuple(
                    ck.PoolOrder(peer=one[-1], paths=(one,), target_bits=target_bits)
                    for one in paths
                    if one[0] == path[0]
                ),
            )
            self.do(path[0], self.managers[path[0]].order(table, self.now))
        self.settle()

    def ask(self, request, site=None):
        """Put a request at its caller's site; the answer, or None if it is not there yet."""
        caller = request.slave if isinstance(request, ak.GetKeysByID) else request.master
        site = site or self.network.application(caller).site
        self.number += 1
        self.do(site, self.managers[site].request(self.number, request, self.now))
        self.settle()
        return self.answers.get(self.number)

    def get(self, master, *slaves, number=1, size=0):
        return self.ask(ak.GetKeys(master=master, slaves=slaves, number=number, size=size))

    def fetch(self, slave, master, *key_ids):
        return self.ask(ak.GetKeysByID(slave=slave, master=master, key_ids=key_ids))

    @staticmethod
    def keys_of(reply):
        """Keys by id."""
        assert isinstance(reply, ak.SuppliedKeys), reply
        return dict(reply.each())


def chain(sites="ABCD", policies=None):
    """A chain of sites with one application each, all pairs demanded."""
    names = [f"app-{site.lower()}" for site in sites]
    pairs = [(one, other) for number, one in enumerate(names) for other in names[number + 1 :]]
    return Network(
        qit4n=1,
        name="chain",
        sites=tuple(Site(id=site) for site in sites),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(id=f"{a}{b}".lower(), ends=(a, b), medium=Medium(length_km=10, loss_db=2.5), module="m")
            for a, b in itertools.pairwise(sites)
        ),
        applications=tuple(Application(id=name, site=site) for name, site in zip(names, sites, strict=True)),
        demands=tuple(Demand(between=pair) for pair in pairs),
        policies=policies or Policies(),
    )


ENDS = ("app-a", "app-d")
WAYS = (("A", "B", "C", "D"), ("D", "C", "B", "A"))


class Streams:
    """Two applications with a stream over a chain A-B-C-D."""

    def __init__(self, net):
        self.net = net
        self.got = {end: {} for end in ENDS}

    def ask(self, request):
        site = self.net.network.application(request.application).site
        self.net.number += 1
        number = self.net.number
        self.net.do(site, self.net.managers[site].request(number, request, self.net.now))
        return number

    def now(self, request, ticks=0):
        number = self.ask(request)
        self.net.settle()
        for _ in range(ticks):
            if number not in self.net.answers:
                self.net.tick(0.2)
        return self.net.answers.get(number)

    def open(self, application, peer, stream=b"", **qos):
        return self.now(ak.OpenStream(application=application, peer=peer, stream=stream, qos=ak.StreamQoS(**qos)))

    def pair(self, first="app-a", **qos):
        second = next(end for end in ENDS if end != first)
        opened = self.open(first, second, **qos)
        assert opened.status is StreamStatus.PEER_NOT_CONNECTED
        joined = self.open(second, first, opened.stream)
        assert joined.status is StreamStatus.SUCCESS
        assert joined.qos == opened.qos
        return opened.stream

    def get(self, application, stream, index=None, ticks=40, **wanted):
        reply = self.now(ak.GetChunk(application=application, stream=stream, index=index, **wanted), ticks)
        if reply is not None and reply.status is StreamStatus.SUCCESS:
            assert reply.index not in self.got[application], "a chunk was given twice"
            self.got[application][reply.index] = reply.chunk
        return reply

    def close(self, application, stream):
        return self.now(ak.CloseStream(application=application, stream=stream))

    def equal(self):
        """Both ends have the same bits at each index that both have; how many that are."""
        one, other = self.got.values()
        both = one.keys() & other.keys()
        assert all(one[index] == other[index] for index in both)
        assert len({one[index] for index in both}) == len(both)
        return len(both)

    def records(self, site):
        store = self.net.stores[site]
        return len(list(store.load(StreamRecord))), len(list(store.load(StreamChunkRecord)))


@pytest.fixture
def make_streams(keynet):
    """Two applications of a chain A-B-C-D with key between its ends: ``make_streams(policies, seed)``."""

    def made(policies=None, seed=1, produce=8, network=None):
        net = keynet(network or keynet.chain(policies=policies), seed)
        for _ in range(produce):
            net.produce()
        net.order(*WAYS)
        return Streams(net)

    return made


@pytest.fixture
def keynet():
    """Make a network of key managers: ``keynet(network, seed)``; a chain A-B-C-D by default."""

    def make(network=None, seed=1):
        return KeyNet(network or chain(), seed)

    make.chain = chain
    return make
