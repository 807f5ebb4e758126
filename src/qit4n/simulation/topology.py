"""Small random networks: lines, rings, stars and random graphs of three to seven sites."""

import itertools
import random

import msgspec

from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Policies, Site, Trust

LETTERS = "ABCDEFG"
HUB = "hub"


def network_of(dice: random.Random) -> Network:
    """A network with one application at each site, a second one at one site, and some demands."""
    sites = LETTERS[: dice.choice((3, 3, 4, 4, 5, 6, 7))]
    shape = dice.choice((_line, _ring, _star, _graph))
    ends = shape(sites, dice)
    applications = [Application(id=f"app-{site.lower()}", site=site) for site in sites]
    applications.append(Application(id=HUB, site=dice.choice(sites)))
    return Network(
        qit4n=1,
        name="simulated",
        sites=tuple(Site(id=site) for site in sites),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(id=f"link{number}", ends=pair, medium=Medium(length_km=10, loss_db=2.5), module="m")
            for number, pair in enumerate(ends)
        ),
        applications=tuple(applications),
        demands=_demands(applications, ring=shape is _ring, dice=dice),
        policies=Policies(
            unclaimed_key_lifetime_s=dice.choice((86_400.0, 86_400.0, 10.0)),
            combine_ml_kem=dice.random() < 0.5,  # noqa: PLR2004
            ml_kem_period_s=dice.choice((5.0, 3600.0)),
            link_stock_bits=dice.choice((65_536, 131_072, 1_000_000)),
        ),
    )


def with_second_homes(network: Network, dice: random.Random) -> Network:
    """Some networks have applications that two sites serve; neither is a central relay site of their demands."""
    if dice.random() < 0.5:  # noqa: PLR2004
        return network
    sites, found = [site.id for site in network.sites], []
    for one in network.applications:
        centres = {demand.trust.centre for demand in network.demands if one.id in demand.between}
        others = [site for site in sites if site not in {one.site, *centres}]
        further = (dice.choice(others),) if others and dice.random() < 0.4 else ()  # noqa: PLR2004
        found.append(msgspec.structs.replace(one, also_at=further))
    return msgspec.structs.replace(network, applications=tuple(found))


def own_pairs(network: Network) -> list[tuple[str, str]]:
    """The pairs of applications of the network itself that share keys."""
    own = {application.id for application in network.applications}
    return [demand.between for demand in network.demands if own.issuperset(demand.between)]


def _demands(applications: list[Application], *, ring: bool, dice: random.Random) -> tuple[Demand, ...]:
    """A hub with several partners, for keys that many share, and some pairs besides."""
    *others, hub = (application.id for application in applications)
    pairs = [(hub, other) for other in dice.sample(others, dice.randint(1, 3))]
    pairs += dice.sample(list(itertools.combinations(others, 2)), dice.randint(1, 2))
    sites = {application.id: application.site for application in applications}
    return tuple(
        Demand(
            between=pair,
            pool_bits=dice.choice((4096, 8192, 16_384)),
            trust=_trust([site for site in sites.values() if site not in map(sites.get, pair)], ring=ring, dice=dice),
        )
        for pair in pairs
    )


def _trust(others: list[str], *, ring: bool, dice: random.Random) -> Trust:
    """Any scheme that the network can carry: a ring has two disjoint paths, and one that avoids a central site."""
    xor = Trust(scheme="xor-at-destination")
    if not ring or not others:
        return dice.choice((Trust(), Trust(), xor))
    central = Trust(scheme="central", centre=dice.choice(others))
    return dice.choice((Trust(), xor, central, Trust(paths=2), Trust(paths=2, threshold=1)))


def _turned(pairs: list[tuple[str, str]], dice: random.Random) -> list[tuple[str, str]]:
    return [pair if dice.random() < 0.5 else pair[::-1] for pair in pairs]  # noqa: PLR2004


def _line(sites: str, dice: random.Random) -> list[tuple[str, str]]:
    return _turned(list(itertools.pairwise(sites)), dice)


def _ring(sites: str, dice: random.Random) -> list[tuple[str, str]]:
    return _turned([*itertools.pairwise(sites), (sites[-1], sites[0])], dice)


def _star(sites: str, dice: random.Random) -> list[tuple[str, str]]:
    return _turned([(sites[0], other) for other in sites[1:]], dice)


def _graph(sites: str, dice: random.Random) -> list[tuple[str, str]]:
    """A random tree and some links more, two between the same sites now and then."""
    tree = [(dice.choice(sites[:number]), sites[number]) for number in range(1, len(sites))]
    more = [tuple(dice.sample(sites, 2)) for _ in range(dice.randint(0, len(sites) // 2))]
    return _turned(tree + [(one, other) for one, other in more], dice)
