"""The server and the client of key streams on the wire: who may speak, odd lines, faults, no key in a log."""

import asyncio
import contextlib
import json
import logging
import shutil
import socket
import ssl
import threading
import time
import uuid

import pytest

from qit4n.adapters import streamserver
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.credentials import Credentials
from qit4n.errors import AddressInUseError, CertificateError, KeyStreamError, PeerUnreachableError
from qit4n.network.file import load
from qit4n.refpoints import ak
from qit4n.refpoints.ak import StreamStatus
from qit4n.service import streams
from qit4n.service.streams import QoS, StreamClient

STREAM = bytes(range(16))
NAME = str(uuid.UUID(bytes=STREAM))
SECRET = b"never to be seen in any log, 32!"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Certificates of the smallest example."""
    directory = tmp_path_factory.mktemp("state")
    issue_all(load("two-data-centres"), directory)
    return directory


def answering(request, reply):
    """A key manager with one stream."""
    if isinstance(request, ak.OpenStream):
        status = StreamStatus.QOS_NOT_MET if request.qos.min_bps > 100 else StreamStatus.SUCCESS
        reply(ak.OpenedStream(status=status, stream=STREAM, qos=ak.StreamQoS(key_chunk_size=32, min_bps=100)))
    elif isinstance(request, ak.CloseStream):
        reply(ak.ClosedStream(status=StreamStatus.SUCCESS))
    elif request.index == 666:
        raise RuntimeError(SECRET)
    elif request.index == 13:
        reply(ak.SuppliedChunk(status=StreamStatus.INSUFFICIENT_KEY, index=13, text="too little"))
    else:
        said = '{"age":5,"hops":2}'
        index = request.index or 0
        ok = StreamStatus.SUCCESS
        reply(ak.SuppliedChunk(status=ok, index=index, chunk=SECRET, metadata=said, metadata_size=len(said)))


@contextlib.asynccontextmanager
async def served(state, ask=answering):
    credentials = Credentials(state / "sites" / "east")
    async with streamserver.serving("127.0.0.1", 0, credentials, ask, network="two-data-centres") as port:
        yield port, credentials


def client(state, port, who="applications/app-east"):
    files = state / who
    return StreamClient(f"127.0.0.1:{port}", files / "cert.pem", files / "key.pem", files / "ca.pem")


async def lines(state, port, *said, who="applications/app-east", least=ssl.TLSVersion.TLSv1_3, most=None):
    """The answers to bytes that are sent as they are, until the server closes or is silent."""
    context = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
    context.minimum_version, context.maximum_version = least, most or ssl.TLSVersion.MAXIMUM_SUPPORTED
    if who:
        context.load_cert_chain(state / who / "cert.pem", state / who / "key.pem")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found = []
    try:
        for one in said:
            writer.write(one)
            async with asyncio.timeout(5):
                found.append(await reader.readline())
    finally:
        writer.transport.abort()
    return found


async def test_the_client_opens_gets_and_closes(state, caplog):
    """One connection for all calls; the chunk arrives whole with its metadata; nothing of it is in a log or a repr."""
    caplog.set_level(logging.DEBUG)
    async with served(state) as (port, _):

        def use():
            with client(state, port) as one:
                opened = one.open_connect("app-east", "app-west", QoS(key_chunk_size=32))
                assert (opened.status, opened.key_stream_id, opened.qos.key_chunk_size) == (0, NAME, 32)
                chunk = one.get_key(NAME, 4)
                assert (chunk.index, chunk.value, chunk.age_ms, chunk.hops) == (4, SECRET, 5, 2)
                assert "<32 bytes>" in repr(chunk)
                one.close(NAME)
                with pytest.raises(KeyStreamError, match="status 2: too little") as refused:
                    one.get_key(NAME, 13)
                assert refused.value.status == 2
                with pytest.raises(KeyStreamError) as refused:
                    one.open_connect("app-east", "app-west", QoS(min_bps=200))
                assert (refused.value.status, refused.value.qos.min_bps) == (7, 100)
                with pytest.raises(KeyStreamError, match="neither source nor destination"):
                    one.open_connect("app-west", "app-north")

        await asyncio.to_thread(use)
    assert SECRET.decode() not in caplog.text
    assert SECRET.hex() not in caplog.text


async def test_what_is_no_request_gets_an_error_line_and_the_connection_lives(state):
    """Nonsense, then a request: both are answered, in order, also when they come together."""
    async with served(state) as (port, _):
        right = json.dumps({"command": "CLOSE", "data": {"key_stream_id": NAME}}).encode() + b"\n"
        found = await lines(state, port, b"nonsense\n", b"{}\n", right)
        assert ["error" in json.loads(line) for line in found] == [True, True, False]
        assert json.loads((await lines(state, port, right * 5))[0]) == {"status": 0}


async def test_a_line_without_end_is_refused_and_the_connection_closed(state):
    """No more than 16 KiB of a request are kept."""
    async with served(state) as (port, _):
        found = await lines(state, port, b"x" * 40_000, b"\n")
        assert "16384 bytes at most" in json.loads(found[0])["error"]
        assert found[1] == b""


async def test_an_internal_error_says_nothing_of_keys(state):
    """The caller is told that there was one, and may go on."""
    async with served(state) as (port, _):
        asked = json.dumps({"command": "GET_KEY", "data": {"key_stream_id": NAME, "index": 666}}).encode() + b"\n"
        (line,) = await lines(state, port, asked)
        assert json.loads(line) == {"error": "internal error; see the log of this site"}


@pytest.mark.parametrize("who", ["sites/east", "operator"])
async def test_who_is_no_application_gets_no_answer(state, who):
    """A site or an operator has no key streams."""
    async with served(state) as (port, _):
        assert await lines(state, port, b"{}\n", who=who) == [b""]


@pytest.mark.parametrize("odd", [{"who": ""}, {"least": ssl.TLSVersion.TLSv1_2, "most": ssl.TLSVersion.TLSv1_2}])
async def test_without_a_certificate_or_with_tls_1_2_there_is_no_answer(state, odd):
    """Mutual TLS 1.3 only."""
    found = []
    async with served(state) as (port, _):
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            found = await lines(state, port, b"{}\n", **odd)
    assert found in ([], [b""])


async def test_one_application_cannot_take_all_connections(state, monkeypatch):
    """One more than it may have is closed without an answer; another application is served."""
    monkeypatch.setattr(streamserver, "MOST_OF_ONE_CALLER", 2)
    waiting = asyncio.Queue()
    close = json.dumps({"command": "CLOSE", "data": {"key_stream_id": NAME}}).encode() + b"\n"
    async with served(state, lambda _request, reply: waiting.put_nowait(reply)) as (port, _):
        held = [asyncio.create_task(lines(state, port, close)) for _ in range(2)]
        replies = [await waiting.get() for _ in held]
        assert await lines(state, port, close) == [b""]
        other = asyncio.create_task(lines(state, port, close, who="applications/app-west"))
        for reply in [*replies, await waiting.get()]:
            reply(ak.ClosedStream(status=StreamStatus.SUCCESS))
        assert all(b"status" in one[0] for one in await asyncio.gather(*held, other))


async def test_the_end_of_the_server_closes_connections_that_wait(state):
    """A GET_KEY that waits does not keep the process alive; the client says that nobody answers."""
    async with served(state, lambda *_: None) as (port, _):
        waiting = asyncio.create_task(asyncio.to_thread(client(state, port).get_key, NAME, 0))
        await asyncio.sleep(0.3)
    with pytest.raises(PeerUnreachableError):
        async with asyncio.timeout(5):
            await waiting


async def test_a_taken_port_is_said_with_what_to_do(state):
    """The error names the address and base_port."""
    async with served(state) as (port, credentials):
        with pytest.raises(AddressInUseError, match=rf"127\.0\.0\.1:{port}.*base_port"):
            async with streamserver.serving("127.0.0.1", port, credentials, answering, network="x"):
                pass


@pytest.mark.parametrize(("drip", "says"), [(0.02, "timed out"), (0, "an answer of more than")])
def test_the_client_gives_up_an_answer_without_end(state, monkeypatch, drip, says):
    """A server that drips, or never ends its line: an error, in bounded time and memory."""
    monkeypatch.setattr(streams, "LONGEST_S", 0.3)
    context = Credentials(state / "sites" / "east").server

    def serve(listening):
        plain, _ = listening.accept()
        with context.wrap_socket(plain, server_side=True) as secure, contextlib.suppress(OSError):
            while True:
                secure.sendall(b"x" if drip else bytes(1 << 16))
                time.sleep(drip)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        with client(state, listening.getsockname()[1]) as one, pytest.raises(PeerUnreachableError, match=says):
            one.get_key(NAME)
        thread.join(5)
    assert not thread.is_alive()


def test_the_client_says_what_is_missing(state, tmp_path):
    """A file, an address, a server."""
    with pytest.raises(CertificateError, match=r"cert\.pem is missing"):
        StreamClient("127.0.0.1:1", tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    shutil.copytree(state / "applications" / "app-east", tmp_path / "app")
    files = [tmp_path / "app" / name for name in ("cert.pem", "key.pem", "ca.pem")]
    with pytest.raises(PeerUnreachableError, match="host:port"):
        StreamClient("https://somewhere", *files)
    with pytest.raises(PeerUnreachableError, match="does not answer"):
        StreamClient("127.0.0.1:9", *files).get_key(NAME)
