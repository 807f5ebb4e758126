"""Key streams of two key managers: the same chunks by index, whatever happens between them."""

import random

import pytest
from msgspec.structs import replace

from qit4n.errors import ProtocolError
from qit4n.keys.store import StreamChunkRecord, StreamRecord
from qit4n.network.model import Policies
from qit4n.refpoints import ak, kx
from qit4n.refpoints.ak import StreamStatus

ENDS = ("app-a", "app-d")
WAYS = (("A", "B", "C", "D"), ("D", "C", "B", "A"))


@pytest.fixture
def streams(make_streams):
    return make_streams()


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


@pytest.mark.parametrize("seed", range(100))
def test_chunks_are_equal_by_index_under_loss_restart_and_both_ends_asking_at_once(make_streams, seed):
    """Whatever is lost, no chunk is given twice and no two ends differ at an index; afterwards the stream goes on."""
    streams = make_streams(seed=seed, policies=Policies(max_keys_per_request=64))
    stream = streams.pair(ENDS[seed % 2], timeout=3000)
    dice = random.Random(seed)
    random_history(streams, stream, dice)
    for index in range(40, 44):
        for end in ENDS if seed % 3 else ENDS[::-1]:
            assert streams.get(end, stream, index).status is StreamStatus.SUCCESS
    assert streams.equal() >= 4


def held_back(streams, stream):
    """A chunk for index 0 that the leading site has sent and that has not come."""
    net = streams.net
    number = streams.ask(ak.GetChunk(application="app-a", stream=stream, index=0))
    (late,) = net.queues["A", "D"]
    net.queues["A", "D"].clear()
    return number, late


def test_a_chunk_of_an_old_session_is_refused(streams):
    """A chunk that comes late, after both ends have agreed anew, is not taken; its index gets other bits, once."""
    net, stream = streams.net, streams.pair()
    _, late = held_back(streams, stream)
    net.tick(10.0)
    net.lose("A", "D")
    net.settle()
    net.do("D", net.managers["D"].receive("A", late, net.now))
    assert streams.records("D") == (1, 0)
    for end in ENDS:
        assert streams.get(end, stream, 0).status is StreamStatus.SUCCESS
    assert streams.equal() == 1


def test_a_chunk_of_another_index_is_refused(streams):
    """A chunk that comes twice, or whose predecessor is missing, is refused; both ends agree anew and go on."""
    net, stream = streams.net, streams.pair()
    _, late = held_back(streams, stream)
    for index in (1, 5):
        net.do("D", net.managers["D"].receive("A", replace(late, index=index), net.now))
    assert isinstance(net.queues["D", "A"][0], kx.RefuseChunk)
    assert streams.records("D") == (1, 0)
    net.tick(1.0)
    for end in ENDS:
        assert streams.get(end, stream, 1).status is StreamStatus.SUCCESS
    assert streams.equal() == 1


def test_a_stream_survives_a_restart_of_both_sites(streams):
    """After both processes were killed each end goes on where it was, without opening anew."""
    net, stream = streams.net, streams.pair()
    for index in range(3):
        streams.get("app-a", stream, index)
    net.crash("A")
    net.crash("D")
    net.settle()
    net.order(*WAYS)
    for index in range(3):
        assert streams.get("app-d", stream, index).status is StreamStatus.SUCCESS
    assert streams.get("app-a", stream).index == 3
    assert streams.get("app-d", stream).index == 3
    assert streams.equal() == 4
    assert streams.open("app-a", "app-d", stream).status is StreamStatus.STREAM_IN_USE


@pytest.mark.parametrize("site", ["A", "D"])
def test_an_old_copy_of_a_store_gives_no_chunk_again(streams, site):
    """A backup that is put back: what it holds of streams is given up, and no chunk leaves a second time."""
    net, stream = streams.net, streams.pair(timeout=1000)
    assert streams.get("app-a", stream, 1).status is StreamStatus.SUCCESS
    net.tick(6.0)
    backup = net.stores[site].backup()
    end = {"A": "app-a", "D": "app-d"}[site]
    assert streams.get(end, stream, 0).status is StreamStatus.SUCCESS
    net.tick(6.0)
    net.stores[site].restore(backup, with_mark=False)
    net.crash(site)
    net.settle()
    assert streams.get(end, stream, 0).status is StreamStatus.NO_QKD_CONNECTION
    assert streams.records(site) == (0, 0)


def test_a_site_that_has_lost_what_may_have_been_given_gets_no_other_bits_for_it(streams):
    """The other site claims to have had fewer chunks than one end here has got: the stream ends."""
    net, stream = streams.net, streams.pair(timeout=1000)
    assert streams.get("app-a", stream, 1).status is StreamStatus.SUCCESS
    net.crash("A")
    (state,) = net.managers["D"].streams.states_for("A", 1)
    net.do("A", net.managers["A"].streams.reconcile("D", (replace(state, number=1),), net.now))
    assert streams.get("app-a", stream, 2).status is StreamStatus.NO_PEER_FOR_KEY
    assert streams.get("app-d", stream, 1).chunk == streams.got["app-a"][1]


@pytest.mark.parametrize("lost", [StreamRecord, StreamChunkRecord])
@pytest.mark.parametrize("site", ["A", "D"])
def test_a_damaged_record_costs_itself(streams, site, lost):
    """A record that cannot be read: no two ends differ, and both applications can go on with a new stream."""
    net, stream = streams.net, streams.pair(timeout=1000)
    for end in ENDS:
        assert streams.get(end, stream, 2).status is StreamStatus.SUCCESS
    (record, *_) = net.stores[site].load(lost)
    net.stores[site].rotten.add((record.kind, record.key))
    net.crash(site)
    net.settle()
    net.order(*WAYS)
    for index in (0, 1, 3):
        for end in ENDS:
            streams.get(end, stream, index)
    streams.equal()
    for end in ENDS:
        streams.close(end, stream)
    streams.got = {end: {} for end in ENDS}
    stream = streams.pair()
    for end in ENDS:
        assert streams.get(end, stream, 0).status is StreamStatus.SUCCESS
    assert streams.equal() == 1


def test_a_demand_that_is_gone_ends_its_streams_at_the_next_start(streams):
    """Without a demand the pair has no stream any more, and nothing of it is left in the store."""
    net, stream = streams.net, streams.pair()
    assert streams.get("app-a", stream, 0).status is StreamStatus.SUCCESS
    net.network = replace(net.network, demands=net.network.demands[:1])
    for site in "AD":
        net.crash(site)
    net.settle()
    net.tick()
    assert streams.get("app-d", stream, 0).status is StreamStatus.NO_QKD_CONNECTION
    assert [streams.records(site) for site in "AD"] == [(0, 0), (0, 0)]


def test_a_fast_end_waits_for_a_slow_one(make_streams):
    """At most 256 chunks wait for an end; the other gets no more until one is fetched, then it goes on."""
    streams = make_streams(policies=Policies(key_size_bits=64, min_key_size_bits=64))
    net, stream = streams.net, streams.pair(timeout=600)
    for index in range(0, 256, 16):
        net.produce()
        net.tick(1.0)
        assert streams.get("app-a", stream, index + 15).status is StreamStatus.SUCCESS
    for index in range(240):
        if (index + 1) % 16:
            assert streams.get("app-a", stream, index).status is StreamStatus.SUCCESS
    assert streams.get("app-a", stream, 256).status is StreamStatus.TIMEOUT
    assert streams.get("app-d", stream, 0).status is StreamStatus.SUCCESS
    assert streams.get("app-a", stream, 256).status is StreamStatus.SUCCESS
    assert streams.equal() == 1


def test_every_step_is_in_the_audit_trail_without_a_key(streams):
    """Opened, supplied, held, fetched, closed, expired: by id and index at the site concerned, never with the key."""
    net, stream = streams.net, streams.pair()
    for end in ENDS:
        streams.get(end, stream, 1)
        streams.close(end, stream)
    trails = {site: [(one.step, one.subject) for one in net.stores[site].trail] for site in "AD"}
    own = [{step for step, subject in trail if subject.startswith(stream.hex())} for trail in trails.values()]
    assert own[0] == {"opened", "supplied", "fetched", "expired", "closed"}
    assert own[1] == {"opened", "held", "fetched", "expired", "closed"}
    assert ("fetched", f"{stream.hex()}/1") in trails["A"]
    assert ("fetched", f"{stream.hex()}/1") in trails["D"]
    keys = [*streams.got["app-a"].values(), *streams.got["app-d"].values()]
    for site in "AD":
        text = repr(net.stores[site].trail)
        assert not any(key.hex() in text or repr(key) in text for key in keys)


def test_a_site_may_not_open_streams_for_others(streams):
    """A site that speaks for an application of another site, or for a pair without a demand, is refused."""
    net = streams.net
    for application, peer in (("app-c", "app-a"), ("app-a", "app-d"), ("app-d", "nobody")):
        message = kx.JoinStream(stream=bytes(16), application=application, peer=peer, qos=ak.StreamQoS())
        with pytest.raises(ProtocolError, match="may not open a stream"):
            net.managers["A"].receive("D", message, net.now)
