"""A site's process when its disk fills up."""

import asyncio

import pytest
from msgspec.structs import replace

from qit4n.adapters.certificates import issue_all
from qit4n.adapters.frames import Hello
from qit4n.adapters.stores import open_store
from qit4n.adapters.tls import Identity
from qit4n.errors import CertificateError, EntropyError, StoreFullError
from qit4n.keys import synchronise
from qit4n.keys.store import HeadRecord, Put
from qit4n.network.file import load
from qit4n.network.model import Application
from qit4n.node.site import SiteProcess
from qit4n.refpoints import ak


@pytest.fixture
def network(monkeypatch):
    """Two applications at one site: they share keys without any relay. The other site is never there."""
    monkeypatch.setattr(synchronise, "PATIENCE_S", 0)
    network = load("two-data-centres")
    applications = (Application(id="app-east", site="east"), Application(id="app-west", site="east"))
    return replace(network, links=(), modules={}, applications=applications)


async def ask(site, request):
    """The reply to a request."""
    answer = asyncio.get_running_loop().create_future()
    site.ask(request, answer.set_result)
    return await answer


async def test_a_full_disk_refuses_new_keys_and_keeps_the_old_ones(network, tmp_path, monkeypatch):
    """Full: 'not ready' with the reason, nothing consumed. Freed: all earlier keys are there, new ones flow."""
    issue_all(network, tmp_path)
    site = SiteProcess(network, "east", tmp_path, open_store(tmp_path, network.name, "east"))
    journal = asyncio.create_task(site._journal.run())
    get = ak.GetKeys(master="app-east", slaves=("app-west",), number=2)
    before = await ask(site, get)
    commit = site._store.commit

    def full(writes):
        raise StoreFullError("store.db: the disk is full; free space there")

    monkeypatch.setattr(site._store, "commit", full)
    refused = await ask(site, get)
    fetch = ak.GetKeysByID(slave="app-west", master="app-east", key_ids=tuple(key_id for key_id, _ in before.each()))
    also_refused = await ask(site, fetch)
    for answer in (refused, also_refused):
        assert answer.reason == "not-ready"
        assert "disk is full" in answer.text
    assert "disk is full" in site._site_report().fault
    status = await ask(site, ak.GetStatus(master="app-east", slave="app-west"))
    assert isinstance(status, ak.SupplyStatus)

    monkeypatch.setattr(site._store, "commit", commit)
    assert (await ask(site, fetch)).each() == before.each()
    assert len((await ask(site, get)).each()) == 2
    assert site._site_report().fault == ""
    journal.cancel()
    site._journal.close()
    site._store.close()


async def test_damage_that_has_healed_is_not_told_again(network, tmp_path, monkeypatch):
    """A damaged record is named; when it was written anew, the next start of the key manager names it no more."""
    issue_all(network, tmp_path)
    store = open_store(tmp_path, network.name, "east")
    head = HeadRecord(key="chunk/west/1", position=64)
    store.commit([Put(head)])
    body = store._rows(HeadRecord.kind)[0][1]
    monkeypatch.setattr(store, "_rows", lambda kind: [(head.key, body[:-1], None)] if kind == HeadRecord.kind else [])
    site = SiteProcess(network, "east", tmp_path, store)
    assert "1 records" in site._site_report().fault
    store.damaged.add(("audit-trail", "up to row 7"))  # found at the opening: no loading takes it back
    monkeypatch.undo()
    site._store_failed(StoreFullError("the disk is full"))
    assert store.damaged == {("audit-trail", "up to row 7")}
    store.damaged.clear()
    site._store_failed(StoreFullError("the disk is full"))
    assert site._site_report().fault == ""
    site._journal.close()
    store.close()


async def test_a_restart_finds_what_was_supplied(network, tmp_path):
    """A second process on the same directory supplies the slave's copies of the first one's keys, once."""
    issue_all(network, tmp_path)
    got = []
    for attempt in range(3):
        site = SiteProcess(network, "east", tmp_path, open_store(tmp_path, network.name, "east"))
        journal = asyncio.create_task(site._journal.run())
        if attempt == 0:
            got = (await ask(site, ak.GetKeys(master="app-east", slaves=("app-west",), number=3))).each()
        fetch = ak.GetKeysByID(slave="app-west", master="app-east", key_ids=(got[attempt][0],))
        assert (await ask(site, fetch)).each() == (got[attempt],)
        assert (await ask(site, fetch)).reason == "unknown-key"
        journal.cancel()
        site._journal.close()
        site._store.close()


async def test_who_asks_again_while_a_failed_commit_is_told_asks_the_new_key_manager(network, tmp_path, monkeypatch):
    """Two requests for copies, the store fails, the first one's refusal brings the second: no key leaves twice."""
    issue_all(network, tmp_path)
    site = SiteProcess(network, "east", tmp_path, open_store(tmp_path, network.name, "east"))
    journal = asyncio.create_task(site._journal.run())
    got = (await ask(site, ak.GetKeys(master="app-east", slaves=("app-west",), number=2))).each()
    first, second = (ak.GetKeysByID(slave="app-west", master="app-east", key_ids=(key_id,)) for key_id, _ in got)
    commit, told = site._store.commit, asyncio.get_running_loop().create_future()

    def full(writes):
        monkeypatch.setattr(site._store, "commit", commit)
        raise StoreFullError("the disk is full")

    monkeypatch.setattr(site._store, "commit", full)
    site.ask(first, lambda _refused: site.ask(second, told.set_result))
    assert (await told).each() == (got[1],)
    assert (await ask(site, second)).reason == "unknown-key"
    journal.cancel()
    site._journal.close()
    site._store.close()


async def test_a_request_that_fails_is_not_remembered(network, tmp_path, monkeypatch):
    """Nobody would ever answer it: what waits does not grow."""
    issue_all(network, tmp_path)
    site = SiteProcess(network, "east", tmp_path, open_store(tmp_path, network.name, "east"))

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(site._manager, "request", fail)
    with pytest.raises(RuntimeError):
        site.ask(ak.GetKeys(master="app-east", slaves=("app-west",), number=1), print)
    assert not site._requests
    site._store.close()


async def test_a_site_of_another_network_is_not_served(network, tmp_path):
    """Equal ids and one authority do not make two networks one."""
    issue_all(network, tmp_path)
    site = SiteProcess(network, "east", tmp_path, open_store(tmp_path, network.name, "east"))
    with pytest.raises(CertificateError, match="of network elsewhere"):
        await site._serve(Identity("elsewhere", "site", "west"), Hello(purpose="nothing"), None)
    site._store.close()


async def test_a_draw_that_fails_in_the_midst_of_a_step_ends_the_process(network, tmp_path, monkeypatch):
    """Nothing more is taken from what is in memory then: the timer raises, and the process starts anew."""
    issue_all(network, tmp_path)
    site = SiteProcess(network, "east", tmp_path, open_store(tmp_path, network.name, "east"))
    journal = asyncio.create_task(site._journal.run())

    def dry(_size):
        raise EntropyError("the entropy source gave too few bytes")

    monkeypatch.setattr(site._manager.ksa, "_entropy", dry)
    get = ak.GetKeys(master="app-east", slaves=("app-west",), number=2)
    with pytest.raises(EntropyError):
        site.ask(get, print)
    monkeypatch.undo()
    answers = []
    site.ask(get, answers.append)
    with pytest.raises(EntropyError):
        await site._timer()
    assert answers == []
    journal.cancel()
    site._journal.close()
    site._store.close()
