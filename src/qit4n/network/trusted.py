"""Whether the trust policies of a network file can be kept with its links."""

import itertools
from collections.abc import Iterator

from qit4n.network.disjoint import disjoint_paths
from qit4n.network.explain import nearest
from qit4n.network.finding import EVERY, Finding
from qit4n.network.model import Demand, Network
from qit4n.network.yamltext import At

Homes = dict[str, tuple[str, ...]]


def trust_findings(network: Network) -> Iterator[Finding]:
    """What does not fit in the trust of each demand."""
    ends = (application for demand in network.demands for application in demand.between)
    homes = {one: network.homes_of(one) for one in ends}
    for number, demand in enumerate(network.demands):
        found = [
            *_alone(number, demand),
            *_centre(number, demand, network, homes),
            *_excluded(number, demand, network, homes),
        ]
        yield from found or _paths(number, demand, network)


def _alone(number: int, demand: Demand) -> Iterator[Finding]:
    trust, place = demand.trust, ("demands", number, "trust")
    if trust.threshold > trust.paths:
        what = f"{trust.threshold} shares are needed and only {trust.paths} sent"
        yield Finding((*place, "threshold"), what, f"at most {trust.paths} (paths)", (place,))
    if trust.scheme == "central" and trust.centre is None:
        yield Finding(place, "scheme central has no centre", "name a site as centre", (place,))
    if trust.scheme != "central" and trust.centre is not None:
        what = f"scheme {trust.scheme} has no use for a centre"
        yield Finding((*place, "centre"), what, "drop it, or take scheme central", (place,))


def _centre(number: int, demand: Demand, network: Network, homes: Homes) -> Iterator[Finding]:
    centre, place = demand.trust.centre, ("demands", number, "trust", "centre")
    if centre is None:
        return
    known = {site.id: None for site in network.sites}
    if centre not in known:
        yield Finding(place, f"there is no site {centre!r}", nearest(centre, known, "known"), (("sites", EVERY, "id"),))
    for application in demand.between:
        if centre in homes[application]:
            what = f"the centre {centre} is a site of {application} itself"
            rests_on: tuple[At, ...] = (("applications", EVERY), ("demands", number, "between"))
            yield Finding(place, what, "name a site that is not an end", rests_on)


def _excluded(number: int, demand: Demand, network: Network, homes: Homes) -> Iterator[Finding]:
    known = {site.id: None for site in network.sites}
    for place, excluded in enumerate(demand.trust.excluded):
        at: At = ("demands", number, "trust", "excluded", place)
        if excluded not in known:
            right = nearest(excluded, known, "known")
            yield Finding(at, f"there is no site {excluded!r}", right, (("sites", EVERY, "id"),))
        for application in demand.between:
            if excluded in homes[application]:
                rests_on: tuple[At, ...] = (("applications", EVERY), ("demands", number, "between"))
                yield Finding(at, f"{excluded} is a site of {application} itself", "drop it", rests_on)


def _paths(number: int, demand: Demand, network: Network) -> Iterator[Finding]:
    trust = demand.trust
    closed = (*([trust.centre] if trust.centre else []), *trust.excluded)
    if trust.shares_needed == 1 and not closed:
        return
    hops = {pair: 1.0 for link in network.links for pair in (link.ends, link.ends[::-1])}
    for one, other in itertools.product(*map(network.homes_of, demand.between)):
        found = disjoint_paths(hops, one, other, trust.paths, closed) if one != other else ()
        if one != other and len(found) < trust.shares_needed:
            beside = f" beside {', '.join(closed)}" if closed else ""
            what = f"the links give {len(found)} node-disjoint paths from {one} to {other}{beside}"
            right = f"{trust.shares_needed} are needed: add links, or ask for fewer"
            rests_on: tuple[At, ...] = (("sites",), ("applications",), ("links",), ("demands", number))
            yield Finding(("demands", number, "trust"), what, right, rests_on)
