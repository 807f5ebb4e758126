"""Key streams over real sockets: two applications of two live sites with the same chunks by index."""

import base64
import hashlib
import json
import os
import signal
import threading
import time

import pytest

from qit4n.errors import KeyStreamError, PeerUnreachableError
from qit4n.service.streams import QoS, StreamClient

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("data-centres")]


@pytest.fixture
def network(data_centres):
    """The smallest example, running, with its two applications."""
    return data_centres


def client(network, application):
    files = network.applications[application]
    return StreamClient(files["key_streams"], files["cert"], files["key"], files["ca"])


@pytest.mark.checklist("6a", "6b")
def test_two_shells_print_equal_digests(network):
    """``qit key stream open``, ``get``, ``close`` at both sites; ``qit status`` and the audit trail show the stream."""
    east, west = network.applications
    opened = network.qit("key", "stream", "open", west, "--as", east, "--chunk-size", "64")
    assert opened.returncode == 0, opened.stderr
    stream = opened.stdout.strip()
    assert f"qit key stream open {east} --as {west} --stream {stream}" in opened.stderr
    joined = network.qit("key", "stream", "open", east, "--as", west, "--stream", stream, "--json")
    assert json.loads(joined.stdout)["status"] == 0
    one = network.qit("key", "stream", "get", stream, "--as", west, "--number", "4", "--digest")
    other = network.qit("key", "stream", "get", stream, "--as", east, "--index", "0", "--number", "4", "--digest")
    assert one.returncode == 0, one.stderr
    assert one.stdout == other.stdout
    assert [line.split()[0] for line in one.stdout.splitlines()] == ["0", "1", "2", "3"]
    plain = network.qit("key", "stream", "get", stream, "--as", west, "--json")
    again = network.qit("key", "stream", "get", stream, "--as", east)
    chunk = json.loads(plain.stdout)
    assert again.stdout.split() == ["4", chunk["chunk"]]
    assert len(base64.b64decode(chunk["chunk"])) == 64
    assert chunk["hops"] == 1

    (shown,) = network.wait_for(lambda status: status["streams"], "the stream in the status")["streams"]
    assert (shown["stream"], shown["open"], shown["chunk_bytes"]) == (stream, sorted([east, west]), 64)
    assert stream in network.qit("status").stdout
    trail = network.qit("audit", "show", "west", "--key", stream, "--json")
    assert {json.loads(line)["step"] for line in trail.stdout.splitlines()} >= {"opened", "held", "fetched"}

    taken = network.qit("key", "stream", "get", stream, "--as", east, "--index", "0")
    assert taken.returncode == 11
    assert "status 2" in taken.stderr
    for application in (east, west):
        assert network.qit("key", "stream", "close", stream, "--as", application).returncode == 0
    network.wait_for(lambda status: not status["streams"], "the end of the stream")


class End(threading.Thread):
    """An application that gets chunk after chunk and tries again when its site is away."""

    def __init__(self, network, application, stream):
        super().__init__(daemon=True)
        self._client, self._stream = client(network, application), stream
        self.got, self.wrong, self.stopped = {}, [], threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.005):
            try:
                chunk = self._client.get_key(self._stream)
            except (KeyStreamError, PeerUnreachableError):
                time.sleep(0.1)
                continue
            if chunk.index in self.got:
                self.wrong.append(chunk.index)
            self.got[chunk.index] = chunk.value


@pytest.mark.checklist("6b", "12j")
@pytest.mark.parametrize("victim", ["0", pytest.param("1", marks=pytest.mark.long)])
def test_a_stream_goes_on_after_kill_9_and_stays_equal_by_index(network, victim):
    """Both ends ask at once while a site is killed twice: no chunk comes twice, none differs, and chunks come again."""
    east, west = network.applications
    stream = client(network, east).open_connect(east, west, QoS(key_chunk_size=16)).key_stream_id
    client(network, west).open_connect(west, east, key_stream_id=stream)
    ends = [End(network, application, stream) for application in (east, west)]

    def more(number):
        before = [len(end.got) for end in ends]
        deadline = time.monotonic() + 60
        while any(len(end.got) < had + number for end, had in zip(ends, before, strict=True)):
            assert time.monotonic() < deadline, f"no chunks: {before} then {[len(end.got) for end in ends]}"
            time.sleep(0.05)

    more(15)
    for _ in range(2):
        os.kill(network.status()["sites"][int(victim)]["pid"], signal.SIGKILL)
        more(15)
    for end in ends:
        end.stopped.set()
    for end in ends:
        end.join(20)
        assert end.wrong == []
    both = ends[0].got.keys() & ends[1].got.keys()
    assert len(both) > 20
    assert all(ends[0].got[index] == ends[1].got[index] for index in both)
    assert len({hashlib.sha256(ends[0].got[index]).digest() for index in both}) == len(both)
