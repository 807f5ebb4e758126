"""The HTTPS server of a site for SDN controllers: RESTCONF with the data of ETSI GS QKD 015, and its notifications.

TLS 1.3 with client certificates; the controller, the manager and the operator of the network may read, the
controller and the operator may write. Notifications are server-sent events (RFC 8040 6.3). A reader that does not keep
up is cut off: it reads the document again when it comes back.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Protocol

from qit4n.adapters import http1
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.httprequests import Request
from qit4n.errors import AddressInUseError, CertificateError
from qit4n.interfaces import restconf, restconfedit
from qit4n.interfaces.restconf import RestconfError
from qit4n.interfaces.restconfedit import Change

log = logging.getLogger(__name__)

READERS, WRITERS = {"controller", "manager", "operator"}, {"controller", "operator"}
FIELDS = b"Content-Type: application/yang-data+json\r\nCache-Control: no-store\r\nServer: qit4n\r\n"
XRD = b"Content-Type: application/xrd+xml\r\n"
ALLOW = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
)
STRANGER_S = 10.0
HOST_META = "/.well-known/host-meta"


class Agent(Protocol):
    """What the server shows and changes."""

    network: str

    def document(self) -> dict[str, Any]:
        """The data of the node now."""
        ...

    def write(self, changes: Iterable[Change]) -> None:
        """Take values that fit the model, all or none.

        Raises:
            RestconfError: the policy of the network does not allow it.
        """
        ...


class Server:
    """The listener and those who follow the notifications."""

    def __init__(self, credentials: Credentials, agent: Agent) -> None:
        """Nothing is bound yet."""
        self.credentials = credentials
        self.agent = agent
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Bind and begin.

        Raises:
            AddressInUseError: somebody else listens there.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self), host, port, ssl=self.credentials.server, ssl_handshake_timeout=10.0
            )
        except OSError as error:
            raise AddressInUseError(
                f"the SDN agent cannot listen at {host}:{port}: {error.strerror or error}"
            ) from error

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    def tell(self, at: str, name: str, content: dict[str, Any]) -> None:
        """Tell all followers."""
        event = restconf.notification(at, name, content)
        for connection in tuple(self.connections):
            connection.tell(event)

    def close(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.abort()


class Connection(http1.Connection):
    """One connection of a controller."""

    def __init__(self, server: Server) -> None:
        """A connection to ``server``."""
        super().__init__(http1.Limits(body_bytes=1 << 16))
        self._server = server
        self._role = ""
        self._follows = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Who is it?"""
        super().connection_made(transport)
        self._server.connections.add(self)
        try:
            identity = self._server.credentials.admit(transport)
        except CertificateError as error:
            log.warning("a connection is refused: %s", error)
            self.abort()
            return
        if identity.network == self._server.agent.network and identity.role in READERS:
            self._role = identity.role
        else:
            self._loop.call_later(STRANGER_S, self.abort)  # long enough to be told why

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""
        super().connection_lost(exc)
        self._server.connections.discard(self)

    def pause_writing(self) -> None:
        """A follower that does not keep up is cut off."""
        super().pause_writing()
        if self._follows:
            self.abort()

    def tell(self, event: bytes) -> None:
        """Send an event to a follower."""
        if self._follows and not self._transport.is_closing():
            self._transport.write(event)

    def handle(self, request: Request) -> None:
        """Answer."""
        try:
            self._handle(request)
        except RestconfError as error:
            self.answer(error.status, FIELDS + (ALLOW if error.status == 405 else b""), error.body())  # noqa: PLR2004

    def _handle(self, request: Request) -> None:
        if request.refusal is not None:
            raise RestconfError(request.refusal[0], "malformed-message", request.refusal[1])
        if not self._role:
            raise RestconfError(403, "access-denied", "the controller, manager and operator of this network may read")
        path = request.target.partition(b"?")[0].decode("ascii", "replace")
        if request.method in {"GET", "HEAD"}:
            self._show(path, request.method == "GET")
        elif request.method in {"POST", "PUT", "PATCH", "DELETE"}:
            self._change(request.method, path, request.body)
        else:
            raise RestconfError(405, "operation-not-supported", f"{request.method} is not supported here")

    def _show(self, path: str, whole: bool) -> None:
        if path == HOST_META:
            self.answer(200, XRD, restconf.HOST_META)
        elif path == restconf.STREAM and whole:
            self._follows = True
            self._transport.write(STREAM_HEAD)  # the request stays open: no answer is given to it
        else:
            self.answer(200, FIELDS, restconf.read(path, self._server.agent.document()))

    def _change(self, method: str, path: str, body: bytes) -> None:
        if self._role not in WRITERS:
            raise RestconfError(403, "access-denied", f"a {self._role} may only read")
        agent = self._server.agent
        agent.write(restconfedit.changes(method, path, body, agent.document()))
        self.answer(204, b"", b"")
