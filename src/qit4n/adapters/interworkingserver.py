"""The HTTPS server of a site for key managers of other networks (ETSI GS QKD 020). TLS 1.3; certificates say who asks.

No request, answer or key is logged. Answers are JSON and forbid caching. Whatever goes wrong in here is a 503 that
says nothing about keys: with it the other network knows that it cannot know.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from qit4n.adapters import httpserver
from qit4n.adapters.httprequests import Request
from qit4n.adapters.neighbours import Neighbours
from qit4n.errors import AddressInUseError, CertificateError
from qit4n.interfaces import etsi020
from qit4n.refpoints import interworking

log = logging.getLogger(__name__)

Ask = Callable[[str, interworking.Request, Callable[[interworking.Reply], None]], None]
FIELDS = (
    b"Content-Type: application/json; charset=UTF-8\r\nCache-Control: no-store\r\n"
    b"X-Content-Type-Options: nosniff\r\nServer: qit4n\r\n"
)
FAULT = etsi020.problem(503, "server-side-general-error", server_side_general_error="internal error; see the log")
KINDS = {408: ("timeout", "timeout"), 503: ("server-side-general-error", "server_side_general_error")}


@contextlib.asynccontextmanager
async def serving(
    host: str, port: int, neighbours: Neighbours, ask: Ask, *, timeout_s: float = httpserver.TIMEOUT_S
) -> AsyncIterator[httpserver.Server]:
    """Serve inside the block. Each request goes to ``ask`` with the neighbour, and the function that takes the reply.

    Raises:
        AddressInUseError: somebody else listens there.
    """
    server = httpserver.Server(
        neighbours.server, lambda server: Connection(server, neighbours, ask), FIELDS, timeout_s=timeout_s
    )
    try:
        await server.listen(host, port)
    except OSError as error:
        raise AddressInUseError(
            f"the server for other networks cannot listen at {host}:{port}: {error.strerror or error}; stop what runs "
            "there, or change base_port in the network file"
        ) from error
    try:
        yield server
    finally:
        await server.close()


class Connection(httpserver.Connection):
    """One connection of a neighbour."""

    def __init__(self, server: httpserver.Server, neighbours: Neighbours, ask: Ask) -> None:
        """A connection to ``server``."""
        super().__init__(server)
        self._neighbours = neighbours
        self._ask = ask
        self._stranger = ""

    def identify(self, transport: asyncio.BaseTransport) -> str:
        """The neighbour of the certificate (B1)."""
        try:
            return self._neighbours.who(transport)
        except CertificateError as error:
            self._stranger = str(error)
            return ""

    def handle(self, request: Request) -> None:
        """Ask the key manager, or refuse."""
        try:
            asked = self._understand(request)
            self._ask(self._caller, asked, self._reply)
        except etsi020.RefusedError as error:
            self._reply(error.problem)
        except Exception:
            log.exception("an internal error while taking a request of network %s", self._caller)
            self._reply(FAULT)

    def _understand(self, request: Request) -> interworking.Request:
        if request.refusal is not None:
            status, text = request.refusal
            kind, topic = KINDS.get(status, ("invalid-parameter", "http"))
            raise etsi020.RefusedError(etsi020.problem(status, kind, **{topic: text}))
        if not self._caller:
            raise etsi020.RefusedError(etsi020.problem(401, "unauthorized", unauthorized=self._stranger))
        try:
            path, _ = httpserver.path_of(request)
        except ValueError as error:
            raise etsi020.RefusedError(etsi020.problem(400, "invalid-parameter", path=str(error))) from error
        return etsi020.parse_request(request.method, path, request.body)

    def _reply(self, reply: interworking.Reply) -> None:
        try:
            status, body = etsi020.format_reply(reply)
        except Exception:
            log.exception("an internal error while answering a request of network %s", self._caller)
            status, body = etsi020.format_reply(FAULT)
        fields = self._server.fields
        if status == 405:  # noqa: PLR2004
            fields += b"Allow: GET, POST\r\n"
        self.answer(status, fields, body)
