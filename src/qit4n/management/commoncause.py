"""Common cause: links that changed at the same moment and share a part are one alarm, which names that part.

Parts are what the network file knows of: sites at which links end, optical switches that they cross, ducts that they
run through. Of several parts that explain as many links the smallest is named, and all that the same links share: two
fibres between the same two sites share both. The alarm of links that became unusual has the severity and probable
cause of its worst link; links that failed are in ``failures.py``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qit4n.management.catalogue import CATALOGUE
from qit4n.management.linkwatch import Anomaly
from qit4n.management.symptoms import Symptom
from qit4n.network.model import Network

MOMENT_S = 30.0  # three samples: a change is dated to one or two
SEVERITIES = ("critical", "major", "minor", "warning")


@dataclass(frozen=True)
class Part:
    """Something that links share."""

    element: str
    name: str
    links: frozenset[str]


@dataclass(frozen=True)
class Group:
    """Links that changed at the same moment, the part that they share, and the names of all parts that they share."""

    part: Part
    names: str
    links: tuple[str, ...]


def ducts_of(network: Network) -> tuple[Part, ...]:
    """The ducts of two links or more."""
    found = (Part(duct, f"duct {duct}", frozenset(links)) for duct, links in network.ducts.items())
    return tuple(part for part in found if len(part.links) > 1)


def parts_of(network: Network) -> tuple[Part, ...]:
    """All that two links or more share."""
    switches = (Part(one.id, f"optical switch {one.id}", frozenset(one.links)) for one in network.switches)
    ends = ((site.id, frozenset(link.id for link in network.links_of(site.id))) for site in network.sites)
    sites = (Part(site, f"site {site}", links) for site, links in ends)
    return tuple(part for part in (*ducts_of(network), *switches, *sites) if len(part.links) > 1)


def groups(since: Mapping[str, float], parts: Sequence[Part], moment_s: float) -> list[Group]:
    """The links that share a part and changed within a moment, by the time of each; each link once, the most first."""
    left, found = dict(since), list[Group]()
    while (shared := _largest(left, parts, moment_s)) is not None:
        part, links = shared
        names = " and ".join(one.name for one in parts if links <= one.links)
        found.append(Group(part, names, tuple(sorted(links))))
        left = {link: at for link, at in left.items() if link not in links}
    return found


def gathered(unusual: Mapping[str, Anomaly], parts: Sequence[Part]) -> list[Symptom]:
    """What is unusual, by link, as symptoms: of a part where links share one at the same moment, else of the link."""
    found = groups({link: one.since for link, one in unusual.items()}, parts, MOMENT_S)
    spoken_for = {link for group in found for link in group.links}
    alone = [Symptom(link, one.kind, one.detail) for link, one in unusual.items() if link not in spoken_for]
    return [_common(group, {link: unusual[link] for link in group.links}) for group in found] + alone


def _largest(since: Mapping[str, float], parts: Sequence[Part], moment_s: float) -> tuple[Part, frozenset[str]] | None:
    """The part that most links share which changed at one moment, and those links."""
    found = [
        (part, links & part.links)
        for links in _moments(since, moment_s)
        for part in parts
        if len(links & part.links) > 1
    ]
    return max(found, key=lambda one: (len(one[1]), -len(one[0].links)), default=None)


def _moments(since: Mapping[str, float], moment_s: float) -> Iterator[frozenset[str]]:
    """The links that changed within a moment that begins with one of them."""
    for begin in sorted(set(since.values())):
        yield frozenset(link for link, at in since.items() if 0.0 <= at - begin <= moment_s)


def _common(group: Group, unusual: Mapping[str, Anomaly]) -> Symptom:
    worst = min(unusual.values(), key=lambda one: SEVERITIES.index(CATALOGUE[one.kind].severity))
    of_each = (CATALOGUE[one.kind].text.format(element=link, detail=one.detail) for link, one in unusual.items())
    detail = f"{', '.join(unusual)} ({len(unusual)} of its {len(group.part.links)} links) share {group.names}"
    return Symptom(
        group.part.element, "common-cause", detail, affects=tuple(of_each), about=group.links, like=worst.kind
    )
