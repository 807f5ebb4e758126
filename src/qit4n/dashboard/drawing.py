"""Which picture of the network fits: its map or its scheme, all of it or by region, or one region."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qit4n.dashboard.coastlines import geography
from qit4n.dashboard.places import Plan, has_coordinates, map_of, scheme_of
from qit4n.dashboard.regions import MOST_NODES, Regions, gathered, part_of, regions_of
from qit4n.dashboard.scene import Scene, scene_of
from qit4n.network.model import Network
from qit4n.refpoints import mc

AROUND = 1.2  # of the map's size: as far as it can be moved until it ends


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A way to draw a network; ``sites`` are those to draw, None for all."""

    view: Literal["map", "scheme"]
    plan: Plan
    regions: Regions | None = None
    sites: frozenset[str] | None = None
    region: str = ""

    def scene(self, network: Network, status: mc.NetworkStatus) -> Scene:
        """What is drawn of a status."""
        if self.regions is None or self.region:
            return scene_of(network, status, self.sites)
        return gathered(scene_of(network, status, tips=False), self.regions, status)

    def stops(self, path: Sequence[str]) -> list[str]:
        """The nodes that stand for the sites of a path, each once where it stays in one region."""
        of = self.regions.of if self.regions and not self.region else {}
        nodes = [of.get(site, site) for site in path]
        drawn = [node for number, node in enumerate(nodes) if number == 0 or node != nodes[number - 1]]
        return [node for node in drawn if node in self.plan.places]

    def land(self) -> dict[str, Any]:
        """The GeoJSON underneath."""
        box = self.plan.box.around(AROUND if self.view == "map" else 0.0)
        return geography(box) if self.view == "map" else {"type": "FeatureCollection", "features": []}


class Drawings:
    """The drawings of one network, made when they are first asked for."""

    def __init__(self, network: Network) -> None:
        """Nothing is computed yet."""
        self.network = network
        self.has_map = has_coordinates(network)
        self._regions: Regions | None = None

    @property
    def is_large(self) -> bool:
        """Whether it is drawn by region."""
        return len(self.network.sites) > MOST_NODES

    def regions(self) -> Regions:
        """The regions of a large network."""
        if self._regions is None:
            self._regions = regions_of(self.network)
        return self._regions

    @functools.lru_cache(maxsize=16)  # noqa: B019 - as many as the process has managers: one
    def drawing(self, view: str = "", region: str = "") -> Drawing:
        """The drawing for a wish; an unknown view or region is the usual one."""
        view_: Literal["map", "scheme"] = "map" if self.has_map and view != "scheme" else "scheme"
        if self.is_large and region in self.regions().names:
            sites = part_of(self.network, self.regions(), region)
            return Drawing(
                view=view_, plan=self._plan(view_, sites), regions=self.regions(), sites=sites, region=region
            )
        if self.is_large:
            return Drawing(view="map" if self.has_map else "scheme", plan=self.regions().plan, regions=self.regions())
        return Drawing(view=view_, plan=self._plan(view_, None))

    def _plan(self, view: str, sites: frozenset[str] | None) -> Plan:
        ids = [site.id for site in self.network.sites if sites is None or site.id in sites]
        if view == "map":
            return map_of(self.network, sites)
        wanted = set(ids)
        return scheme_of(ids, [link.ends for link in self.network.links if wanted.issuperset(link.ends)])
