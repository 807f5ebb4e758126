"""The TLS server of a site for key streams (ETSI GS QKD 004, ``interfaces/etsi004.py``). The certificate says who asks.

TLS 1.3 with client certificates. A connection has one request under way; what comes meanwhile waits, up to the size of
one request. No request, answer or key is logged. What goes wrong in here is an error line that says nothing of keys.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from qit4n.adapters.credentials import Credentials
from qit4n.errors import AddressInUseError, CertificateError, ProtocolError
from qit4n.interfaces.etsi004 import Codec, JSONLines
from qit4n.refpoints import ak

log = logging.getLogger(__name__)

Ask = Callable[[ak.Request, Callable[[ak.Reply], None]], None]
HANDSHAKE_S = 10.0
IDLE_S = 600.0
SEND_S = 15.0
MOST_CONNECTIONS = 1024
MOST_OF_ONE_CALLER = 256
JSON_LINES = JSONLines()


@contextlib.asynccontextmanager
async def serving(
    host: str, port: int, credentials: Credentials, ask: Ask, *, network: str, codec: Codec = JSON_LINES
) -> AsyncIterator[int]:
    """Serve inside the block; gives the port.

    Each request goes to ``ask`` together with the function that takes the reply, once.

    Raises:
        AddressInUseError: somebody else listens there.
    """
    door = Door(credentials, ask, network, codec)
    try:
        server = await asyncio.start_server(
            door.accept,
            host,
            port,
            ssl=credentials.server,
            ssl_handshake_timeout=HANDSHAKE_S,
            limit=codec.most_bytes,
            backlog=128,
        )
    except OSError as error:
        raise AddressInUseError(
            f"the server of key streams cannot listen at {host}:{port}: {error.strerror or error}; stop what runs "
            "there, or change base_port in the network file"
        ) from error
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        door.close()


class Door:
    """The connections of one server."""

    def __init__(self, credentials: Credentials, ask: Ask, network: str, codec: Codec) -> None:
        """Nobody is connected yet."""
        self._credentials = credentials
        self._ask = ask
        self._network = network
        self._codec = codec
        self._open: dict[asyncio.WriteTransport, str] = {}

    def close(self) -> None:
        """Break every connection."""
        for transport in tuple(self._open):
            transport.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            caller = self._caller(writer.transport)
            self._open[writer.transport] = caller
            await self._serve(caller, reader, writer)
        except (CertificateError, ProtocolError) as error:
            log.warning("a connection for key streams is refused: %s", error)
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError) as error:
            log.debug("a connection for key streams ended: %s", type(error).__name__)
        finally:
            self._open.pop(writer.transport, None)
            writer.transport.abort()

    def _caller(self, transport: asyncio.WriteTransport) -> str:
        if len(self._open) >= MOST_CONNECTIONS:
            raise ProtocolError(f"{MOST_CONNECTIONS} connections are open")
        identity = self._credentials.admit(transport)
        if identity.role != "sae" or identity.network not in {self._network, ""}:
            text = f"that of {identity.role} {identity.id} of network {identity.network}"
            raise CertificateError(f"the certificate is {text}, not of an application of network {self._network}")
        if sum(caller == identity.id for caller in self._open.values()) >= MOST_OF_ONE_CALLER:
            raise ProtocolError(f"{identity.id} has {MOST_OF_ONE_CALLER} connections open")
        return identity.id

    async def _serve(self, caller: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    message = await reader.readuntil(self._codec.end)
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                await self._send(writer, self._codec.format_error(f"{self._codec.most_bytes} bytes at most"))
                return
            await self._send(writer, await self._answer(message, caller))

    async def _answer(self, message: bytes, caller: str) -> bytes:
        try:
            request = self._codec.parse(message, caller)
        except ProtocolError as error:
            return self._codec.format_error(str(error))
        told: asyncio.Future[ak.Reply] = asyncio.get_running_loop().create_future()

        def tell(reply: ak.Reply) -> None:
            if not told.done():
                told.set_result(reply)

        try:
            self._ask(request, tell)
            return self._codec.format(request, await told)
        except Exception:
            log.exception("an internal error while answering a request for a key stream")
            return self._codec.format_error("internal error; see the log of this site")

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(answer)
        async with asyncio.timeout(SEND_S):
            await writer.drain()
