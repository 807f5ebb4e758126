"""The SDN agent of a site: what it tells when, what it takes from a controller, what it refuses applications."""

import asyncio
from dataclasses import replace

import pytest
from msgspec import structs

from qit4n.interfaces.etsi015 import app_id, link_id
from qit4n.interfaces.etsi015model import TYPES
from qit4n.interfaces.restconf import RestconfError, find
from qit4n.node.modules import ModuleDriver
from qit4n.node.sdnagent import SDNAgent
from qit4n.refpoints import ak, ck
from sdnnodes import NETWORK, PAIR, state

APPLICATIONS = tuple(NETWORK.demands[0].between)
SITE = NETWORK.application(APPLICATIONS[0]).site
LINKS = NETWORK.links_of(SITE)
BASE = "/restconf/data/etsi-qkd-sdn-node:qkd_node"
REQUEST = ak.GetKeys(master=APPLICATIONS[0], slaves=(APPLICATIONS[1],))
KEYS = ak.SuppliedKeys(batches=(ak.KSAKeys(ids=bytes(32), values=bytes(64), size=32),))


class Bench:
    """An agent with a state that a test sets, and what it has told and switched."""

    def __init__(self):
        self.seen = state(SITE)
        self.told, self.switched = [], []
        self.agent = SDNAgent(
            NETWORK,
            None,
            lambda: (self.seen.report, self.seen.table, self.seen.now),
            lambda link, on: self.switched.append((link, on)),
        )
        self.agent._server.tell = lambda _, name, content: self.told.append((name, content))
        self.agent.look()
        self.told.clear()

    def names(self):
        found, self.told = {name for name, _ in self.told}, []
        return found

    def write(self, path, value):
        self.agent.write([(find(f"{BASE}/{path}", self.agent.document()), value)])


@pytest.fixture
def bench():
    """An agent that has told its start."""
    return Bench()


def enable_leaf(link):
    return f"qkd_links/qkd_link={link_id(NETWORK, link.id)}/qkdl_enable"


BOUND = f"qkd_applications/qkd_app={app_id(NETWORK, NETWORK.demands[0])}/app_qos/max_bandwidth"


async def test_a_changed_file_is_followed_at_once(bench):
    """A link and a demand that go or come are told at once; the other interfaces keep their numbers."""
    bench.agent.asked(REQUEST, 1e9)
    await asyncio.sleep(0)
    assert bench.names() == {"sdqkdn_application_new"}
    before = {one["qkdi_id"] for one in bench.agent.document()["qkd_interfaces"]["qkd_interface"]}
    gone = LINKS[0]
    left = tuple(one for one in bench.seen.report.links if one.link != gone.id)
    bench.seen = replace(bench.seen, report=structs.replace(bench.seen.report, links=left))
    links = tuple(one for one in NETWORK.links if one != gone)
    demands = tuple(one for one in NETWORK.demands if frozenset(one.between) != PAIR)
    bench.agent.adopt(structs.replace(NETWORK, links=links, demands=demands))
    content = {"qkd_link": {"qkdl_id": link_id(NETWORK, gone.id), "reason": "the link was taken out"}}
    assert ("sdqkdn_link_down", content) in bench.told
    assert bench.names() == {"sdqkdn_link_down", "sdqkdn_interface_out", "sdqkdn_application_disconnected"}
    after = {one["qkdi_id"] for one in bench.agent.document()["qkd_interfaces"]["qkd_interface"]}
    assert after < before
    assert len(after) == len(before) - 1
    bench.seen = state(SITE)
    bench.agent.adopt(NETWORK)
    assert bench.names() == {"sdqkdn_interface_new", "event"}


async def test_only_demanded_pairs_become_applications(bench):
    """Whoever asks for others leaves nothing behind."""
    bench.agent.asked(ak.GetKeys(master=APPLICATIONS[0], slaves=("nobody",)), 1e9)
    await asyncio.sleep(0)
    assert bench.names() == set()
    assert bench.agent.document()["qkd_applications"]["qkd_app"] == []


def test_a_short_change_of_a_module_is_told(bench):
    """A module that goes down and comes back at once causes both notifications: it calls, nobody has to look."""
    module = ReceiverLike(NETWORK, LINKS[0])
    module.changed = bench.agent.look

    def told_after(name):
        reports = tuple(
            structs.replace(one, module=structs.replace(one.module, state=name)) if one.link == LINKS[0].id else one
            for one in bench.seen.report.links
        )
        bench.seen = replace(bench.seen, report=structs.replace(bench.seen.report, links=reports))
        module.change(state=name)
        return bench.names()

    assert "sdqkdn_interface_down" in told_after("down")
    assert told_after("running") == {"event"}
    assert told_after("running") == set()


class ReceiverLike(ModuleDriver):
    """A driver without a session."""

    async def hold_session(self):
        raise NotImplementedError


async def test_a_bound_is_shown_told_and_kept(bench):
    """Two keys of 256 bits at 100 bit/s: then nothing for 5.12 s, whatever is refused in between; 0 refuses all."""
    bench.agent.asked(REQUEST, 1e9)
    await asyncio.sleep(0)
    bench.names()
    bench.write(BOUND, 100)
    assert bench.names() == {"sdqkdn_application_qos_update"}
    answers = []

    def ask(at):
        refused = bench.agent.asked(REQUEST, at)
        if refused is None:
            bench.agent.around(REQUEST, answers.append)(KEYS)
        return refused

    assert ask(1e9 + 0.0) is None
    assert ask(1e9 + 1.0).reason == "too-many-requests"
    assert "100 bit/s" in ask(1e9 + 5.0).text
    assert bench.agent.asked(ak.GetKeysByID(slave=APPLICATIONS[0], master=APPLICATIONS[1], key_ids=()), 1e9 + 5) is None
    assert ask(1e9 + 5.2) is None
    assert answers == [KEYS, KEYS]
    bench.write(BOUND, 0)
    assert ask(1e9 + 1e6) is not None
    bench.write(BOUND, None)
    assert ask(1e9 + 1e6) is None


def test_a_pool_that_does_not_meet_a_request_is_overloaded(bench):
    """Each refusal for want of key is noticed, however short; it is told once until the pool has key again."""

    def lost(keys, ready_bits=0):
        counted = ck.SupplyReport(
            site=SITE,
            master=APPLICATIONS[0],
            slave=APPLICATIONS[1],
            requests=9,
            keys_requested=9,
            keys_supplied=9,
            bits_supplied=9,
            keys_lost=keys,
            keys_fetched=9,
            delay_sum_s=0.0,
            delay_min_s=None,
            delays=(),
        )
        peer = NETWORK.application(APPLICATIONS[1]).site
        pool = structs.replace(
            bench.seen.report.pools[0], peer=peer, trust=NETWORK.demands[0].trust, ready_bits=ready_bits
        )
        bench.seen = replace(bench.seen, report=structs.replace(bench.seen.report, supply=(counted,), pools=(pool,)))
        bench.agent.look()
        return "sdqkdn_link_overloaded" in bench.names()

    assert [lost(0), lost(2), lost(3), lost(3), lost(3, 4096), lost(3), lost(4)] == [
        False, True, False, False, False, False, True,
    ]  # fmt: skip


async def test_several_changes_are_taken_all_or_none(bench):
    """A virtual link among them is refused, and no physical one is switched."""
    node = bench.agent.document()
    virtual = next(one for one in node["qkd_links"]["qkd_link"] if one["qkdl_type"] == f"{TYPES}:VIRT")
    both = [
        (find(f"{BASE}/{enable_leaf(LINKS[0])}", node), False),
        (find(f"{BASE}/qkd_links/qkd_link={virtual['qkdl_id']}/qkdl_enable", node), False),
    ]
    with pytest.raises(RestconfError) as refused:
        bench.agent.write(both)
    assert refused.value.status == 403
    assert bench.switched == []
    bench.write(enable_leaf(LINKS[0]), False)
    assert bench.switched == [(LINKS[0].id, False)]
    assert "sdqkdn_link_down" in bench.names()
