"""Large networks by region: sites that lie close together are one node, the links between two regions one line.

A region or line looks like the worst of what it stands for, so that trouble is never averaged away.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from scipy.spatial import cKDTree

from qit4n.dashboard.places import Places, Plan, has_coordinates, layout, map_of, scheme_of
from qit4n.dashboard.scene import Edge, Node, Scene, width_of, worst
from qit4n.network.model import Network
from qit4n.refpoints import mc

MOST_NODES = 300
REGIONS = 120
ROUNDS = 12
DIMENSIONS = 6
ILL = ("critical", "warning")


@dataclass(frozen=True, kw_only=True)
class Regions:
    """Which region each site belongs to, what the regions are called, and where they are drawn."""

    of: Mapping[str, str]
    names: Mapping[str, str]
    plan: Plan


def regions_of(network: Network) -> Regions:
    """Regions of about equal extent (k-means), named after their site with the most links."""
    index = {site.id: number for number, site in enumerate(network.sites)}
    joins = [(index[one], index[other]) for one, other in (link.ends for link in network.links)]
    if has_coordinates(network):
        flat = map_of(network)
        squeeze = np.cos(np.radians(flat.box.middle_latitude))
        points = np.array([flat.places[site] for site in index]) * np.array([squeeze, 1.0])
    else:
        points = layout(len(index), joins, DIMENSIONS)
    found = _clusters(points)
    degree = np.bincount(np.array(joins or [(0, 0)]).ravel(), minlength=len(index))
    of: dict[str, str] = {}
    names: dict[str, str] = {}
    for region in np.unique(found):
        members = np.flatnonzero(found == region)
        head = network.sites[int(members[np.argmax(degree[members])])]
        names[head.id] = head.name or head.id
        of |= {network.sites[int(member)].id: head.id for member in members}
    return Regions(of=of, names=names, plan=_plan(network, of, names))


def _clusters(points: Places) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """The cluster of each point, by k-means (Lloyd's algorithm), begun with points far from each other."""
    centres = [0]
    nearest = np.linalg.norm(points - points[0], axis=1)
    while len(centres) < REGIONS:
        centres.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[centres[-1]], axis=1))
    places = points[centres]
    for _ in range(ROUNDS):
        found = cKDTree(places).query(points)[1]
        counts = np.bincount(found, minlength=REGIONS)
        sums = np.column_stack([np.bincount(found, axis, REGIONS) for axis in points.T])
        places = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], places)
    return np.asarray(found)


def _plan(network: Network, of: Mapping[str, str], names: Mapping[str, str]) -> Plan:
    if not has_coordinates(network):
        joins = {tuple(sorted((of[one], of[other]))) for one, other in (link.ends for link in network.links)}
        return scheme_of(tuple(names), sorted((one, other) for one, other in joins if one != other))
    flat = map_of(network)
    members = defaultdict(list)
    for site, region in of.items():
        members[region].append(flat.places[site])
    places = {region: tuple(np.mean(found, axis=0).tolist()) for region, found in members.items()}
    return Plan(places=places, box=flat.box, is_map=True)


def gathered(scene: Scene, regions: Regions, status: mc.NetworkStatus) -> Scene:
    """The scene by region."""
    members: dict[str, list[Node]] = defaultdict(list)
    for node in scene.nodes:
        members[regions.of[node.id]].append(node)
    between: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    inside: dict[str, list[Edge]] = defaultdict(list)
    for edge in scene.edges:
        one, other = sorted(regions.of[end] for end in edge.ends)
        (inside[one] if one == other else between[one, other]).append(edge)
    rates = {link.link: link.secret_rate_bps for link in status.links}
    return Scene(
        nodes=tuple(_region(regions, region, found, inside[region]) for region, found in members.items()),
        edges=tuple(_bundle(pair, found, rates) for pair, found in between.items()),
    )


def _region(regions: Regions, region: str, nodes: list[Node], edges: list[Edge]) -> Node:
    looks = [node.look for node in nodes] + [edge.look for edge in edges]
    look = worst(looks)
    bad = sum(one.rank in ILL for one in looks)
    trouble = f"{bad} need attention" if bad else "all well"
    tip = Markup("<b>around {}</b><br>{} sites, {} links inside<br>{}").format(
        regions.names[region], len(nodes), len(edges), trouble
    )
    to = f"/?region={region}"
    return Node(id=region, label=region, look=look, tip=tip, to=to, count=len(nodes), links=len(edges))


def _bundle(pair: tuple[str, str], edges: list[Edge], rates: Mapping[str, float]) -> Edge:
    if len(edges) == 1:
        only = edges[0]
        tip = Markup("<b>{}</b> {} – {}<br>{}").format(only.id, *only.ends, only.look.word)
        return Edge(id=only.id, ends=pair, look=only.look, width=only.width, tip=tip, to=only.to)
    look = worst([edge.look for edge in edges])
    bad = [edge.id for edge in edges if edge.look.rank in ILL]
    trouble = f"attention: {', '.join(bad[:5])}" if bad else "all well"
    tip = Markup("<b>{} links</b> {} – {}<br>{}").format(len(edges), *pair, trouble)
    width = width_of(sum(rates[edge.id] for edge in edges))
    to = f"/link/{bad[0]}" if len(bad) == 1 else f"/?region={pair[0]}"
    return Edge(id=" – ".join(pair), ends=pair, look=look, width=width, tip=tip, to=to, count=len(edges))


def part_of(network: Network, regions: Regions, region: str) -> frozenset[str]:
    """The sites of a region and their neighbours."""
    inside = {site for site, one in regions.of.items() if one == region}
    return frozenset(inside | {end for link in network.links if inside & set(link.ends) for end in link.ends})
