"""A live site under bent requests: no 500, no key that a bad request used up, memory flat.

``make fuzz`` sends 400,000 of its million to it (``FUZZ=n`` that share of n); the long tests send as many as a minute
takes. Figures are printed with ``-s``.
"""

import base64
import json
import os
import re
import socket
import ssl
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest

from fuzz.mutation import Mutation

pytestmark = [pytest.mark.system, pytest.mark.long]

FUZZ = int(os.environ.get("FUZZ", "60000"))
SEED = os.environ.get("SEED", "1")
BATCH = 32  # requests in one write
CONNECTIONS = 4
LEAST_S = 60
WARM_UP_S = 40  # the pools fill first, and half of the requests are sent, however slow the machine
GROWTH = 1.1
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")


class Connections:
    """TLS connections of one application to one server, one at a time; a new one when the server closes."""

    def __init__(self, files, server):
        self._context = ssl.create_default_context(cafile=files["ca"])
        self._context.load_cert_chain(files["cert"], files["key"])
        host, _, port = server.removeprefix("https://").rpartition(":")
        self._address = host, int(port)
        self._socket, self._received, self.told_to_close = None, b"", False

    def send(self, content):
        if self._socket is None:
            plain = socket.create_connection(self._address, 20)
            self._socket = self._context.wrap_socket(plain, server_hostname=self._address[0])
            self._received, self.told_to_close = b"", False
        self._socket.sendall(content)

    def line(self):
        """One line; empty when the server closed."""
        while b"\n" not in self._received and self._more():
            pass
        line, end, self._received = self._received.partition(b"\n")
        return line if end else b""

    def response(self):
        """Status and body of one answer of HTTP; nothing when the server closed."""
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        self.told_to_close = b"\r\nConnection: close" in head
        length = int(LENGTH.search(head + b"\r\n")[1])
        while len(self._received) < length:
            assert self._more(), "an answer was cut off"
        body, self._received = self._received[:length], self._received[length:]
        return int(STATUS_LINE.match(head)[1]), body

    def _more(self):
        try:
            piece = self._socket.recv(1 << 16)
        except (ConnectionResetError, TimeoutError):
            piece = b""
        self._received += piece
        return bool(piece)

    def patience(self, seconds):
        self._socket.settimeout(seconds)

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@pytest.fixture
def connect():
    """Makes connections, and closes them at the end."""
    made = []

    def make(files, server):
        made.append(Connections(files, server))
        return made[-1]

    yield make
    for one in made:
        one.close()


def resident(pid):
    """Bytes of memory that a process holds."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def framed(method, path, query, body):
    """A request that HTTP understands, whatever it asks."""
    target = "".join(character if "!" <= character <= "~" else quote(character) for character in f"{path}?{query}")
    return f"{method} {target} HTTP/1.1\r\nHost: kme\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def keys_of(body):
    """Ids and bits of the keys in an answer of 014 or SKIP."""
    found = json.loads(body)
    if "keyId" in found:
        return {str(uuid.UUID(found["keyId"])): 4 * len(found["key"])}
    return {one["key_ID"]: 8 * len(base64.b64decode(one["key"])) for one in found.get("keys", ())}


def supplied(network, site, after):
    """Bits that left the site's pools for applications since then, by its audit trail."""
    shown = network.qit("audit", "show", site, "--last", 10**8, "--json").stdout.splitlines()
    events = [json.loads(line) for line in shown]
    return sum(event["bits"] for event in events if event["step"] == "supplied" and event["at"] >= after)


class Fuzzing:
    """Bent requests over several connections at once, and bent lines beside them."""

    def __init__(self, network, files, connect):
        self.mutation = Mutation(SEED)
        self.answers, self.lines, self.bits = Counter(), Counter(), 0
        self._network, self._streams = network, connect(files, files["key_streams"])
        self._doors = [connect(files, files["kme"]) for _ in range(CONNECTIONS)]
        self._got = {}

    def round(self):
        """One batch on each connection; what was got by it is fetched at the other end."""
        batches = [[framed(*self.mutation.request()) for _ in range(BATCH)] for _ in self._doors]
        for door, requests in zip(self._doors, batches, strict=True):
            door.send(b"".join(requests))
        for door, requests in zip(self._doors, batches, strict=True):
            self._take(door, requests)
        self._broken(self._doors[0], batches[0][0])
        self._lines()
        if self._got:  # what the other application leaves waits, and takes memory by right
            fetched = self._network.client("app-west").get_keys_by_id("app-east", list(self._got))
            assert {key.key_id: 8 * len(key.value) for key in fetched} == self._got
            self._got.clear()

    def _take(self, door, requests):
        for _ in requests:
            answer = door.response()
            assert answer is not None, requests
            self._count(*answer)
            if door.told_to_close:
                door.close()
                return

    def _broken(self, door, request):
        """One that is no HTTP any more: whatever comes, and then no more."""
        door.send(self.mutation.bent(request))
        door.patience(0.02)
        while (answer := door.response()) is not None:
            self._count(*answer)
        door.close()

    def _count(self, status, body):
        self.answers[status] += 1
        assert status < 500 or status == 503, (status, body)
        found = json.loads(body)
        assert isinstance(found, dict)
        assert status == 200 or found["message"]
        if status == 200:
            self._got |= keys_of(body)
            self.bits += sum(keys_of(body).values())

    def _lines(self):
        for _ in range(BATCH // 2):
            line = self.mutation.stream_line() + b"\n"
            self._streams.send(line)
            answer = json.loads(self._streams.line())
            self.lines[answer.get("status", "error")] += 1
            assert "status" in answer or answer["error"], (line, answer)
            assert "internal error" not in answer.get("error", ""), (line, answer)


def test_bent_requests_and_lines_do_no_harm(start, connect):
    """014, SKIP, 004: each answer says what is wrong; keys leave only with a 200; memory is flat; nothing restarts."""
    network, began = start("two-data-centres"), time.time()
    network.wait_for(lambda status: all(pool["ready_bits"] > 4096 for pool in status["pools"]), "keys")
    pid, warm = network.processes()["east"], 0
    fuzzing = Fuzzing(network, network.applications["app-east"], connect)
    since = time.monotonic()
    most, warmed = FUZZ * 40 // 100, 0.0
    while fuzzing.answers.total() < most or time.monotonic() - since < LEAST_S:
        fuzzing.round()
        if not warm and fuzzing.answers.total() >= most // 2 and time.monotonic() - since > WARM_UP_S:
            warm, warmed = resident(pid), time.monotonic() - since
    held, taken = resident(pid), time.monotonic() - since
    for name, found in (("requests", fuzzing.answers), ("lines", fuzzing.lines)):
        told = ", ".join(f"{count:,} x {answer}" for answer, count in found.most_common())
        sys.stdout.write(f"{found.total():,} {name}, {found.total() / taken:,.0f} 1/s: {told}\n")
    sys.stdout.write(f"memory {warm / 1e6:.1f} MB after {warmed:.0f} s, {held / 1e6:.1f} MB after {taken:.0f} s\n")
    assert held < warm * GROWTH
    assert network.processes()["east"] == pid, "the site was started again"
    network.wait_for(lambda status: all(site["up"] for site in status["sites"]), "both sites")
    assert fuzzing.bits > 0
    assert supplied(network, "east", began) == fuzzing.bits
    for name in ("site-east", "site-west"):
        assert "internal error" not in (network.state / "logs" / f"{name}.log").read_text()
