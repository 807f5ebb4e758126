"""Fibre cuts that an operator emulates: which links, and what a controller that has started anew learns of them."""

from qit4n.errors import ProtocolError
from qit4n.network.ducts import cut_with
from qit4n.network.model import Network
from qit4n.refpoints import ck


class Cuts:
    """The links that are cut. The sites know too: the first report of each tells a new controller."""

    def __init__(self, network: Network) -> None:
        """All are whole, as far as is known."""
        self._network = network
        self._heard: set[str] = set()
        self._links: set[str] = set()

    def hear(self, report: ck.SiteReport) -> None:
        """Learn what a site was told before."""
        if report.site not in self._heard:
            self._heard.add(report.site)
            self._links.update(report.cut_links)

    def change(self, element: str, *, cut: bool) -> None:
        """Cut a link, or all links in a duct at once, or heal them.

        Raises:
            ProtocolError: there is no such link or duct, or a real device is behind a link.
        """
        links = cut_with(self._network, element)
        if not links or any(self._network.device_of(link) is not None for link in links):
            raise ProtocolError(
                f"an operator cuts {element}, which is no link with emulated modules, nor a duct of such"
            )
        for link in links:
            (self._links.add if cut else self._links.discard)(link.id)

    def order(self) -> ck.CutLinks:
        """What the sites are told."""
        return ck.CutLinks(links=tuple(sorted(self._links)))
