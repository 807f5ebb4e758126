"""The controller process: hears the sites over Ck, orders paths, answers operators over Mc."""

import asyncio
import logging
from pathlib import Path
from typing import cast

from qit4n.adapters import tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.system import SystemClock
from qit4n.control.controller import Controller, Prediction
from qit4n.errors import PeerUnreachableError, ProtocolError, QitError
from qit4n.network.model import Network
from qit4n.node.listener import listening
from qit4n.node.peers import connect
from qit4n.node.tasks import first_of
from qit4n.quantum.link import predict
from qit4n.refpoints import Message, ck, mc

log = logging.getLogger(__name__)

TABLE_INTERVAL_S = 0.25


class ControllerProcess:
    """One controller, run until cancelled."""

    def __init__(self, network: Network, state: Path) -> None:
        """Read certificates from ``state``; bind nothing yet."""
        self._network = network
        self._clock = SystemClock()
        self._credentials = Credentials(state / "controller")
        emulated = (link for link in network.links if network.device_of(link) is None)
        predictions = {link.id: predict(network, link) for link in emulated}
        self._controller = Controller(
            network,
            {link: Prediction(one.secret_rate_bps, one.qber) for link, one in predictions.items()},
        )
        self._sites: dict[str, Frames[Message]] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        host, port = self._network.controller_host, self._network.controller_port()
        async with listening(host, port, self._credentials, self._serve, who="the controller"):
            await first_of(self._credentials.watch(), self._send_tables_for_ever())

    async def _send_tables_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TABLE_INTERVAL_S)
            self._send_tables()

    def _send_tables(self) -> None:
        for site, table in self._controller.tables(self._clock.now()).items():
            if site in self._sites:
                self._sites[site].write(table)

    async def _serve(self, identity: tls.Identity, hello: Hello, frames: Frames[Message]) -> None:
        if hello.purpose == "ck" and identity.role == "site":
            await self._serve_site(identity.id, frames.retype(ck.SiteReport))
        elif hello.purpose == "mc" and identity.role == "operator":
            await self._serve_operator(frames.retype(mc.McQuestion))
        else:
            raise ProtocolError(f"{identity.role} {identity.id} may not open a {hello.purpose} connection")

    async def _serve_site(self, site: str, frames: Frames[Message]) -> None:
        self._sites[site] = frames
        try:
            while True:
                report = await frames.receive()
                if not isinstance(report, ck.SiteReport) or report.site != site:
                    raise ProtocolError(f"site {site} reports for another site")
                self._controller.receive(report, self._clock.now())
        finally:
            if self._sites.get(site) is frames:
                del self._sites[site]

    async def _serve_operator(self, frames: Frames[Message]) -> None:
        while True:
            question = await frames.receive()
            await frames.send(self._controller.answer(question, self._clock.now()))  # type: ignore[arg-type]


async def ask_status(network: Network, state: Path) -> mc.NetworkStatus:
    """Ask the running controller for the state of the network; errors as :func:`ask`."""
    answer = await ask(network, state, mc.AskStatus())
    if not isinstance(answer, mc.NetworkStatus):
        raise QitError("the controller answered something else than a status")
    return answer


async def ask(network: Network, state: Path, question: mc.McQuestion) -> mc.McAnswer:
    """Ask the running controller, with the operator's certificate.

    Raises:
        PeerUnreachableError: no controller answers.
    """
    credentials = Credentials(state / "operator")
    host, port = network.controller_host, network.controller_port()
    try:
        frames = await connect(host, port, credentials, role="controller", name=network.name, hello=Hello(purpose="mc"))
        answers = frames.retype(mc.McAnswer)
        try:
            await answers.send(question)
            async with asyncio.timeout(5):
                return cast("mc.McAnswer", await answers.receive())
        finally:
            await answers.close()
    except (OSError, EOFError, TimeoutError) as error:
        raise PeerUnreachableError(
            f"no controller of network {network.name} answers at {host}:{port}; start it: qit up"
        ) from error
