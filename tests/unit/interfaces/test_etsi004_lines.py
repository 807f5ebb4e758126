"""JSON lines of ETSI GS QKD 004: names of members as published, everything else a clear refusal."""

import contextlib
import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.errors import ProtocolError
from qit4n.interfaces.etsi004 import MOST_UINT32, JSONLines
from qit4n.refpoints import ak
from qit4n.refpoints.ak import StreamQoS, StreamStatus

CODEC = JSONLines()
STREAM = bytes(range(16))
NAME = str(uuid.UUID(bytes=STREAM))
ENDS = {"source": "one", "destination": "two"}


def parse(command, caller="one", **data):
    return CODEC.parse(json.dumps({"command": command, "data": data}).encode(), caller)


def test_the_three_calls_with_all_members():
    """Members have the names of the document in lower snake case."""
    numbers = {"key_chunk_size": 1, "max_bps": 2, "min_bps": 3, "jitter": 4, "priority": 5, "timeout": 6, "ttl": 7}
    qos = numbers | {"metadata_mimetype": "application/json"}
    opened = parse("OPEN_CONNECT", **ENDS, key_stream_id=NAME, qos=qos)
    assert opened == ak.OpenStream(application="one", peer="two", stream=STREAM, qos=StreamQoS(**qos))
    wanted = parse("GET_KEY", key_stream_id=NAME, index=MOST_UINT32, metadata={"metadata_size": 0})
    assert wanted == ak.GetChunk(application="one", stream=STREAM, index=MOST_UINT32, metadata_size=0)
    assert parse("CLOSE", key_stream_id=NAME) == ak.CloseStream(application="one", stream=STREAM)


@pytest.mark.parametrize("empty", [None, "", str(uuid.UUID(int=0))])
def test_an_empty_key_stream_id_asks_for_one(empty):
    """Null, an empty text and all zeros are no id."""
    assert parse("OPEN_CONNECT", **ENDS, key_stream_id=empty).stream == b""
    assert parse("OPEN_CONNECT", **ENDS) == ak.OpenStream(application="one", peer="two")


@pytest.mark.parametrize("uri", ["two", "qkd://two", "qkd://two@vienna", "qkd://two:443/x", "https://two/"])
def test_source_and_destination_are_ids_or_uris_in_either_order(uri):
    """The caller is one of the two, whichever."""
    assert parse("OPEN_CONNECT", source="one", destination=uri).peer == "two"
    assert parse("OPEN_CONNECT", source=uri, destination="qkd://one@x").peer == "two"


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b"", "one JSON object"),
        (b"[]", "the form"),
        (b'{"command": "GET_KEY"}', "the form"),
        (b'{"command": "GET_KEY", "data": []}', "the form"),
        (b'{"command": "DROP", "data": {}}', "command is"),
        (b'{"command": ["GET_KEY"], "data": {}}', "command is"),
        (b'{"command": "GET_KEY", "data": {}}', "key_stream_id"),
        (b'{"command": "GET_KEY", "data": {"key_stream_id": 5}}', "key_stream_id"),
        (b'{"command": "CLOSE", "data": {"key_stream_id": "zzz"}}', "key_stream_id"),
        (b'{"command": "GET_KEY", "data": {"key_stream_id": "%b", "index": -1}}' % NAME.encode(), "index"),
        (b'{"command": "GET_KEY", "data": {"key_stream_id": "%b", "index": true}}' % NAME.encode(), "index"),
        (b'{"command": "GET_KEY", "data": {"key_stream_id": "%b", "index": 4294967296}}' % NAME.encode(), "index"),
        (b'{"command": "GET_KEY", "data": {"key_stream_id": "%b", "metadata": 5}}' % NAME.encode(), "metadata"),
        (b'{"command": "GET_KEY", "data": {"key_stream_id": "%b", "metadata": {}}}' % NAME.encode(), "metadata_size"),
        (b'{"command": "OPEN_CONNECT", "data": {"source": "one"}}', "destination"),
        (b'{"command": "OPEN_CONNECT", "data": {"source": "qkd://", "destination": "one"}}', "source"),
        (b'{"command": "OPEN_CONNECT", "data": {"source": "http://[", "destination": "one"}}', "source"),
        (b'{"command": "OPEN_CONNECT", "data": {"source": "x", "destination": "y"}}', "neither source nor"),
        (b'{"command": "OPEN_CONNECT", "data": {"source": "one", "destination": "two", "qos": 1}}', "qos"),
        (b'{"command": "OPEN_CONNECT", "data": {"source": "one", "destination": "two", "qos": {"ttl": 1.5}}}', "ttl"),
        (b"[" * 100_000, "one JSON object"),
        (b'\xff{"command": 1}', "one JSON object"),
    ],
)
def test_what_is_no_request_is_refused_by_name(message, what):
    """The text says which member is wrong."""
    with pytest.raises(ProtocolError, match=what):
        CODEC.parse(message, "one")


WORDS = st.sampled_from(["OPEN_CONNECT", "GET_KEY", "CLOSE", NAME, "one", "two", "qkd://one@x", "", "//", "[::1"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["command", "data", "source", "destination", "key_stream_id", "qos", "index", "metadata", "ttl"]
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_request_or_a_protocol_error(message):
    """No other error, whatever comes."""
    with contextlib.suppress(ProtocolError):
        assert CODEC.parse(message, "one").application == "one"


def answer(request, reply):
    line = CODEC.format(request, reply)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def test_the_answers_with_all_members():
    """Key in hexadecimal, ids as UUIDs, metadata as text with its size, a message where there is one."""
    opening, getting = ak.OpenStream(application="one", peer="two"), ak.GetChunk(application="one", stream=STREAM)
    qos = StreamQoS(key_chunk_size=32, ttl=5, metadata_mimetype="application/json")
    opened = answer(opening, ak.OpenedStream(status=StreamStatus.PEER_NOT_CONNECTED, stream=STREAM, qos=qos))
    assert opened.keys() == {"status", "key_stream_id", "qos"}
    assert (opened["status"], opened["key_stream_id"], opened["qos"]["key_chunk_size"]) == (1, NAME, 32)
    assert set(opened["qos"]) == {*StreamQoS.__struct_fields__}
    chunk = ak.SuppliedChunk(status=StreamStatus.SUCCESS, index=3, chunk=b"\1\xff", metadata="{}", metadata_size=2)
    got = {"status": 0, "index": 3, "key_buffer": "01ff", "metadata": {"metadata_size": 2, "metadata_buffer": "{}"}}
    assert answer(getting, chunk) == got
    closing = ak.CloseStream(application="one", stream=STREAM)
    assert answer(closing, ak.ClosedStream(status=StreamStatus.SUCCESS)) == {"status": 0}
    assert json.loads(CODEC.format_error("no")) == {"error": "no"}


@pytest.mark.parametrize(("reason", "status"), [("too-many-requests", 2), ("not-ready", 4), ("not-allowed", 4)])
def test_refusals_of_the_key_manager_have_a_status(reason, status):
    """Limits are too little key for GET_KEY; everything else is no connection."""
    refused = ak.Refused(reason=reason, text="because")
    getting = ak.GetChunk(application="one", stream=STREAM)
    assert answer(getting, refused) == {"status": status, "message": "because"}
    assert answer(ak.OpenStream(application="one", peer="two"), refused)["status"] == 4


def test_a_key_is_not_in_the_repr_of_an_answer():
    """Only its length is."""
    assert "<4 bytes>" in repr(ak.SuppliedChunk(status=StreamStatus.SUCCESS, chunk=b"keyx"))
