"""The manager process: asks the controller for the state over Mc, keeps what the management layer knows, serves it.

What a page or report needs of it: ``overview`` (see its module), ``access`` and ``session_key`` to log people in,
``now()``. Pages are loaded when the first browser comes.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qit4n.adapters import managerserver, tls
from qit4n.adapters.accesstrail import AccessTrail
from qit4n.adapters.accounts import read_accounts, session_key
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.historystore import HISTORY, HistoryStore
from qit4n.adapters.system import SystemClock, memory_bytes
from qit4n.errors import ProtocolError, QitError
from qit4n.management import anomalies, history
from qit4n.management.access import SESSION_S, Access
from qit4n.management.history import Row
from qit4n.management.overview import Overview
from qit4n.management.performance import State
from qit4n.network.model import Network
from qit4n.node.peers import connect
from qit4n.node.publisher import publisher_of
from qit4n.node.questions import ask
from qit4n.node.tasks import first_of
from qit4n.node.tracing import exporting
from qit4n.refpoints import Message, mc
from qit4n.refpoints.kq1 import LinkAccount

if TYPE_CHECKING:
    from qit4n.node.managerpages import Mount

log = logging.getLogger(__name__)

ASK_S = 0.25
RETRY_S = 0.2
ANSWER_LIMIT_S = 5.0
ACCOUNTS_S = 1.0
KEPT_S = dict.fromkeys(history.QUANTITIES, history.KEPT_S) | dict.fromkeys(anomalies.KINDS, anomalies.KEPT_S)


class ManagerProcess:
    """One manager, run until cancelled."""

    def __init__(self, network: Network, state: Path, load_pages: "Callable[[], Mount] | None" = None) -> None:
        """Read certificates, accounts and history from ``state``; bind nothing yet.

        ``load_pages`` imports what is shown to browsers; it is called in a thread, when the first one comes.
        """
        self.network = network
        self.state = state
        self.log_ins = asyncio.Lock()
        self.session_key = session_key(state)
        self._clock = SystemClock()
        self._started_at = self._clock.now()
        self._trail = AccessTrail(state, self.session_key)
        self.access = Access(
            read_accounts(state), self._trail.append, self._trail.ended_after(self._started_at - SESSION_S)
        )
        self._credentials = Credentials(state / "manager")
        self._store = HistoryStore(state / HISTORY)
        self._keeping = asyncio.Lock()
        self._publisher = publisher_of(network, state)
        self._load_pages = load_pages
        self.overview = Overview(network, self._counted())
        self.overview.restore(
            [row for row in self._store.rows() if row.at > self._started_at - KEPT_S.get(row.kind, 0.0)]
        )

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self._clock.now()

    async def account(self, link: str) -> LinkAccount | None:
        """The security account of a link, None before its first block; errors as :func:`ask`."""
        answer = await ask(self.network, self.state, mc.AskAccount(link=link), role="manager")
        return answer.account if isinstance(answer, mc.AccountStatus) else None

    async def accept(self, link: str) -> None:
        """What is unusual about a link now is well; KeyError: no such link is watched."""
        await self._keep((self.overview.accept(link, self.now()),))

    async def run(self) -> None:
        """Serve until cancelled."""
        host, port = self.network.controller_host, self.network.manager_port()
        try:
            with managerserver.listening(host, port) as listener:
                await first_of(
                    self._credentials.watch(),
                    self._ask_for_ever(),
                    self._watch_accounts(),
                    exporting(self.network, self.overview),
                    self._publish(),
                    managerserver.serve(listener, self._credentials, self._application),
                )
        finally:
            self._store.close()
            self._trail.close()
            if self._publisher is not None:
                self._publisher.close()

    async def _publish(self) -> None:
        await (self._publisher.run() if self._publisher is not None else asyncio.Event().wait())

    # Mc

    async def _ask_for_ever(self) -> None:
        while True:
            try:
                await self._ask()
            except (OSError, EOFError, TimeoutError, QitError) as error:
                log.info("no way to the controller: %s", error or type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _ask(self) -> None:
        frames = await connect(
            self.network.controller_host,
            self.network.controller_port(),
            self._credentials,
            expected=tls.Identity(self.network.name, "controller", self.network.name),
            hello=Hello(purpose="mc"),
        )
        try:
            await self._ask_over(frames.retype(mc.McAnswer))
        finally:
            await frames.close()

    async def _ask_over(self, frames: Frames[Message]) -> None:
        while True:
            await frames.send(self._report())
            async with asyncio.timeout(ANSWER_LIMIT_S):
                status = await frames.receive()
            if not isinstance(status, mc.NetworkStatus):
                raise ProtocolError("the controller answers the manager something else than a status")
            rows = self.overview.receive(status)
            if self._publisher is not None:
                await self._publisher.take(self.overview.news)
            await self._keep(rows)
            await asyncio.sleep(ASK_S)

    def _report(self) -> mc.ManagerReport:
        return mc.ManagerReport(
            pid=os.getpid(),
            started_at=self._started_at,
            memory_bytes=memory_bytes(),
            alarms=self.overview.alarms,
            forecasts=self.overview.forecasts.standing,
        )

    async def _keep(self, rows: tuple[Row, ...]) -> None:
        if rows:
            counted = msgspec.json.encode(self.overview.performance.state)
            now = self._clock.now()
            forget_before = {kind: now - kept_s for kind, kept_s in KEPT_S.items()}
            async with self._keeping:  # an operator may accept something meanwhile
                await asyncio.to_thread(self._store.keep, rows, forget_before, counted)

    def _counted(self) -> State | None:
        try:
            return msgspec.json.decode(self._store.counted(), type=State)
        except msgspec.MsgspecError:  # nothing was kept, or by another version
            return None

    # people and programs

    async def _watch_accounts(self) -> None:
        while True:
            await asyncio.sleep(ACCOUNTS_S)
            with contextlib.suppress(QitError):  # half-written or gone: those known before stay
                self.access.replace(read_accounts(self.state))

    def _application(self) -> Any:
        from qit4n.node.managerpages import application  # noqa: PLC0415 - loaded when somebody asks

        return application(self, self._load_pages)
