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
