"""The way between key managers of two networks, over real TLS: who is believed, and what an answer must not do."""

import asyncio
import contextlib
import json
import ssl

import pytest

from qit4n.adapters import interworkingserver, tls
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.neighbourclient import NeighbourClient
from qit4n.adapters.neighbours import Neighbours
from qit4n.errors import AddressInUseError, CertificateError
from qit4n.network.file import load
from qit4n.network.model import Neighbour
from qit4n.refpoints.interworking import (
    Acknowledge,
    Acknowledgement,
    AskVersions,
    Done,
    ForeignKey,
    HandKeys,
    KeyStatus,
    NotSent,
    Unclear,
    Versions,
)

NORTH, SOUTH = "urn:qit4n:north:site:north-gate", "urn:qit4n:south:site:south-gate"
HANDED = HandKeys(keys=(ForeignKey(key_id=bytes(16), value=b"k" * 32),), initiator="app-north", targets=("app-south",))
ACK = Acknowledgement(key_ids=(bytes(16),), status=KeyStatus.RELAYED, initiator="app-north", targets=("app-south",))


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """State directories of both networks, with certificates."""
    found = {name: tmp_path_factory.mktemp(name) for name in ("north", "south")}
    for name, state in found.items():
        issue_all(load(name), state)
    return found


def neighbour(states, name, identity, url="https://127.0.0.1:1"):
    ca = str(states[name] / "ca" / "ca.pem")
    return Neighbour(site="gate", url=url, identity=identity, ca=ca, applications=("app",))


def gate(states, name, **known):
    return Neighbours(known, states[name] / "sites" / f"{name}-gate")


@contextlib.asynccontextmanager
async def south(states, answer, **known):
    """The server of south's gate; ``answer(neighbour, request)``."""
    trusted = gate(states, "south", **(known or {"north": neighbour(states, "north", NORTH)}))
    ask = lambda name, request, reply: reply(answer(name, request))  # noqa: E731
    async with interworkingserver.serving("127.0.0.1", 0, trusted, ask, timeout_s=1.0) as server:
        yield server


@contextlib.asynccontextmanager
async def client_of(states, port, identity=SOUTH, site="north-gate"):
    trusted = Neighbours({"south": neighbour(states, "south", identity)}, states["north"] / "sites" / site)
    client = NeighbourClient(f"https://127.0.0.1:{port}", trusted.clients["south"])
    try:
        yield client
    finally:
        await client.close()


async def test_a_request_and_its_answer_cross(states):
    """With the name of the neighbour whose certificate it is, over one connection that stays."""
    asked = []

    def answer(name, request):
        asked.append((name, request))
        return Versions(versions=("v1",)) if isinstance(request, AskVersions) else Done(acks=(ACK,))

    async with south(states, answer) as server, client_of(states, server.port) as client:
        assert await client.call(AskVersions()) == Versions(versions=("v1",))
        assert await client.call(HANDED) == Done(acks=(ACK,))
        url = f"https://127.0.0.1:{server.port}/kmapi/v1/ext_keys/ack"
        assert isinstance(await client.call(Acknowledge(acks=(ACK,)), url), Done)
    assert asked == [("north", AskVersions()), ("north", HANDED), ("north", Acknowledge(acks=(ACK,)))]


@pytest.mark.checklist("7f")
async def test_tls_1_3_only(states):
    """A client that offers TLS 1.2 at most is refused in the handshake; one that offers 1.3 gets it."""
    context = gate(states, "north", south=neighbour(states, "south", SOUTH)).clients["south"]
    async with south(states, lambda *_: Done()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        del reader


@pytest.mark.checklist("7g")
async def test_another_certificate_of_the_neighbour_is_401(states):
    """Only the key manager that the network file names is heard; the answer is problem details."""
    heard = []
    async with (
        south(states, lambda *_: heard.append(1)) as server,
        client_of(states, server.port, site="north-office") as client,
    ):
        reply = await client.call(HANDED)
        assert (reply.status, reply.kind) == (401, "unauthorized")
    assert not heard


async def test_an_authority_speaks_for_its_own_network_only(states):
    """A neighbour's authority that signs the name of another neighbour is not believed."""
    known = {"east": neighbour(states, "north", "urn:qit4n:east:site:gate"), "north": neighbour(states, "south", NORTH)}
    async with south(states, lambda *_: Done(), **known) as server, client_of(states, server.port) as client:
        reply = await client.call(HANDED)
    assert (reply.status, reply.kind) == (401, "unauthorized")


async def test_without_a_certificate_there_is_no_connection(states):
    """The handshake fails."""
    context = ssl.create_default_context(cafile=states["south"] / "ca" / "ca.pem")
    async with south(states, lambda *_: Done()) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            try:
                writer.write(b"GET /kmapi/versions HTTP/1.1\r\nHost: kme\r\n\r\n")
                if not await reader.read(1):
                    raise ConnectionError("closed")
            finally:
                writer.close()


async def test_keys_go_to_the_named_key_manager_only(states):
    """If somebody else of that network answers, the connection ends before anything is sent: nothing can be there."""
    heard = []
    other = "urn:qit4n:south:site:south-office"
    async with south(states, lambda *_: heard.append(1)) as server, client_of(states, server.port, other) as client:
        assert isinstance(await client.call(HANDED), NotSent)
    assert not heard


@contextlib.asynccontextmanager
async def raw(states, answer):
    """A server with south's certificate that answers these bytes to whatever comes."""
    files = states["south"] / "sites" / "south-gate"
    context = tls.context_of(
        ssl.PROTOCOL_TLS_SERVER,
        files / "cert.pem",
        files / "key.pem",
        states["north"] / "ca" / "ca.pem",
        ssl.TLSVersion.TLSv1_3,
    )
    seen = []

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in answer:
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()


@pytest.mark.checklist("7e")
async def test_a_redirection_is_not_followed(states):
    """It is an answer that makes no sense; the address is not called."""
    answer = [b"HTTP/1.1 307 Elsewhere\r\nLocation: /elsewhere\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]
    async with raw(states, answer) as (port, seen), client_of(states, port) as client:
        assert isinstance(await client.call(HANDED), Unclear)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        [b""],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n["],
        [b"no HTTP\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 64],
    ],
    ids=["nothing", "half", "no HTTP", "endless"],
)
async def test_an_answer_that_breaks_off_is_unclear(states, answer):
    """What has been sent may have arrived."""
    async with raw(states, answer) as (port, _), client_of(states, port) as client:
        assert isinstance(await client.call(HANDED), Unclear)


async def test_nobody_there_is_nothing_sent(states):
    """A refused connection leaves nothing at the other side."""
    async with client_of(states, 1) as client:
        assert isinstance(await client.call(HANDED), NotSent)


@pytest.mark.checklist("7g")
async def test_every_answer_is_json_that_nobody_keeps(states):
    """Also to what is no request, and when the key manager fails: then it is 503, never 500."""

    def broken(*_):
        raise RuntimeError("a fault")

    context = gate(states, "north", south=neighbour(states, "south", SOUTH)).clients["south"]
    requests = {
        b"GET /kmapi/versions HTTP/1.1\r\nHost: kme\r\n\r\n": 503,
        b"GET /nowhere HTTP/1.1\r\nHost: kme\r\n\r\n": 404,
        b"PUT /kmapi/v1/ext_keys HTTP/1.1\r\nHost: kme\r\nContent-Length: 0\r\n\r\n": 405,
        b"no HTTP at all\r\n\r\n": 400,
        b"POST /kmapi/v1/ext_keys HTTP/1.1\r\nHost: kme\r\nContent-Length: 9\r\n\r\n{": 408,
    }
    async with south(states, broken) as server:
        for request, status in requests.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(next(line.split(":")[1] for line in head.split("\r\n") if line.startswith("Content-Length")))
            found = json.loads(await reader.readexactly(length))
            writer.close()
            assert head.startswith(f"HTTP/1.1 {status} "), head
            assert "Content-Type: application/json; charset=UTF-8\r\n" in head
            assert "Cache-Control: no-store" in head
            assert found["status"] == status
            assert found["type"].startswith("https://qkd.etsi.org/gs020-interop-kms/")


async def test_a_port_that_is_taken_is_named(states):
    """With advice."""
    async with south(states, lambda *_: Done()) as server:
        trusted = gate(states, "south", north=neighbour(states, "north", NORTH))
        with pytest.raises(AddressInUseError, match="other networks"):
            async with interworkingserver.serving("127.0.0.1", server.port, trusted, None):
                pass


def test_a_missing_authority_is_named(states):
    """With the neighbour, the file, and where it comes from."""
    absent = Neighbour(site="gate", url="https://x", identity="x", ca="/nowhere/ca.pem", applications=("app",))
    with pytest.raises(CertificateError, match=r"/nowhere/ca.pem.*neighbour north"):
        gate(states, "south", north=absent)
