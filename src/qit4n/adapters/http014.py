"""The HTTPS server of ETSI GS QKD 014 at a site. The caller's certificate says who asks; nothing else does.

No request, answer or key is logged. Every answer, also to what is no HTTP, is JSON and forbids caching (A21).
Whatever goes wrong in here is a 500 with an Error object that says nothing about keys.

A client that is slow holds nothing for ever: the body must come within ``timeout_s`` (408); a connection on which
nothing is asked is closed after ``KEEP_ALIVE_S``.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

from aiohttp import web
from aiohttp.http import HttpVersion11

from qit4n.adapters import tls
from qit4n.errors import AddressInUseError, CertificateError, KeyRequestError
from qit4n.interfaces import etsi014
from qit4n.refpoints import ak

log = logging.getLogger(__name__)

Answer = Callable[[ak.Request], Awaitable[ak.Reply]]
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "qit4n"}
RETRY_AFTER_S = "1"
KEEP_ALIVE_S = 75.0
TIMEOUT_S = 15.0
LINGERING_S = 1.0  # how long the rest of a body is read after the answer


async def serve(
    host: str, port: int, context: ssl.SSLContext, answer: Answer, *, network: str, timeout_s: float = TIMEOUT_S
) -> web.ServerRunner:
    """Start serving; stop with ``await runner.cleanup()``.

    Raises:
        AddressInUseError: somebody else listens there.
    """

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await _respond(request, answer, network, timeout_s)

    runner = web.ServerRunner(_Server(handle))
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


class _Connection(web.RequestHandler):
    """One connection: who is at its other end, and the answer to what is no HTTP."""

    @cached_property
    def peer(self) -> tls.Identity:
        """Once per connection: reading a certificate costs more than a small request."""
        return tls.peer_identity(self.transport.get_extra_info("ssl_object") if self.transport else None)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """An Error object, without the bytes of the client that ``message`` quotes."""
        del message
        log.info("a connection is closed with %d: %s", status, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer is sent already")
        response = _response(*etsi014.format_error(KeyRequestError(status, "the request is not HTTP/1.1")))
        response.force_close()
        return response


class _Server(web.Server):
    """Makes a :class:`_Connection` for each connection."""

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # None turns it off
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGERING_S,
            auto_decompress=False,  # a small body could become a large one
        )


def _response(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=HEADERS | (headers or {}))


async def _respond(request: web.BaseRequest, answer: Answer, network: str, timeout_s: float) -> web.Response:
    try:
        status, body = await _answer(request, answer, network, timeout_s)
    except KeyRequestError as error:
        status, body = etsi014.format_error(error)
    except Exception:
        log.exception("an internal error while answering %s", request.method)
        status, body = etsi014.format_error(KeyRequestError(500, "internal error of the KME; see its log"))
    headers = {}
    if status == 503:  # noqa: PLR2004
        headers["Retry-After"] = RETRY_AFTER_S
    elif status == 405:  # noqa: PLR2004
        headers["Allow"] = ", ".join(etsi014.methods_of(request.rel_url.raw_path))
    response = _response(status, body, headers)
    if status == 408:  # noqa: PLR2004 - the rest of the body may still come
        response.force_close()
    return response


async def _answer(request: web.BaseRequest, answer: Answer, network: str, timeout_s: float) -> tuple[int, bytes]:
    caller = _caller(request.protocol, network)
    body = await _body(request, timeout_s)
    url = request.rel_url
    parsed = etsi014.parse_request(request.method, url.raw_path, url.raw_query_string, body, caller)
    return etsi014.format_reply(await answer(parsed.request), parsed.ignored)


def _caller(connection: Any, network: str) -> str:
    """The SAE id in the certificate of this connection (A1).

    Raises:
        KeyRequestError: 401; it is not the certificate of an application of this network.
    """
    try:
        identity: tls.Identity = connection.peer
    except CertificateError as error:
        raise KeyRequestError(401, str(error)) from error
    if identity.role != "sae" or identity.network not in {network, ""}:
        raise KeyRequestError(
            401,
            f"the certificate is that of {identity.role} {identity.id} of network {identity.network}, "
            f"not of an application of network {network}",
        )
    return identity.id


async def _body(request: web.BaseRequest, timeout_s: float) -> bytes:
    """The body, at most one piece more than is allowed; that of a GET is ignored (A8).

    Raises:
        KeyRequestError: 408, 415 or 400; the body does not come, is encoded, or breaks off.
    """
    if request.method == "GET":
        return b""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise KeyRequestError(415, "the body has a Content-Encoding; send it plain")
    try:
        async with asyncio.timeout(timeout_s):
            await _invite(request)
            return await _read(request)
    except TimeoutError as error:
        raise KeyRequestError(408, f"the body did not come within {timeout_s:g} s") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise KeyRequestError(400, "the body breaks off") from error


async def _invite(request: web.BaseRequest) -> None:
    """Answer ``Expect: 100-continue`` (RFC 9110 10.1.1): some clients wait for it with larger bodies."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


async def _read(request: web.BaseRequest) -> bytes:
    found = bytearray()
    async for chunk in request.content.iter_any():
        found += chunk
        if len(found) > etsi014.MAX_BODY_BYTES:
            break
    return bytes(found)
