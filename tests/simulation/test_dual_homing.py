"""An application that two sites serve: where its keys go, and what becomes of them when one of the two fails."""

import pytest
from msgspec.structs import replace

from qit4n.errors import ProtocolError
from qit4n.network.model import Policies
from qit4n.refpoints import ak, kx
from qit4n.refpoints.ak import StreamStatus

BANK, FAR = "app-a", "app-d"


@pytest.fixture
def net(keynet):
    """A chain A-B-C-D; the bank has its homes at A and B, the far end is at D; pools between both and D."""
    network = keynet.chain()
    bank = replace(network.applications[0], also_at=("B",))
    net = keynet(network=replace(network, applications=(bank, *network.applications[1:])))
    for _ in range(8):
        net.produce()
    net.order(("A", "B", "C", "D"), ("B", "C", "D"))
    net.order(("D", "C", "B", "A"), ("D", "C", "B"), ("D", "C"))
    return net


def fetch(net, site, slave, master, *key_ids):
    return net.ask(ak.GetKeysByID(slave=slave, master=master, key_ids=key_ids), site=site)


def ask_unsettled(net, request, site):
    """Put a request; nothing of what it sends has arrived yet."""
    net.number += 1
    net.do(site, net.managers[site].request(net.number, request, net.now))
    return net.number


def down(net, one, other):
    """Two sites have no connection any more, and nothing on its way arrives."""
    for pair in ((one, other), (other, one)):
        net.queues.pop(pair, None)
        net.do(pair[0], net.managers[pair[0]].disconnected(pair[1]))
    net.settle()


def test_either_home_serves_its_application_as_master(net):
    """Also the second; a site that is no home refuses."""
    for home in "AB":
        got = net.keys_of(net.ask(ak.GetKeys(master=BANK, slaves=(FAR,)), site=home))
        assert net.keys_of(net.fetch(FAR, BANK, *got)) == got
    assert net.ask(ak.GetKeys(master=BANK, slaves=(FAR,)), site="C").reason == "not-allowed"


def test_a_copy_waits_at_the_first_home_and_nowhere_else(net):
    """The other home answers that it is not found, as 014 says; what is fetched at one is gone at both."""
    got = net.keys_of(net.get(FAR, BANK))
    assert fetch(net, "B", BANK, FAR, *got).reason == "unknown-key"
    assert net.keys_of(fetch(net, "A", BANK, FAR, *got)) == got
    assert [fetch(net, site, BANK, FAR, *got).reason for site in "AB"] == ["unknown-key"] * 2


def test_without_the_first_home_keys_go_to_the_second(net):
    """No connection, or too little key: each is served by the other, and Get status says where the keys would go."""
    status = ak.GetStatus(master=FAR, slave=BANK)
    assert net.ask(status).target_site == "A"
    net.tick(0.5)
    net.now += 11.0  # the sites have been up for longer than they wait for each other after a start
    down(net, "A", "D")
    assert net.ask(status).target_site == "B"
    got = net.keys_of(net.get(FAR, BANK))
    assert net.keys_of(fetch(net, "B", BANK, FAR, *got)) == got
    assert fetch(net, "A", BANK, FAR, *got).reason == "unknown-key"


def test_a_pool_that_is_used_up_leads_to_the_other_home(net):
    """All key with both homes can be had, the first home's first; then it is refused, and nothing is lost meanwhile."""
    had = {"A": {}, "B": {}}
    while isinstance(reply := net.get(FAR, BANK, number=16), ak.SuppliedKeys):
        got = net.keys_of(reply)
        home = next(site for site in "AB" if isinstance(fetch(net, site, BANK, FAR, *got), ak.SuppliedKeys))
        assert not (home == "A" and had["B"]), "back at the first home although its pool was used up"
        had[home] |= got
    assert reply.reason == "no-key"
    assert "ready with A" in reply.text
    assert len(had["A"]) > 16
    assert len(had["B"]) > 16


@pytest.mark.parametrize("failure", ["lost", "refused", "late"])
def test_a_request_that_is_under_way_when_a_home_fails_is_met_by_the_other(net, failure):
    """The connection breaks, the home refuses, or it does not answer in time: the master gets fresh keys."""
    number = ask_unsettled(net, ak.GetKeys(master=FAR, slaves=(BANK,), number=3), "D")
    (notice,) = (message for message in net.queues["D", "A"] if isinstance(message, kx.NotifySupply))
    net.queues["D", "A"].clear()
    if failure == "lost":
        down(net, "A", "D")
    elif failure == "refused":
        net.do("D", net.managers["D"].receive("A", kx.SupplyRefused(batch=notice.batch, chunks=()), net.now))
    else:
        for _ in range(7):
            net.queues["D", "A"] = []
            assert number not in net.answers
            net.now += 0.9
            net.do("D", net.managers["D"].timer(net.now))
    net.settle()
    got = net.keys_of(net.answers[number])
    assert len(got) == 3
    assert not any(key_id.startswith(notice.batch) for key_id in got), "keys that a failed home may have"
    assert net.keys_of(fetch(net, "B", BANK, FAR, *got)) == got


def test_the_master_is_refused_once_no_home_is_left(net):
    """The same request is answered once, whatever fails one after the other."""
    number = ask_unsettled(net, ak.GetKeys(master=FAR, slaves=(BANK,)), "D")
    net.queues["D", "A"].clear()
    down(net, "B", "D")
    assert number not in net.answers
    down(net, "A", "D")
    assert net.answers[number].reason == "not-ready"


def test_homes_that_refuse_are_asked_once_each(net):
    """No going to and fro between two that both refuse."""
    number = ask_unsettled(net, ak.GetKeys(master=FAR, slaves=(BANK,)), "D")
    for home in "AB":
        assert number not in net.answers
        (notice,) = (message for message in net.queues["D", home] if isinstance(message, kx.NotifySupply))
        net.queues["D", home].clear()
        net.do("D", net.managers["D"].receive(home, kx.SupplyRefused(batch=notice.batch, chunks=()), net.now))
    assert net.answers[number].reason == "not-ready"


def test_keys_for_several_slaves_go_to_the_other_home_together(net):
    """One key for the bank and for a single-homed slave: both get it after the first home of the bank failed."""
    number = ask_unsettled(net, ak.GetKeys(master=FAR, slaves=(BANK, "app-c")), "D")
    down(net, "A", "D")
    net.settle()
    got = net.keys_of(net.answers[number])
    assert net.keys_of(fetch(net, "B", BANK, FAR, *got)) == got
    assert net.keys_of(fetch(net, "C", "app-c", FAR, *got)) == got


def test_a_lost_single_homed_slave_is_no_reason_to_move_the_bank(net):
    """The request cannot be met without it: refused, and the copy at the bank's home is withdrawn."""
    number = ask_unsettled(net, ak.GetKeys(master=FAR, slaves=(BANK, "app-c")), "D")
    down(net, "C", "D")
    net.settle()
    assert net.answers[number].reason == "not-ready"
    assert net.managers["A"].ksa.held.unclaimed_keys == 0


def test_a_quota_is_taken_once_for_a_request_that_moves(net):
    """The second home is a second try at the same request."""
    limits = replace(Policies().limits, key_bits_per_day=256.0)
    network = replace(net.network, policies=replace(net.network.policies, limits=limits))
    net.do("D", net.managers["D"].adopt(network, net.now))
    number = ask_unsettled(net, ak.GetKeys(master=FAR, slaves=(BANK,)), "D")
    down(net, "A", "D")
    net.settle()
    assert isinstance(net.answers[number], ak.SuppliedKeys)
    assert net.get(FAR, BANK).reason == "too-many-requests"


def test_after_a_start_a_site_waits_for_all_homes_of_the_master(net):
    """Any of them may have supplied what it holds, and may show that its store is an old copy."""
    got = net.keys_of(net.ask(ak.GetKeys(master=BANK, slaves=(FAR,)), site="B"))
    net.start("D")
    for one, other in (("A", "D"), ("C", "D")):
        net.do(one, net.managers[one].connected(other, net.now))
        net.do(other, net.managers[other].connected(one, net.now))
    net.tick(1.5)  # longer than it waits to hear all of its peers
    reply = net.fetch(FAR, BANK, *got)
    assert reply.reason == "not-ready"
    assert "does not know yet from B" in reply.text
    net.do("D", net.managers["D"].connected("B", net.now))
    net.tick(1.0)
    assert net.keys_of(net.fetch(FAR, BANK, *got)) == got


def test_copies_from_either_home_are_void_when_a_home_shows_an_old_copy(net):
    """Whoever of the two supplied them."""
    held = net.managers["D"].ksa.held
    for home in "AB":
        net.ask(ak.GetKeys(master=BANK, slaves=(FAR,)), site=home)
    assert held.unclaimed_keys == 2
    net.managers["D"].ksa.void_with("B")
    assert held.unclaimed_keys == 0


def test_only_a_home_of_the_master_may_withdraw_or_notify(net):
    """Site C is none."""
    got = net.keys_of(net.ask(ak.GetKeys(master=BANK, slaves=(FAR,)), site="B"))
    batch = next(iter(got))[: ak.BATCH_BYTES]
    held = net.managers["D"].ksa.held
    for peer, left in (("C", 1), ("B", 0)):
        net.do("D", net.managers["D"].receive(peer, kx.WithdrawSupply(batch=batch), net.now))
        assert held.unclaimed_keys == left


def test_key_streams_are_at_the_first_home(net):
    """The second says so, and may not open one for the bank at another site."""
    opened = net.managers["B"].request(99, ak.OpenStream(application=BANK, peer=FAR), net.now)
    (answer,) = opened.actions
    assert answer.reply.status is StreamStatus.NO_QKD_CONNECTION
    assert "at its first site, A" in answer.reply.text
    message = kx.JoinStream(stream=bytes(16), application=FAR, peer=BANK, qos=ak.StreamQoS())
    with pytest.raises(ProtocolError, match="may not open a stream"):
        net.managers["B"].receive("D", message, net.now)


def test_a_new_home_counts_while_the_network_runs(net):
    """A changed file makes C a third home, which serves when the two others fail."""
    bank = replace(net.network.applications[0], also_at=("B", "C"))
    network = replace(net.network, applications=(bank, *net.network.applications[1:]))
    for site, manager in net.managers.items():
        net.do(site, manager.adopt(network, net.now))
    down(net, "A", "D")
    down(net, "B", "D")
    got = net.keys_of(net.get(FAR, BANK))
    assert net.keys_of(fetch(net, "C", BANK, FAR, *got)) == got
