"""The HTTPS server of ETSI GS QKD 014 at a site. The caller's certificate says who asks; nothing else does.

No request, answer or key is logged. Every answer forbids caching (A21). Whatever goes wrong in here is a 500 with
an Error object that says nothing about keys.
"""

import logging
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from qit4n.adapters import tls
from qit4n.errors import AddressInUseError, CertificateError, KeyRequestError
from qit4n.interfaces import etsi014
from qit4n.refpoints import ak

log = logging.getLogger(__name__)

Answer = Callable[[ak.Request], Awaitable[ak.Reply]]
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
RETRY_AFTER_S = "1"
KEEP_ALIVE_S = 75.0


async def serve(host: str, port: int, context: ssl.SSLContext, answer: Answer, *, network: str) -> web.ServerRunner:
    """Start serving; stop with ``await runner.cleanup()``.

    Raises:
        AddressInUseError: somebody else listens there.
    """

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            status, body = await _answer(request, answer, network)
        except KeyRequestError as error:
            status, body = etsi014.format_error(error)
        except Exception:
            log.exception("an internal error while answering %s", request.method)
            status, body = etsi014.format_error(KeyRequestError(500, "internal error of the KME; see its log"))
        headers = HEADERS | ({"Retry-After": RETRY_AFTER_S} if status == 503 else {})  # noqa: PLR2004
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    server = web.Server(handle, access_log=None, keepalive_timeout=KEEP_ALIVE_S)
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=context, backlog=512).start()
    except OSError as error:
        await runner.cleanup()
        raise AddressInUseError(
            f"the KME cannot listen at {host}:{port}: {error.strerror or error}; stop what runs there, "
            "or change base_port in the network file"
        ) from error
    return runner


async def _answer(request: web.BaseRequest, answer: Answer, network: str) -> tuple[int, bytes]:
    caller = _caller(request, network)
    body = await _body(request)
    url = request.rel_url
    parsed = etsi014.parse_request(request.method, url.raw_path, url.raw_query_string, body, caller)
    return etsi014.format_reply(await answer(parsed.request), parsed.ignored)


def _caller(request: web.BaseRequest, network: str) -> str:
    """The SAE id in the certificate of this connection (A1).

    Raises:
        KeyRequestError: 401; it is not the certificate of an application of this network.
    """
    connection = request.transport.get_extra_info("ssl_object") if request.transport else None
    try:
        identity = tls.peer_identity(connection)
    except CertificateError as error:
        raise KeyRequestError(401, str(error)) from error
    if identity.role != "sae" or identity.network not in {network, ""}:
        raise KeyRequestError(401, f"the certificate is that of a {identity.role}, not of an application of {network}")
    return identity.id


async def _body(request: web.BaseRequest) -> bytes:
    """The body, at most one byte more than is allowed."""
    if request.method == "GET":
        return b""
    found = bytearray()
    async for chunk in request.content.iter_any():
        found += chunk
        if len(found) > etsi014.MAX_BODY_BYTES:
            break
    return bytes(found)
