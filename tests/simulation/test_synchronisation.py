"""Two ends of a pool agree before anything is used: restarts, lost and damaged records, old copies of a store."""

import copy

import pytest
from msgspec.structs import replace

from qit4n.keys.manager import KeyManager
from qit4n.keys.store import ChunkRecord, HeadRecord, HeldKeysRecord, PositionRecord, SlabRecord, chunk_key
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
