"""Outgoing connections of a site's key manager (Kx): one to each other site it has something to say to."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec

from qit4n.adapters import tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.errors import CertificateError, QitError
from qit4n.network.model import Network
from qit4n.node.tasks import first_of
from qit4n.refpoints import Message, cx, kx

log = logging.getLogger(__name__)

CONNECT_LIMIT_S = 5.0
RETRY_S = 0.2
QUEUE_LIMIT = 10_000
QUEUE_BYTES = 1 << 25
OVERHEAD_BYTES = 256
FEW = 64  # so many wait before their bytes are counted: while a peer keeps up nothing is


async def connect(
    host: str, port: int, credentials: Credentials, *, expected: tls.Identity, hello: Hello
) -> Frames[Message]:
    """Open a TLS connection to the process that holds the certificate of ``expected``.

    Raises:
        OSError: nobody answers.
        CertificateError: somebody else answers.
    """
    async with asyncio.timeout(CONNECT_LIMIT_S):
        reader, writer = await asyncio.open_connection(host, port, ssl=credentials.client, server_hostname=host)
    try:
        identity = credentials.admit(writer.transport)
    except CertificateError:
        writer.transport.abort()
        raise
    if identity != expected:
        writer.close()
        raise CertificateError(f"{host}:{port} is {identity}, expected {expected}")
    frames: Frames[Message] = Frames(reader, writer, Message)
    frames.write(hello)
    return frames


class Peer:
    """The way to one other key manager.

    What is said while there is no connection waits for the next one; what a broken connection swallowed is lost: the
    machines repeat what matters.
    """

    def __init__(
        self,
        network: Network,
        site: str,
        credentials: Credentials,
        connected: Callable[[str], None],
        disconnected: Callable[[str], None],
    ) -> None:
        """Connect to ``site`` and keep connected; the two calls tell each time that the way opens and closes."""
        self._host = network.site(site).host
        self._port = network.key_manager_port(site)
        self._site = site
        self._identity = tls.Identity(network.name, "site", site)
        self._credentials = credentials
        self._connected = connected
        self._disconnected = disconnected
        self._queue: list[kx.KxMessage | cx.LinkState] = []
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._stirs = asyncio.Event()
        self.up = False

    def stir(self) -> None:
        """The peer has shown that it is there: if there is no connection to it, try now."""
        if not self.up:
            self._stirs.set()

    def send(self, message: kx.KxMessage | cx.LinkState) -> None:
        """Queue a message; when very many wait, or very much, it is dropped."""
        waiting = len(self._queue)
        if waiting >= QUEUE_LIMIT:
            return
        if waiting >= FEW:
            size = OVERHEAD_BYTES + sum(len(one) for one in msgspec.structs.astuple(message) if isinstance(one, bytes))
            if self._waiting_bytes + size > QUEUE_BYTES:
                return
            self._waiting_bytes += size
        self._queue.append(message)
        self._wake.set()

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            try:
                await self._serve()
            except (OSError, EOFError, TimeoutError, QitError) as error:
                log.info("no way to site %s: %s", self._site, error or type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self._stirs.wait()
            self._stirs.clear()

    async def _serve(self) -> None:
        frames = await connect(
            self._host, self._port, self._credentials, expected=self._identity, hello=Hello(purpose="kx")
        )
        self.up = True
        self._connected(self._site)
        try:
            await first_of(self._watch(frames), self._pump(frames))
        finally:
            self.up = False
            self._queue = []
            self._waiting_bytes = 0
            self._disconnected(self._site)
            await frames.close()

    @staticmethod
    async def _watch(frames: Frames[Message]) -> None:
        await frames.closed()
        raise EOFError("connection closed by the peer")

    async def _pump(self, frames: Frames[Message]) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            messages, self._queue, self._waiting_bytes = self._queue, [], 0
            frames.write_all(messages)
            await frames.drain()
