"""The HTTPS server of a site for applications (``interfaces/doors.py``). The caller's certificate says who asks.

No request, answer or key is logged. Every answer, also to what is no HTTP, is JSON and forbids caching (A21).
Whatever goes wrong in here is a 500 with an Error object that says nothing about keys.

What a slow or endless client can hold is bounded in ``http1.py``: the request must come within ``timeout_s`` (408); a
connection on which nothing is asked is closed after ``KEEP_ALIVE_S``.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate

from qit4n.adapters import http1
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.httprequests import Request
from qit4n.errors import AddressInUseError, CertificateError, KeyRequestError, RevokedError
from qit4n.interfaces import etsi014
from qit4n.interfaces.door import Asked, Told
from qit4n.interfaces.doors import Doors, methods_of
from qit4n.refpoints import ak

log = logging.getLogger(__name__)

Ask = Callable[[ak.Request, Callable[[ak.Reply], None]], None]
KEEP_ALIVE_S = 75.0
TIMEOUT_S = 15.0
HANDSHAKE_S = 10.0
SWEEP_S = 0.5
MOST_CONNECTIONS = 4096
MOST_OF_ONE_CALLER = 1024
REMEMBERED = 8  # requests of which a connection keeps what they mean
REMEMBERED_BYTES = 512
FIELDS = (
    b"Content-Type: application/json\r\nCache-Control: no-store\r\n"
    b"X-Content-Type-Options: nosniff\r\nServer: qit4n\r\nDate: %b\r\n"
)
FAULT = etsi014.format_error(KeyRequestError(500, "internal error of the KME; see its log"))
RETRY_AFTER = b"Retry-After: 1\r\n"


async def serve(
    host: str, port: int, credentials: Credentials, ask: Ask, doors: Doors, *, timeout_s: float = TIMEOUT_S
) -> "Server":
    """Start serving; stop with :meth:`Server.close`.

    Each request of an application goes to ``ask`` together with the function that takes the reply, once.

    Raises:
        AddressInUseError: somebody else listens there.
    """
    server = Server(credentials, ask, doors, timeout_s)
    try:
        await server.listen(host, port)
    except OSError as error:
        raise AddressInUseError(
            f"the KME cannot listen at {host}:{port}: {error.strerror or error}; stop what runs there, "
            "or change base_port in the network file"
        ) from error
    return server


class Server:
    """The listener and its open connections."""

    def __init__(self, credentials: Credentials, ask: Ask, doors: Doors, timeout_s: float) -> None:
        """Nothing is bound yet."""
        self.credentials = credentials
        self.ask = ask
        self.doors = doors
        self.limits = http1.Limits(body_bytes=etsi014.MAX_BODY_BYTES, request_s=timeout_s, idle_s=KEEP_ALIVE_S)
        self.connections: set[Connection] = set()
        self._callers = Counter[str]()
        self._empty = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self.fields = b""

    async def listen(self, host: str, port: int) -> None:
        """Bind and begin."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self),
            host,
            port,
            ssl=self.credentials.applications,
            backlog=512,
            ssl_handshake_timeout=HANDSHAKE_S,
        )
        self._sweep()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def close(self) -> None:
        """Stop listening and close every connection; what was not sent stays unsent."""
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self.connections):
            connection.abort()
        if self.connections:
            await self._empty.wait()

    def opened(self, connection: "Connection") -> None:
        """One more."""
        self.connections.add(connection)
        self._empty.clear()

    def full_for(self, caller: str) -> str:
        """Why one more connection of ``caller`` is too many, else empty; then it is counted."""
        if len(self.connections) > MOST_CONNECTIONS:
            return f"{MOST_CONNECTIONS} connections are open"
        if self._callers[caller] >= MOST_OF_ONE_CALLER:
            return f"{caller or 'strangers'} have {MOST_OF_ONE_CALLER} connections open"
        self._callers[caller] += 1
        return ""

    def closed(self, connection: "Connection") -> None:
        """One less."""
        self.connections.discard(connection)
        if connection.counted is not None:
            self._callers[connection.counted] -= 1
            if not self._callers[connection.counted]:
                del self._callers[connection.counted]
        if not self.connections:
            self._empty.set()

    def _sweep(self) -> None:
        """Close what is idle; renew the date of the answers."""
        loop = asyncio.get_running_loop()
        self.fields = FIELDS % formatdate(usegmt=True).encode("ascii")
        for connection in tuple(self.connections):
            connection.close_if_idle(loop.time())
        self._sweeper = loop.call_later(SWEEP_S, self._sweep)


class Connection(http1.Connection):
    """One connection: who is at its other end, and the answers to what it asks."""

    def __init__(self, server: Server) -> None:
        """A connection to ``server``."""
        super().__init__(server.limits)
        self._server = server
        self._caller = ""
        self.counted: str | None = None
        self._stranger = KeyRequestError(401, "the connection is not open")
        self._asked: Asked | None = None
        self._remembered: dict[Request, Asked] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Who is it? Once per connection: to read a certificate costs more than a small request (A1)."""
        super().connection_made(transport)
        self._server.opened(self)
        self._identify(transport)
        full = self._server.full_for(self._caller)
        if full:
            log.warning("a connection is refused: %s", full)
            self.abort()
        else:
            self.counted = self._caller

    def _identify(self, transport: asyncio.BaseTransport) -> None:
        try:
            identity = self._server.credentials.admit(transport)
        except RevokedError as error:
            log.warning("a connection is refused: %s", error)
            self.abort()
            return
        except CertificateError as error:
            self._stranger = KeyRequestError(401, str(error))
            return
        network = self._server.doors.network
        if identity.role == "sae" and identity.network in {network, ""}:
            self._caller = identity.id
            return
        text = f"that of {identity.role} {identity.id} of network {identity.network}"
        self._stranger = KeyRequestError(401, f"the certificate is {text}, not of an application of network {network}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed; an answer that still comes is dropped."""
        super().connection_lost(exc)
        self._server.closed(self)

    def handle(self, request: Request) -> None:
        """Ask the key manager, or refuse."""
        try:
            asked = self._remembered.get(request) or self._understand(request)
            if isinstance(asked, Told):
                self.answer(asked.status, self._server.fields, asked.body)
                return
            self._asked = asked
            self._server.ask(asked.request, self._reply)
        except KeyRequestError as error:
            self._refuse_with(request, error)
        except Exception:
            log.exception("an internal error while taking a request")
            self._fault()

    def _understand(self, request: Request) -> Asked | Told:
        if request.refusal is not None:
            raise KeyRequestError(*request.refusal)
        if not self._caller:
            raise self._stranger
        if not request.target.isascii():
            raise KeyRequestError(400, "the path of a URL is ASCII (RFC 3986); other characters are percent-encoded")
        target = request.target.decode("ascii")
        if not target.startswith("/"):  # the absolute form, RFC 9112 3.2.2
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        asked = self._server.doors.parse(request.method, path, query, request.body, self._caller)
        if isinstance(asked, Told) or isinstance(asked.request, ak.GetKeysByID):
            return asked
        if len(request.body) <= REMEMBERED_BYTES:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[request] = asked
        return asked

    def _reply(self, reply: ak.Reply) -> None:
        try:
            asked, self._asked = self._asked, None
            status, body = asked.format(reply) if asked else FAULT
        except Exception:
            log.exception("an internal error while answering a request")
            self._fault()
            return
        fields = self._server.fields
        self.answer(status, fields + RETRY_AFTER if status in {429, 503} else fields, body)

    def _fault(self) -> None:
        self.answer(FAULT[0], self._server.fields, FAULT[1])

    def _refuse_with(self, request: Request, error: KeyRequestError) -> None:
        status, body = etsi014.format_error(error)
        fields = self._server.fields
        if status == 405:  # noqa: PLR2004
            path = request.target.partition(b"?")[0].decode("ascii")
            fields += b"Allow: %b\r\n" % ", ".join(methods_of(path)).encode("ascii")
        self.answer(status, fields, body)
