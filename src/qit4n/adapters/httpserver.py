"""An HTTPS server whose connections know who is at their other end: the listener, and what bounds its connections.

What a slow or endless client can hold is bounded in ``http1.py``: the request must come within ``timeout_s`` (408); a
connection on which nothing is asked is closed after ``KEEP_ALIVE_S``.
"""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate

from qit4n.adapters import http1
from qit4n.adapters.httprequests import Request

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 75.0
TIMEOUT_S = 15.0
HANDSHAKE_S = 10.0
SWEEP_S = 0.5
MOST_CONNECTIONS = 4096
MOST_OF_ONE_CALLER = 1024
MAX_BODY_BYTES = 1 << 20


class Server:
    """The listener and its open connections."""

    def __init__(
        self, context: ssl.SSLContext, make: "Callable[[Server], Connection]", fields: bytes, *, timeout_s: float
    ) -> None:
        """``make`` makes a connection, ``fields`` are the header lines of every answer; nothing is bound yet."""
        self._context = context
        self._make = make
        self._fields = fields
        self.limits = http1.Limits(body_bytes=MAX_BODY_BYTES, request_s=timeout_s, idle_s=KEEP_ALIVE_S)
        self.connections: set[Connection] = set()
        self._callers = Counter[str]()
        self._empty = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self.fields = b""

    async def listen(self, host: str, port: int) -> None:
        """Bind and begin.

        Raises:
            OSError: somebody else listens there.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: self._make(self),
            host,
            port,
            ssl=self._context,
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
        self.fields = self._fields + b"Date: %b\r\n" % formatdate(usegmt=True).encode("ascii")
        for connection in tuple(self.connections):
            connection.close_if_idle(loop.time())
        self._sweeper = loop.call_later(SWEEP_S, self._sweep)


class Connection(http1.Connection):
    """One connection of a server: a subclass finds out who is at its other end, and says what is answered."""

    def __init__(self, server: Server) -> None:
        """A connection to ``server``."""
        super().__init__(server.limits)
        self._server = server
        self._caller = ""
        self.counted: str | None = None

    def identify(self, transport: asyncio.BaseTransport) -> str:
        """Who is at the other end, or empty for a stranger, who is told so; the connection may be aborted here."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Who is it? Once per connection: to read a certificate costs more than a small request."""
        super().connection_made(transport)
        self._server.opened(self)
        self._caller = self.identify(transport)
        full = self._server.full_for(self._caller)
        if full:
            log.warning("a connection is refused: %s", full)
            self.abort()
        else:
            self.counted = self._caller

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed; an answer that still comes is dropped."""
        super().connection_lost(exc)
        self._server.closed(self)


def path_of(request: Request) -> tuple[str, str]:
    """Undecoded path and query of a request's target.

    Raises:
        ValueError: the target is not ASCII.
    """
    if not request.target.isascii():
        raise ValueError("the path of a URL is ASCII (RFC 3986); other characters are percent-encoded")
    target = request.target.decode("ascii")
    if not target.startswith("/"):  # the absolute form, RFC 9112 3.2.2
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    return path, query
