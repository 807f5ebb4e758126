"""Who tells a site what to relay: the controller (Ck), or all sites among themselves (Cx, distributed control)."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec

from qit4n.adapters import tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.system import SystemClock
from qit4n.control.distributed import Sent, SiteControl
from qit4n.errors import QitError
from qit4n.network.changes import digest
from qit4n.network.model import Network
from qit4n.node.controller import predictions
from qit4n.node.peers import Peer, connect
from qit4n.node.tasks import first_of
from qit4n.refpoints import Message, ck, cx

log = logging.getLogger(__name__)

REPORT_S = 0.25
FLOOD_S = 0.5
RETRY_S = 0.2


class ControlledSite:
    """Reports the site and has the newest relay table followed."""

    def __init__(  # noqa: PLR0917 - the parts of a site that it joins
        self,
        network: Network,
        site: str,
        credentials: Credentials,
        peers: Mapping[str, Peer],
        report: Callable[[], ck.SiteReport],
        obey: Callable[[ck.RelayTable], None],
        cut: Callable[[Iterable[str]], None],
    ) -> None:
        """``report`` tells of the site now, ``obey`` follows a table, ``cut`` hears which links are cut."""
        self.table = ck.RelayTable(version=0, pools=())
        self._network, self._file = network, digest(network)
        self._credentials = credentials
        self._peers = peers
        self._report, self._follow, self._cut = report, obey, cut
        self._clock = SystemClock()
        distributed = network.control == "distributed"
        self._control = SiteControl(network, site, predictions(network)) if distributed else None

    async def run(self) -> None:
        """Report, and follow orders or decide; for ever."""
        await first_of(self._report_for_ever(), self._decide_for_ever())

    async def adopt(self, network: Network) -> None:
        """Follow a changed network file; the versions of tables that a site makes for itself begin anew."""
        if self._control is not None:
            self._control.adopt(network, await asyncio.to_thread(predictions, network))
            self.table = ck.RelayTable(version=0, pools=())
        self._network, self._file = network, digest(network)

    def hear(self, peer: str, message: cx.LinkState) -> None:
        """A site tells of its links."""
        self._flood(self._control.receive(peer, message, self._clock.now()) if self._control else [])

    async def _report_for_ever(self) -> None:
        while True:
            try:
                await self._hold_connection()
            except (OSError, EOFError, TimeoutError, QitError) as error:
                log.info("no way to the controller: %s", error or type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _hold_connection(self) -> None:
        frames = await connect(
            self._network.controller_host,
            self._network.controller_port(),
            self._credentials,
            expected=tls.Identity(self._network.name, "controller", self._network.name),
            hello=Hello(purpose="ck"),
        )
        try:
            await first_of(self._send_reports(frames), self._take_orders(frames.retype(ck.Order)))
        finally:
            await frames.close()

    async def _send_reports(self, frames: Frames[Message]) -> None:
        while True:
            await frames.send(msgspec.structs.replace(self._report(), file=self._file))
            await asyncio.sleep(REPORT_S)

    async def _take_orders(self, frames: Frames[Message]) -> None:
        while True:
            order = await frames.receive()
            if isinstance(order, ck.RelayTable) and self._control is None:
                self._obey(order)
            elif isinstance(order, ck.CutLinks):
                self._cut(order.links)

    def _obey(self, table: ck.RelayTable) -> None:
        """Follow a table, unless it is older than the one that is followed."""
        if (table.epoch, table.version) >= (self.table.epoch, self.table.version):
            self.table = table
            self._follow(table)

    async def _decide_for_ever(self) -> None:
        """Distributed control: tell the neighbours, and follow the table that comes of what all have told."""
        while self._control is not None:
            self._flood(self._control.tell(self._report(), self._clock.now()))
            table = self._control.table(self._clock.now())
            if table is not None and table != self.table:
                self._obey(table)
            await asyncio.sleep(FLOOD_S)
        await asyncio.Event().wait()

    def _flood(self, news: Sent) -> None:
        for neighbour, message in news:
            peer = self._peers.get(neighbour)
            if peer is not None and peer.up:
                peer.send(message)
