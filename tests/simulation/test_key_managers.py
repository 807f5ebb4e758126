"""Key managers of a whole network in memory: what an operator trusts them with."""

import itertools

import msgspec
import pytest
from msgspec.structs import replace

from qit4n.errors import ProtocolError
from qit4n.keys.store import ChunkRecord, HeldKeysRecord, SlabRecord
from qit4n.network.model import Application, Demand, Limits, Policies, Trust
from qit4n.refpoints import ak, kx

FORTH = ("A", "B", "C", "D")
BACK = ("D", "C", "B", "A")


@pytest.fixture
def net(keynet):
    """A chain A-B-C-D with key on each link and pools between its ends, both ways."""
    net = keynet()
    for _ in range(8):
        net.produce()
    net.order(FORTH, BACK)
    return net


def test_master_and_slave_hold_equal_keys_over_three_hops(net):
    """A key got at one end of a chain is the same at the other end, in both directions."""
    for master, slave in (("app-a", "app-d"), ("app-d", "app-a")):
        got = net.keys_of(net.get(master, slave, number=3))
        assert net.keys_of(net.fetch(slave, master, *got)) == got
        assert all(len(value) == 32 for value in got.values())
        assert len(set(got.values())) == 3


def test_each_copy_leaves_once(net):
    """A slave that fetches twice finds nothing the second time."""
    got = net.keys_of(net.get("app-a", "app-d"))
    net.fetch("app-d", "app-a", *got)
    assert net.fetch("app-d", "app-a", *got).reason == "unknown-key"


def test_fetch_is_all_or_nothing(net):
    """One unknown id in a batch: no key is delivered and none is consumed."""
    got = net.keys_of(net.get("app-a", "app-d", number=2))
    stray = bytes(16)
    assert net.fetch("app-d", "app-a", *got, stray).reason == "unknown-key"
    assert net.keys_of(net.fetch("app-d", "app-a", *got)) == got


def test_only_named_slaves_may_fetch(net):
    """An application that the master did not name is refused, and the key stays for the one it named."""
    got = net.keys_of(net.get("app-a", "app-d"))
    assert net.fetch("app-b", "app-a", *got).reason == "unknown-key"
    reply = net.ask(ak.GetKeysByID(slave="app-x", master="app-a", key_ids=tuple(got)), site="D")
    assert reply.reason == "not-allowed"
    assert net.keys_of(net.fetch("app-d", "app-a", *got)) == got


def test_wrong_master_in_the_path_finds_nothing(net):
    """The slave must name the master that got the key."""
    got = net.keys_of(net.get("app-a", "app-d"))
    assert net.fetch("app-d", "app-b", *got).reason == "unknown-key"
    assert net.keys_of(net.fetch("app-d", "app-a", *got)) == got


def test_several_slaves_at_several_sites_share_one_key(net):
    """Additional slaves elsewhere get the same key, each once (014 rule A17)."""
    net.order(FORTH, ("A", "B"), ("A", "B", "C"))
    got = net.keys_of(net.get("app-a", "app-d", "app-b", "app-c", number=2, size=512))
    for slave in ("app-b", "app-c", "app-d"):
        assert net.keys_of(net.fetch(slave, "app-a", *got)) == got
        assert net.fetch(slave, "app-a", *got).reason == "unknown-key"


@pytest.mark.checklist("3g")
def test_empty_pool_refuses_and_consumes_nothing(net):
    """More key than is ready: refused whole, the rest can still be had."""
    ready = net.managers["A"].pools.available_bytes("D", Trust())
    assert net.get("app-a", "app-d", number=128, size=4096).reason == "no-key"
    assert net.managers["A"].pools.available_bytes("D", Trust()) == ready


def test_what_no_demand_names_is_denied(keynet):
    """Without a demand between two applications there is no key, whoever asks."""
    network = keynet.chain()
    network = replace(network, demands=network.demands[:1])
    net = keynet(network)
    assert net.get("app-a", "app-d").reason == "not-allowed"
    assert net.get("app-a", "nobody").reason == "unknown-application"
    assert net.get("app-a", "app-a").reason == "self-pair"


@pytest.mark.checklist("11b")
def test_no_byte_of_a_link_is_used_twice(net):
    """Every pad that ever crossed a hop comes from spans that do not overlap."""
    seen = {}
    original = net.deliver_one

    def spy():
        for queue in net.queues.values():
            for message in queue:
                if isinstance(message, kx.RelayKey):
                    seen[id(message)] = message
        return original()

    net.deliver_one = spy
    for _ in range(6):
        net.get("app-a", "app-d", number=32)
        net.produce()
        net.tick()
    used = {}
    for message in {(m.chunk, m.link): m for m in seen.values()}.values():
        for span in message.spans:
            used.setdefault((message.link, span.slab), []).append((span.offset, span.offset + span.length))
    assert sum(len(spans) for spans in used.values()) > 20
    for spans in used.values():
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


@pytest.mark.checklist("11a")
def test_conservation_of_bits_on_a_link(net):
    """Key received at Kq-1 is what is held plus what relays and salts (64 bytes a slab, chunk and share) paid."""
    net.tick()
    kma = net.managers["A"].kma
    held = sum(stock.send.available_bytes + stock.receive.available_bytes for stock in kma.stocks.values())
    relayed = sum(pool.relayed_bytes for pool in net.managers["A"].pools.outgoing.values())
    back = sum(pool.relayed_bytes for pool in net.managers["D"].pools.outgoing.values())
    chunks = len(net.stores["D"].load(ChunkRecord))
    assert chunks > 4
    assert held == 8 * 4096 - relayed - back - (32 + 2 * 64) * chunks - 8 * 2 * 64


def test_the_account_of_a_link_survives_a_crash(net):
    """Both ends have counted the same blocks, durable with the key: a crash forgets none and counts none twice."""
    link = net.network.links[0]
    before = [net.managers[end].kma.stocks[link.id].account for end in link.ends]
    assert before[0] == before[1]
    assert before[0].blocks > 0
    assert before[0].key_bits > 0
    net.crash(link.ends[0])
    assert net.managers[link.ends[0]].kma.stocks[link.id].account == before[0]


def test_trusted_sites_are_recorded_with_the_key(net):
    """Each chunk knows which sites have seen it on the way."""
    chunks = net.stores["D"].load(ChunkRecord)
    mine = [chunk for chunk in chunks if chunk.source == "A"]
    assert mine
    assert all(chunk.knowledge.paths == (FORTH,) for chunk in mine)


@pytest.mark.parametrize("seed", range(40))
def test_crashes_waste_bits_but_never_repeat_or_mismatch_a_key(keynet, seed):
    """Crashes of any site between any two messages: acknowledged keys stay, none is given twice, copies agree."""
    net = keynet(seed=seed)
    for _ in range(6):
        net.produce()
    net.order(FORTH, BACK)
    supplied, values = {}, set()
    for _ in range(30):
        action = net.dice.randrange(6)
        if action == 0:
            net.crash(net.dice.choice("ABCD"))
            net.order(FORTH, BACK)
        elif action == 1:
            net.produce()
        else:
            net.number += 1
            request = ak.GetKeys(master="app-a", slaves=("app-d",), number=net.dice.randrange(1, 5))
            net.do("A", net.managers["A"].request(net.number, request, net.now))
            for _ in range(net.dice.randrange(8)):
                net.deliver_one()
            if net.dice.randrange(4) == 0:
                net.crash(net.dice.choice("ABCD"))
                net.order(FORTH, BACK)
        net.tick()
    for reply in net.answers.values():
        if isinstance(reply, ak.SuppliedKeys):
            for key_id, value in net.keys_of(reply).items():
                assert key_id not in supplied
                assert value not in values
                supplied[key_id] = value
                values.add(value)
    assert supplied
    for key_id, value in supplied.items():
        assert net.keys_of(net.fetch("app-d", "app-a", key_id)) == {key_id: value}


def test_lost_store_of_the_destination_costs_one_refusal(net):
    """A destination that comes back with an empty store makes the source forget; supply goes on after refill."""
    net.stores["D"].records.clear()
    net.crash("D")
    for _ in range(6):
        net.produce()
        net.order(FORTH, BACK)
        net.tick()
    got = net.keys_of(net.get("app-a", "app-d"))
    assert net.keys_of(net.fetch("app-d", "app-a", *got)) == got


def test_altered_relay_is_refused_and_the_next_one_works(net):
    """One flipped bit in a relayed message: the chunk is refused, nothing wrong is ever held."""
    net.get("app-a", "app-d", number=64)
    net.number += 1
    pair = ("A", "B")
    net.do("A", net.managers["A"].timer(net.now))
    queue = net.queues[pair]
    found = [number for number, message in enumerate(queue) if isinstance(message, kx.RelayKey)]
    assert found
    altered = queue[found[0]]
    flipped = bytes([altered.ciphertext[0] ^ 1]) + altered.ciphertext[1:]
    queue[found[0]] = replace(altered, ciphertext=flipped)
    net.settle()
    assert altered.chunk not in net.managers["A"].pools.outgoing["D", Trust()].ready
    assert altered.chunk not in {chunk.chunk for chunk in net.stores["D"].load(ChunkRecord)}
    net.tick()
    got = net.keys_of(net.get("app-a", "app-d"))
    assert net.keys_of(net.fetch("app-d", "app-a", *got)) == got


def test_a_replayed_relay_message_finds_its_pad_gone(net):
    """The same relay message a second time is refused by the next hop."""
    net.get("app-a", "app-d", number=64)
    net.do("A", net.managers["A"].timer(net.now))
    message = next(m for m in net.queues["A", "B"] if isinstance(m, kx.RelayKey))
    net.settle()
    forwarded = net.managers["B"].relay.forwarded_bytes
    net.do("B", net.managers["B"].receive("A", message, net.now))
    assert net.managers["B"].relay.forwarded_bytes == forwarded


def test_unclaimed_keys_expire(keynet):
    """A copy that nobody fetches is erased after the lifetime of the policy."""
    net = keynet(keynet.chain(policies=Policies(unclaimed_key_lifetime_s=60)))
    for _ in range(4):
        net.produce()
    net.order(FORTH)
    got = net.keys_of(net.get("app-a", "app-d"))
    net.tick(30)
    assert net.stores["D"].load(HeldKeysRecord)
    net.tick(31)
    assert not net.stores["D"].load(HeldKeysRecord)
    assert net.fetch("app-d", "app-a", *got).reason == "unknown-key"


def test_silent_site_makes_a_refusal_not_a_wait(net):
    """When the slave's site does not answer, the master is told within the limit and no key is supplied."""
    net.number += 1
    net.do("A", net.managers["A"].request(net.number, ak.GetKeys(master="app-a", slaves=("app-d",)), net.now))
    net.queues["A", "D"].clear()
    net.now += 6
    net.do("A", net.managers["A"].timer(net.now))
    assert net.answers[net.number].reason == "not-ready"


def test_block_at_one_end_only_is_voided_at_both(keynet):
    """A block that only one end holds is never used and is erased after a while."""
    net = keynet()
    net.do("A", net.managers["A"].receive_qkd_key(net.distilled("ab"), net.now))
    net.settle()
    assert net.managers["A"].kma.stocks["ab"].send.available_bytes == 0
    net.tick(61)
    assert not net.stores["A"].load(SlabRecord)


def test_byzantine_peer_cannot_void_what_it_does_not_share(net):
    """A site may speak only of links that end at it, and of chunks that it sent."""
    slab = net.managers["C"].kma.stocks["cd"].send.slabs[0]
    with pytest.raises(ProtocolError, match="does not join"):
        net.managers["C"].receive("B", kx.VoidSlabs(link="cd", slabs=(slab,)), net.now)
    chunk = net.stores["D"].load(ChunkRecord)[0]
    net.do("D", net.managers["D"].receive("B", kx.DropChunk(chunks=(chunk.chunk,)), net.now))
    assert chunk in net.stores["D"].load(ChunkRecord)


@pytest.mark.parametrize(
    "message",
    [
        kx.RelayKey(chunk="c", share=1, path=("Z", "A", "B"), link="ab", spans=(), ciphertext=b"", tag=b""),
        kx.RelayKey(chunk="c", share=1, path=("A", "B", "A"), link="ab", spans=(), ciphertext=b"", tag=b""),
        kx.RelayKey(chunk="c", share=1, path=("C", "B"), link="ab", spans=(), ciphertext=b"", tag=b""),
        kx.RelayKey(chunk="c", share=1, path=(), link="ab", spans=(), ciphertext=b"", tag=b""),
        kx.OfferSlab(link="bc", slab="x", digest=b"", owner="B"),
        kx.OfferSlab(link="nowhere", slab="x", digest=b"", owner="B"),
    ],
)
def test_senseless_messages_are_refused_and_change_nothing(net, message):
    """Unknown sites, loops, wrong neighbours, links of others: an error of the protocol, no write, no answer."""
    before = dict(net.stores["B"].records)
    with pytest.raises(ProtocolError):
        net.do("B", net.managers["B"].receive("A", message, net.now))
    assert net.stores["B"].records == before


def test_a_notice_that_does_not_fit_is_refused(net):
    """A supply notice for applications of others, or with a mask of the wrong length, holds no key."""
    got = net.managers["A"].pools.cut("D", 32, Trust())[0]
    spans = tuple(kx.Span(slab=slab, offset=offset, length=length) for slab, offset, length in got.spans)
    for master, slaves, mask in (("app-b", ("app-d",), b""), ("app-a", ("app-c",), b""), ("app-a", ("app-d",), b"x")):
        notice = kx.NotifySupply(batch=bytes(12), master=master, slaves=slaves, size=32, spans=spans, mask=mask)
        net.do("D", net.managers["D"].receive("A", notice, net.now))
        assert isinstance(net.queues["D", "A"].pop(), kx.SupplyRefused)
    assert not net.stores["D"].load(HeldKeysRecord)


def test_a_lost_connection_refuses_at_once_and_cuts_nothing_more(net):
    """What waits for a site is refused when the way to it closes; until it opens again no key is cut for it."""
    net.number += 1
    net.do("A", net.managers["A"].request(net.number, ak.GetKeys(master="app-a", slaves=("app-d",)), net.now))
    net.queues["A", "D"].clear()
    net.do("A", net.managers["A"].disconnected("D"))
    assert net.answers[net.number].reason == "not-ready"
    ready = net.managers["A"].pools.available_bytes("D", Trust())
    assert net.get("app-a", "app-d").reason == "not-ready"
    assert net.managers["A"].pools.available_bytes("D", Trust()) == ready
    net.do("A", net.managers["A"].connected("D", net.now))
    net.settle()
    assert len(net.keys_of(net.get("app-a", "app-d"))) == 1


def test_a_demand_that_is_removed_holds_for_copies_that_wait(net):
    """After a restart with a network file without the demand the waiting copy is not given."""
    got = net.keys_of(net.get("app-a", "app-d"))
    left = tuple(one for one in net.network.demands if set(one.between) != {"app-a", "app-d"})
    net.network = msgspec.structs.replace(net.network, demands=left)
    net.crash("D")
    net.settle()
    assert net.fetch("app-d", "app-a", *got).reason == "not-allowed"


@pytest.mark.parametrize("slave", ["app-d", "app-a2"])
def test_an_application_that_never_fetches_gets_no_more(keynet, slave):
    """At another site or the master's own: at the limit the master is refused and, once that is known, no key is cut.

    What one master left does not shut out another, a restart forgets nothing, and a fetch makes room.
    """
    limit = 4 * 256
    network = keynet.chain(policies=Policies(limits=Limits(unclaimed_key_bits=limit)))
    network = msgspec.structs.replace(
        network,
        applications=(*network.applications, Application(id="app-a2", site="A")),
        demands=(*network.demands, Demand(between=("app-a", "app-a2")), Demand(between=("app-a2", "app-d"))),
    )
    net = keynet(network)
    for _ in range(4):
        net.produce()
    net.order(FORTH)
    got = net.keys_of(net.get("app-a", slave, number=3))
    got |= net.keys_of(net.get("app-a", slave))
    refused = net.get("app-a", slave)
    assert (refused.reason, slave in refused.text) == ("too-many-requests", True)
    ready = net.managers["A"].pools.available_bytes("D", Trust())
    assert net.get("app-a", slave).reason == "too-many-requests"
    assert net.managers["A"].pools.available_bytes("D", Trust()) == ready
    assert len(net.keys_of(net.get("app-a2", "app-d"))) == 1
    net.crash(net.network.application(slave).site)
    net.settle()
    net.now += 3
    assert net.get("app-a", slave).reason == "too-many-requests"
    net.fetch(slave, "app-a", *list(got)[:2])
    net.now += 3
    assert len(net.keys_of(net.get("app-a", slave, number=2))) == 2
    assert net.get("app-a", slave).reason == "too-many-requests"


def test_what_a_slave_left_is_no_longer_counted_when_it_expires(keynet):
    """Erased as unclaimed: the next key is supplied."""
    policies = Policies(limits=Limits(unclaimed_key_bits=256), unclaimed_key_lifetime_s=5)
    net = keynet(keynet.chain("AB", policies=policies))
    for _ in range(4):
        net.produce()
    net.order(("A", "B"))
    net.keys_of(net.get("app-a", "app-b"))
    assert net.get("app-a", "app-b").reason == "too-many-requests"
    for _ in range(7):
        net.tick()
    assert len(net.keys_of(net.get("app-a", "app-b"))) == 1
