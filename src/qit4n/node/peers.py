"""Outgoing connections of a site's key manager (Kx): one to each other site it has something to say to."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.errors import CertificateError, QitError
from qit4n.network.model import Network
from qit4n.node.tasks import first_of
from qit4n.refpoints import Message, kx

log = logging.getLogger(__name__)

CONNECT_LIMIT_S = 5.0
RETRY_S = 0.2
QUEUE_LIMIT = 10_000
QUEUE_BYTES = 1 << 25
OVERHEAD_BYTES = 256
FEW = 64  # so many wait before their bytes are counted: while a peer keeps up nothing is


async def connect(
    host: str, port: int, credentials: Credentials, *, role: str, name: str, hello: Hello
) -> Frames[Message]:
    """Open a TLS connection to the process that holds the certificate of ``role`` and ``name``.

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
    if (identity.role, identity.id) != (role, name):
        writer.close()
        raise CertificateError(f"{host}:{port} is {identity.role} {identity.id}, expected {role} {name}")
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
        self._credentials = credentials
        self._connected = connected
        self._disconnected = disconnected
        self._queue: asyncio.Queue[kx.KxMessage] = asyncio.Queue(QUEUE_LIMIT)
        self._waiting_bytes = 0
        self.up = False

    def send(self, message: kx.KxMessage) -> None:
        """Queue a message; when very many wait, or very much, it is dropped."""
        if self._queue.full():
            return
        if self._queue.qsize() >= FEW:
            size = OVERHEAD_BYTES + sum(len(one) for one in msgspec.structs.astuple(message) if isinstance(one, bytes))
            if self._waiting_bytes + size > QUEUE_BYTES:
                return
            self._waiting_bytes += size
        self._queue.put_nowait(message)

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            try:
                await self._serve()
            except (OSError, EOFError, TimeoutError, QitError) as error:
                log.info("no way to site %s: %s", self._site, error or type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _serve(self) -> None:
        frames = await connect(
            self._host, self._port, self._credentials, role="site", name=self._site, hello=Hello(purpose="kx")
        )
        self.up = True
        self._connected(self._site)
        try:
            await first_of(self._watch(frames), self._pump(frames))
        finally:
            self.up = False
            self._queue = asyncio.Queue(QUEUE_LIMIT)
            self._waiting_bytes = 0
            self._disconnected(self._site)
            await frames.close()

    @staticmethod
    async def _watch(frames: Frames[Message]) -> None:
        await frames.closed()
        raise EOFError("connection closed by the peer")

    async def _pump(self, frames: Frames[Message]) -> None:
        while True:
            messages = [await self._queue.get()]
            while not self._queue.empty():
                messages.append(self._queue.get_nowait())
            self._waiting_bytes = 0
            frames.write_all(messages)
            await frames.drain()
