"""Key managers take a changed network file while keys flow: what stays keeps its key, what is gone gives it up."""

import pytest
from msgspec.structs import replace

from qit4n.keys.store import SlabRecord
from qit4n.network.model import Application, Demand, Limits, Trust
from qit4n.refpoints import ak

FORTH, BACK = ("A", "B", "C", "D"), ("D", "C", "B", "A")


@pytest.fixture
def net(keynet):
    """A chain A-B-C-D with key on each link and pools between its ends, both ways."""
    net = keynet()
    for _ in range(8):
        net.produce()
    net.order(FORTH, BACK)
    return net


def adopt(net, network):
    """Every site of the changed file takes it."""
    net.network = network
    for site in network.sites:
        net.do(site.id, net.managers[site.id].adopt(network, net.now))
    net.settle()


def slabs(net, site):
    return {record.link for record in net.stores[site].load(SlabRecord)}


def test_keys_flow_on_and_copies_that_wait_stay(net):
    """A key got before the change is fetched after it, and the pools are as full as before."""
    got = net.keys_of(net.get("app-a", "app-d"))
    ready = net.managers["A"].pools.available_bytes("D", Trust())
    adopt(net, replace(net.network, applications=(*net.network.applications, Application(id="new", site="B"))))
    assert net.managers["A"].pools.available_bytes("D", Trust()) == ready
    assert net.keys_of(net.fetch("app-d", "app-a", *got)) == got
    assert len(net.keys_of(net.get("app-a", "app-d", number=2))) == 2


def test_an_application_that_comes_gets_keys_and_one_that_goes_is_refused(net):
    """Decisions of before are not remembered: each is made anew by the changed file."""
    assert net.get("app-a", "new").reason == "unknown-application"
    before = net.network
    more = (*before.applications, Application(id="new", site="D"))
    adopt(net, replace(before, applications=more, demands=(*before.demands, Demand(between=("app-a", "new")))))
    got = net.keys_of(net.get("app-a", "new"))
    assert net.keys_of(net.fetch("new", "app-a", *got)) == got
    adopt(net, before)
    assert net.get("app-a", "new").reason == "unknown-application"
    assert net.ask(ak.GetStatus(master="new", slave="app-a"), site="D").reason == "not-allowed"


def test_a_removed_demand_is_refused_at_once(net):
    pair = {"app-a", "app-d"}
    adopt(net, replace(net.network, demands=tuple(one for one in net.network.demands if set(one.between) != pair)))
    assert net.get("app-a", "app-d").reason == "not-allowed"


def test_limits_that_stay_go_on_counting_and_new_ones_begin(net):
    """Who had used up a quota has none left after an unrelated change; a changed limit starts anew."""
    quota = Limits(key_bits_per_day=512.0)

    def limited(limits):
        apps = (replace(one, limits=limits) if one.id == "app-a" else one for one in net.network.applications)
        return replace(net.network, applications=tuple(apps))

    adopt(net, limited(quota))
    net.keys_of(net.get("app-a", "app-d", number=2))
    assert net.get("app-a", "app-d").reason == "too-many-requests"
    adopt(net, replace(limited(quota), title="changed"))
    assert net.get("app-a", "app-d").reason == "too-many-requests"
    adopt(net, limited(Limits(key_bits_per_day=1024.0)))
    net.keys_of(net.get("app-a", "app-d"))


def test_the_key_of_a_removed_link_is_given_up_at_both_ends(net):
    """Its slabs are erased from the stores; key of other links, and what is ready end to end, stays."""
    gone = net.network.links[1]
    one, other = gone.ends
    assert gone.id in slabs(net, one)
    ready = net.managers["A"].pools.available_bytes("D", Trust())
    adopt(net, replace(net.network, links=tuple(link for link in net.network.links if link is not gone)))
    for site in (one, other):
        assert gone.id not in slabs(net, site)
        assert gone.id not in net.managers[site].kma.stocks
        assert slabs(net, site)
    assert net.managers["A"].pools.available_bytes("D", Trust()) == ready
    assert len(net.keys_of(net.get("app-a", "app-d"))) == 1


def test_a_link_that_comes_carries_key(net):
    """A second link between A and D: its blocks are taken, and relays go over it."""
    direct = replace(net.network.links[0], id="direct", ends=("A", "D"))
    adopt(net, replace(net.network, links=(*net.network.links, direct)))
    net.produce(links=["direct"])
    before = net.managers["A"].kma.stocks["direct"].send.available_bytes
    assert before > 0
    net.keys_of(net.get("app-a", "app-d", number=64))
    net.order(("A", "D"))
    net.tick()
    assert net.managers["A"].kma.stocks["direct"].send.available_bytes < before


def test_key_shared_with_a_removed_site_is_given_up(net):
    """D leaves: A's pool with it is empty, and nobody relays to it."""
    assert net.managers["A"].pools.available_bytes("D", Trust()) > 0
    before = net.network
    adopt(
        net,
        replace(
            before,
            sites=tuple(site for site in before.sites if site.id != "D"),
            links=tuple(link for link in before.links if "D" not in link.ends),
            applications=tuple(one for one in before.applications if one.site != "D"),
            demands=tuple(one for one in before.demands if "app-d" not in one.between),
        ),
    )
    assert net.managers["A"].pools.available_bytes("D", Trust()) == 0
    assert net.get("app-a", "app-d").reason == "unknown-application"
