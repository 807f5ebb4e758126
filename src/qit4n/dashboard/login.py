"""Logging in and out, with plain forms; who is logged in stands in a signed cookie, the role is looked up each time."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from urllib.parse import parse_qs, quote

from fastapi import FastAPI
from markupsafe import Markup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from qit4n.dashboard.frame import FOR_OPERATORS, SESSION, session_of
from qit4n.dashboard.styles import head
from qit4n.errors import AccessDeniedError
from qit4n.node.managerpages import Manager, log_out, open_session

OPEN = frozenset({"/login", "/logout"})
OWN = frozenset({"none", "same-origin"})  # what browsers say of requests that no other site has them make
MOST_FORM_BYTES = 4096
HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'",
}


def guard(application: FastAPI, manager: Manager) -> None:
    """Let nobody in who has not logged in, and say on every page that nothing comes from elsewhere."""

    @application.middleware("http")
    async def check(request: Request, following: Callable[[Request], Awaitable[Response]]) -> Response:
        refused = _refused(manager, request)
        if refused is not None:
            return refused
        answer = await following(request)
        answer.headers.update(HEADERS)
        if not request.url.path.startswith("/_nicegui"):
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    @application.get("/login")
    async def form(request: Request) -> Response:
        return _form(manager, request.query_params.get("to", "/"), "")

    @application.post("/login")
    async def log_in(request: Request) -> Response:
        given: dict[str, str] = {}
        try:
            given = await _fields(request)
            session = await open_session(manager, request, given.get("name", ""), given.get("password", ""))
        except AccessDeniedError as error:
            return _form(manager, given.get("to", "/"), str(error), status=401)
        request.session[SESSION] = asdict(session)
        return RedirectResponse(_own(given.get("to", "/")), 303)

    @application.post("/logout")
    async def leave(request: Request) -> Response:
        await log_out(manager, request, session_of(request))
        request.session.pop(SESSION, None)
        return RedirectResponse("/login", 303)


def _refused(manager: Manager, request: Request) -> Response | None:
    """What is told to who may not come in; None to who may."""
    if request.method not in {"GET", "HEAD"} and request.headers.get("sec-fetch-site", "none") not in OWN:
        return PlainTextResponse("a page of another site, or of another port, may not act here\n", 403)
    path = request.url.path
    if path in OPEN:
        return None
    try:
        role = manager.access.role_in_session(session_of(request))
    except AccessDeniedError:
        request.session.pop(SESSION, None)
        return RedirectResponse(f"/login?to={quote(_with_query(request))}", 303)
    if role != "operator" and path in FOR_OPERATORS:
        return PlainTextResponse(f"this takes the role operator; yours is {role}\n", 403)
    return None


def _with_query(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _own(to: str) -> str:
    """A page of ours, and none of somebody else's to which a link would lead after the login."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


async def _fields(request: Request) -> dict[str, str]:
    """What a form says; nothing if it is too long. AccessDeniedError: who sent it does not wait for the answer."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_FORM_BYTES:
                return {}
    except ClientDisconnect as error:
        raise AccessDeniedError("the form did not come in whole") from error
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _form(manager: Manager, to: str, error: str, status: int = 200) -> HTMLResponse:
    name, title = manager.network.name, manager.network.title or manager.network.name
    told = Markup('<p class="error" role="alert">{}</p>').format(error[:1].upper() + error[1:] + ".") if error else ""
    return HTMLResponse(
        Markup(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Log in · {name}</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">{head}</head><body>'
            '<main class="login"><h1>{title}</h1><p class="lead">Log in to see this network.</p>{told}'
            '<form method="post" action="/login"><input type="hidden" name="to" value="{to}">'
            '<label>Name<input name="name" autocomplete="username" required autofocus></label>'
            '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
            '<button class="main">Log in</button></form></main></body></html>'
        ).format(name=name, title=title, head=head(), told=told, to=to),
        status,
    )
