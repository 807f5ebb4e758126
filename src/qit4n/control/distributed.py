"""Distributed control (ITU-T Y.3802, configuration 1): each site decides for itself, from what all tell.

Every site floods its report to its neighbours, which pass on what is news to them; each runs the controller's functions
on what it has heard and takes its own table. There is nothing to agree on: a table binds the site that made it; what it
asks of others are relays, which they refuse when they have no key.
"""

from collections.abc import Mapping

from qit4n.control.controller import Controller, Prediction
from qit4n.network.model import Network
from qit4n.refpoints import ck, cx

Sent = list[tuple[str, cx.LinkState]]


class SiteControl:
    """The controller within one site."""

    def __init__(self, network: Network, site: str, predictions: Mapping[str, Prediction]) -> None:
        """Know the file only."""
        self.site = site
        self._newest: dict[str, tuple[float, int]] = {}
        self._heard: dict[str, tuple[ck.SiteReport, float]] = {}
        self._number = 0
        self.adopt(network, predictions)

    def adopt(self, network: Network, predictions: Mapping[str, Prediction]) -> None:
        """Decide by a changed network file from now on, knowing what was heard before."""
        self._controller = Controller(network, predictions)
        self._sites = frozenset(one.id for one in network.sites)
        self._neighbours = tuple(
            dict.fromkeys(end for link in network.links_of(self.site) for end in link.ends if end != self.site)
        )
        self._heard = {site: heard for site, heard in self._heard.items() if site in self._sites}
        for report, at in self._heard.values():
            self._controller.receive(report, at)

    def tell(self, report: ck.SiteReport, now: float) -> Sent:
        """The site's own news, for its neighbours."""
        self._number += 1
        self._hear(report, now)
        own = cx.LinkState(report=report, number=self._number)
        self._newest[self.site] = (report.started_at, self._number)
        return [(neighbour, own) for neighbour in self._neighbours]

    def receive(self, peer: str, message: cx.LinkState, now: float) -> Sent:
        """News from a neighbour, about itself or another: pass them on if they are."""
        site = message.report.site
        place = (message.report.started_at, message.number)
        if site == self.site or site not in self._sites or place <= self._newest.get(site, (float("-inf"), 0)):
            return []
        self._newest[site] = place
        self._hear(message.report, now)
        return [(neighbour, message) for neighbour in self._neighbours if neighbour not in {peer, site}]

    def table(self, now: float) -> ck.RelayTable | None:
        """What this site is to do, once it has told its own news."""
        return self._controller.tables(now).get(self.site)

    def _hear(self, report: ck.SiteReport, now: float) -> None:
        self._heard[report.site] = report, now
        self._controller.receive(report, now)
