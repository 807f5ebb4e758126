"""Two ends of a pool agree before anything is used: restarts, lost and damaged records, old copies of a store."""

import copy

import pytest
from msgspec.structs import replace

from qit4n.keys.manager import KeyManager
from qit4n.keys.store import (
    ChunkRecord,
    HeadRecord,
    HeldKeysRecord,
    PositionRecord,
    SlabRecord,
    WitnessKeyRecord,
    chunk_key,
)
from qit4n.keys.synchronise import PATIENCE_S
from qit4n.network.model import Application, Demand
from qit4n.refpoints import ak, kx

FORTH = ("A", "B")
BACK = ("B", "A")


@pytest.fixture
def net(keynet):
    """Two sites with key on their link and pools both ways, some of it used."""
    net = keynet(keynet.chain("AB"))
    for _ in range(8):
        net.produce()
    net.order(FORTH, BACK)
    net.get("app-a", "app-b", number=3)
    net.tick()
    return net


def restart(net, site, witnessed=0):
    """Start a site again without telling its peers yet."""
    net.managers[site] = KeyManager(net.network, site, net.entropy, net.stores[site], witnessed=witnessed)


def connect(net, *sites):
    """Open the way from each of the sites to the other."""
    for site in sites:
        other = "B" if site == "A" else "A"
        net.do(site, net.managers[site].connected(other, net.now))


def test_nothing_is_cut_before_both_ends_agree(net):
    """After a restart neither a key nor a relay leaves until the peer has told what it holds."""
    restart(net, "A")
    assert net.get("app-a", "app-b").reason == "not-ready"
    net.managers["A"].pools._combine = False  # else no chunk could leave before a secret is agreed
    net.order(FORTH)
    assert not any(pool.in_flight for pool in net.managers["A"].pools.outgoing.values())
    connect(net, "A")
    net.settle()
    assert len(net.keys_of(net.get("app-a", "app-b"))) == 1


def test_an_unanswered_question_is_asked_again(net):
    """The answer got lost: a second later the question is put again, and an answer to the first no longer counts."""
    restart(net, "A")
    connect(net, "A")
    first = net.queues["A", "B"].pop()
    net.do("B", net.managers["B"].receive("A", first, net.now))
    late = net.queues["B", "A"].pop()
    net.now += 1.5
    net.do("A", net.managers["A"].timer(net.now))
    net.do("A", net.managers["A"].receive("B", late, net.now))
    assert net.get("app-a", "app-b") is not None
    net.settle()
    assert len(net.keys_of(net.get("app-a", "app-b"))) == 1


@pytest.mark.parametrize("kind", [SlabRecord, ChunkRecord])
def test_a_record_that_one_end_lost_is_voided_at_the_other(net, kind):
    """Slab or chunk: after both agree, both stores hold the same ones."""
    lost = net.stores["B"].load(kind)[0]
    del net.stores["B"].records[kind.kind, lost.key]
    net.crash("B")
    net.settle()
    assert lost.key not in {one.key for one in net.stores["A"].load(kind)}
    assert {one.key for one in net.stores["A"].load(kind)} == {one.key for one in net.stores["B"].load(kind)}


def test_a_slab_without_its_head_is_never_used_again(net):
    """A damaged head: what of the slab was used is not known, so it goes at both ends."""
    head = next(one for one in net.stores["A"].load(HeadRecord) if one.key.startswith("ab/"))
    del net.stores["A"].records[HeadRecord.kind, head.key]
    net.stores["A"].damaged = {(HeadRecord.kind, head.key)}
    net.crash("A")
    net.settle()
    for site in "AB":
        assert head.key not in {one.key for one in net.stores[site].load(SlabRecord)}


@pytest.mark.parametrize("kind", [SlabRecord, HeadRecord, ChunkRecord, HeldKeysRecord, PositionRecord])
def test_a_damaged_record_is_found_once(net, kind):
    """The start that finds it erases it, or writes it anew, and tells the audit trail; the next one finds nothing."""
    disk = net.stores["A"]
    net.get("app-b", "app-a")
    net.settle()
    place = next(place for place, record in disk.records.items() if isinstance(record, kind))
    disk.rotten.add(place)
    net.crash("A")
    net.settle()
    assert (place[1], f"damaged record: {kind.kind}") in {(event.subject, event.note) for event in disk.trail}
    for _ in range(4):
        net.produce()
        net.tick()
    restart(net, "A")
    assert not disk.damaged


def test_blocks_that_differ_never_become_key(keynet):
    """One bit of difference between the ends: the digests differ, both forget the slab; the other half is good."""
    net = keynet(keynet.chain("AB"))
    key = net.distilled("ab")
    wrong = replace(key, material=bytes([key.material[0] ^ 1]) + key.material[1:])
    net.do("A", net.managers["A"].receive_qkd_key(key, net.now))
    net.do("B", net.managers["B"].receive_qkd_key(wrong, net.now))
    net.settle()
    for site in "AB":
        assert [one.slab for one in net.stores[site].load(SlabRecord)] == [f"{key.block}b"]


def old_copy_of(net, site):
    """A copy of a store, then life goes on: keys are supplied and fetched, and the peers hear of it."""
    records = copy.copy(net.stores[site].records)
    got = net.keys_of(net.get("app-a", "app-b", number=2))
    net.fetch("app-b", "app-a", *got)
    for _ in range(8):
        net.tick()
    net.get("app-a", "app-b", number=5)
    net.tick()
    return records


@pytest.mark.parametrize("site", ["A", "B"])
@pytest.mark.parametrize("told_by", ["peer", "mark"])
def test_an_old_copy_of_a_store_serves_nothing(net, site, told_by):
    """Found out by the peer or by the site's own mark: all that it holds is voided at both ends, then refilled."""
    records = old_copy_of(net, site)
    position = net.managers[site].position
    before = {(one.kind, one.key) for one in records.values() if isinstance(one, SlabRecord | ChunkRecord)}
    net.stores[site].records = dict(records)
    net.managers["B" if site == "A" else "A"].disconnected(site)
    restart(net, site, witnessed=position if told_by == "mark" else 0)
    connect(net, "A", "B")
    net.settle()
    net.tick()
    assert net.managers[site].is_old_copy
    for other in "AB":
        left = {(one.kind, one.key) for one in net.stores[other].records.values()}
        assert not left & before
    for _ in range(4):
        net.produce()
    net.order(FORTH, BACK)
    net.tick()
    got = net.keys_of(net.get("app-a", "app-b"))
    assert net.keys_of(net.fetch("app-b", "app-a", *got)) == got


def test_a_copy_that_was_fetched_is_not_fetched_again_from_an_old_copy(net):
    """The slave's site comes back with a copy of its store from before the fetch: the key is not there any more."""
    got = net.keys_of(net.get("app-a", "app-b"))
    for _ in range(6):
        net.tick()
    records = copy.copy(net.stores["B"].records)
    assert any(isinstance(one, HeldKeysRecord) for one in records.values())
    assert net.keys_of(net.fetch("app-b", "app-a", *got)) == got
    for _ in range(6):
        net.tick()
    net.stores["B"].records = records
    net.managers["A"].disconnected("B")
    restart(net, "B")
    assert net.fetch("app-b", "app-a", *got).reason == "not-ready"
    connect(net, "A", "B")
    net.settle()
    assert net.fetch("app-b", "app-a", *got).reason == "unknown-key"


def test_without_its_peer_a_site_serves_copies_after_a_while(net):
    """The master's site is away: a restarted site waits for its word, but not for ever."""
    got = net.keys_of(net.get("app-a", "app-b"))
    restart(net, "B")
    assert net.fetch("app-b", "app-a", *got).reason == "not-ready"
    net.now += 11
    assert net.keys_of(net.fetch("app-b", "app-a", *got)) == got


def test_two_idle_sites_fall_silent(net):
    """Telling each other how far the stores are ends when nothing happens any more."""
    for _ in range(20):
        net.tick()
    kept = [dict(net.stores[site].records) for site in "AB"]
    for _ in range(20):
        net.tick()
    for site, before in zip("AB", kept, strict=True):
        now = net.stores[site].records
        assert now.keys() == before.keys()
        assert all(now[place] is record for place, record in before.items()), "written again"


def test_heads_only_move_forward(net):
    """A peer that claims an earlier head, or one beyond the end, moves nothing back and breaks nothing."""
    pool = net.managers["A"].kma.stocks["ab"].send
    slab = pool.slabs[0]
    before, held = pool.head(slab), pool.available_bytes
    pool.skip(slab, before - 10)
    assert (pool.head(slab), pool.available_bytes) == (before, held)
    pool.skip(slab, 10**9)
    assert pool.available_bytes < held


def test_pads_that_were_lost_on_the_way_are_counted_at_neither_end(net):
    """A sends key that never arrives: after they meet again, B's stock of the link is what A can still send."""
    stock, there = net.managers["A"].kma.stocks["ab"], net.managers["B"].kma.stocks["ab"]
    _, step = net.managers["A"].kma.pad(stock, 100)
    net.do("A", step)  # the message that it paid for is lost
    assert there.receive.available_bytes == stock.send.available_bytes + 100
    net.crash("B")
    net.settle()
    there = net.managers["B"].kma.stocks["ab"]
    assert there.receive.available_bytes == stock.send.available_bytes
    restart(net, "B")  # and durably so
    assert net.managers["B"].kma.stocks["ab"].receive.available_bytes == stock.send.available_bytes


def test_a_peer_cannot_skip_key_that_it_does_not_own(net):
    """Heads of another's pool, of unknown slabs, or that go back, change nothing."""
    pool = net.managers["B"].kma.stocks["ab"].send
    before = {slab: pool.head(slab) for slab in pool.slabs}
    mine = net.managers["B"].kma.stocks["ab"].receive
    heads = dict.fromkeys(before, 10**6) | {"none": 5} | dict.fromkeys(mine.slabs, -5)
    held = mine.available_bytes
    net.do("B", net.managers["B"].receive("A", kx.SkipSlabs(link="ab", heads=heads), net.now))
    assert {slab: pool.head(slab) for slab in pool.slabs} == before
    assert mine.available_bytes == held


def test_a_withdrawn_supply_leaves_no_copy(net):
    """The answer of the slave's site comes too late: the master was refused, so the copy is erased."""
    net.number += 1
    net.do("A", net.managers["A"].request(net.number, ak.GetKeys(master="app-a", slaves=("app-b",)), net.now))
    held = len(net.stores["B"].load(HeldKeysRecord))
    notice = next(one for one in net.queues["A", "B"] if isinstance(one, kx.NotifySupply))
    net.queues["A", "B"].remove(notice)
    net.do("B", net.managers["B"].receive("A", notice, net.now))
    assert len(net.stores["B"].load(HeldKeysRecord)) == held + 1
    net.queues["B", "A"].clear()
    net.tick(6.0)
    assert net.answers[net.number].reason == "not-ready"
    assert len(net.stores["B"].load(HeldKeysRecord)) == held


def test_a_chunk_that_is_called_like_a_slab_leaves_the_slab_alone(net):
    """A peer names its chunks: what it calls one has no way to the records of a link, or of another source's chunk."""
    before = {key: record for key, record in net.stores["B"].records.items() if key[0] in {"slab", "head"}}
    slab = next(record.key for record in before.values() if isinstance(record, SlabRecord))
    mine = net.stores["B"].load(ChunkRecord)[0]
    for name in (slab, mine.chunk):
        net.do("B", net.managers["B"].receive("A", kx.DropChunk(chunks=(f"../{name}", "x", slab)), net.now))
        assert chunk_key("A", name) != name
    after = {key: record for key, record in net.stores["B"].records.items() if key[0] in {"slab", "head"}}
    assert after == before
    keys = {record.key for record in net.stores["B"].load(ChunkRecord)}
    assert keys
    assert all(key.startswith("chunk/") for key in keys)


def test_a_slab_or_chunk_without_any_head_counts_as_lost(net):
    """A head that is gone without a trace, not only a damaged one: both ends give the slab up."""
    for site, kind in (("A", SlabRecord), ("A", ChunkRecord)):
        lost = next(one for one in net.stores[site].load(kind) if getattr(one, "source", site) == site)
        del net.stores[site].records[HeadRecord.kind, lost.key]
        net.crash(site)
        net.settle()
        for other in "AB":
            assert lost.key not in {one.key for one in net.stores[other].load(kind)}


@pytest.mark.parametrize("damaged", ["to B", "to B again"])
def test_a_damaged_number_is_mended_before_its_twin_is_damaged(net, damaged):
    """Either record of what B was told suffices for A to trust its store, and both are there after the next commit."""
    for _ in range(8):
        net.tick()
    told, twin = (net.stores["A"].records[PositionRecord.kind, name] for name in ("to B", "to B again"))
    assert told.position == twin.position > 0
    for name in (damaged, "to B again" if damaged == "to B" else "to B"):
        net.stores["A"].rotten.add((PositionRecord.kind, name))
        restart(net, "A")
        connect(net, "A")
        net.settle()
        assert not net.managers["A"].is_old_copy
        assert not net.stores["A"].rotten, "mended"


@pytest.fixture
def trio(keynet):
    """A-B-C with key everywhere, two applications at B, and a copy of B's store from before the last of it was used."""
    network = keynet.chain("ABC")
    network = replace(
        network,
        applications=(*network.applications, Application(id="app-b2", site="B")),
        demands=(*network.demands, Demand(between=("app-b", "app-b2"))),
    )
    net = keynet(network)
    for _ in range(8):
        net.produce()
    net.order(FORTH, ("B", "A"), ("B", "C"), ("C", "B"))
    net.local = net.keys_of(net.get("app-b", "app-b2"))
    net.remote = net.keys_of(net.get("app-c", "app-b"))
    for _ in range(4):
        net.tick()
    net.copy = copy.copy(net.stores["B"].records)
    return net


def come_back(net, *peers):
    """B starts again from the copy, and meets some of its peers."""
    net.stores["B"].records = dict(net.copy)
    for pair in list(net.queues):
        if "B" in pair:
            net.queues[pair].clear()
    for other in "AC":
        net.do(other, net.managers[other].disconnected("B"))
    restart(net, "B")
    for peer in peers:
        meet(net, peer)


def meet(net, peer):
    for one, other in (("B", peer), (peer, "B")):
        net.do(one, net.managers[one].connected(other, net.now))
    net.settle()


def use_what_is_there(net, *told):
    """Copies are fetched and key is cut with C, and B tells only some of its peers that it went on."""
    net.fetch("app-b2", "app-b", *net.local)
    net.fetch("app-b", "app-c", *net.remote)
    net.get("app-b", "app-c", number=3)
    for other in {"A", "C"} - set(told):
        net.do("B", net.managers["B"].disconnected(other))
    for _ in range(4):
        net.tick()


def held_at(net, site):
    kinds = (SlabRecord, ChunkRecord, HeldKeysRecord)
    return {(one.kind, one.key) for one in net.stores[site].records.values() if isinstance(one, kinds)}


def test_one_peer_that_knows_is_enough(trio):
    """Only A was told: B gives up also what it shares with C, and the copies of its own applications."""
    use_what_is_there(trio, "A")
    come_back(trio, "C", "A")
    assert trio.managers["B"].is_old_copy
    assert not held_at(trio, "B") & {(one.kind, one.key) for one in trio.copy.values()}
    assert trio.fetch("app-b2", "app-b", *trio.local).reason == "unknown-key"
    assert trio.fetch("app-b", "app-c", *trio.remote).reason == "unknown-key"


def test_a_question_shows_an_old_copy_too(trio):
    """A's answer is lost on a connection that nobody knows to be dead; its own question tells B the same."""
    use_what_is_there(trio, "A")
    come_back(trio)
    trio.do("A", trio.managers["A"].disconnected("B"))
    trio.do("A", trio.managers["A"].connected("B", trio.now))
    question = next(one for one in trio.queues["A", "B"] if isinstance(one, kx.Synchronise))
    trio.queues["A", "B"].clear()
    trio.do("B", trio.managers["B"].receive("A", question, trio.now))
    assert trio.managers["B"].is_old_copy
    assert not held_at(trio, "B") & {(one.kind, one.key) for one in trio.copy.values()}


def test_a_late_answer_shows_an_old_copy_too(trio):
    """B has asked again since; what A was told does not depend on when it says so."""
    use_what_is_there(trio, "A")
    come_back(trio)
    trio.do("B", trio.managers["B"].connected("A", trio.now))
    first = next(one for one in trio.queues["B", "A"] if isinstance(one, kx.Synchronise))
    trio.queues["B", "A"].clear()
    trio.do("B", trio.managers["B"].connected("A", trio.now))
    trio.do("A", trio.managers["A"].receive("B", first, trio.now))
    late = next(one for one in trio.queues["A", "B"] if isinstance(one, kx.PoolStates))
    trio.do("B", trio.managers["B"].receive("A", late, trio.now))
    assert trio.managers["B"].is_old_copy


def test_a_peer_that_lies_about_what_it_was_told_harms_only_itself(trio):
    """It claims a higher number without B's tag, or with one for another number: C's key and own copies stay."""
    before = {place for place in held_at(trio, "B") if "ab/" not in place[1] and "chunk/A" not in place[1]}
    told = trio.managers["A"]._synchroniser
    told._numbers["B"] += 5
    come_back(trio, "A", "C")
    kept = held_at(trio, "B")
    assert not trio.managers["B"].is_old_copy
    assert {place for place in before if place[0] == "held-keys" or place[1].startswith("bc/")} <= kept
    assert trio.keys_of(trio.fetch("app-b2", "app-b", *trio.local)) == trio.local


def test_nothing_is_used_before_all_peers_had_their_say(trio):
    """C, which was told nothing, answers first: key with it and copies wait for A, or for the end of B's patience."""
    use_what_is_there(trio, "A")
    come_back(trio, "C")
    assert trio.get("app-b", "app-c").reason == "not-ready"
    assert trio.fetch("app-b2", "app-b", *trio.local).reason == "not-ready"
    assert trio.fetch("app-b", "app-c", *trio.remote).reason == "not-ready"
    meet(trio, "A")
    assert trio.fetch("app-b2", "app-b", *trio.local).reason == "unknown-key"


def test_a_peer_that_is_away_is_not_waited_for_long(trio):
    """A second after its start B goes on with C alone."""
    come_back(trio, "C")
    trio.tick(PATIENCE_S)
    assert len(trio.keys_of(trio.get("app-b", "app-c"))) == 1
    assert trio.keys_of(trio.fetch("app-b2", "app-b", *trio.local)) == trio.local


def test_an_old_copy_is_given_up_once(trio):
    """What C remembers from before, and tells after B has gone on with A, takes nothing of what is new."""
    use_what_is_there(trio, "A", "C")
    come_back(trio, "A")
    trio.tick(PATIENCE_S)
    for _ in range(4):
        trio.produce(links=["ab"])
    trio.order(("A", "B"))
    trio.tick()
    got = trio.keys_of(trio.get("app-a", "app-b"))
    meet(trio, "C")
    assert trio.keys_of(trio.fetch("app-b", "app-a", *got)) == got
    restart(trio, "B")
    meet(trio, "A")
    meet(trio, "C")
    assert not trio.managers["B"].is_old_copy


def test_a_second_old_copy_is_known_as_well(trio):
    """Older than the first return: the peers' numbers are still B's own word."""
    use_what_is_there(trio, "A", "C")
    come_back(trio, "A", "C")
    assert trio.managers["B"].is_old_copy
    come_back(trio, "A", "C")
    assert trio.managers["B"].is_old_copy
    assert not held_at(trio, "B") & {(one.kind, one.key) for one in trio.copy.values()}


@pytest.mark.parametrize("times", [1, 2])
def test_the_mark_is_beyond_every_copy_once_an_old_disk_was_given_up(trio, times):
    """The disk and its mark were old; then a copy comes back that is newer than the disk was, and no peer was told.

    Twice: the lost store had leapt itself, and the disk that comes back knows nothing of that.
    """
    for _ in range(times):
        use_what_is_there(trio, "A")
        for _ in range(40):
            trio.produce(links=["ab"])
        newer, lost = copy.copy(trio.stores["B"].records), trio.managers["B"].position
        come_back(trio, "A")
        assert trio.managers["B"].is_old_copy
        mark = trio.managers["B"].position
        assert mark > lost
    trio.stores["B"].records = newer
    restart(trio, "B", witnessed=mark)
    assert trio.managers["B"].is_old_copy
    trio.tick(PATIENCE_S)
    assert not held_at(trio, "B") & {(one.kind, one.key) for one in newer.values()}


def test_what_is_new_after_an_old_copy_was_given_up_stays(trio):
    """The same copy comes back twice: what C was told between shows nothing new the second time, B has given up."""
    use_what_is_there(trio, "A", "C")
    come_back(trio, "A", "C")
    for _ in range(4):
        trio.tick()
    mark = trio.managers["B"].position
    come_back(trio)
    restart(trio, "B", witnessed=mark)  # this time the mark shows it, before any peer
    assert trio.managers["B"].position > mark
    trio.tick(PATIENCE_S)
    trio.tick(PATIENCE_S)
    assert trio.managers["B"].is_old_copy
    got = trio.keys_of(trio.get("app-b", "app-b2"))
    meet(trio, "C")
    assert trio.keys_of(trio.fetch("app-b2", "app-b", *got)) == got
    restart(trio, "B")
    meet(trio, "A")
    assert not trio.managers["B"].is_old_copy


def test_nothing_is_supplied_between_own_applications_before_the_peers_had_their_say(trio):
    """Else the copies would be acknowledged, and go with an old copy of the store."""
    use_what_is_there(trio, "A")
    come_back(trio)
    assert trio.get("app-b", "app-b2").reason == "not-ready"
    trio.tick(PATIENCE_S)
    trio.tick(PATIENCE_S)
    assert len(trio.keys_of(trio.get("app-b", "app-b2"))) == 1


@pytest.mark.parametrize("damaged", ["1", "2"])
def test_the_key_of_the_tags_is_there_twice(net, damaged):
    """One record may be damaged: the tags stay known, and the record is written again."""
    place = (WitnessKeyRecord.kind, damaged)
    before = net.stores["A"].records[place].material
    net.stores["A"].rotten.add(place)
    restart(net, "A")
    connect(net, "A")
    net.settle()
    assert not net.stores["A"].rotten
    assert {one.material for one in net.stores["A"].load(WitnessKeyRecord)} == {before}
