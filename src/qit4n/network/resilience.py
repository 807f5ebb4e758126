"""What one failure may stop: of each demand the links, ducts and sites without which no key can be made for it.

A demand is served while paths lead from a home of one application to a home of the other as its trust policy wants
them, or while both share a home. Only what lies on paths that serve it now can be in question, so only that is taken
away, one by one. The latency that a policy allows is not looked at.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qit4n.network.disjoint import disjoint_paths
from qit4n.network.ducts import ducts_of_pairs, named
from qit4n.network.model import Network, Trust

Path = tuple[str, ...]
Homes = tuple[tuple[str, ...], tuple[str, ...]]
NONE = frozenset[str]()


@dataclass(frozen=True)
class SinglePoints:
    """What stops a demand if it fails alone: ``links``, ``sites``, and the ``own`` sites of applications with one.

    ``ducts`` is None if the file names none: whether the demand survives their loss is not known.
    """

    between: tuple[str, str]
    links: tuple[str, ...]
    sites: tuple[str, ...]
    own: tuple[str, ...]
    ducts: tuple[str, ...] | None = None

    def __str__(self) -> str:
        """In words."""
        links = f"needs {named('link', self.links)}" if self.links else "survives any one link"
        but = f" but {', '.join(self.own)}" if self.own else ""
        sites = f"needs {named('site', self.sites)} in between" if self.sites else f"survives any one site{but}"
        ducts = f"; needs {named('duct', self.ducts)}" if self.ducts else "; survives any one duct"
        return f"{links}{'' if self.ducts is None else ducts}; {sites}"


def single_points(network: Network) -> tuple[SinglePoints, ...]:
    """Of each demand, in the order of the file."""
    graph, named_ducts = Graph(network), tuple(network.ducts)
    known: dict[tuple[Homes, Trust], tuple[frozenset[str], frozenset[str], frozenset[str]]] = {}
    found = []
    for demand in network.demands:
        one, other = map(network.homes_of, demand.between)
        case = ((one, other), demand.trust)
        if case not in known:
            known[case] = graph.needed(*case)
        links, ducts, sites = known[case]
        own = [homes[0] for homes in (one, other) if len(homes) == 1]
        found.append(
            SinglePoints(
                between=demand.between,
                links=tuple(link.id for link in network.links if link.id in links),
                sites=tuple(site.id for site in network.sites if site.id in sites and site.id not in own),
                own=tuple(dict.fromkeys(own)),
                ducts=tuple(duct for duct in named_ducts if duct in ducts) if named_ducts else None,
            )
        )
    return tuple(found)


class Graph:
    """The sites and links of a network."""

    def __init__(self, network: Network) -> None:
        """All of them."""
        pairs = [pair for link in network.links for pair in (link.ends, link.ends[::-1])]
        self._count = Counter(pairs)
        self._links = {pair: link.id for link in network.links for pair in (link.ends, link.ends[::-1])}
        self._ducts = {pair: ducts for pair, ducts in ducts_of_pairs(network.links).items() if ducts}
        self._beside: dict[str, list[str]] = {}
        for one, other in self._count:
            self._beside.setdefault(one, []).append(other)

    def needed(self, homes: Homes, trust: Trust) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """The links, the ducts and the sites each of which a pair of applications cannot do without."""
        paths = self._ways(homes, trust)
        hops = {hop for path in paths for hop in itertools.pairwise(path)}
        links = {
            self._links[hop] for hop in hops if self._count[hop] == 1 and not self._ways(homes, trust, without=[hop])
        }
        crossed = {duct for hop in hops for duct in self._ducts.get((min(hop), max(hop)), ())}
        ducts = {duct for duct in crossed if not self._ways(homes, trust, without=self._hops_in(duct))}
        sites = {site for path in paths for site in path if not self._ways(homes, trust, frozenset({site}))}
        return frozenset(links), frozenset(ducts), frozenset(sites | ({trust.centre} if trust.centre else set()))

    def _hops_in(self, duct: str) -> list[tuple[str, str]]:
        """The hops that are gone with a duct."""
        return [pair for pair, ducts in self._ducts.items() if duct in ducts]

    def _ways(
        self, homes: Homes, trust: Trust, gone: frozenset[str] = NONE, without: Iterable[tuple[str, str]] = ()
    ) -> tuple[Path, ...]:
        """Paths that serve, without some sites and some hops; none if there are too few."""
        ones, others = (tuple(site for site in sites if site not in gone) for sites in homes)
        closed = gone.union(trust.excluded, (trust.centre,) if trust.centre else ())
        shut = {pair for hop in without for pair in (hop, hop[::-1])}
        if trust.shares_needed == 1 or set(ones) & set(others):
            path = self._way(ones, others, closed, shut)
            return (path,) if path else ()
        hops = {pair: 1.0 for pair in self._count if pair not in shut}
        for one, other in itertools.product(ones, others):
            found = disjoint_paths(hops, one, other, trust.shares_needed, closed)
            if len(found) >= trust.shares_needed:
                return found
        return ()

    def _way(
        self, ones: Iterable[str], others: Iterable[str], closed: frozenset[str], shut: set[tuple[str, str]]
    ) -> Path:
        """A shortest path, found breadth first; empty if there is none."""
        before: dict[str, str] = dict.fromkeys(ones, "")
        ends, queue = set(others), list(before)
        for site in queue:
            if site in ends:
                return _back(before, site)
            for following in self._beside.get(site, ()):
                if following not in before and following not in closed and (site, following) not in shut:
                    before[following] = site
                    queue.append(following)
        return ()


def _back(before: Mapping[str, str], site: str) -> Path:
    path = [site]
    while before[path[-1]]:
        path.append(before[path[-1]])
    return tuple(path[::-1])
