"""Where sites are drawn: on the map at their coordinates, else in a scheme computed from the links alone.

The scheme is PivotMDS (Brandes and Pich, Graph Drawing 2006, LNCS 4372): classical scaling on the hop distances to a
few pivots, which takes time proportional to the links. Small networks are then smoothed by stress majorisation
(Gansner, Koren and North, Graph Drawing 2004, LNCS 3383, equation 6), which separates what hangs on one site.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from qit4n.dashboard.coastlines import Box
from qit4n.network.model import Network

Places = npt.NDArray[np.float64]  # shape (sites, 2)
PIVOTS = 50
SMOOTHED = 300
ROUNDS = 120
SCHEME = Box(west=0.0, south=0.0, east=100.0, north=70.0)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The place of each site, and the box that is drawn; ``is_map`` tells degrees from a scheme."""

    places: Mapping[str, tuple[float, float]]
    box: Box
    is_map: bool


def has_coordinates(network: Network) -> bool:
    """Whether every site says where it is."""
    return all(site.latitude_deg is not None and site.longitude_deg is not None for site in network.sites)


def map_of(network: Network, sites: frozenset[str] | None = None) -> Plan:
    """Sites (all, if none are named) at their coordinates, with a margin that shows where on Earth that is."""
    drawn = [site for site in network.sites if sites is None or site.id in sites]
    places = {site.id: (site.longitude_deg or 0.0, site.latitude_deg or 0.0) for site in drawn}
    east, north = np.array([place[0] for place in places.values()]), np.array([place[1] for place in places.values()])
    box = Box(west=float(east.min()), south=float(north.min()), east=float(east.max()), north=float(north.max()))
    if box.east - box.west < 0.05 and box.north - box.south < 0.05:  # noqa: PLR2004 - one place: about 5 km around it
        box = Box(west=box.west - 0.05, south=box.south - 0.03, east=box.east + 0.05, north=box.north + 0.03)
    return Plan(places=places, box=box.around(0.18), is_map=True)


def scheme_of(nodes: Sequence[str], joins: Iterable[tuple[str, str]]) -> Plan:
    """All nodes in a scheme that fills a box of fixed size; those that are joined lie side by side."""
    index = {node: number for number, node in enumerate(nodes)}
    found = _fitted(layout(len(index), [(index[one], index[other]) for one, other in joins]))
    places = {node: (float(found[number, 0]), float(found[number, 1])) for node, number in index.items()}
    return Plan(places=places, box=SCHEME.around(0.06), is_map=False)


def layout(count: int, joins: list[tuple[int, int]], dimensions: int = 2) -> Places:
    """Places of ``count`` nodes, the same for the same ``joins``, shape (count, dimensions)."""
    if count == 1:
        return np.zeros((1, dimensions))
    ends = np.array(joins or [(0, 0)])
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    distances = _hops(graph, min(count, PIVOTS if count > SMOOTHED else count))
    far = float(distances[np.isfinite(distances)].max()) + 2.0
    distances = np.where(np.isfinite(distances), distances, far)
    places = _scaled(distances, dimensions)
    return _smoothed(places, distances) if count <= SMOOTHED and dimensions == 2 else places  # noqa: PLR2004


def _hops(graph: "csr_array", pivots: int) -> Places:
    """Hops from each pivot to every node, shape (pivots, nodes); each pivot is the node farthest from those before."""
    count = graph.shape[0]
    if pivots == count:
        return np.asarray(dijkstra(graph, directed=False, unweighted=True))
    rows, nearest, pivot = [], np.full(count, np.inf), 0
    for _ in range(pivots):
        rows.append(dijkstra(graph, directed=False, unweighted=True, indices=pivot))
        nearest = np.minimum(nearest, rows[-1])
        pivot = int(np.argmax(np.where(np.isfinite(nearest), nearest, -1.0)))
    return np.array(rows)


def _scaled(distances: Places, dimensions: int) -> Places:
    squares = distances**2
    centred = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1, keepdims=True) + squares.mean())
    values, vectors = np.linalg.eigh(centred @ centred.T)
    places = centred.T @ vectors[:, np.argsort(values)[::-1][:dimensions]]
    places = np.pad(places, ((0, 0), (0, max(0, dimensions - places.shape[1]))))
    return places / max(float(np.abs(places).max()), 1e-9) * float(distances.max()) / 2


def _smoothed(places: Places, distances: Places) -> Places:
    count = len(places)
    angles = np.arange(count) * 2.399963  # golden angle: nodes at one place are drawn apart in all directions
    places = places + 0.05 * np.column_stack([np.cos(angles), np.sin(angles)])
    weights = 1.0 / np.where(distances > 0, distances, np.inf) ** 2
    total = weights.sum(axis=1)
    for _ in range(ROUNDS):
        apart = places[:, None, :] - places[None, :, :]
        lengths = np.linalg.norm(apart, axis=2)
        pull = weights * distances / np.where(lengths > 1e-9, lengths, np.inf)  # noqa: PLR2004
        places = (weights @ places + pull.sum(axis=1)[:, None] * places - pull @ places) / total[:, None]
    return places


def _fitted(places: Places) -> Places:
    """Turned so that the longer direction lies flat, and stretched into the box of schemes."""
    centred = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T if len(axes) == 2 else centred  # noqa: PLR2004
    low, high = turned.min(axis=0), turned.max(axis=0)
    room = np.array([SCHEME.east, SCHEME.north])
    scale = min(room / np.maximum(high - low, 1e-9))
    return np.asarray((turned - (low + high) / 2) * min(scale, 25.0) + room / 2)
