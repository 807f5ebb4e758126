"""What the controller orders of the sites: pools, paths, limits, reasons."""

import pytest

from qit4n.control.controller import Controller, Prediction
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
