"""Puts the dashboard onto the manager's web application."""

import functools
import hashlib
import json

from fastapi import FastAPI, Request
from nicegui import ui
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import Response

from qit4n.dashboard.drawing import Drawings
from qit4n.dashboard.login import guard
from qit4n.dashboard.pages import audit, flow, link, lists, overview, playback, sites, standards, whatif
from qit4n.management.access import SESSION_S
from qit4n.node.managerpages import Manager

CACHE = "private, no-cache"  # a browser keeps it, and asks each time whether it is still so


def mount(application: FastAPI, manager: Manager) -> None:
    """Serve all pages of a manager; called once in a process."""
    drawings = Drawings(manager.network)
    guard(application, manager)
    serve_land(application, drawings)
    application.add_middleware(
        SessionMiddleware, secret_key=manager.session_key, https_only=True, same_site="strict", max_age=int(SESSION_S)
    )

    for page in (overview, flow, playback):
        page.register(manager, drawings)
    for page in (audit, link, lists, sites, standards, whatif):
        page.register(manager)
    ui.run_with(
        application,
        title=manager.network.name,
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        message_history_length=50,
        show_welcome_message=False,
        storage_secret=manager.session_key,
    )


def serve_land(application: FastAPI, drawings: Drawings) -> None:
    """Coasts, borders and rivers under the map: sent once, as long as they stay the same."""

    @functools.lru_cache(maxsize=16)
    def made(view: str, region: str) -> tuple[bytes, str]:
        body = json.dumps(drawings.drawing(view, region).land()).encode()
        return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    @application.get("/land.json")
    def land(request: Request, view: str = "", region: str = "") -> Response:
        body, tag = made(view, region)
        headers = {"Cache-Control": CACHE, "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, 200, headers, "application/json")
