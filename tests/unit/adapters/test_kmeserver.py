"""The HTTPS server of ETSI GS QKD 014 on the wire: odd clients, slow clients, faults behind it. Raw bytes over TLS."""

import asyncio
import contextlib
import gzip
import json
import logging
import math
import os
import socket
import ssl

import pytest
from msgspec.structs import replace

from qit4n.adapters import http1, httpserver, kmeserver, tls
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.credentials import Credentials
from qit4n.errors import AddressInUseError
from qit4n.interfaces.doors import Doors
from qit4n.network.file import load
from qit4n.refpoints import ak

ENC = "/api/v1/keys/app-west/enc_keys"
DEC = "/api/v1/keys/app-west/dec_keys"
ID = "0a1b2c3d-0d0f-8c1b-9a71-1f4b00000000"
RAW_ID = bytes.fromhex(ID.replace("-", ""))
SECRET = b"never to be seen in any log, 32!"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Certificates of the smallest example."""
    directory = tmp_path_factory.mktemp("state")
    issue_all(load("two-data-centres"), directory)
    return directory


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch):
    """Nobody here sends more after an error."""
    monkeypatch.setattr(http1, "LINGERING_S", 0.05)


class Client:
    """A TLS connection of app-east that says exactly what it is told."""

    def __init__(self, state, port, who="applications/app-east"):
        self.port = port
        self.context = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
        self.context.load_cert_chain(state / who / "cert.pem", state / who / "key.pem")

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    async def say(self, data):
        """All that is answered until the server closes."""
        reader, writer = await self.connect()
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        return answer


def parts(answer):
    """Status, headers in lower case and JSON of one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, json.loads(body) if body else None


def request(path=ENC, method="POST", body=b"", *headers):
    fields = [f"{method} {path} HTTP/1.1", "Host: kme", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + body


@contextlib.asynccontextmanager
async def serving(state, answer=None, timeout_s=5.0, network="two-data-centres"):
    """A server at a free port, and its client; ``answer`` makes the reply to a request."""

    def keys(wanted):
        return ak.SuppliedKeys(batches=(ak.KSAKeys(ids=RAW_ID, values=SECRET, size=len(SECRET)),))

    credentials = Credentials(state / "sites" / "east")
    make = answer or keys

    def ask(wanted, reply):
        reply(make(wanted))

    doors = Doors(replace(load("two-data-centres"), name=network), os.urandom)
    server = await kmeserver.serve("127.0.0.1", 0, credentials, ask, doors, timeout_s=timeout_s)
    try:
        yield Client(state, server.port)
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET " + ENC.encode() + b" HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST " + ENC.encode() + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (request(body=gzip.compress(b"{}", mtime=0)).replace(b"Host: kme", b"Host: a\r\nContent-Encoding: gzip"), 415),
        (request(method="CONNECT"), 405),
        (request("/elsewhere"), 404),
        (request("/api/v1/keys/x/status"), 405),
    ],
)
async def test_every_answer_is_json_that_is_not_cached(state, data, status):
    """A21 and clause 6.5 also where the request is no HTTP; nothing of it is quoted."""
    async with serving(state) as client:
        found, headers, body = parts(await client.say(data))
    assert found == status
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    assert headers["server"] == "qit4n"
    assert set(body) == {"message"}
    assert "xxxx" not in body["message"]


async def test_a_target_may_be_a_whole_url(state):
    """RFC 9112 3.2.2: the absolute form asks for the same."""
    async with serving(state) as client:
        assert parts(await client.say(request(f"https://kme{ENC}", "GET")))[0] == 200
        assert parts(await client.say(request("https://kme", "GET")))[0] == 404


async def test_a_405_lists_the_methods_there_are(state):
    """RFC 9110 15.5.6: with Allow; a HEAD has no body."""
    async with serving(state) as client:
        assert parts(await client.say(request("/api/v1/keys/x/status", "PUT")))[1]["allow"] == "GET"
        assert parts(await client.say(request("https://kme/api/v1/keys/x/status", "PUT")))[1]["allow"] == "GET"
        status, headers, body = parts(await client.say(request(method="HEAD")))
    assert (status, headers["allow"], body) == (405, "GET, POST", None)


async def test_a_client_that_waits_for_100_continue_gets_it(state):
    """RFC 9110 10.1.1: the body is sent only after the interim answer; then the answer proper comes whole."""
    async with serving(state) as client:
        reader, writer = await client.connect()
        writer.write(request(ENC, "POST", b"{}", "Expect: 100-continue")[:-2])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        status, _, body = parts(await reader.read())
        writer.close()
    assert (status, body["keys"][0]["key_ID"]) == (200, ID)


async def test_one_connection_serves_many_requests(state):
    """Keep-alive and pipelining: the answers come in order on the one connection."""
    numbers = []

    def count(wanted):
        numbers.append(wanted.number)
        return ak.Refused(reason="no-key", text=f"request {wanted.number}")

    async with serving(state, count) as client:
        several = [request(f"{ENC}?number={number}", "GET").replace(b": close", b": keep-alive") for number in (1, 2)]
        answer = await client.say(b"".join(several) + request(f"{ENC}?number=3", "GET"))
    assert numbers == [1, 2, 3]
    assert [answer.count(f"request {number}".encode()) for number in numbers] == [1, 1, 1]


async def test_the_certificate_is_read_once_per_connection(state, monkeypatch):
    """Two requests on a connection: one look at the certificate."""
    looked = []
    read = tls.peer_identity
    monkeypatch.setattr(tls, "peer_identity", lambda connection: looked.append(1) or read(connection))
    async with serving(state) as client:
        kept = request(ENC, "GET").replace(b": close", b": keep-alive")
        assert (await client.say(kept + request(ENC, "GET"))).count(ID.encode()) == 2
        assert len(looked) == 1
        await client.say(request(ENC, "GET"))
    assert len(looked) == 2


async def test_a_body_that_does_not_come_is_408_and_the_next_client_is_served(state):
    """A client that announces a body and sends none holds its connection for the time limit only."""
    async with serving(state, timeout_s=0.05) as client:
        status, headers, body = parts(await client.say(request(body=b"{}").replace(b": close", b": keep-alive")[:-1]))
        assert (status, headers["connection"]) == (408, "close")
        assert "0.05 s" in body["message"]
        assert parts(await client.say(request(body=b"{}")))[0] == 200


async def test_a_client_that_goes_away_is_no_fault_of_the_kme(state, caplog):
    """A body that breaks off with the connection writes no error into the log."""
    async with serving(state) as client:
        _, writer = await client.connect()
        writer.write(request(body=b"{}")[:-1])
        await writer.drain()
        writer.transport.abort()
        assert parts(await client.say(request(body=b"{}")))[0] == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_fault_behind_the_interface_is_a_500_without_a_word_of_it(state, caplog):
    """The client learns that it happened; the log has the trace; the connection lives on."""

    def broken(wanted):
        raise RuntimeError("what broke")

    async with serving(state, broken) as client:
        kept = request(ENC, "GET").replace(b": close", b": keep-alive")
        answer = await client.say(kept + request(ENC, "GET"))
    assert answer.count(b"500 Internal Server Error") == 2
    assert b"what broke" not in answer
    assert "what broke" in caplog.text


async def test_keys_and_ids_are_never_logged(state, caplog):
    """With every logger at DEBUG, a whole exchange leaves no trace of a key's value in any form, nor of its id."""
    caplog.set_level(logging.DEBUG)
    async with serving(state) as client:
        answer = await client.say(request())
        await client.say(request(DEC, "POST", b'{"key_IDs":[{"key_ID":"5d5f9d3e-0d0f-4c1b-9a71-1f4b0d0e0f00"}]}'))
        await client.say(b"5d5f9d3e-0d0f-4c1b-9a71-1f4b0d0e0f00\r\n\r\n")
    value = parts(answer)[2]["keys"][0]["key"]
    for trace in (value, SECRET.decode(), SECRET.hex(), "5d5f9d3e", ID[:8]):
        assert trace not in caplog.text


@pytest.mark.parametrize(("who", "word"), [("sites/west", "site west"), ("controller", "controller"), ("operator", "")])
async def test_only_applications_ask_for_keys(state, who, word):
    """A certificate of the network in another role is 401 and says which role."""
    async with serving(state) as client:
        status, _, body = parts(await Client(state, client.port, who).say(request()))
    assert status == 401
    assert word in body["message"]


@pytest.mark.parametrize(
    ("shown", "why"), [("nothing", "peer did not return a certificate"), ("of another", "unable to get local issuer")]
)
async def test_the_log_says_why_a_handshake_was_refused(state, shown, why, tmp_path, caplog, monkeypatch):
    """The client of TLS 1.3 sees a closed connection only; many refusals are told in one line."""
    monkeypatch.setattr(tls.Told, "told_at", -math.inf)
    monkeypatch.setattr(tls, "TOLD_S", 60.0)
    async with serving(state) as client:
        client.context = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
        if shown == "of another":
            issue_all(load("two-data-centres"), tmp_path)
            folder = tmp_path / "applications" / "app-east"
            client.context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        with caplog.at_level(logging.WARNING, "qit4n.adapters.tls"):
            for _ in range(3):
                with contextlib.suppress(OSError):
                    assert await client.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    (line,) = [record.getMessage() for record in caplog.records if record.name == "qit4n.adapters.tls"]
    assert why in line


async def test_an_application_of_another_network_is_401(state):
    """The authority is the same, the network in the certificate is not that of the server."""
    async with serving(state, network="elsewhere") as client:
        status, _, body = parts(await client.say(request()))
    assert status == 401
    assert "two-data-centres" in body["message"]


async def test_a_taken_port_is_named(state):
    """AddressInUseError with the address and the remedy; nothing is left listening."""
    credentials = Credentials(state / "sites" / "east")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUseError, match=rf"127\.0\.0\.1:{port}.*base_port"):
            await kmeserver.serve("127.0.0.1", port, credentials, None, Doors(load("two-data-centres"), os.urandom))


async def test_connections_of_one_application_are_bounded(state, monkeypatch):
    """One too many is closed at once; when another one closes there is room again."""
    monkeypatch.setattr(httpserver, "MOST_OF_ONE_CALLER", 2)
    async with serving(state) as client:
        kept = [await client.connect() for _ in range(2)]
        await asyncio.sleep(0.1)
        reader, writer = await client.connect()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 2) == b""
        writer.close()
        kept[0][1].close()
        await asyncio.sleep(0.1)
        assert parts(await client.say(request()))[0] == 200
        kept[1][1].close()


async def test_connections_in_total_are_bounded(state, monkeypatch):
    """However many applications there are."""
    monkeypatch.setattr(httpserver, "MOST_CONNECTIONS", 0)
    async with serving(state) as client:
        reader, writer = await client.connect()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 2) == b""
        writer.close()
