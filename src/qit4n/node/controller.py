"""The controller process: hears the sites over Ck, orders paths, answers operators over Mc."""

import asyncio
import logging
from pathlib import Path

import msgspec

from qit4n.adapters import tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.privatefiles import write_private
from qit4n.adapters.system import SystemClock, system_entropy
from qit4n.control.controller import Controller, Prediction
from qit4n.control.reign import NUMBERS
from qit4n.errors import ProtocolError, StoreDamagedError
from qit4n.network.model import Network
from qit4n.node.listener import listening
from qit4n.node.tasks import first_of
from qit4n.quantum.link import predict, predict_lit
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
        self._file = state / "controller" / "reservations.json"
        self._controller = Controller(
            network,
            predictions(network),
            self._saved(),
            NUMBERS * int(1000 * self._clock.now()) + system_entropy(1)[0],
        )
        self._writing = asyncio.Lock()
        self._sites: dict[str, Frames[Message]] = {}
        self._told: dict[str, tuple[Frames[Message], int, int]] = {}

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
        """Tell each site its table when it is a new one, or the connection is."""
        if self._network.control == "distributed":
            return  # it watches, and the sites decide
        for site, table in self._controller.tables(self._clock.now()).items():
            frames = self._sites.get(site)
            if frames is not None and self._told.get(site) != (frames, table.epoch, table.version):
                frames.write(table)
                self._told[site] = (frames, table.epoch, table.version)

    async def _serve(self, identity: tls.Identity, hello: Hello, frames: Frames[Message]) -> None:
        if hello.purpose == "ck" and identity.role == "site":
            await self._serve_site(identity.id, frames.retype(ck.SiteReport))
        elif hello.purpose == "mc" and identity.role in {"operator", "manager"}:
            await self._serve_operator(frames.retype(mc.McQuestion))
        else:
            raise ProtocolError(f"{identity.role} {identity.id} may not open a {hello.purpose} connection")

    async def _serve_site(self, site: str, frames: Frames[Message]) -> None:
        self._sites[site], known = frames, False
        try:
            while True:
                report = await frames.receive()
                if not isinstance(report, ck.SiteReport) or report.site != site:
                    raise ProtocolError(f"site {site} reports for another site")
                self._controller.receive(report, self._clock.now())
                if not known:
                    known = True
                    frames.write(self._controller.cuts.order())
        finally:
            if self._sites.get(site) is frames:
                del self._sites[site]

    async def _serve_operator(self, frames: Frames[Message]) -> None:
        while True:
            question = await frames.receive()
            if isinstance(question, mc.Reserve | mc.CancelReservation):
                async with self._writing:
                    await frames.send(await self._change(question))
            else:
                answer = self._controller.answer(question, self._clock.now())  # type: ignore[arg-type]
                if isinstance(question, mc.CutFibre) and question.element:
                    for site in self._sites.values():
                        site.write(self._controller.cuts.order())
                await frames.send(answer)

    async def _change(self, question: mc.Reserve | mc.CancelReservation) -> mc.McAnswer:
        """A reservation is durable before the answer, or is not made."""
        calendar = self._controller.calendar
        before, answer = calendar.entries, self._controller.answer(question, self._clock.now())
        try:
            await asyncio.to_thread(write_private, self._file, msgspec.json.encode(calendar.entries))
        except OSError as error:
            calendar.entries = before
            return mc.NotPossible(
                text=f"the controller cannot write its calendar: {error.strerror}; nothing is changed"
            )
        return answer

    def _saved(self) -> tuple[mc.Reservation, ...]:
        """The reservations that were admitted before this process started."""
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return ()
        try:
            return msgspec.json.decode(content, type=tuple[mc.Reservation, ...])
        except msgspec.MsgspecError as error:
            raise StoreDamagedError(f"{self._file}: no reservations can be read: {error}; move it away") from error


def predictions(network: Network) -> dict[str, Prediction]:
    """What is predicted of each link with emulated modules."""
    found = {}
    for link in network.links:
        if network.device_of(link) is None:
            whole, lit = predict(network, link), predict_lit(network, link)
            found[link.id] = Prediction(whole.secret_rate_bps, whole.qber, lit.secret_rate_bps)
    return found
