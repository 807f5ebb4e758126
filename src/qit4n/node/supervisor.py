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
from qit4n.node import spare
from qit4n.node.controller import ask_status
from qit4n.refpoints import mc

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
STEADY_S = 1.0
STOP_LIMIT_S = 5.0
POLL_S = 0.15
FIRST_SPARE_S = 5.0
SPARE_S = 1.0


@dataclass
class Child:
    """One process of the network."""

    name: str
    arguments: tuple[str, ...]
    log_file: Path
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    fatal: str = ""
    pause_s: float = field(default=FIRST_PAUSE_S)

    async def start(self, ready: asyncio.subprocess.Process | None = None) -> None:
        """Start it, in a ``ready`` spare process if there is one.

        Its standard input stays open as long as this process lives: when that ends, it stops.
        """
        if ready is not None and spare.become(ready, self.arguments, self.log_file):
            self.process = ready
            return
        with self.log_file.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *spare.COMMAND,
                *self.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def watch(self, told: Callable[[str], None], take: Callable[[], asyncio.subprocess.Process | None]) -> None:
        """Restart it whenever it ends, with growing pauses while it does not hold; ``take`` gives the spare."""
        loop = asyncio.get_running_loop()
        while self.process is not None:
            started = loop.time()
            code = await self.process.wait()
            self.pause_s = FIRST_PAUSE_S if loop.time() - started > STEADY_S else min(2 * self.pause_s, LONGEST_PAUSE_S)
            self.fatal = self._last_line() if code > 0 else ""
            told(f"{self.name} ended ({_reason(code)}){': ' + self.fatal if self.fatal else ''}; restarting it")
            await asyncio.sleep(self.pause_s)
            self.restarts += 1
            await self.start(take())

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
        self._spare: asyncio.subprocess.Process | None = None
        names = [("controller", ("controller",)), *_sites(network, replicas, shared=shared)]
        logs = state / "logs"
        logs.mkdir(exist_ok=True)
        self.children = [
            Child(name, (*arguments, "--state", str(state), "--supervised"), logs / f"{name.replace(' ', '-')}.log")
            for name, arguments in names
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all; stop all at the end."""
        watches: list[asyncio.Task[None]] = []
        try:
            await self._check_ports()
            if self._server is not None:
                await asyncio.to_thread(self._server.start)
                watches.append(asyncio.create_task(self._watch_server(self._server)))
            for child in self.children:
                await child.start()
                watches.append(asyncio.create_task(child.watch(self._told, self._take_spare)))
            watches.append(asyncio.create_task(self._keep_spare()))
            yield
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            await asyncio.gather(*(child.stop() for child in self.children))
            if self._spare is not None and self._spare.returncode is None:
                self._spare.kill()
                await self._spare.wait()
            if self._server is not None:
                await asyncio.to_thread(self._server.stop)

    async def _keep_spare(self) -> None:
        """Have a spare process; not while others start, which need the processor more."""
        await asyncio.sleep(FIRST_SPARE_S)
        while True:
            if self._spare is None or self._spare.returncode is not None:
                self._spare = await spare.begin()
            await asyncio.sleep(SPARE_S)

    def _take_spare(self) -> asyncio.subprocess.Process | None:
        taken, self._spare = self._spare, None
        return taken

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
        wanted = [("the controller", self._network.controller_host, self._network.controller_port())]
        for site in self._network.sites:
            wanted.append((f"site {site.id}", site.host, self._network.key_manager_port(site.id)))
            wanted.append((f"the KME of site {site.id}", site.host, self._network.kme_port(site.id)))
            streams = self._network.key_stream_port(site.id)
            wanted.append((f"the server of key streams of site {site.id}", site.host, streams))
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
