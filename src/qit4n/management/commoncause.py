"""Common cause: links that became unusual at the same moment and share a part are one alarm, which names that part.

Parts are what the network file knows of: sites at which links end, and optical switches that they cross. The alarm has
the severity and probable cause of its worst link. Of several parts that explain as many links it names the smallest,
and all that the same links share: two fibres between the same two sites share both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qit4n.management.alarms import Symptom
from qit4n.management.catalogue import CATALOGUE
from qit4n.management.linkwatch import Anomaly
from qit4n.network.model import Network

MOMENT_S = 30.0  # three samples: a change is dated to one or two
SEVERITIES = ("critical", "major", "minor", "warning")


@dataclass(frozen=True)
class Part:
    """Something that links share."""

    element: str
    name: str
    links: frozenset[str]


def parts_of(network: Network) -> tuple[Part, ...]:
    """All that two links or more share."""
    switches = (Part(one.id, f"optical switch {one.id}", frozenset(one.links)) for one in network.switches)
    ends = ((site.id, frozenset(link.id for link in network.links_of(site.id))) for site in network.sites)
    found = (*switches, *(Part(site, f"site {site}", links) for site, links in ends))
    return tuple(part for part in found if len(part.links) > 1)


def gathered(unusual: Mapping[str, Anomaly], parts: Sequence[Part]) -> list[Symptom]:
    """What is unusual, by link, as symptoms: of a part where links share one at the same moment, else of the link."""
    left, found = dict(unusual), []
    while (shared := _largest(left, parts)) is not None:
        part, links = shared
        names = " and ".join(one.name for one in parts if links <= one.links)
        found.append(_common(part, names, {link: left.pop(link) for link in sorted(links)}))
    return found + [Symptom(link, one.kind, one.detail) for link, one in left.items()]


def _largest(unusual: Mapping[str, Anomaly], parts: Sequence[Part]) -> tuple[Part, frozenset[str]] | None:
    """The part that most links share which became unusual at one moment, and those links."""
    groups = [
        (part, links & part.links) for links in _moments(unusual) for part in parts if len(links & part.links) > 1
    ]
    return max(groups, key=lambda one: (len(one[1]), -len(one[0].links)), default=None)


def _moments(unusual: Mapping[str, Anomaly]) -> Iterator[frozenset[str]]:
    """The links that became unusual within a moment that begins with one of them."""
    for begin in sorted({one.since for one in unusual.values()}):
        yield frozenset(link for link, one in unusual.items() if 0.0 <= one.since - begin <= MOMENT_S)


def _common(part: Part, names: str, unusual: Mapping[str, Anomaly]) -> Symptom:
    worst = min(unusual.values(), key=lambda one: SEVERITIES.index(CATALOGUE[one.kind].severity))
    of_each = (CATALOGUE[one.kind].text.format(element=link, detail=one.detail) for link, one in unusual.items())
    detail = f"{', '.join(unusual)} ({len(unusual)} of its {len(part.links)} links) share {names}"
    return Symptom(part.element, "common-cause", detail, affects=tuple(of_each), about=tuple(unusual), like=worst.kind)
