"""Logging in at the dashboard: a session lasts as long as account and password."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse

from qit4n.adapters.system import system_entropy
from qit4n.dashboard.app import serve_land
from qit4n.dashboard.drawing import Drawings
from qit4n.dashboard.login import guard
from qit4n.management.access import Access, account
from qit4n.network.file import load

FIRST, SECOND = "first password", "second password"


class Manager:
    """What logging in needs of the manager."""

    def __init__(self):
        self.network = load("two-data-centres")
        self.access = Access({"ann": account("viewer", FIRST, system_entropy)})
        self.log_ins = asyncio.Lock()

    def now(self):
        return 0.0


@pytest.fixture
def manager():
    return Manager()


@pytest.fixture
def browser(manager):
    """A browser at an application with one page, which follows no redirects."""
    application = FastAPI()
    guard(application, manager)
    serve_land(application, Drawings(manager.network))
    application.add_middleware(SessionMiddleware, secret_key=system_entropy(32).hex())

    @application.get("/")
    async def page():
        return PlainTextResponse("the page")

    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="https://manager")


async def log_in(browser, password):
    return await browser.post("/login", data={"name": "ann", "password": password})


async def test_a_session_ends_when_the_password_changes(browser, manager):
    """It is asked for anew; with the new password it goes on."""
    assert (await browser.get("/")).headers["location"].startswith("/login")
    assert (await log_in(browser, "wrong password")).status_code == 401
    assert (await log_in(browser, FIRST)).status_code == 303
    assert (await browser.get("/")).text == "the page"
    manager.access.replace({"ann": account("viewer", SECOND, system_entropy)})
    assert (await browser.get("/")).headers["location"].startswith("/login")
    await log_in(browser, SECOND)
    assert (await browser.get("/")).text == "the page"


async def test_a_session_ends_with_its_account(browser, manager):
    await log_in(browser, FIRST)
    manager.access.replace({})
    assert (await browser.get("/")).status_code == 303


async def test_a_copy_of_the_cookie_is_dead_after_logging_out(browser):
    """Who has copied the cookie before has nothing afterwards."""
    await log_in(browser, FIRST)
    copied = {name: browser.cookies[name] for name in browser.cookies}
    assert (await browser.get("/")).text == "the page"
    assert (await browser.post("/logout")).status_code == 303
    browser.cookies.update(copied)
    assert (await browser.get("/")).headers["location"].startswith("/login")


async def test_a_viewer_is_told_which_role_it_takes(browser):
    await log_in(browser, FIRST)
    refused = await browser.get("/audit")
    assert (refused.status_code, refused.text) == (403, "this takes the role operator; yours is viewer\n")


async def test_the_coasts_are_sent_once_and_pages_are_never_kept(browser):
    """Who has them is told that they are the same; who has logged out gets neither."""
    await log_in(browser, FIRST)
    land = await browser.get("/land.json?view=map")
    assert len(land.content) > 1000
    assert land.headers["cache-control"] == "private, no-cache"
    kept = {"If-None-Match": land.headers["etag"]}
    again = await browser.get("/land.json?view=map", headers=kept)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", land.headers["etag"])
    assert (await browser.get("/land.json?view=scheme", headers=kept)).status_code == 200
    assert (await browser.get("/")).headers["cache-control"] == "no-store"
    await browser.post("/logout")
    assert (await browser.get("/land.json?view=map", headers=kept)).status_code == 303


@pytest.mark.parametrize("path", ["/_nicegui/nothing", "/loginpage", "/login/", "/logout/x", "/static/x"])
async def test_only_the_form_is_for_strangers(browser, path):
    """Nothing is drawn for them, or kept in memory, and files are not told from no files."""
    assert (await browser.get(path)).headers["location"].startswith("/login?to=")


@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_no_page_of_another_site_logs_anybody_in_or_out(browser, manager, path):
    """Also one at another port of the same machine, to which a browser sends the cookie."""
    await log_in(browser, FIRST)
    data = {"name": "ann", "password": FIRST}
    for site in ("cross-site", "same-site"):
        refused = await browser.post(path, data=data, headers={"Sec-Fetch-Site": site})
        assert refused.status_code == 403
    assert (await browser.get("/")).text == "the page"
    assert (await browser.post(path, data=data, headers={"Sec-Fetch-Site": "same-origin"})).status_code == 303


async def test_who_leaves_in_the_middle_of_the_form_has_not_tried(manager):
    """No attempt is counted, and the log has no trace of calls."""
    application = FastAPI()
    guard(application, manager)
    application.add_middleware(SessionMiddleware, secret_key=system_entropy(32).hex())
    told = []
    scope = {"type": "http", "method": "POST", "path": "/login", "raw_path": b"/login", "query_string": b""}
    scope |= {"headers": [], "scheme": "https", "server": ("manager", 443), "client": ("192.0.2.1", 1), "root_path": ""}

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        told.append(message)

    await application(scope, receive, send)
    assert told[0]["status"] == 401
