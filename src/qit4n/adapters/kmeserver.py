"""The HTTPS server of a site for applications (``interfaces/doors.py``). The caller's certificate says who asks.

No request, answer or key is logged. Every answer, also to what is no HTTP, is JSON and forbids caching (A21).
Whatever goes wrong in here is a 500 with an Error object that says nothing about keys.

The listener, and what bounds connections, are in ``httpserver.py``.
"""

import asyncio
import logging
from collections.abc import Callable

from qit4n.adapters import httpserver
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.httprequests import Request
from qit4n.errors import AddressInUseError, CertificateError, KeyRequestError, RevokedError
from qit4n.interfaces import etsi014
from qit4n.interfaces.door import Asked, Told
from qit4n.interfaces.doors import Doors, methods_of
from qit4n.refpoints import ak

log = logging.getLogger(__name__)

Ask = Callable[[ak.Request, Callable[[ak.Reply], None]], None]
REMEMBERED = 8  # requests of which a connection keeps what they mean
REMEMBERED_BYTES = 512
FIELDS = (
    b"Content-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nServer: qit4n\r\n"
)
FAULT = etsi014.format_error(KeyRequestError(500, "internal error of the KME; see its log"))
RETRY_AFTER = b"Retry-After: 1\r\n"


async def serve(
    host: str, port: int, credentials: Credentials, ask: Ask, doors: Doors, *, timeout_s: float = httpserver.TIMEOUT_S
) -> httpserver.Server:
    """Start serving; stop with :meth:`Server.close`.

    Each request of an application goes to ``ask`` together with the function that takes the reply, once.

    Raises:
        AddressInUseError: somebody else listens there.
    """
    server = httpserver.Server(
        credentials.applications,
        lambda server: Connection(server, credentials, ask, doors),
        FIELDS,
        timeout_s=timeout_s,
    )
    try:
        await server.listen(host, port)
    except OSError as error:
        raise AddressInUseError(
            f"the KME cannot listen at {host}:{port}: {error.strerror or error}; stop what runs there, "
            "or change base_port in the network file"
        ) from error
    return server


class Connection(httpserver.Connection):
    """One connection: who is at its other end, and the answers to what it asks."""

    def __init__(self, server: httpserver.Server, credentials: Credentials, ask: Ask, doors: Doors) -> None:
        """A connection to ``server``."""
        super().__init__(server)
        self._credentials = credentials
        self._ask = ask
        self._doors = doors
        self._stranger = KeyRequestError(401, "the connection is not open")
        self._asked: Asked | None = None
        self._remembered: dict[Request, Asked] = {}

    def identify(self, transport: asyncio.BaseTransport) -> str:
        """The SAE id of the certificate (A1)."""
        try:
            identity = self._credentials.admit(transport)
        except RevokedError as error:
            log.warning("a connection is refused: %s", error)
            self.abort()
            return ""
        except CertificateError as error:
            self._stranger = KeyRequestError(401, str(error))
            return ""
        network = self._doors.network
        if identity.role == "sae" and identity.network in {network, ""}:
            return identity.id
        text = f"that of {identity.role} {identity.id} of network {identity.network}"
        self._stranger = KeyRequestError(401, f"the certificate is {text}, not of an application of network {network}")
        return ""

    def handle(self, request: Request) -> None:
        """Ask the key manager, or refuse."""
        try:
            asked = self._remembered.get(request) or self._understand(request)
            if isinstance(asked, Told):
                self.answer(asked.status, self._server.fields, asked.body)
                return
            self._asked = asked
            self._ask(asked.request, self._reply)
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
        try:
            path, query = httpserver.path_of(request)
        except ValueError as error:
            raise KeyRequestError(400, str(error)) from error
        asked = self._doors.parse(request.method, path, query, request.body, self._caller)
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
            path, _ = httpserver.path_of(request)
            fields += b"Allow: %b\r\n" % ", ".join(methods_of(path)).encode("ascii")
        self.answer(status, fields, body)
