"""The agent of an encryptor on the wire: whom it speaks with."""

import asyncio
import contextlib
import socket
import ssl

import pytest

from qit4n.adapters import encryptoragent, tls
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.encryptoragent import Agent, Ends
from qit4n.network.model import Application, Network, Site
from qit4n.service import keyidcarrier as carrier

HELLO = carrier.encode(carrier.Hello(number=7))


class Encryptor:
    """A tunnel that uses no key yet."""

    async def start(self):
        return 0


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Certificates of three applications."""
    applications = tuple(Application(id=one, site="a") for one in ("alice", "bob", "carol"))
    directory = tmp_path_factory.mktemp("state")
    issue_all(Network(qit4n=1, name="agents", sites=(Site(id="a"),), applications=applications), directory)
    return directory


@contextlib.asynccontextmanager
async def agent(state, own, peer, port):
    """An agent that runs; what it tells."""
    files = {name: state / "applications" / own / f"{name}.pem" for name in ("cert", "key", "ca")}
    told = asyncio.Queue()
    where = {"host": "127.0.0.1", "port": port, "kmes": ("https://127.0.0.1:1",)}
    ends = Ends(own=own, peer=peer, **where, **files, key_bits=256, every_s=1.0)
    made = Agent(ends, Encryptor(), lambda event, more: told.put_nowait((event, more.get("reason", ""))))
    running = asyncio.create_task(made.run())
    try:
        yield told
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def context(state, who, protocol):
    files = state / "applications" / who
    made = tls.context_of(protocol, files / "cert.pem", files / "key.pem", files / "ca.pem", ssl.TLSVersion.TLSv1_3)
    made.check_hostname = False
    return made


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.mark.parametrize(("who", "answered"), [("alice", True), ("carol", False), ("bob", False)])
async def test_the_slave_answers_the_application_at_the_other_end_alone(state, port, who, answered):
    """Another application of the same authority, or itself: the connection closes without a word, and it is told."""
    async with agent(state, "bob", "alice", port) as told:
        while True:
            try:
                made = context(state, who, ssl.PROTOCOL_TLS_CLIENT)
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=made)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
        writer.write(HELLO)
        line = b""
        with contextlib.suppress(OSError):
            line = await asyncio.wait_for(reader.readline(), 5)
        writer.transport.abort()
        assert bool(line) is answered
        if not answered:
            assert await asyncio.wait_for(told.get(), 5) == (
                "parted",
                f"at the other end is sae {who}, not application alice",
            )


@pytest.mark.parametrize("who", ["bob", "carol"])
async def test_the_master_speaks_with_the_application_at_the_other_end_alone(state, port, monkeypatch, who):
    """Whoever else listens at the carrier's address hears nothing, not even a hello."""
    monkeypatch.setattr(encryptoragent, "RETRY_S", 0.01)
    heard = asyncio.Queue()

    async def listen(reader, writer):
        with contextlib.suppress(OSError):
            heard.put_nowait(await reader.readline())
        writer.transport.abort()

    made = context(state, who, ssl.PROTOCOL_TLS_SERVER)
    async with (
        await asyncio.start_server(listen, "127.0.0.1", port, ssl=made),
        agent(state, "alice", "bob", port) as told,
    ):
        if who == "bob":
            assert await asyncio.wait_for(heard.get(), 5)
            return
        for _ in range(2):
            parted = await asyncio.wait_for(told.get(), 5)
            assert parted == ("parted", "at the other end is sae carol, not application bob")
        assert heard.empty() or not await heard.get()
