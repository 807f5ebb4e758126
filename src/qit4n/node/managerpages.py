"""What the manager answers over HTTPS: interfaces for programs below ``/api/v1`` and ``/restconf``, pages elsewhere.

Everything is refused that is not allowed: a program shows the operator's certificate, or a name and password (HTTP
basic authentication); pages log people in by themselves.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount as At
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from qit4n.adapters.metrics import exposition
from qit4n.adapters.system import system_entropy
from qit4n.errors import AccessDeniedError, RoleError
from qit4n.interfaces.etsi018 import VIEW
from qit4n.interfaces.restconf import HOST_META
from qit4n.management.access import Access, Action, Role, Session, check
from qit4n.management.overview import Overview
from qit4n.network.model import Network
from qit4n.refpoints.kq1 import LinkAccount

if TYPE_CHECKING:
    from fastapi import FastAPI


class Manager(Protocol):
    """What pages and reports need of the manager's process.

    ``overview`` is what it knows. People log in by :func:`open_session`, one at a time (``log_ins``), and the session
    is kept by the browser; ``access.role_in_session`` gives its present role, :func:`log_out` ends it.
    ``management.access.check(role, "act")`` refuses what a role may not do. ``session_key`` signs sessions.
    """

    network: Network
    state: Path
    overview: Overview
    access: Access
    log_ins: asyncio.Lock
    session_key: str

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    async def account(self, link: str) -> LinkAccount | None:
        """The security account of a link, None before its first block.

        Raises:
            QitError: the controller does not answer.
        """
        ...

    async def accept(self, link: str) -> None:
        """What is unusual about a link now is well; KeyError: no such link is watched."""
        ...


SESSION_BYTES = 8
YANG_DATA, XRD = "application/yang-data+json", "application/xrd+xml"

Mount = Callable[["FastAPI", Manager], None]
"""Puts pages onto an application of their own; requests with other paths than those below come there."""


class Pages:
    """The pages for browsers, loaded when the first one is asked for."""

    def __init__(self, manager: Manager, load: Callable[[], Mount] | None) -> None:
        """Load nothing yet."""
        self._manager, self._load = manager, load
        self._loading = asyncio.Lock()
        self._loaded: ASGIApp | None = None
        self._held: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._load is None:
            await PlainTextResponse("this manager has no pages\n", 404)(scope, receive, send)
            return
        async with self._loading:
            if self._loaded is None:
                self._loaded = await self._begin(self._load)
        await self._loaded(scope, receive, send)

    async def _begin(self, load: Callable[[], Mount]) -> ASGIApp:
        mount = await asyncio.to_thread(load)
        from fastapi import FastAPI  # noqa: PLC0415 - only now

        application, ready = FastAPI(openapi_url=None), asyncio.Event()
        mount(application, self._manager)

        async def hold() -> None:
            async with application.router.lifespan_context(application):
                ready.set()
                await asyncio.Event().wait()

        self._held = asyncio.create_task(hold())
        await ready.wait()
        return application


def application(manager: Manager, load: Callable[[], Mount] | None) -> ASGIApp:
    """The whole of it."""

    async def overview(request: Request) -> Response:
        await authorise(manager, request, "see")
        seen = manager.overview
        return answer(
            {"status": seen.status, "alarms": seen.alarms, "past": list(seen.past), "events": list(seen.events)}
        )

    async def performance(request: Request) -> Response:
        await authorise(manager, request, "see")
        return answer(manager.overview.performance.report())

    async def accounting(request: Request) -> Response:
        await authorise(manager, request, "see")
        return answer(manager.overview.performance.accounting())

    async def anomalies(request: Request) -> Response:
        await authorise(manager, request, "see")
        return answer(manager.overview.anomalies.report())

    async def accept(request: Request) -> Response:
        await authorise(manager, request, "act")
        try:
            await manager.accept(request.path_params["link"])
        except KeyError:
            return PlainTextResponse("no such link is watched\n", 404)
        return answer(manager.overview.anomalies.report())

    async def metrics(request: Request) -> Response:
        await authorise(manager, request, "see")
        return Response(exposition(manager.overview), media_type=CONTENT_TYPE_LATEST)

    async def seen(request: Request) -> Response:
        await authorise(manager, request, "see")
        from qit4n.node.sdnview import seen_network  # noqa: PLC0415 - its client is loaded when somebody asks

        view = await seen_network(manager.network, manager.state / "manager")
        return Response(msgspec.json.encode(view), media_type=YANG_DATA)

    async def where(_: Request) -> Response:
        return Response(HOST_META, media_type=XRD)

    routes = [
        Route(VIEW, seen),
        Route("/.well-known/host-meta", where),
        Route("/api/v1/overview", overview),
        Route("/api/v1/performance", performance),
        Route("/api/v1/accounting", accounting),
        Route("/api/v1/anomalies", anomalies),
        Route("/api/v1/anomalies/{link}/accept", accept, methods=["POST"]),
        Route("/metrics", metrics),
        At("/", Pages(manager, load)),
    ]
    return Starlette(routes=routes, exception_handlers={AccessDeniedError: _refused})


def answer(body: Any) -> Response:
    """A JSON document."""
    return Response(msgspec.json.encode(body), media_type="application/json")


async def authorise(manager: Manager, request: Request, action: Action) -> None:
    """Check who asks, and that it is no page of another site that has a browser act.

    Raises:
        AccessDeniedError: nobody who may.
    """
    if action == "act" and request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise RoleError("a page of another site may not act here")
    check(await _role(manager, request), action)


async def _role(manager: Manager, request: Request) -> Role:
    identity = getattr(request.state, "identity", None)
    if identity is not None and (identity.network, identity.role) == (manager.network.name, "operator"):
        return "operator"
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise AccessDeniedError("show the operator's certificate, or a name and password")
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AccessDeniedError("name and password are unreadable") from error
    async with manager.log_ins:  # those who come at once wait for each other: each attempt counts
        return await asyncio.to_thread(manager.access.log_in, name, password, manager.now(), source=_source(request))


async def open_session(manager: Manager, request: Request, name: str, password: str) -> Session:
    """A session for who says this password; one at a time, as above.

    Raises:
        AccessDeniedError: wrong, or too many attempts.
    """
    number, source = system_entropy(SESSION_BYTES).hex(), _source(request)
    async with manager.log_ins:
        log_in = manager.access.log_in
        await asyncio.to_thread(log_in, name, password, manager.now(), source=source, session=number)
        return manager.access.session(name, number)


async def log_out(manager: Manager, request: Request, session: Session) -> None:
    """The session is over."""
    async with manager.log_ins:
        await asyncio.to_thread(manager.access.log_out, session, manager.now(), source=_source(request))


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


async def _refused(_: Request, error: Exception) -> Response:
    if isinstance(error, RoleError):
        return PlainTextResponse(f"{error}\n", 403)
    return PlainTextResponse(f"{error}\n", 401, {"WWW-Authenticate": 'Basic realm="qit4n"'})
