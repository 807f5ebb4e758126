"""Whether the trust policies of a network file can be kept with its links."""

from collections.abc import Iterator

from qit4n.network.disjoint import disjoint_paths
from qit4n.network.explain import nearest
from qit4n.network.finding import EVERY, Finding
from qit4n.network.model import Demand, Network
from qit4n.network.yamltext import At


def trust_findings(network: Network) -> Iterator[Finding]:
    """What does not fit in the trust of each demand."""
    sites = {application.id: application.site for application in network.applications}
    for number, demand in enumerate(network.demands):
        found = list(_alone(number, demand)) + list(_centre(number, demand, network, sites))
        yield from found or _paths(number, demand, network, sites)


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


def _centre(number: int, demand: Demand, network: Network, sites: dict[str, str]) -> Iterator[Finding]:
    centre, place = demand.trust.centre, ("demands", number, "trust", "centre")
    if centre is None:
        return
    known = {site.id: None for site in network.sites}
    if centre not in known:
        yield Finding(place, f"there is no site {centre!r}", nearest(centre, known, "known"), (("sites", EVERY, "id"),))
    for application in demand.between:
        if sites.get(application) == centre:
            what = f"the centre {centre} is the site of {application} itself"
            rests_on: tuple[At, ...] = (("applications", EVERY), ("demands", number, "between"))
            yield Finding(place, what, "name a site that is not an end", rests_on)


def _paths(number: int, demand: Demand, network: Network, sites: dict[str, str]) -> Iterator[Finding]:
    trust = demand.trust
    ends = [sites.get(application) for application in demand.between]
    if (trust.shares_needed == 1 and not trust.centre) or None in ends or ends[0] == ends[1]:
        return
    hops = {pair: 1.0 for link in network.links for pair in (link.ends, link.ends[::-1])}
    closed = [trust.centre] if trust.centre else []
    found = disjoint_paths(hops, str(ends[0]), str(ends[1]), trust.paths, closed)
    if len(found) < trust.shares_needed:
        beside = f" beside {trust.centre}" if trust.centre else ""
        what = f"the links give {len(found)} node-disjoint paths from {ends[0]} to {ends[1]}{beside}"
        right = f"{trust.shares_needed} are needed: add links, or ask for fewer"
        rests_on: tuple[At, ...] = (("sites",), ("applications",), ("links",), ("demands", number))
        yield Finding(("demands", number, "trust"), what, right, rests_on)
