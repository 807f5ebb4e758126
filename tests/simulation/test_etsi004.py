"""ETSI GS QKD 004 V2.1.1 as JSON lines against the key managers of a chain: one test per status of its Table 2."""

import json
import uuid

import pytest
from msgspec.structs import replace

from qit4n.interfaces.etsi004 import JSONLines
from qit4n.network.model import Application, Demand, Limits, Policies

KSID = str(uuid.UUID(int=7))


class Wire:
    """Lines in, lines out, at the site of each application."""

    def __init__(self, streams):
        self.streams = streams
        self.net = streams.net
        self.codec = JSONLines()

    def send(self, caller, command, **data):
        request = self.codec.parse(json.dumps({"command": command, "data": data}).encode(), caller)
        return request, self.streams.ask(request)

    def answer(self, sent):
        request, number = sent
        reply = self.net.answers.get(number)
        return None if reply is None else json.loads(self.codec.format(request, reply))

    def call(self, caller, command, ticks=60, **data):
        sent = self.send(caller, command, **data)
        self.net.settle()
        for _ in range(ticks):
            if self.answer(sent) is None:
                self.net.tick(0.2)
        return self.answer(sent)

    def open(self, caller="app-a", peer="app-d", stream=None, **qos):
        return self.call(caller, "OPEN_CONNECT", source=caller, destination=peer, key_stream_id=stream, qos=qos)

    def pair(self, **qos):
        stream = self.open(**qos)["key_stream_id"]
        assert self.open("app-d", "app-a", stream)["status"] == 0
        return stream

    def get(self, caller, stream, index=None, **more):
        return self.call(caller, "GET_KEY", key_stream_id=stream, index=index, **more)

    def close(self, caller, stream):
        return self.call(caller, "CLOSE", key_stream_id=stream)


@pytest.fixture
def wire(make_streams):
    def made(policies=None, produce=8):
        return Wire(make_streams(policies, produce=produce))

    return made


@pytest.mark.checklist("6a", "6b")
def test_table_2_status_0_both_ends_get_the_chunk_of_an_index(wire):
    """The chunk of an index is the same at both ends, of the size agreed, and not that of another index."""
    wire = wire()
    stream = wire.pair(key_chunk_size=48)
    keys = {}
    for caller, indices in (("app-d", (0, 1, 2)), ("app-a", (2, 0, 1))):
        for index in indices:
            got = wire.get(caller, stream, index)
            assert (got["status"], got["index"]) == (0, index)
            keys[caller, index] = got["key_buffer"]
    assert all(keys["app-a", index] == keys["app-d", index] for index in range(3))
    assert {len(bytes.fromhex(key)) for key in keys.values()} == {48}
    assert len(set(keys.values())) == 3


@pytest.mark.checklist("6a")
@pytest.mark.parametrize(("first", "second"), [("app-a", "app-d"), ("app-d", "app-a")])
def test_table_2_status_1_success_before_the_peer_is_connected(wire, first, second):
    """The first to open is told 1 and given a Key_stream_ID with the QoS that holds; the second is told 0."""
    wire = wire()
    opened = wire.open(first, second)
    assert opened["status"] == 1
    assert opened["qos"]["key_chunk_size"] == 32
    assert opened["qos"]["timeout"] == 5000
    assert opened["qos"]["ttl"] == 86_400
    assert opened["qos"]["metadata_mimetype"] == "application/json"
    joined = wire.open(second, first, opened["key_stream_id"])
    assert (joined["status"], joined["qos"]) == (0, opened["qos"])


def test_a_pre_agreed_key_stream_id_is_taken(wire):
    """Both ends may open with an id that they agreed before, in either order of source and destination."""
    wire = wire()
    assert wire.open(stream=KSID)["status"] == 1
    swapped = {"source": "qkd://app-a@x", "destination": "qkd://app-d@y", "key_stream_id": KSID}
    assert wire.call("app-d", "OPEN_CONNECT", **swapped)["status"] == 0
    assert wire.get("app-a", KSID, 0)["key_buffer"] == wire.get("app-d", KSID, 0)["key_buffer"]


@pytest.mark.checklist("6a")
@pytest.mark.parametrize("caller", ["app-a", "app-d"])
def test_table_2_status_2_not_enough_key(wire, caller):
    """Without key a GET_KEY waits and then says so at either end; it goes on as soon as there is key."""
    wire = wire(produce=0)
    stream = wire.pair(timeout=2000)
    got = wire.get(caller, stream, 0)
    assert got["status"] == 2
    assert got["key_buffer"] == ""
    for _ in range(8):
        wire.net.produce()
    wire.net.tick()
    assert wire.get(caller, stream, 0)["status"] == 0


@pytest.mark.checklist("6a")
def test_table_2_status_2_a_chunk_is_given_once_to_each_end(wire):
    """What an end has got it does not get again; the other end still does; an index far ahead uses up no key."""
    wire = wire()
    stream = wire.pair()
    assert wire.get("app-a", stream, 0)["status"] == 0
    assert wire.get("app-a", stream, 0)["status"] == 2
    assert wire.get("app-d", stream, 0)["status"] == 0
    assert wire.get("app-d", stream, 0)["status"] == 2
    assert wire.get("app-d", stream, 129)["status"] == 2
    assert wire.get("app-a", stream)["index"] == 1


@pytest.mark.checklist("6a")
@pytest.mark.parametrize(("caller", "peer"), [("app-a", "app-d"), ("app-d", "app-a")])
def test_table_2_status_3_peer_application_not_connected(wire, caller, peer):
    """GET_KEY before the peer opens waits for it: 3 when it does not come in time, the chunk when it does."""
    wire = wire()
    stream = wire.open(caller, peer, timeout=2000)["key_stream_id"]
    assert wire.get(caller, stream, 0)["status"] == 3
    waiting = wire.send(caller, "GET_KEY", key_stream_id=stream, index=0)
    wire.net.tick(0.5)
    assert wire.answer(waiting) is None
    assert wire.open(peer, caller, stream)["status"] == 0
    wire.net.tick(0.2)
    assert wire.answer(waiting)["status"] == 0


@pytest.mark.checklist("6a")
def test_table_2_status_3_after_the_peer_has_closed(wire):
    """CLOSE leaves the slower end what was cut, until its TTL; new chunks are refused with 3 at once."""
    wire = wire()
    stream = wire.pair()
    wanted = wire.get("app-a", stream, 2)["key_buffer"]
    assert wire.close("app-a", stream)["status"] == 0
    assert wire.get("app-d", stream, 2)["key_buffer"] == wanted
    assert wire.get("app-d", stream, 0)["status"] == 0
    assert wire.get("app-d", stream, 3, ticks=0)["status"] == 3
    assert wire.get("app-a", stream, 0)["status"] == 4


@pytest.mark.checklist("6a")
def test_table_2_status_4_no_qkd_connection(wire):
    """No demand, no such end, no connection between the sites: there is no QKD connection."""
    wire = wire()
    assert wire.open("app-a", "nobody")["status"] == 4
    assert wire.open("app-a", "app-a")["status"] == 4
    stream = wire.pair(timeout=1000)
    assert wire.get("app-a", KSID, 0)["status"] == 4
    assert wire.close("app-a", KSID)["status"] == 4
    assert wire.call("app-b", "GET_KEY", key_stream_id=stream, index=0)["status"] == 4
    for one, other in (("A", "D"), ("D", "A")):
        wire.net.do(one, wire.net.managers[one].disconnected(other))
    for caller, peer in (("app-a", "app-d"), ("app-d", "app-a")):
        assert wire.get(caller, stream, 0)["status"] == 4
        assert wire.open(caller, peer)["status"] == 4


@pytest.mark.checklist("6a", "6c")
def test_table_2_status_5_key_stream_id_in_use(wire):
    """A live id is refused to the same end, to another pair, and until both ends have closed; then it is free."""
    wire = wire()
    stream = wire.pair()
    old = wire.get("app-d", stream, 0)["key_buffer"]
    assert wire.open("app-a", "app-d", stream)["status"] == 5
    assert wire.open("app-d", "app-a", stream)["status"] == 5
    assert wire.open("app-a", "app-b", stream)["status"] == 5
    assert wire.open("app-c", "app-d", stream)["status"] == 1  # at its own site nobody uses the id
    assert wire.open("app-d", "app-c", stream)["status"] == 5
    assert wire.close("app-a", stream)["status"] == 0
    assert wire.open("app-a", "app-d", stream)["status"] == 5
    assert wire.close("app-d", stream)["status"] == 0
    assert wire.open("app-a", "app-d", stream)["status"] == 1
    assert wire.open("app-d", "app-a", stream)["status"] == 0
    fresh = {wire.get(caller, stream, 0)["key_buffer"] for caller in ("app-a", "app-d")}
    assert len(fresh) == 1
    assert old not in fresh


@pytest.mark.checklist("6a")
def test_table_2_status_6_timeout(wire):
    """A far site that says nothing: OPEN_CONNECT and GET_KEY end after the timeout, in either role."""
    wire = wire()
    stream = wire.pair(timeout=2000)
    silent = wire.net.queues

    def quiet(caller, command, **data):
        sent = wire.send(caller, command, **data)
        for _ in range(15):
            wire.net.now += 0.2
            for site in "AD":
                wire.net.do(site, wire.net.managers[site].timer(wire.net.now))
            silent.clear()
        return wire.answer(sent)

    ends = {"source": "app-d", "destination": "app-a", "qos": {"timeout": 2000}}
    assert quiet("app-d", "OPEN_CONNECT", **ends)["status"] == 6
    assert quiet("app-a", "GET_KEY", key_stream_id=stream, index=0)["status"] == 6
    assert quiet("app-d", "GET_KEY", key_stream_id=stream, index=0)["status"] == 6


@pytest.mark.checklist("6a", "6d")
@pytest.mark.parametrize(("caller", "peer"), [("app-a", "app-d"), ("app-d", "app-a")])
@pytest.mark.parametrize(
    ("asked", "proposed"),
    [
        ({"key_chunk_size": 100_000}, {"key_chunk_size": 512}),
        ({"key_chunk_size": 1}, {"key_chunk_size": 8}),
        ({"ttl": 1_000_000}, {"ttl": 86_400}),
        ({"timeout": 3_600_000}, {"timeout": 60_000}),
        ({"metadata_mimetype": "text/xml"}, {"metadata_mimetype": "application/json"}),
        ({"min_bps": 2_000, "max_bps": 1_000}, {"min_bps": 1_000 // 2}),
    ],
)
def test_table_2_status_7_counter_proposal(wire, caller, peer, asked, proposed):
    """What cannot be met comes back as what can; to ask for that is a success."""
    wire = wire()
    refused = wire.open(caller, peer, **asked)
    assert refused["status"] == 7
    assert "key_stream_id" in refused
    if "min_bps" in asked:
        assert 0 < refused["qos"]["min_bps"] <= 1_000
    else:
        assert refused["qos"].items() >= proposed.items()
    assert wire.open(caller, peer, **refused["qos"])["status"] == 1


@pytest.mark.checklist("6d")
def test_table_2_status_7_rate_is_what_the_pool_gains_less_what_others_were_promised(wire):
    """The rate proposed is met once; the next stream is proposed what is left; a full pool alone promises its stock."""
    wire = wire()
    most = wire.open(min_bps=2**32 - 1)["qos"]["min_bps"]
    ready = 8 * wire.net.managers["A"].pools.available_bytes("D", wire.net.network.demands[2].trust)
    assert most == pytest.approx(ready / 60, abs=1)
    assert wire.open(min_bps=most // 2)["status"] == 1
    left = wire.open(min_bps=most)
    assert (left["status"], left["qos"]["min_bps"]) == (7, most - most // 2)
    assert wire.open()["status"] == 1


@pytest.mark.checklist("6d")
def test_table_2_status_7_the_second_end_takes_what_the_stream_has(wire):
    """Another chunk size, or a higher rate, than the first end agreed: 7 with the stream's QoS."""
    wire = wire()
    opened = wire.open(key_chunk_size=64)
    joined = wire.open("app-d", "app-a", opened["key_stream_id"], key_chunk_size=32)
    assert (joined["status"], joined["qos"]) == (7, opened["qos"])
    assert wire.open("app-d", "app-a", opened["key_stream_id"], key_chunk_size=64)["status"] == 0


@pytest.mark.checklist("6a")
@pytest.mark.parametrize("caller", ["app-a", "app-d"])
def test_table_2_status_8_metadata_buffer_too_small(wire, caller):
    """The needed size comes back and nothing is used up; with that size the chunk comes with age and hops (Table 3)."""
    wire = wire()
    stream = wire.pair()
    small = wire.get(caller, stream, 0, metadata={"metadata_size": 3})
    assert small["status"] == 8
    assert small["key_buffer"] == ""
    wire.net.tick(100.0)
    enough = wire.get(caller, stream, 0, metadata={"metadata_size": small["metadata"]["metadata_size"]})
    assert enough["status"] == 0
    told = json.loads(enough["metadata"]["metadata_buffer"])
    assert told["age"] >= 100_000
    assert told["hops"] == 3
    assert len(enough["metadata"]["metadata_buffer"]) == enough["metadata"]["metadata_size"]


@pytest.mark.checklist("6e")
def test_ttl_destroys_what_nobody_got_and_ends_what_nobody_uses(wire):
    """After the TTL a chunk is gone at the end that did not fetch it; an end without calls for so long is closed."""
    wire = wire()
    stream = wire.pair(ttl=30)
    assert wire.get("app-a", stream, 0)["status"] == 0
    assert wire.streams.records("D") == (1, 1)
    wire.net.tick(20.0)
    assert wire.get("app-a", stream, 1)["status"] == 0
    assert wire.get("app-d", stream, 1)["status"] == 0
    wire.net.tick(15.0)
    assert wire.get("app-d", stream, 0)["status"] == 2
    wire.net.tick(31.0)
    assert wire.get("app-d", stream, 2)["status"] == 4
    wire.net.tick(31.0)
    wire.net.tick(31.0)
    assert [wire.streams.records(site) for site in "AD"] == [(0, 0), (0, 0)]


def test_max_bps_is_kept(wire):
    """No more chunks than Max_bps allows: what would be too fast waits."""
    wire = wire()
    stream = wire.pair(max_bps=512, timeout=10_000)
    begun = wire.net.now
    for index in range(8):
        assert wire.get("app-a", stream, index)["status"] == 0
    assert wire.net.now - begun >= 8 * 256 / 512 - 1.0


def test_limits_of_an_application_hold_for_streams_too(wire, keynet):
    """A chunk counts for the quota of the application that gets it, a failed call does not; requests are counted."""
    wire = wire(Policies(limits=Limits(key_bits_per_day=600)))
    stream = wire.open(timeout=400)["key_stream_id"]
    for _ in range(3):
        assert wire.get("app-a", stream, 0)["status"] == 3
    assert wire.open("app-d", "app-a", stream)["status"] == 0
    for _ in range(3):
        assert wire.get("app-a", stream, 0, metadata={"metadata_size": 1})["status"] == 8
    assert wire.get("app-a", stream, 0)["status"] == 0
    assert wire.get("app-a", stream, 0)["status"] == 2
    assert wire.get("app-a", stream, 1)["status"] == 0
    refused = wire.get("app-a", stream, 2)
    assert refused["status"] == 2
    assert "bits left of 600" in refused["message"]
    assert wire.get("app-d", stream, 1)["status"] == 0


def test_requests_above_the_rate_are_refused(wire):
    """The rate of requests is one over all interfaces."""
    wire = wire(Policies(limits=Limits(requests_per_s=2.0)))
    stream = wire.open()["key_stream_id"]
    statuses = [wire.get("app-a", stream, 0, ticks=0) for _ in range(3)]
    assert [one["status"] for one in statuses if one] == [2, 2]


def test_two_applications_of_one_site_share_a_stream(keynet, make_streams):
    """Key that no link carries: both get the same chunks, each once."""
    network = keynet.chain()
    network = replace(
        network,
        applications=(*network.applications, Application(id="app-a2", site="A")),
        demands=(*network.demands, Demand(between=("app-a", "app-a2"))),
    )
    wire = Wire(make_streams(network=network))
    stream = wire.open("app-a2", "app-a", min_bps=10**9)["key_stream_id"]
    assert wire.open("app-a", "app-a2", stream)["status"] == 0
    one, other = (
        [wire.get(caller, stream, index)["key_buffer"] for index in range(3)] for caller in ("app-a", "app-a2")
    )
    assert one == other
    assert len(set(one)) == 3
    assert wire.get("app-a", stream, 0)["status"] == 2
    assert [wire.close(caller, stream)["status"] for caller in ("app-a", "app-a2")] == [0, 0]
    assert wire.streams.records("A") == (0, 0)


def test_an_application_has_a_bounded_number_of_streams(wire):
    """The 33rd open stream of one application is refused, at its own site and at the other."""
    wire = wire()
    for _ in range(32):
        assert wire.open()["status"] == 1
    assert wire.open()["status"] == 4
    assert wire.open("app-a", "app-c")["status"] == 4
