"""What the controller orders of the sites: pools, paths, limits, reasons."""

import msgspec
import pytest

from qit4n.control.controller import Controller, Prediction
from qit4n.control.pools import PoolWatch, goals
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site, Trust
from qit4n.refpoints import ck, kq1, kq2

TWO = Trust(paths=2)


def ring(*trusts):
    """Sites A, B, C, D in a ring; a pair of applications at A and C for each trust policy."""
    return Network(
        qit4n=1,
        name="ring",
        sites=tuple(Site(id=site) for site in "ABCD"),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(id=pair.lower(), ends=(pair[0], pair[1]), medium=Medium(length_km=1, loss_db=1), module="m")
            for pair in ("AB", "BC", "CD", "DA")
        ),
        applications=tuple(Application(id=f"{site}{n}", site=site) for n in range(len(trusts)) for site in "AC"),
        demands=tuple(
            Demand(between=(f"A{n}", f"C{n}"), trust=trust, pool_bits=10_000 * (n + 1))
            for n, trust in enumerate(trusts)
        ),
    )


def report(network, site, stock):
    links = tuple(
        ck.LinkReport(
            link=link.id,
            peer=next(end for end in link.ends if end != site),
            sendable_bits=stock.get(link.id, 1_000_000),
            receivable_bits=0,
            module=kq2.ModuleState(link=link.id, role="transmitter", state="running"),
            account=kq1.LinkAccount(),
        )
        for link in network.links_of(site)
    )
    return ck.SiteReport(site=site, pid=1, started_at=0.0, memory_bytes=1, links=links, pools=())


def controlled(network, silent="", **stock):
    controller = Controller(network, {link.id: Prediction(1.0, 0.01) for link in network.links})
    for site in network.sites:
        if site.id not in silent:
            controller.receive(report(network, site.id, stock), now=10.0)
    return controller


@pytest.fixture
def orders():
    """The orders at A."""

    def make(network, **known):
        return controlled(network, **known).tables(10.0)["A"].pools

    return make


def test_each_trust_policy_has_its_own_pool(orders):
    """Targets of demands under one policy add up; another policy is another pool with paths of its own."""
    found = orders(ring(Trust(), TWO, Trust()))
    assert [(order.trust, order.target_bits, len(order.paths)) for order in found] == [
        (Trust(), 40_000, 1),
        (TWO, 20_000, 2),
    ]
    assert found[1].paths == (("A", "B", "C"), ("A", "D", "C"))


def test_a_quarter_of_the_least_stock_may_go_at_once(orders):
    """So that a big chunk does not take what others need on the way."""
    assert orders(ring(TWO), cd=40_000)[0].most_bits == 10_000


def test_a_site_that_is_down_leaves_too_few_paths(orders):
    """No paths, and the reason with them, in the table and in the status."""
    network = ring(TWO)
    order = orders(network, silent="D")[0]
    assert order.paths == ()
    assert order.reason == "fewer than 2 node-disjoint paths with key from A to C"
    pool = controlled(network, silent="D").status(10.0).pools[0]
    assert (pool.trust, pool.last_refusal) == ("2 of 2 paths, hop-by-hop", order.reason)


def test_a_pool_has_a_backup_and_a_rate_only_where_key_is_scarce(orders):
    """Round the ring the other way; with little key in stock the pools share what the links make."""
    plenty = orders(ring(Trust()))[0]
    assert (plenty.rate_bps, set(plenty.paths + plenty.backups)) == (None, {("A", "B", "C"), ("A", "D", "C")})
    scarce = orders(ring(Trust()), ab=4000, bc=4000, cd=4000, da=4000)[0]
    assert scarce.rate_bps == pytest.approx(2 * 4000 / 2 + 1.0, rel=1e-3)  # two ways for two directions


def test_the_priority_of_a_demand_decides_who_is_filled():
    """Where both cannot have what they want the higher one takes it all."""
    network = ring(Trust(), TWO)
    raised = msgspec.structs.replace(network.demands[1], priority=3)
    network = msgspec.structs.replace(network, demands=(network.demands[0], raised))
    low, high = controlled(network, **dict.fromkeys(("ab", "bc", "cd", "da"), 4000)).tables(10.0)["A"].pools
    assert high.rate_bps > 0
    assert low.rate_bps == pytest.approx(0.0, abs=1e-3)


def test_tables_stay_the_same_until_something_changes():
    """Within a second of the same news the version stays; a site that falls silent makes a new one at once."""
    controller = controlled(ring(Trust()))
    first = controller.tables(10.0)["A"].version
    assert controller.tables(10.2)["A"].version == first
    assert controller.tables(15.0) == {}  # nobody has reported for long
    assert controlled(ring(Trust()), silent="D").tables(10.0)["A"].pools[0].paths == (("A", "B", "C"),)


def test_a_pool_grows_with_what_is_taken_from_it():
    """Five seconds of the present use are kept ready, before anybody asks; at most sixteen times the file's amount."""
    watch = PoolWatch(goals(ring(Trust())))
    pool = ("A", "C", Trust())
    for second in range(60):
        told = ck.PoolReport(
            peer="C", trust=Trust(), ready_bits=10_000, target_bits=0, relayed_bits=0, supplied_bits=8_000 * second
        )
        site = ck.SiteReport(site="A", pid=1, started_at=0.0, memory_bytes=1, links=(), pools=(told,))
        watch.hear(site, float(second))
    assert watch.target_bits(pool) == pytest.approx(40_000, rel=1e-3)
    assert watch.wanted_bps(pool, 40_000) == pytest.approx(30_000 + 8_000, rel=1e-3)


def test_orders_made_for_a_status_reach_the_sites():
    """Who asks for the status makes the orders anew; the sites get these all the same."""
    network = ring(Trust())
    controller = controlled(network, ab=0, da=0)
    assert all(not pool.paths for pool in controller.tables(10.0)["A"].pools)
    for site in network.sites:
        controller.receive(report(network, site.id, {}), now=11.0)
    assert all(pool.paths for pool in controller.status(11.1).pools)
    (order,) = controller.tables(11.2)["A"].pools
    assert order.paths
    assert controller.tables(11.3) is controller.tables(11.3)


def in_duct(network, *links):
    """The network with a duct that these links run through."""
    changed = tuple(msgspec.structs.replace(link, ducts=("duct",) * (link.id in links)) for link in network.links)
    return msgspec.structs.replace(network, links=changed)


def test_the_status_says_when_disjoint_paths_share_a_duct():
    """Round the ring there are two, one through each link of A: in one duct they are still used, and it is told."""
    network = ring(TWO)
    assert controlled(network).status(10.0).pools[0].shared_ducts == ()
    (pool, *_) = controlled(in_duct(network, "ab", "da")).status(10.0).pools
    assert (len(pool.paths), pool.shared_ducts) == (2, ("duct",))


def test_a_scarce_network_keeps_to_ways_that_share_no_duct():
    """With little key the allocation takes several ways in turn: each is as diverse as the first."""
    pairs = ("AB", "BD", "AC", "CD", "AE", "ED")
    network = msgspec.structs.replace(
        ring(TWO),
        sites=tuple(Site(id=site) for site in "ABCDE"),
        links=tuple(
            Link(id=pair.lower(), ends=(pair[0], pair[1]), medium=Medium(length_km=1, loss_db=1), module="m")
            for pair in pairs
        ),
        applications=(Application(id="A0", site="A"), Application(id="C0", site="D")),
    )
    network = in_duct(network, "ab", "cd")
    stock = dict.fromkeys((pair.lower() for pair in pairs), 4000)
    controller = controlled(network, **stock)
    for now in (10.0, 12.0, 14.0, 16.0):
        for site in network.sites:
            controller.receive(report(network, site.id, stock), now)
        for pool in controller.status(now).pools:
            assert pool.rate_bps > 0
            assert {("A", "B", "D"), ("A", "C", "D")} != {min(path, path[::-1]) for path in pool.paths}
