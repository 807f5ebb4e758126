"""The supervisor of a network on one machine: starts every process, restarts what dies, stops all together."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from qit4n.adapters.postgresserver import PostgresServer
from qit4n.adapters.stores import share, shared_in
from qit4n.errors import AddressInUseError, QitError, StoreError
from qit4n.network.model import Network
from qit4n.node.nursery import Nursery, Process
from qit4n.node.processes import changed_network, network_of
from qit4n.node.questions import ask_status
from qit4n.refpoints import mc

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
STEADY_S = 1.0
STOP_LIMIT_S = 5.0
POLL_S = 0.15
DRAIN_S = 1.0
DRAIN_LIMIT_S = 20.0


@dataclass
class Child:
    """One process of the network."""

    name: str
    arguments: tuple[str, ...]
    log_file: Path
    process: Process | None = None
    restarts: int = 0
    fatal: str = ""
    planned: bool = False
    pause_s: float = field(default=FIRST_PAUSE_S)

    async def start(self, nursery: Nursery) -> None:
        """Start it.

        Its standard input stays open as long as this process lives: when that ends, it stops.
        """
        self.process = await nursery.start(self.arguments, self.log_file)

    async def watch(self, told: Callable[[str], None], nursery: Nursery) -> None:
        """Restart it whenever it ends.

        With growing pauses while it does not hold, but not if it was killed: that says nothing of the next start.
        """
        loop = asyncio.get_running_loop()
        while self.process is not None:
            started = loop.time()
            code = await self.process.wait()
            held = loop.time() - started > STEADY_S or code == -signal.SIGKILL
            self.pause_s = FIRST_PAUSE_S if held else min(2 * self.pause_s, LONGEST_PAUSE_S)
            if self.planned:
                self.planned = False
                await self.start(nursery)
                continue
            self.fatal = self._last_line() if code > 0 else ""
            told(f"{self.name} ended ({_reason(code)}){': ' + self.fatal if self.fatal else ''}; restarting it")
            await asyncio.sleep(self.pause_s)
            self.restarts += 1
            await self.start(nursery)

    def renew(self) -> None:
        """End it, so that it starts anew with a changed file."""
        if self.process is not None and self.process.returncode is None:
            self.planned = True
            self.process.terminate()

    def _last_line(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""

    async def stop(self) -> None:
        """End it, gently first."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class Supervisor:
    """All processes of one network."""

    def __init__(
        self,
        network: Network,
        state: Path,
        told: Callable[[str], None],
        *,
        replicas: int = 1,
        postgres: str | None = None,
    ) -> None:
        """``told`` takes sentences for the person at the terminal.

        Several ``replicas`` of a site share a PostgreSQL store: on the server ``postgres`` (how to connect), or on a
        private one.

        Raises:
            StoreError: replicas are not possible here.
        """
        self._network = network
        self._state = state
        self._told = told
        private = state / "postgres"
        postgres = postgres or (None if private.exists() else shared_in(state))
        shared = replicas > 1 or postgres is not None or private.exists()
        self._server = PostgresServer(private) if shared and postgres is None else None
        if shared:
            share(state, self._server.conninfo if self._server else str(postgres))
        self._nursery = Nursery()
        self._replicas, self._shared = replicas, shared
        self._watches: dict[str, asyncio.Task[None]] = {}
        names = [("controller", ("controller",)), *_sites(network, replicas, shared=shared), ("manager", ("manager",))]
        logs = state / "logs"
        logs.mkdir(exist_ok=True)
        self.children = [self._child(name, arguments) for name, arguments in names]

    def _child(self, name: str, arguments: tuple[str, ...]) -> Child:
        arguments = (*arguments, "--state", str(self._state), "--supervised")
        return Child(name, arguments, self._state / "logs" / f"{name.replace(' ', '-')}.log")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all; stop all at the end."""
        watches: list[asyncio.Task[None]] = []
        try:
            await self._nursery.begin()
            await self._check_ports()
            if self._server is not None:
                await asyncio.to_thread(self._server.start)
                watches.append(asyncio.create_task(self._watch_server(self._server)))
            for child in self.children:
                await self._begin(child)
            watches.append(asyncio.create_task(self._follow_file()))
            yield
        finally:
            watches += self._watches.values()
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            await asyncio.gather(*(child.stop() for child in self.children))
            await self._nursery.end()
            if self._server is not None:
                await asyncio.to_thread(self._server.stop)

    async def _begin(self, child: Child) -> None:
        await child.start(self._nursery)
        self._watches[child.name] = asyncio.create_task(child.watch(self._told, self._nursery))

    async def _follow_file(self) -> None:
        """When the network file changes (``qit apply``): start what is new, stop what is gone."""
        known = network_of(self._state)
        while True:
            known = self._network = await changed_network(self._state, known)
            self._told("the network file has changed")
            wanted = dict(_sites(self._network, self._replicas, shared=self._shared))
            present = {child.name: child for child in self.children}
            for name in wanted.keys() - present.keys():
                self.children.append(self._child(name, wanted[name]))
                await self._begin(self.children[-1])
                self._told(f"{name} is started")
            for name in ("controller", "manager"):  # sites go on with their last orders meanwhile
                present.pop(name).renew()
            gone = [child for name, child in present.items() if name not in wanted]
            if gone:
                await self._controller_back()
            for child in gone:
                self.children.remove(child)
                self._watches.pop(child.name).cancel()
                await child.stop()
                self._told(f"{child.name} is stopped")

    async def _controller_back(self) -> None:
        """Wait until nobody is told any more to go over a site that will be stopped, or a while."""
        wanted = {site.id for site in self._network.sites}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_LIMIT_S):
                while (now := await self.status()) is None or {one.site for one in now.sites} != wanted:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
                await asyncio.sleep(DRAIN_S)  # orders reach the sites, relays under way end

    async def _watch_server(self, server: PostgresServer) -> None:
        """Restart the private PostgreSQL server when it ends, with growing pauses while it does not start."""
        pause_s = POLL_S
        while server.process is not None:
            await asyncio.sleep(pause_s)
            if server.process.poll() is None:
                pause_s = POLL_S
                continue
            self._told("the PostgreSQL server ended; restarting it")
            try:
                await asyncio.to_thread(server.start)
            except StoreError as error:  # its disk is full, for example
                self._told(str(error))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _check_ports(self) -> None:
        host = self._network.controller_host
        wanted = [("the controller", host, self._network.controller_port())]
        wanted.append(("the manager", host, self._network.manager_port()))
        for site in self._network.sites:
            wanted.append((f"site {site.id}", site.host, self._network.key_manager_port(site.id)))
            wanted.append((f"the KME of site {site.id}", site.host, self._network.kme_port(site.id)))
            streams = self._network.key_stream_port(site.id)
            wanted.append((f"the server of key streams of site {site.id}", site.host, streams))
            if self._network.neighbours_of(site.id):
                other = self._network.interworking_port(site.id)
                wanted.append((f"the server of site {site.id} for other networks", site.host, other))
        for who, host, port in wanted:
            try:
                server = await asyncio.start_server(lambda *_: None, host, port)
            except OSError as error:
                raise AddressInUseError(
                    f"{who} cannot listen at {host}:{port}: {error.strerror}; stop what runs there, or give another "
                    "base_port (in the network file, or qit up --base-port)"
                ) from error
            server.close()
            await server.wait_closed()

    async def status(self) -> mc.NetworkStatus | None:
        """The controller's view, or None while it does not answer."""
        with contextlib.suppress(QitError):
            return await ask_status(self._network, self._state)
        return None

    async def until_ready(self, progress: Callable[[mc.NetworkStatus], None]) -> mc.NetworkStatus:
        """Wait until every demand has key ready in both directions.

        Raises:
            StoreError: a process cannot go on whatever is tried, for example because its store is damaged.
        """
        while True:
            status = await self.status()
            if status is not None:
                progress(status)
                if is_ready(self._network, status):
                    return status
            self._check_children()
            await asyncio.sleep(POLL_S)

    def _check_children(self) -> None:
        for child in self.children:
            if child.restarts > 2 and child.fatal:  # noqa: PLR2004 - three starts with the same end
                raise StoreError(f"{child.name} does not start: {child.fatal} (log: {child.log_file})")


def _sites(network: Network, replicas: int, *, shared: bool) -> list[tuple[str, tuple[str, ...]]]:
    """Name and arguments of each process of a site."""
    if not shared:
        return [(f"site {site.id}", ("node", site.id)) for site in network.sites]
    return [
        (f"site {site.id} replica {number}", ("node", site.id, "--replica", str(number)))
        for number in range(1, replicas + 1)
        for site in network.sites
    ]


def is_ready(network: Network, status: mc.NetworkStatus) -> bool:
    """Whether every end-to-end pool can supply a key of the default size."""
    up = all(site.up for site in status.sites)
    return up and all(pool.ready_bits >= network.policies.key_size_bits for pool in status.pools)
