"""Ducts of the network file: what runs through them, and whether that fits.

A duct is a shared risk link group (RFC 4202): a cable, a duct, a bridge; what breaks it breaks all links in it.
"""

import itertools
from collections.abc import Iterable, Iterator

from qit4n.network.diverse import diverse_paths, shared_ducts
from qit4n.network.explain import nearest
from qit4n.network.finding import EVERY, Finding
from qit4n.network.model import Link, Network
from qit4n.network.yamltext import At

IN_FIBRE = ("fibre", "co-fibre")


def ducts_of_pairs(links: Iterable[Link]) -> dict[tuple[str, str], frozenset[str]]:
    """Of each pair of neighbours, in the order of their names, the ducts that all links between them run through."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for link in links:
        pair = (min(link.ends), max(link.ends))
        own = frozenset(link.ducts)
        found[pair] = found.get(pair, own) & own
    return found


def cut_with(network: Network, element: str) -> tuple[Link, ...]:
    """The links that a cut of a link or a duct takes, in file order; none if there is no such element."""
    return tuple(link for link in network.links if element == link.id or element in link.ducts)


def duct_findings(network: Network) -> Iterator[Finding]:
    """What does not fit."""
    taken: dict[str, tuple[str, At]] = {}
    for name in ("sites", "links", "switches"):
        taken |= {part.id: (name, (name, number, "id")) for number, part in enumerate(getattr(network, name))}
    for number, link in enumerate(network.links):
        for place, duct in enumerate(link.ducts):
            at: At = ("links", number, "ducts", place)
            if duct in link.ducts[:place]:
                yield Finding(at, f"link {link.id!r} runs through {duct!r} already", "name each duct once")
            if duct in taken:
                name, other = taken[duct]
                yield Finding(
                    at, f"{duct!r} is an id of the {name} already", "give the duct a name of its own", (other,)
                )
        if link.ducts and link.medium.kind not in IN_FIBRE:
            what = f"a link over {link.medium.kind} runs through no duct"
            own: At = ("links", number, "medium", "kind")
            yield Finding(("links", number, "ducts"), what, "drop it: only fibre lies in ducts", (own,))


def lonely_ducts(network: Network) -> Iterator[Finding]:
    """Ducts with one link, which say nothing: a name may be misspelt."""
    ducts = network.ducts
    for number, link in enumerate(network.links):
        for place, duct in enumerate(link.ducts):
            if len(ducts[duct]) == 1:
                others = [one for one in ducts if one != duct]
                right = nearest(duct, others, "name the other links in it, or drop it; others are")
                yield Finding(("links", number, "ducts", place), f"only link {link.id!r} runs through {duct!r}", right)


def duct_sharing_paths(network: Network) -> Iterator[Finding]:
    """Demands whose node-disjoint paths share a duct, as far as is found."""
    ducts = ducts_of_pairs(network.links)
    if not any(ducts.values()):
        return
    hops = {pair: 1.0 for link in network.links for pair in (link.ends, link.ends[::-1])}
    for number, demand in enumerate(network.demands):
        trust = demand.trust
        closed = (*([trust.centre] if trust.centre else []), *trust.excluded)
        pairs = itertools.product(*map(network.homes_of, demand.between)) if trust.paths > 1 else ()
        for one, other in pairs:
            found = diverse_paths(hops, one, other, trust.paths, closed, ducts=ducts) if one != other else ()
            shared = shared_ducts(found, ducts)
            if shared:
                what = f"node-disjoint paths from {one} to {other} share {named('duct', shared)}"
                right = f"no {len(found)} were found that share none: lead a link another way, or ask for fewer paths"
                rests_on: tuple[At, ...] = (("sites",), ("applications",), ("links", EVERY))
                yield Finding(("demands", number, "trust"), what, right, rests_on)


def named(kind: str, names: tuple[str, ...]) -> str:
    """A list of elements in words; nothing for none."""
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""
