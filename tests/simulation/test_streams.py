"""Key streams of two key managers: the same chunks by index, whatever happens between them."""

import random

import pytest

from qit4n.keys.store import StreamChunkRecord, StreamRecord
from qit4n.network.model import Policies
from qit4n.refpoints import ak
from qit4n.refpoints.ak import StreamStatus

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
def make(keynet):
    def made(policies=None, seed=1, produce=8):
        net = keynet(keynet.chain(policies=policies), seed)
        for _ in range(produce):
            net.produce()
        net.order(*WAYS)
        return Streams(net)

    return made


@pytest.fixture
def streams(make):
    return make()


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("asks_first", ENDS)
def test_both_ends_get_equal_chunks_by_index_whoever_opens_and_asks_first(streams, first, asks_first):
    """Chunks asked in order and out of it are equal at both ends and differ from each other; then nothing is left."""
    stream = streams.pair(first)
    other = next(end for end in ENDS if end != asks_first)
    for index in (0, 1, 2, 5, 3, 4):
        assert streams.get(asks_first, stream, index).status is StreamStatus.SUCCESS
    for index in (5, 4, 3, 2, 1, 0):
        assert streams.get(other, stream, index).status is StreamStatus.SUCCESS
    assert streams.equal() == 6
    assert [streams.records(site) for site in "AD"] == [(1, 0), (1, 0)]


def disturb(net, kind, dice):
    """Messages come late or not at all, connections break, processes are killed."""
    site = dice.choice("AD")
    if kind == "deliver":
        for _ in range(dice.randrange(6)):
            net.deliver_one()
    elif kind == "tick":
        net.now += 0.3
        for name, manager in net.managers.items():
            net.do(name, manager.timer(net.now))
    elif kind == "crash":
        net.crash(site)
    elif kind == "lose":
        net.lose(site, dice.choice("BC") if dice.random() < 0.2 else {"A": "D", "D": "A"}[site])


def random_history(streams, stream, dice, steps=120):
    """Both ends ask for any index meanwhile; then all is well again."""
    net, asked = streams.net, {}
    for _ in range(steps):
        kind = dice.choice(("get",) * 12 + ("deliver",) * 8 + ("tick",) * 4 + ("crash", "lose"))
        disturb(net, kind, dice)
        if kind == "get":
            end = dice.choice(ENDS)
            request = ak.GetChunk(application=end, stream=stream, index=dice.choice((None, dice.randrange(30))))
            asked[streams.ask(request)] = end
    net.settle()
    net.order(*WAYS)
    for _ in range(8):
        net.produce()
    for _ in range(30):
        net.tick(0.3)
    for number, end in asked.items():
        reply = net.answers.get(number)
        if reply is not None and reply.status is StreamStatus.SUCCESS:
            assert reply.index not in streams.got[end], f"{end} got chunk {reply.index} twice"
            streams.got[end][reply.index] = reply.chunk


@pytest.mark.parametrize("seed", range(600))
def test_chunks_are_equal_by_index_under_loss_restart_and_both_ends_asking_at_once(make, seed):
    """Whatever is lost, no chunk is given twice and no two ends differ at an index; afterwards the stream goes on."""
    streams = make(seed=seed, policies=Policies(max_keys_per_request=64))
    stream = streams.pair(ENDS[seed % 2], timeout=3000)
    dice = random.Random(seed)
    random_history(streams, stream, dice)
    for index in range(40, 44):
        for end in ENDS if seed % 3 else ENDS[::-1]:
            assert streams.get(end, stream, index).status is StreamStatus.SUCCESS
    assert streams.equal() >= 4
