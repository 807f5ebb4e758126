"""Key streams of two key managers: the same chunks by index, whatever happens between them."""

import pytest
from msgspec.structs import replace

from qit4n.keys.store import StreamChunkRecord, StreamRecord
from qit4n.network.model import Application, Demand, Policies
from qit4n.refpoints import ak, kx
from qit4n.refpoints.ak import StreamStatus

ENDS = ("app-a", "app-d")


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
        net.order(("A", "B", "C", "D"), ("D", "C", "B", "A"))
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
