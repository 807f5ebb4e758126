"""No delivered key is anywhere but with the two applications: every file, output and process is searched."""

import base64
import binascii
import json
import os
import subprocess
import urllib.parse
from pathlib import Path

import pytest

from qit4n.service.streams import QoS, StreamClient

pytestmark = pytest.mark.system


def forms_of(key):
    """How a key would look if it were written somewhere."""
    plain = base64.b64encode(key)
    return {
        "bytes": key,
        "base64": plain.rstrip(b"="),
        "base64, URL": base64.urlsafe_b64encode(key).rstrip(b"="),
        "base64, shifted by one": base64.b64encode(b"x" + key)[4:-4],
        "base64, shifted by two": base64.b64encode(b"xx" + key)[4:-4],
        "hexadecimal": binascii.hexlify(key),
        "hexadecimal, capitals": binascii.hexlify(key).upper(),
        "Python": repr(key)[2:-1].encode(),
        "JSON": json.dumps(key.decode("latin-1"))[1:-1].encode(),
        "per cent": urllib.parse.quote(plain).encode(),
    }


def traces(keys, content):
    """In which forms the keys, or half of one, occur in ``content``."""
    return [
        form
        for key in keys
        for part in (key, key[: len(key) // 2], key[len(key) // 2 :])
        for form, text in forms_of(part).items()
        if text in content
    ]


@pytest.mark.checklist("12i")
@pytest.mark.parametrize("form", forms_of(b"k"))
def test_the_search_finds_what_was_planted(form):
    """A key in the middle of other bytes, in each form: the search would see it."""
    key = os.urandom(32)
    assert form in traces([key], b"before " + forms_of(key)[form] + b" after")
    assert traces([key], os.urandom(100_000)) == []


def stream_chunks(network, one, other):
    """A key stream and its chunks: got by both ends, by one, and destroyed."""
    ends = {}
    for application in (one, other):
        files = network.applications[application]
        ends[application] = StreamClient(files["key_streams"], files["cert"], files["key"], files["ca"])
    stream = ends[one].open_connect(one, other, QoS(key_chunk_size=32)).key_stream_id
    ends[other].open_connect(other, one, key_stream_id=stream)
    chunks = [ends[one].get_key(stream, index).value for index in range(6)]
    assert [ends[other].get_key(stream, index).value for index in range(3)] == chunks[:3]
    ends[one].get_key(stream, 7)
    return stream, chunks


def outputs(network, master, got, stream):
    """What an operator can see, and errors that name keys."""
    any_id = next(iter(got))
    for command in (
        ("status", "--json"),
        ("audit", "show", "a", "--last", "100000", "--json"),
        ("audit", "show", "c", "--key", any_id),
        ("audit", "verify"),
        ("key", "account", "ab", "--json"),
        ("key", "status", "app-c", "--as", master),
        ("key", "dec", master, any_id, "--as", "app-c"),
        ("key", "dec", master, any_id, "--as", "app-b"),
        ("key", "get", "app-c", "--as", master, "--number", "1000000"),
        ("key", "stream", "get", stream, "--as", master, "--index", "0"),
        ("audit", "show", "a", "--key", stream, "--last", "100000", "--json"),
    ):
        done = network.qit(*command)
        yield " ".join(command), (done.stdout + done.stderr).encode()


def arguments_and_environment(network):
    """Of every process of the network."""
    found = subprocess.run(["pgrep", "-f", str(network.state)], capture_output=True, text=True, check=True)
    for pid in found.stdout.split():
        for name in ("cmdline", "environ"):
            try:
                yield f"{name} of {pid}", Path(f"/proc/{pid}/{name}").read_bytes()
            except OSError:
                continue  # the search itself, over by now


@pytest.mark.checklist("12i")
def test_no_delivered_key_is_in_any_file_output_or_process(start, three_sites, monkeypatch):
    """Keys relayed over a site, fetched, unfetched, refused: with the most talkative log nothing of them is left."""
    monkeypatch.setenv("QIT_LOG", "DEBUG")
    network = start(three_sites)
    network.wait_for(lambda status: all(pool["ready_bits"] > 20_000 for pool in status["pools"]), "full pools")
    got = network.get("app-a", "app-c", number=12) | network.get("app-c", "app-a", number=8, size=512)
    for key_id in list(network.get("app-a", "app-c", number=5))[:3]:
        network.fetch("app-c", "app-a", key_id)
    mine = dict(list(got.items())[:10])
    assert network.fetch("app-c", "app-a", *mine) == mine
    stream, chunks = stream_chunks(network, "app-a", "app-c")
    keys = [*got.values(), *chunks]
    searched = 0
    for name, content in (*outputs(network, "app-a", got, stream), *arguments_and_environment(network)):
        assert traces(keys, content) == [], name
        searched += len(content)
    for file in network.state.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert traces(keys, content) == [], file
            searched += len(content)
    assert network.stop() == 0
    for file in network.state.rglob("*"):
        if file.is_file():
            assert traces(keys, file.read_bytes()) == [], f"{file} after the end"
    assert searched > 1_000_000
