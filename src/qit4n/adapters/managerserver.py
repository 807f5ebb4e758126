"""The HTTPS server of the manager: for browsers with a password, for programs with the operator's certificate.

Nothing is loaded before the first connection comes: a network whose manager nobody asks pays for none of it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from qit4n.adapters.credentials import Credentials
from qit4n.adapters.tls import Identity
from qit4n.errors import AddressInUseError, CertificateError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFETY = (
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
BACKLOG = 128
REQUEST_S = 15.0  # within which a request has to come in


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that takes connections inside the block.

    Raises:
        AddressInUseError: somebody else listens there.
    """
    try:
        made = socket.create_server((host, port), backlog=BACKLOG, family=_family(host))
    except OSError as error:
        raise AddressInUseError(
            f"the manager cannot listen at {host}:{port}: {error.strerror or error}; another network may be running "
            "there: stop it, or change base_port in the network file"
        ) from error
    with made:
        made.setblocking(False)
        yield made


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def first_connection(listener: socket.socket) -> None:
    """Wait until somebody has connected."""
    loop, come = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener.fileno(), come.set)
    try:
        await come.wait()
    finally:
        loop.remove_reader(listener.fileno())


async def serve(listener: socket.socket, credentials: Credentials, make: Callable[[], "ASGIApp"]) -> None:
    """Serve the application that ``make`` gives, until cancelled.

    A request's ``state.identity`` is the holder of the client certificate, or None.
    """
    await first_connection(listener)
    await asyncio.to_thread(import_module, "uvicorn.protocols.http.httptools_impl")
    import uvicorn  # noqa: PLC0415 - see above

    class Server(uvicorn.Server):
        """Leaves the signals to the process."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        _safe(make()),
        http=_protocol(credentials),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # TLS ends here: no header says where a request is from
    )
    config.load()
    config.ssl = credentials.visitors
    await Server(config).serve([listener])


def _identity(credentials: Credentials, transport: asyncio.Transport) -> Identity | None:
    """Who shows a certificate, if anybody does; the connection is over if that is not believed."""
    if transport.get_extra_info("ssl_object").getpeercert():
        try:
            return credentials.admit(transport)
        except CertificateError:
            transport.abort()
    return None


def _protocol(credentials: Credentials) -> "type[asyncio.Protocol]":
    """The server's end of a connection."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: PLC0415 - see above

    class Identified(HttpToolsProtocol):
        """Says who is at the other end, and does not wait for ever for what it asks."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._late: asyncio.TimerHandle | None = None
            self._wait()
            identity = _identity(credentials, transport)
            self.app_state = {**self.app_state, "identity": identity}

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._wait()

        def on_message_complete(self) -> None:
            self._stop_waiting()
            super().on_message_complete()

        def handle_websocket_upgrade(self) -> None:
            self._stop_waiting()
            super().handle_websocket_upgrade()

        def _wait(self) -> None:
            self._stop_waiting()
            self._late = self.loop.call_later(REQUEST_S, self.transport.abort)

        def _stop_waiting(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Identified


def _safe(application: "ASGIApp") -> "ASGIApp":
    """The application, with headers that tell browsers to be careful."""

    async def call(scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *SAFETY]
            await send(message)

        await application(scope, receive, with_headers if scope["type"] == "http" else send)

    return call
