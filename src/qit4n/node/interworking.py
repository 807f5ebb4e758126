"""Interworking of a site: serves the key managers of other networks, and calls them (ETSI GS QKD 020)."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qit4n.adapters import interworkingserver
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.neighbours import Neighbours
from qit4n.interfaces import etsi020
from qit4n.keys.step import AnswerNeighbour, CallNeighbour
from qit4n.network.model import Network
from qit4n.refpoints import interworking

if TYPE_CHECKING:
    from qit4n.adapters.neighbourclient import NeighbourClient

Reply = Callable[[interworking.Reply], None]
NOT_READY = etsi020.problem(503, "server-side-general-error", server_side_general_error="the key store takes no writes")


class Interworking:
    """The way between a site's key manager and those of its neighbours; nothing, if it has none."""

    def __init__(
        self,
        network: Network,
        site: str,
        directory: Path,
        credentials: Credentials,
        *,
        asked: Callable[[int, str, interworking.Request], None],
        called: Callable[[int, interworking.Outcome], None],
    ) -> None:
        """``asked`` takes requests of neighbours, ``called`` the outcomes of calls.

        Raises:
            CertificateError: a file of a neighbour is missing or unreadable.
        """
        self._asked = asked
        self._called = called
        self._address = network.site(site).host, network.interworking_port(site)
        neighbours = network.neighbours_of(site)
        self._neighbours = Neighbours(neighbours, directory) if neighbours else None
        self._clients: dict[str, NeighbourClient] = {}
        self._numbers = itertools.count()
        self._waiting: dict[int, Reply] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        if self._neighbours is not None:
            credentials.show_in(self._neighbours.contexts)
            contexts = self._neighbours.clients
            from qit4n.adapters import neighbourclient  # noqa: PLC0415 - slow to import, few need it

            client = neighbourclient.NeighbourClient
            self._clients = {name: client(one.url, contexts[name]) for name, one in neighbours.items()}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve inside the block."""
        if self._neighbours is None:
            yield
            return
        try:
            async with interworkingserver.serving(*self._address, self._neighbours, self._ask):
                yield
        finally:
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.gather(*(client.close() for client in self._clients.values()))

    def _ask(self, neighbour: str, request: interworking.Request, reply: Reply) -> None:
        number = next(self._numbers)
        self._waiting[number] = reply
        try:
            self._asked(number, neighbour, request)
        except BaseException:
            del self._waiting[number]  # the key manager raised: nobody would ever answer
            raise

    def answer(self, action: AnswerNeighbour) -> None:
        """The key manager answers a request."""
        tell = self._waiting.pop(action.request, None)
        if tell is not None:
            tell(action.reply)

    def call(self, action: CallNeighbour) -> None:
        """The key manager asks a neighbour."""
        task = asyncio.get_running_loop().create_task(self._call(action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, action: CallNeighbour) -> None:
        outcome = await self._clients[action.neighbour].call(action.request, action.url)
        self._called(action.call, outcome)

    def forget(self) -> None:
        """The key manager has lost what it had not written: whoever waits is told that nobody knows."""
        waiting, self._waiting = self._waiting, {}
        for tell in waiting.values():
            tell(NOT_READY)
