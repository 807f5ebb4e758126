"""Single points of failure of a demand, held against taking each link and site away, with SciPy's maximum flow."""

import random

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from qit4n.network.file import load
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site, Trust
from qit4n.network.resilience import single_points


def served(network, demand, *, link=None, site=None, duct=None):
    """Whether some pair of homes has as many node-disjoint paths as are needed: maximum flow over split sites."""
    sites = [one.id for one in network.sites]
    trust = demand.trust
    if site is not None and site == trust.centre:
        return False
    closed = {site, trust.centre, *trust.excluded}
    ones, others = ([home for home in network.homes_of(end) if home != site] for end in demand.between)
    if set(ones) & set(others):
        return True
    size = 2 * len(sites)
    for one in ones:
        for other in others:
            capacity = np.zeros((size, size), dtype=np.int32)
            for number, name in enumerate(sites):
                capacity[2 * number, 2 * number + 1] = 99 if name in (one, other) else name not in closed
            for edge in network.links:
                a, b = map(sites.index, edge.ends)
                if edge.id != link and duct not in edge.ducts:
                    capacity[2 * a + 1, 2 * b] = capacity[2 * b + 1, 2 * a] = 1
            flow = maximum_flow(csr_matrix(capacity), 2 * sites.index(one) + 1, 2 * sites.index(other))
            if flow.flow_value >= trust.shares_needed:
                return True
    return False


def random_network(dice):
    sites = "ABCDEFGH"[: dice.randint(4, 8)]
    tree = [(dice.choice(sites[:number]), sites[number]) for number in range(1, len(sites))]
    more = [tuple(dice.sample(sites, 2)) for _ in range(dice.randint(0, len(sites)))]
    homes = [dice.sample(sites, dice.choice((1, 1, 2, 3))) for _ in range(2)]
    free = [site for site in sites if site not in homes[0] + homes[1]]
    trusts = [Trust(), Trust(), Trust(paths=2), Trust(paths=3, threshold=2)]
    if free:
        trusts += [Trust(scheme="central", centre=dice.choice(free)), Trust(excluded=(dice.choice(free),))]
    return Network(
        qit4n=1,
        name="n",
        sites=tuple(Site(id=site) for site in sites),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(
                id=f"l{number}",
                ends=pair,
                medium=Medium(length_km=1, loss_db=0.3),
                module="m",
                ducts=tuple(dice.sample(("d0", "d1", "d2"), dice.choice((0, 0, 1, 2)))),
            )
            for number, pair in enumerate(tree + more)
        ),
        applications=tuple(
            Application(id=f"app{number}", site=first, also_at=tuple(rest))
            for number, (first, *rest) in enumerate(homes)
        ),
        demands=(Demand(between=("app0", "app1"), trust=dice.choice(trusts)),),
    )


def test_what_stops_a_demand_is_what_brute_force_finds():
    """Random networks, homes, ducts and trust policies: each link, duct and site is taken away in turn."""
    dice, checked = random.Random(7), 0
    while checked < 300:
        network = random_network(dice)
        (demand,), (found,) = network.demands, single_points(network)
        if not served(network, demand):
            continue
        checked += 1
        links = {link.id for link in network.links if not served(network, demand, link=link.id)}
        sites = {site.id for site in network.sites if not served(network, demand, site=site.id)}
        ducts = {duct for duct in network.ducts if not served(network, demand, duct=duct)}
        own = {homes[0] for homes in map(network.homes_of, demand.between) if len(homes) == 1}
        assert set(found.links) == links
        assert set(found.ducts or ()) == ducts
        assert set(found.sites) == sites - own
        assert set(found.own) == own
        assert own <= sites or set(network.homes_of("app0")) & set(network.homes_of("app1"))


@pytest.mark.parametrize(
    ("example", "told"),
    [
        ("dual-homed", "survives any one link; survives any one site but vault"),
        ("two-data-centres", "needs link"),
        ("metro", "needs link pon-user1; survives any one duct; needs site north"),
    ],
)
def test_the_words_of_the_examples(example, told):
    """The dual-homed bank is stopped by nothing but the loss of the vault itself."""
    assert str(single_points(load(example))[0]).startswith(told)


def test_a_duct_stops_what_neither_of_its_links_stops():
    """Round the ring app-east and app-west survive any link, but not the duct of one on either side."""
    metro = load("metro")
    links = tuple(replace(link, ducts=("tunnel",) * (link.id in {"north-east", "south-west"})) for link in metro.links)
    assert str(single_points(replace(metro, links=links))[-1]) == (
        "survives any one link; needs duct tunnel; survives any one site but east, west"
    )
