"""ETSI GS QKD 004 V2.1.1 as JSON lines: bytes to and from the messages of Ak.

The document defines calls and structures, not how they travel. Here each request and each answer is one JSON object on
one line, its members the names of the document in lower snake case; a key buffer is hexadecimal, a Key_stream_ID a
UUID. What is not of this form is answered with a line that has ``error`` and no ``status``. Another form is another
:class:`Codec`.

``source`` and ``destination`` are application ids, or URIs whose user or host is one (``qkd://app-east@vienna``). The
caller, whom its certificate names, is one of the two: the document leaves open which.
"""

import uuid
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from qit4n.errors import ProtocolError
from qit4n.refpoints import ak
from qit4n.refpoints.ak import StreamQoS, StreamStatus

MOST_UINT32 = 2**32 - 1
MOST_TEXT = 256
QOS_NUMBERS = ("key_chunk_size", "max_bps", "min_bps", "jitter", "priority", "timeout", "ttl")
REASONS = {"no-key": StreamStatus.INSUFFICIENT_KEY, "too-many-requests": StreamStatus.INSUFFICIENT_KEY}


class Codec(Protocol):
    """One way to carry the calls of ETSI GS QKD 004 over a connection.

    ``most_bytes`` is the longest request, ``end`` what ends a message.
    """

    most_bytes: int
    end: bytes

    def parse(self, message: bytes, caller: str) -> ak.StreamRequest:
        """The request of ``caller``.

        Raises:
            ProtocolError: it is none, and the text says why.
        """
        ...

    def format(self, request: ak.StreamRequest, reply: ak.Reply) -> bytes:
        """The answer, with its end."""
        ...

    def format_error(self, text: str) -> bytes:
        """The answer to what is no request, with its end."""
        ...


class JSONLines:
    """One JSON object a line."""

    most_bytes = 16_384
    end = b"\n"

    def parse(self, message: bytes, caller: str) -> ak.StreamRequest:
        """The request of a line."""
        try:
            found = msgspec.json.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ProtocolError("a request is one JSON object on one line, in UTF-8") from None
        if not isinstance(found, dict) or not isinstance(found.get("data"), dict):
            raise ProtocolError('a request has the form {"command": "...", "data": {...}}')
        data = found["data"]
        match found.get("command"):
            case "OPEN_CONNECT":
                stream = _stream(data) if data.get("key_stream_id") else b""
                peer = _peer(data, caller)
                return ak.OpenStream(application=caller, peer=peer, stream=stream, qos=_qos(data.get("qos")))
            case "GET_KEY":
                index, room = _optional(data, "index"), _room(data.get("metadata"))
                return ak.GetChunk(application=caller, stream=_stream(data), index=index, metadata_size=room)
            case "CLOSE":
                return ak.CloseStream(application=caller, stream=_stream(data))
        raise ProtocolError("command is OPEN_CONNECT, GET_KEY or CLOSE")

    def format(self, request: ak.StreamRequest, reply: ak.Reply) -> bytes:
        """The line of an answer."""
        match reply:
            case ak.OpenedStream():
                stream = reply.stream or request.stream
                name = str(uuid.UUID(bytes=stream)) if stream else None
                opened = {"status": reply.status, "key_stream_id": name, "qos": _shown(reply.qos)}
                return self._line(opened, reply.text)
            case ak.SuppliedChunk():
                found: dict[str, Any] = {"status": reply.status, "index": reply.index, "key_buffer": reply.chunk.hex()}
                if reply.metadata_size:
                    found["metadata"] = {"metadata_size": reply.metadata_size, "metadata_buffer": reply.metadata}
                return self._line(found, reply.text)
            case ak.ClosedStream():
                return self._line({"status": reply.status}, reply.text)
            case ak.Refused():
                getting = isinstance(request, ak.GetChunk)
                status = REASONS.get(reply.reason) if getting else None
                return self._line({"status": status or StreamStatus.NO_QKD_CONNECTION}, reply.text)
        raise ProtocolError(f"{type(reply).__name__} is no answer of ETSI GS QKD 004")

    def format_error(self, text: str) -> bytes:
        """The line of an answer to what is no request."""
        return msgspec.json.encode({"error": text}) + self.end

    def _line(self, found: dict[str, Any], text: str) -> bytes:
        return msgspec.json.encode(found | ({"message": text} if text else {})) + self.end


def _shown(qos: StreamQoS) -> dict[str, Any]:
    names = (*QOS_NUMBERS, "metadata_mimetype")
    return {name: getattr(qos, name) for name in names}


def _number(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_UINT32:
        raise ProtocolError(f"{name} is an integer of 32 bits, 0 to {MOST_UINT32}")
    return value


def _optional(data: dict[str, Any], name: str) -> int | None:
    return None if data.get(name) is None else _number(data[name], name)


def _room(metadata: Any) -> int | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise ProtocolError("metadata is an object with metadata_size")
    return _number(metadata.get("metadata_size"), "metadata_size")


def _stream(data: dict[str, Any]) -> bytes:
    value = data.get("key_stream_id")
    try:
        stream = uuid.UUID(value).bytes if isinstance(value, str) and len(value) <= MOST_TEXT else b""
    except ValueError:
        stream = b""
    if not stream:
        raise ProtocolError("key_stream_id is a UUID, such as 6ba7b810-9dad-41d1-80b4-00c04fd430c8")
    return stream if any(stream) else b""


def _peer(data: dict[str, Any], caller: str) -> str:
    source, destination = _application(data, "source"), _application(data, "destination")
    if source == caller:
        return destination
    if destination == caller:
        return source
    raise ProtocolError(f"the certificate is that of {caller}, which is neither source nor destination")


def _application(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MOST_TEXT:
        raise ProtocolError(f"{name} is an application id, or a URI with one")
    if "://" not in value:
        return value
    try:
        found = urlsplit(value).netloc
    except ValueError:
        found = ""
    application = found.partition("@")[0].partition(":")[0]
    if not application:
        raise ProtocolError(f"{name} has no application id in it; right would be qkd://app-east")
    return application


def _qos(value: Any) -> StreamQoS:
    if value is None:
        return StreamQoS()
    if not isinstance(value, dict):
        raise ProtocolError("qos is an object")
    numbers = {name: _number(value[name], name) for name in QOS_NUMBERS if value.get(name) is not None}
    mimetype = value.get("metadata_mimetype") or ""
    if not isinstance(mimetype, str) or len(mimetype) > MOST_TEXT:
        raise ProtocolError(f"metadata_mimetype is a text of at most {MOST_TEXT} characters")
    return StreamQoS(**numbers, metadata_mimetype=mimetype)
