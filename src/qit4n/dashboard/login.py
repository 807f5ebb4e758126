"""Logging in and out, with plain forms; who is logged in stands in a signed cookie, the role is looked up each time."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from urllib.parse import parse_qs, quote

from fastapi import FastAPI
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from qit4n.dashboard.frame import FOR_OPERATORS, SESSION, session_of
from qit4n.dashboard.styles import head
from qit4n.errors import AccessDeniedError
from qit4n.node.managerpages import Manager, log_out, open_session

OPEN = ("/login", "/logout", "/_nicegui")  # the last: libraries from the packages' files, and the pages' own socket
MOST_FORM_BYTES = 4096
HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'",
}


def guard(application: FastAPI, manager: Manager) -> None:
    """Let nobody in who has not logged in, and say on every page that nothing comes from elsewhere."""

    @application.middleware("http")
    async def check(request: Request, following: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path
        if not path.startswith(OPEN):
            try:
                role = manager.access.role_in_session(session_of(request))
            except AccessDeniedError:
                request.session.pop(SESSION, None)
                return RedirectResponse(f"/login?to={quote(_with_query(request))}", 303)
            if role != "operator" and path in FOR_OPERATORS:
                return PlainTextResponse(f"this takes the role operator; yours is {role}\n", 403)
        answer = await following(request)
        answer.headers.update(HEADERS)
        if not path.startswith("/_nicegui"):
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    @application.get("/login")
    async def form(request: Request) -> Response:
        return _form(manager, request.query_params.get("to", "/"), "")

    @application.post("/login")
    async def log_in(request: Request) -> Response:
        given = await _fields(request)
        name, to = given.get("name", ""), given.get("to", "/")
        try:
            session = await open_session(manager, request, name, given.get("password", ""))
        except AccessDeniedError as error:
            return _form(manager, to, str(error), status=401)
        request.session[SESSION] = asdict(session)
        return RedirectResponse(_own(to), 303)

    @application.post("/logout")
    async def leave(request: Request) -> Response:
        await log_out(manager, request, session_of(request))
        request.session.pop(SESSION, None)
        return RedirectResponse("/login", 303)


def _with_query(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _own(to: str) -> str:
    """A page of ours, and none of somebody else's to which a link would lead after the login."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            return {}
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
