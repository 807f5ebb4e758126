"""The manager's process beside a controller: what it hears, what it tells, whom it answers."""

import asyncio
import contextlib
import ssl
import tempfile
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from starlette.responses import PlainTextResponse

from qit4n.adapters import managerserver
from qit4n.adapters.accesstrail import access_trail, events_of
from qit4n.adapters.accounts import PASSWORDS, make_accounts
from qit4n.adapters.certificates import issue_all, revoke
from qit4n.interfaces.etsi015 import name_uuid
from qit4n.interfaces.etsi015model import TYPES
from qit4n.interfaces.etsi018 import VIEW
from qit4n.management.attempts import FREE_ATTEMPTS
from qit4n.network.file import load
from qit4n.node.controller import ControllerProcess
from qit4n.node.manager import ManagerProcess
from qit4n.node.questions import ask_status
from system.conftest import base_port

PAGE = "the page of two-data-centres"


@pytest.fixture(scope="module")
def state():
    """A state directory with certificates and accounts."""
    with tempfile.TemporaryDirectory() as directory:
        issue_all(load("two-data-centres"), Path(directory))
        make_accounts(Path(directory))
        yield Path(directory)


def load_pages():
    """One page, as a dashboard would put it there."""

    def mount(application, manager):
        @application.get("/")
        async def page():
            return PlainTextResponse(f"the page of {manager.network.name}")

    return mount


@pytest.fixture
async def manager(state):
    """A manager and a controller that talk to each other."""
    with base_port() as port:
        async for made in running(replace(load("two-data-centres"), base_port=port), state):
            yield made


async def running(network, state):
    """Both, until the state of the network is known, and then until the test is over."""
    made = ManagerProcess(network, state, load_pages)
    tasks = [asyncio.create_task(one.run()) for one in (ControllerProcess(network, state), made)]
    async with asyncio.timeout(20):
        while made.overview.status is None:  # noqa: ASYNC110 - it has no event for tests
            await asyncio.sleep(0.05)
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def ask(manager, state):
    """Ask the manager over HTTPS, with the certificate in a folder of the state directory or without one."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(path, folder=None, method="GET", **options):
            context = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
            if folder:
                context.load_cert_chain(state / folder / "cert.pem", state / folder / "key.pem")
            client = await stack.enter_async_context(httpx.AsyncClient(verify=context, trust_env=False, timeout=20))
            url = f"https://127.0.0.1:{manager.network.manager_port()}{path}"
            return await client.request(method, url, **options)

        yield make


async def test_the_controller_shows_operators_that_the_manager_is_up(manager, state):
    """Each hears the other: the manager has the state of the network, and the state says that there is a manager."""
    assert manager.overview.status.network == "two-data-centres"
    async with asyncio.timeout(20):
        while not (status := await ask_status(manager.network, state)).manager.up:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert status.manager.memory_bytes > 0


async def test_an_operator_is_answered_by_certificate_or_password_nobody_else(ask, state):
    """Everything that is not allowed is refused: no certificate, one of an application, a wrong password."""
    password = (state / PASSWORDS / "viewer").read_text().strip()
    path = "/api/v1/overview"
    assert (await ask(path, "operator")).json()["status"]["network"] == "two-data-centres"
    assert (await ask(path, auth=("viewer", password))).status_code == 200
    for refused in (
        await ask(path),
        await ask(path, "applications/app-east"),
        await ask(path, auth=("viewer", "wrong")),
        await ask(path, headers={"Authorization": "Basic %%%"}),
        await ask(path, headers={"Authorization": "Bearer x"}),
    ):
        assert refused.status_code == 401
        assert "operator" in refused.text or "password" in refused.text
        assert refused.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n",
    ],
)
async def test_a_request_that_does_not_come_in_is_not_waited_for(manager, state, monkeypatch, sent):
    """Nothing, half a head, half a body, and half a second request: a stranger does not hold a connection with it."""
    monkeypatch.setattr(managerserver, "REQUEST_S", 0.3)
    context = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
    reader, writer = await asyncio.open_connection("127.0.0.1", manager.network.manager_port(), ssl=context)
    writer.write(sent)
    async with asyncio.timeout(20):  # what ends the connection without the limit is uvicorn's rest of 5 s, if anything
        with contextlib.suppress(ConnectionError):
            await reader.read()
    writer.close()


async def test_guesses_at_the_same_moment_are_counted_each(ask, state):
    """Sixteen at once: no more are compared than one after the other would be, and each of those is in the trail.

    The address is that of the connection, whatever a header says.
    """
    pretended = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(16)]
    told = await asyncio.gather(
        *(ask("/api/v1/overview", auth=("operator", "wrong"), headers=headers) for headers in pretended)
    )
    assert sum("is wrong" in one.text for one in told) == FREE_ATTEMPTS
    assert {one.status_code for one in told} == {401}
    with access_trail(state) as (rows, _):
        events = [event for row in rows for event in events_of(row) if event.name == "operator"]
    assert [one.step for one in events] == [*["refused"] * (FREE_ATTEMPTS - 1), "waits"]
    assert {one.source for one in events} == {"127.0.0.1"}


async def test_the_network_is_shown_over_restconf(ask, manager):
    """An operator gets the whole network in the shape of 018, sites that do not answer as FAILURE; nobody else does."""
    answer = await ask(VIEW, "operator")
    assert answer.headers["content-type"] == "application/yang-data+json"
    nodes = answer.json()["etsi-qkd-sdn-topology:qkd_network"]["sdqkd_nodes"]
    assert [one["qkdn_id"] for one in nodes] == [
        name_uuid(manager.network.name, "site", site.id) for site in manager.network.sites
    ]
    assert {one["qkdn_status"] for one in nodes} == {f"{TYPES}:FAILURE"}
    assert (await ask(VIEW)).status_code == 401
    assert b"/restconf" in (await ask("/.well-known/host-meta")).content


async def test_pages_are_loaded_when_the_first_browser_comes(ask):
    """Two requests at once get the same page."""
    first, second = await asyncio.gather(ask("/"), ask("/"))
    assert first.text == second.text == PAGE


async def test_a_revoked_certificate_gets_no_answer(ask, manager, state):
    """The list counts here as everywhere."""
    revoke(state, "app-west")
    manager._credentials.check()
    with pytest.raises(httpx.TransportError):
        await ask("/api/v1/overview", "applications/app-west")


async def test_an_operator_accepts_the_state_of_a_link_a_viewer_does_not(ask, manager, state):
    """It is kept for the next manager; links that are not watched are unknown."""
    password = (state / PASSWORDS / "viewer").read_text().strip()
    (link,) = manager.network.links
    path = f"/api/v1/anomalies/{link.id}/accept"
    refused = await ask(path, method="POST", auth=("viewer", password))
    assert (refused.status_code, refused.text) == (403, "this takes the role operator; yours is viewer\n")
    assert (await ask("/api/v1/anomalies/nowhere/accept", "operator", "POST")).status_code == 404
    from_elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert (await ask(path, "operator", "POST", headers=from_elsewhere)).status_code == 403
    (found,) = (await ask(path, "operator", "POST")).json()
    assert (found["link"], found["samples"]) == (link.id, 0)
    assert [row.elements for row in manager._store.rows() if row.kind == "accepted"] == [(link.id,)]
