"""Relay schemes and disjoint paths between real key managers: equal keys, exact cost, and who could know them."""

import functools
import itertools

import pytest
from msgspec.structs import replace

from qit4n.errors import ProtocolError
from qit4n.keys.onetimepad import xor
from qit4n.keys.step import Step
from qit4n.keys.store import Append, ChunkRecord
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Policies, Site, Trust
from qit4n.refpoints import ak, ck, kx

CHAIN = ("A", "B", "C", "D")
THREE = (("A", "B", "D"), ("A", "C", "D"), ("A", "E", "F", "D"))
MESH = ("AB", "BD", "AC", "CD", "AE", "EF", "FD", "GB", "GC", "GF")
HOP, XOR_AT_END, CENTRAL = Trust(), Trust(scheme="xor-at-destination"), Trust(scheme="central", centre="G")
SCHEMES = [HOP, XOR_AT_END, CENTRAL]


def network(trust, links=MESH, combine=True):
    """Sites A to G, applications at A and D who share keys under this trust policy."""
    return Network(
        qit4n=1,
        name="mesh",
        sites=tuple(Site(id=site) for site in "ABCDEFG"),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(id=pair.lower(), ends=(pair[0], pair[1]), medium=Medium(length_km=10, loss_db=2.5), module="m")
            for pair in links
        ),
        applications=(Application(id="app-a", site="A"), Application(id="app-d", site="D")),
        demands=(Demand(between=("app-a", "app-d"), trust=trust),),
        policies=Policies(combine_ml_kem=combine),
    )


def order(net, trust, *paths, target_bits=8 * 4096, reason=""):
    """What the controller would order at A."""
    pool = ck.PoolOrder(peer="D", paths=paths, target_bits=target_bits, trust=trust, reason=reason)
    net.do("A", net.managers["A"].order(ck.RelayTable(version=1, pools=(pool,)), net.now))
    net.settle()


def filled(keynet, trust, *paths, links=MESH, reason=""):
    net = keynet(network(trust, links))
    for _ in range(16):
        net.produce()
    order(net, trust, *paths, reason=reason)
    return net


def chunks(net, site):
    return {chunk.chunk: chunk for chunk in net.stores[site].load(ChunkRecord)}


def pool_of(net, trust):
    return net.managers["A"].pools.outgoing["D", trust]


def equal_keys(net):
    reply = net.get("app-a", "app-d", number=2)
    assert isinstance(reply, ak.SuppliedKeys), reply
    got = dict(reply.each())
    assert dict(net.fetch("app-d", "app-a", *got).each()) == got
    assert len(set(got.values())) == 2
    return got


def spy(net):
    """All messages that are delivered from now on, as (from, to, message)."""
    seen, deliver = [], net.deliver_one

    def look():
        heads = {pair: list(queue) for pair, queue in net.queues.items()}
        went_on = deliver()
        for pair, before in heads.items():
            if len(net.queues[pair]) < len(before) and before[0] not in net.queues[pair]:
                seen.append((*pair, before[0]))
        return went_on

    net.deliver_one = look
    return seen


@pytest.mark.parametrize("trust", SCHEMES, ids=str)
def test_every_scheme_gives_equal_keys_at_both_ends(keynet, trust):
    """Over three hops, with the same record of who could know the key at both ends."""
    net = filled(keynet, trust, CHAIN, links=("AB", "BC", "CD"))
    equal_keys(net)
    assert chunks(net, "A")
    assert chunks(net, "A") == {name: one for name, one in chunks(net, "D").items() if name in chunks(net, "A")}
    for chunk in chunks(net, "A").values():
        assert chunk.trust == trust
        assert (chunk.knowledge.paths, chunk.knowledge.scheme, chunk.knowledge.centre) == (
            (CHAIN,),
            trust.scheme,
            trust.centre,
        )
        assert [site for site in "ABCDG" if chunk.knowledge.known_to(site)] == ["A", "B", "C", "D"]


@pytest.mark.checklist("11b")
@pytest.mark.parametrize("trust", SCHEMES, ids=str)
def test_every_scheme_costs_the_share_and_a_tag_key_on_each_link(keynet, trust):
    """Each link of the path pays key, two salts of 64 bytes and 32 bytes of tag key per chunk, no other link pays."""
    net = keynet(network(trust, links=("AB", "BC", "CD", "CG")))
    net.produce(16384)
    held = {stock: held_bytes(stock) for manager in net.managers.values() for stock in stocks(manager)}
    order(net, trust, CHAIN, target_bits=8 * 600)
    sizes = [len(chunk.material) - 64 for chunk in chunks(net, "A").values()]
    assert sum(sizes) >= 600
    spent = {stock: before - held_bytes(stock) for stock, before in held.items()}
    for stock, bytes_ in spent.items():
        assert bytes_ == (0 if stock.link == "cg" else sum(sizes) + len(sizes) * (2 * 64 + 32)), stock.link


def held_bytes(stock):
    return stock.send.available_bytes + stock.receive.available_bytes


def stocks(manager):
    """Link stocks by identity, so that they can be keys."""
    for stock in manager.kma.stocks.values():
        stock.__class__.__hash__ = object.__hash__
        yield stock


@pytest.mark.parametrize("trust", SCHEMES[1:], ids=str)
def test_no_xor_on_the_way_tells_the_key(keynet, trust):
    """Of all the XORs that cross the network no combination is the key; with the last pad all of them together are."""
    net = keynet(network(trust, links=("AB", "BC", "CD"), combine=False))
    net.produce(16384)
    seen = spy(net)
    order(net, trust, CHAIN, target_bits=8 * 128)
    bits = [(to, message) for _, to, message in seen if isinstance(message, kx.PadXor)]
    assert {to for to, _ in bits} == {trust.centre or "D"}
    assert all(isinstance(message, kx.PadXor | kx.PadsCombined | kx.RelayPads) for _, _, message in relayed(seen))
    for name, chunk in chunks(net, "A").items():
        mine = [message.bits[64:] for _, message in bits if message.chunk == name]
        assert len(mine) == 3
        for number in range(1, 4):
            for chosen in itertools.combinations(mine, number):
                assert functools.reduce(xor, chosen) != chunk.material


def relayed(seen):
    kinds = (kx.RelayKey, kx.RelayPads, kx.PadXor, kx.PadsCombined)
    return [one for one in seen if isinstance(one[2], kinds)]


@pytest.mark.parametrize("trust", SCHEMES, ids=str)
def test_a_direct_link_is_a_path_too(keynet, trust):
    """In every scheme, and then the two ends alone could know the key."""
    net = filled(keynet, trust, ("A", "D"), links=("AD",))
    equal_keys(net)
    assert all(not chunk.knowledge.known_to("BCEFG") for chunk in chunks(net, "D").values())


def test_the_audit_trail_has_the_paths_of_a_batch(keynet):
    """So that it is on record for each key, long after its chunk is used up."""
    net = filled(keynet, Trust(paths=2), *THREE[:2])
    step = net.managers["A"].request(99, ak.GetKeys(master="app-a", slaves=("app-d",)), net.now)
    supplied = [write.event for write in step.writes if isinstance(write, Append) and write.event.step == "supplied"]
    assert [event.note for event in supplied] == ["2 of A-B-D, A-C-D, ML-KEM-768"]


@pytest.mark.parametrize("scheme", ["hop-by-hop", "xor-at-destination", "central"])
@pytest.mark.parametrize(("threshold", "paths"), [(2, THREE[:2]), (3, THREE), (2, THREE)])
def test_shares_over_disjoint_paths_make_equal_keys(keynet, scheme, threshold, paths):
    """XOR of two and three, and 2 of 3, in every scheme; it takes sites of so many paths to know the key."""
    trust = Trust(paths=len(paths), threshold=threshold, scheme=scheme, centre="G" if scheme == "central" else None)
    net = filled(keynet, trust, *paths)
    equal_keys(net)
    for chunk in chunks(net, "D").values():
        assert not chunk.knowledge.known_to("BG")
        assert not chunk.knowledge.known_to("EFG")
        assert chunk.knowledge.known_to("BC") == (threshold == 2)
        assert chunk.knowledge.known_to("BCE")


def test_what_a_coalition_sees_is_what_the_record_says(keynet):
    """Of a chunk over two paths B's clear share and C's together are the key; either alone is another string."""
    trust = Trust(paths=2)
    net = keynet(network(trust, combine=False))
    net.produce(16384)
    views = {site: [] for site in "BC"}
    for site, view in views.items():
        watch(net.managers[site].relay, view)
    order(net, trust, *THREE[:2], target_bits=8 * 128)
    for name, chunk in chunks(net, "D").items():
        whole = [next(share for chunk_, share in views[site] if chunk_ == name) for site in "BC"]
        assert len({share[:64] for share in whole} | {chunk.material[:64]}) == 3  # salts are used once
        one, other = (share[64:] for share in whole)
        assert xor(one, other) == chunk.material
        assert chunk.material not in (one, other)
    assert chunks(net, "D")


def watch(relay, view):
    original = relay._send_sealed

    def look(route, material):
        view.append((route.chunk, material))
        return original(route, material)

    relay._send_sealed = look


def test_a_lost_share_does_not_matter_with_a_threshold(keynet):
    """2 of 3: nothing gets through E, keys come all the same. 3 of 3: no key, and the reason is told."""
    for threshold, ready in ((2, True), (3, False)):
        trust = Trust(paths=3, threshold=threshold)
        net = keynet(network(trust))
        net.produce(16384)
        net.managers["E"].relay.receive = lambda *_: (Step(), None)
        order(net, trust, *THREE)
        assert (net.managers["A"].pools.available_bytes("D", trust) > 0) is ready
        if not ready:
            net.tick(11)
            assert pool_of(net, trust).last_refusal == "no answer from D within 10 s"
            assert not chunks(net, "A")
            assert not chunks(net, "D")


def alter(net, site, byte=0):
    """From now on this site alters what it forwards, and seals it as it should."""
    relay = net.managers[site].relay
    original = relay._send_sealed

    def altering(route, material):
        changed = bytearray(material)
        changed[byte] ^= 1
        return original(route, bytes(changed))

    relay._send_sealed = altering


@pytest.mark.parametrize("byte", [0, 64, 128, -1])
def test_a_relay_that_alters_a_chunk_is_named_and_the_chunk_voided(keynet, byte):
    """A site that alters salt or key consistently: no key of it is ready at either end, and its path is named."""
    net = keynet(network(HOP))
    net.produce(16384)
    alter(net, "C", byte)
    order(net, HOP, ("A", "C", "D"))
    assert net.get("app-a", "app-d").reason == "no-key"
    assert "altered on A-C-D" in pool_of(net, HOP).last_refusal
    assert not chunks(net, "A")
    assert not chunks(net, "D")
    assert not net.managers["D"].pools.incoming._waiting["A"]
    order(net, HOP, ("A", "B", "D"))
    net.tick()
    equal_keys(net)
    assert "path A-C-D altered" in pool_of(net, HOP).last_refusal


@pytest.mark.parametrize("trust", SCHEMES[1:], ids=str)
def test_an_altered_xor_is_found_too(keynet, trust):
    """A site that sends a wrong XOR of its pads makes a wrong share: its path is named."""
    net = keynet(network(trust))
    net.produce(16384)
    spoil_xors(net, "C")
    order(net, trust, ("A", "C", "D"))
    assert net.get("app-a", "app-d").reason == "no-key"
    assert "altered on A-C-D" in pool_of(net, trust).last_refusal


def spoil_xors(net, site):
    original = net.do

    def do(at, step):
        for number, action in enumerate(step.actions):
            message = getattr(action, "message", None)
            if at == site and isinstance(message, kx.PadXor):
                spoilt = kx.PadXor(
                    chunk=message.chunk,
                    share=message.share,
                    path=message.path,
                    centre=message.centre,
                    hop=message.hop,
                    bits=bytes([message.bits[0] ^ 1]) + message.bits[1:],
                )
                step.actions[number] = type(action)(action.site, spoilt)
        original(at, step)

    net.do = do


def test_a_threshold_goes_on_beside_a_relay_that_alters(keynet):
    """2 of 3 with one altering site: keys flow, equal at both ends, and the path is named."""
    trust = Trust(paths=3, threshold=2)
    net = keynet(network(trust))
    net.produce(16384)
    alter(net, "C")
    order(net, trust, *THREE)
    for _ in range(4):
        equal_keys(net)
        net.tick()
    assert "path A-C-D altered" in pool_of(net, trust).last_refusal


@pytest.mark.parametrize("seed", range(8))
def test_a_byzantine_site_cannot_spoil_the_share_of_another_path(keynet, seed):
    """What B sends in place of share 2 does not count, whichever comes first: it came over another path."""
    trust = Trust(paths=3, threshold=2)
    net = keynet(network(trust), seed=seed)
    net.produce(16384)
    relay = net.managers["B"].relay
    original = relay._send_sealed

    def impostor(route, material):
        return original(replace_share(route, 2), bytes(len(material)))

    relay._send_sealed = impostor
    order(net, trust, *THREE)
    equal_keys(net)
    assert pool_of(net, trust).altered == {}


def replace_share(route, share):
    return type(route)(route.chunk, share, route.path, route.scheme, route.centre)


def test_only_sites_on_a_path_can_refuse_its_share(keynet):
    """B refuses a share that goes over C: nobody listens. C does: then it has failed."""
    trust = Trust(paths=2)
    net = filled(keynet, trust)
    pool = ck.PoolOrder(peer="D", paths=THREE[:2], target_bits=8 * 128, trust=trust)
    net.settle()
    net.do("A", net.managers["A"].order(ck.RelayTable(version=1, pools=(pool,)), net.now))
    offer = net.queues["A", "D"].pop(0)
    net.do("D", net.managers["D"].receive("A", offer, net.now))
    net.do("A", net.managers["A"].receive("D", net.queues["D", "A"].pop(0), net.now))
    chunk = next(iter(pool_of(net, trust).in_flight))
    paths = pool_of(net, trust).in_flight[chunk].knowledge.paths
    other = kx.RelayRefused(chunk=chunk, share=2, path=paths[0], at="C", reason="none")
    refusal = kx.RelayRefused(chunk=chunk, share=2, path=paths[1], at="C", reason="none")
    net.do("A", net.managers["A"].receive("C", other, net.now))
    net.do("A", net.managers["A"].receive("B", refusal, net.now))
    assert chunk in pool_of(net, trust).in_flight
    net.do("A", net.managers["A"].receive("C", refusal, net.now))
    assert chunk not in pool_of(net, trust).in_flight
    assert pool_of(net, trust).last_refusal == "C: none"


@pytest.mark.parametrize("trust", SCHEMES, ids=str)
@pytest.mark.parametrize("change", [{"chunk": "other"}, {"share": 2}, {"tag": bytes(16)}, {"path": ("A", "B", "D")}])
def test_a_message_altered_between_sites_is_refused_and_spends_nothing_further(keynet, trust, change):
    """The one-time tag covers every field, in all schemes: nothing goes on from B."""
    net = keynet(network(trust, links=("AB", "BC", "CD", "BD"), combine=False))
    net.produce(16384)
    pool = ck.PoolOrder(peer="D", paths=(CHAIN,), target_bits=8 * 128, trust=trust)
    net.do("A", net.managers["A"].order(ck.RelayTable(version=1, pools=(pool,)), net.now))
    message = next(one for one in net.queues["A", "B"] if isinstance(one, kx.RelayKey | kx.RelayPads))
    before = [stock.send.available_bytes for stock in net.managers["B"].kma.stocks.values()]
    step = net.managers["B"].receive("A", replace(message, **change), net.now)
    answer = [action.message for action in step.actions]
    assert [type(one) for one in answer] == [kx.RelayRefused]
    assert "fails authentication" in answer[0].reason
    assert [stock.send.available_bytes for stock in net.managers["B"].kma.stocks.values()] == before


PAD_XOR = kx.PadXor(chunk="c", share=1, path=CHAIN, centre=None, hop=1, bits=bytes(200))
COMBINED = kx.PadsCombined(chunk="c", share=1, path=CHAIN, centre="G", bits=bytes(200))


@pytest.mark.parametrize(
    ("site", "peer", "message"),
    [
        ("D", "C", PAD_XOR),
        ("C", "B", PAD_XOR),
        ("D", "D", replace(PAD_XOR, hop=3)),
        ("D", "B", replace(PAD_XOR, hop=-3)),
        ("D", "B", replace(PAD_XOR, centre="G")),
        ("D", "B", replace(PAD_XOR, path=())),
        ("D", "B", replace(PAD_XOR, path=("A", "B", "A", "D"))),
        ("D", "C", COMBINED),
        ("C", "G", COMBINED),
        ("D", "G", replace(COMBINED, path=("A", "Z", "D"))),
    ],
)
def test_xors_of_others_or_at_the_wrong_place_are_refused(keynet, site, peer, message):
    """A site speaks for its own hop only, the centre for all, and only where they are collected."""
    net = keynet(network(XOR_AT_END))
    with pytest.raises(ProtocolError):
        net.managers[site].receive(peer, message, net.now)


def test_an_xor_that_comes_twice_does_not_cancel_itself(keynet):
    """The second is an error; what was collected stays."""
    net = keynet(network(XOR_AT_END))
    net.managers["D"].receive("B", PAD_XOR, net.now)
    with pytest.raises(ProtocolError, match="twice"):
        net.managers["D"].receive("B", PAD_XOR, net.now)


def test_fewer_paths_than_needed_give_no_key_and_the_reason(keynet):
    """Deny by default: one path for a policy of two gives nothing, also when it has key."""
    trust = Trust(paths=2)
    net = filled(keynet, trust, reason="fewer than 2 node-disjoint paths with key from A to D")
    assert net.get("app-a", "app-d").reason == "no-key"
    assert pool_of(net, trust).last_refusal == "fewer than 2 node-disjoint paths with key from A to D"
    order(net, trust, THREE[0])
    assert net.get("app-a", "app-d").reason == "no-key"
    assert pool_of(net, trust).last_refusal == "A: 1 of 2 paths have 256 bytes of key for a share"


def test_an_application_can_insist_on_disjoint_paths_and_ask_who_could_know(keynet):
    """Two of two: a request for two is met and told the sites, one for three is refused; nothing is consumed."""
    trust = Trust(paths=2)
    net = filled(keynet, trust, *THREE[:2])
    reply = net.ask(ak.GetKeys(master="app-a", slaves=("app-d",), disjoint_paths=2, tell_trusted=True))
    assert [(one.between, one.threshold) for one in reply.knowledge] == [((("B",), ("C",)), 2)]
    assert net.get("app-a", "app-d").knowledge is None
    ready = net.managers["A"].pools.available_bytes("D", trust)
    assert net.ask(ak.GetKeys(master="app-a", slaves=("app-d",), disjoint_paths=3)).reason == "too-few-paths"
    assert net.managers["A"].pools.available_bytes("D", trust) == ready


def test_key_that_is_too_old_is_given_up_at_both_ends(keynet):
    """After the age of the policy neither end holds a chunk."""
    net = keynet(replace(network(HOP), policies=Policies(max_key_age_s=60)))
    net.produce(16384)
    order(net, HOP, THREE[0])
    assert chunks(net, "A")
    order(net, HOP)
    net.tick(61)
    assert not chunks(net, "A")
    assert not chunks(net, "D")


def test_slaves_under_different_trust_share_no_key(keynet):
    """One key for both would be known to more sites than one of the demands allows."""
    one = network(Trust(paths=2))
    second = replace(one, applications=(*one.applications, Application(id="app-b", site="B")))
    weak = Demand(between=("app-a", "app-b"))
    net = keynet(replace(second, demands=(*one.demands, weak)))
    refused = net.get("app-a", "app-d", "app-b")
    assert refused.reason == "bad-request"
    assert "differ in trust" in refused.text


def test_pools_of_different_trust_are_kept_apart(keynet):
    """Key over one path is never supplied to applications whose policy wants two, not even after a restart."""
    trust = Trust(paths=2)
    net = filled(keynet, HOP, THREE[0])
    assert net.managers["A"].pools.available_bytes("D", HOP) > 0
    net.network = network(trust)
    for site in "AD":
        net.crash(site)
    net.settle()
    assert net.managers["A"].pools.available_bytes("D", trust) == 0
    assert net.get("app-a", "app-d").reason == "no-key"


@pytest.mark.parametrize("seed", range(12))
def test_crashes_and_losses_never_make_unequal_keys(keynet, seed):
    """2 of 3 under crashes of any site between any two messages: copies agree, none is given twice."""
    trust = Trust(paths=3, threshold=2, scheme=("hop-by-hop", "xor-at-destination", "central")[seed % 3])
    if trust.scheme == "central":
        trust = Trust(paths=3, threshold=2, scheme="central", centre="G")
    net = keynet(network(trust), seed=seed)
    values = set()
    for _ in range(12):
        net.produce()
        order(net, trust, *THREE)
        if net.dice.random() < 0.5:
            net.number += 1
            request = ak.GetKeys(master="app-a", slaves=("app-d",))
            net.do("A", net.managers["A"].request(net.number, request, net.now))
            for _ in range(net.dice.randrange(12)):
                net.deliver_one()
            net.crash(net.dice.choice("ABCDEFG"))
        net.tick(net.dice.choice([0.5, 3, 11]))
    for reply in list(net.answers.values()):
        if isinstance(reply, ak.SuppliedKeys):
            for key_id, value in reply.each():
                assert value not in values
                values.add(value)
                assert dict(net.fetch("app-d", "app-a", key_id).each()) == {key_id: value}
    order(net, trust, *THREE)
    net.tick()
    equal_keys(net)
