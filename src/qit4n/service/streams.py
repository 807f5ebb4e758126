"""An ETSI GS QKD 004 client for applications: OPEN_CONNECT, GET_KEY and CLOSE as JSON lines over mutual TLS.

    with StreamClient("127.0.0.1:28004", "cert.pem", "key.pem", "ca.pem") as client:
        opened = client.open_connect("app-east", "app-west")
        chunk = client.get_key(opened.key_stream_id, 0)

The other application opens the same stream at its own site with the id that it is told. Both get the same chunk for the
same index, each once. GET_KEY is never repeated by itself: a lost answer has used up its chunk.
"""

import json
import socket
import ssl
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qit4n.errors import CertificateError, KeyStreamError, PeerUnreachableError
from qit4n.service.client import context_of

CONNECT_S = 10.0
LONGEST_S = 70.0
MOST_BYTES = 1 << 20
SUCCESS, PEER_NOT_CONNECTED, QOS_NOT_MET = 0, 1, 7


@dataclass(frozen=True)
class QoS:
    """QoS of a stream: sizes in bytes, rates in bit/s, ``timeout`` in ms, ``ttl`` in s; 0 leaves it open."""

    key_chunk_size: int = 0
    max_bps: int = 0
    min_bps: int = 0
    jitter: int = 0
    priority: int = 0
    timeout: int = 0
    ttl: int = 0
    metadata_mimetype: str = ""


@dataclass(frozen=True)
class OpenedStream:
    """An open end; ``status`` 1 says that the other application has not opened its end yet."""

    status: int
    key_stream_id: str
    qos: QoS


@dataclass(frozen=True)
class StreamChunk:
    """A chunk; ``age_ms`` and ``hops`` are its metadata. ``repr`` hides the value."""

    index: int
    value: bytes
    age_ms: int
    hops: int

    def __repr__(self) -> str:
        """Everything but the value."""
        return f"StreamChunk({self.index}, <{len(self.value)} bytes>, age_ms={self.age_ms}, hops={self.hops})"


class StreamClient:
    """Talks to the key stream server of the application's own site, over one connection."""

    def __init__(self, server: str, cert: str | Path, key: str | Path, ca: str | Path) -> None:
        """``server`` is ``host:port``; the files are PEM, the key without a password.

        Raises:
            CertificateError: a file is missing or does not fit.
            PeerUnreachableError: ``server`` is no such address.
        """
        host, _, port = server.rpartition(":")
        if not host or not port.isdecimal():
            raise PeerUnreachableError(f"{server} is not host:port of a server of key streams, as 127.0.0.1:28004")
        self._host, self._port = host.strip("[]"), int(port)
        self._context = context_of(Path(cert), Path(key), Path(ca))
        self._connection: ssl.SSLSocket | None = None
        self._received = b""

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection; streams stay open."""
        self.disconnect()

    def disconnect(self) -> None:
        """Close the connection; the next call opens another. Streams stay open until CLOSE or their TTL."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._received = None, b""

    def open_connect(
        self, source: str, destination: str, qos: QoS | None = None, key_stream_id: str = ""
    ) -> OpenedStream:
        """Open the caller's end of a stream; without an id the key manager gives one.

        Raises:
            KeyStreamError: status 4 to 7; with 7 its ``qos`` is what can be met.
        """
        asked = {"source": source, "destination": destination, "key_stream_id": key_stream_id or None}
        reply = self._call("OPEN_CONNECT", asked | {"qos": asdict(qos or QoS())})
        try:
            found = OpenedStream(int(reply["status"]), str(reply.get("key_stream_id") or ""), _qos(reply.get("qos")))
        except (KeyError, TypeError, ValueError):
            raise KeyStreamError(None, "the answer to OPEN_CONNECT is malformed") from None
        if found.status not in {SUCCESS, PEER_NOT_CONNECTED}:
            proposal = found.qos if found.status == QOS_NOT_MET else None
            raise KeyStreamError(found.status, reply.get("message", ""), proposal)
        return found

    def get_key(self, key_stream_id: str, index: int | None = None) -> StreamChunk:
        """The chunk at ``index``; without one the next that this end has not got.

        Raises:
            KeyStreamError: status 2, 3, 4 or 6.
        """
        asked = {"key_stream_id": key_stream_id, "index": index, "metadata": {"metadata_size": 1024}}
        reply = self._call("GET_KEY", asked)
        if reply.get("status") != SUCCESS:
            raise KeyStreamError(reply.get("status"), reply.get("message", ""))
        try:
            metadata = json.loads(reply.get("metadata", {}).get("metadata_buffer") or "{}")
            value = bytes.fromhex(reply["key_buffer"])
            return StreamChunk(int(reply["index"]), value, int(metadata.get("age", 0)), int(metadata.get("hops", 0)))
        except (KeyError, TypeError, ValueError, AttributeError):  # not chained: nothing that might quote a key
            raise KeyStreamError(None, "the answer to GET_KEY is malformed") from None

    def close(self, key_stream_id: str) -> None:
        """Close the caller's end.

        Raises:
            KeyStreamError: there is no such end.
        """
        reply = self._call("CLOSE", {"key_stream_id": key_stream_id})
        if reply.get("status") != SUCCESS:
            raise KeyStreamError(reply.get("status"), reply.get("message", ""))

    def _call(self, command: str, data: dict[str, Any]) -> dict[str, Any]:
        where = f"the server of key streams at {self._host}:{self._port}"
        try:
            connection = self._connection or self._connect()
            connection.sendall(json.dumps({"command": command, "data": data}).encode() + b"\n")
            line = self._line(connection)
        except ssl.SSLCertVerificationError as error:
            self.disconnect()
            raise CertificateError(f"no TLS connection with {where}: {error.verify_message}") from error
        except OSError as error:
            self.disconnect()
            raise PeerUnreachableError(f"{where} does not answer ({error or type(error).__name__})") from error
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise KeyStreamError(None, f"what {where} answered is no JSON object")
        if "error" in reply:
            raise KeyStreamError(None, str(reply["error"]))
        return reply

    def _connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self._host, self._port), CONNECT_S)
        try:
            self._connection = self._context.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise
        return self._connection

    def _line(self, connection: ssl.SSLSocket) -> bytes:
        until = time.monotonic() + LONGEST_S
        while b"\n" not in self._received:
            connection.settimeout(max(0.001, until - time.monotonic()))  # of the whole line, however it drips
            piece = connection.recv(65_536)
            if not piece:
                raise ConnectionResetError("it closed the connection; is this certificate one of its applications?")
            self._received += piece
            if len(self._received) > MOST_BYTES:
                raise ConnectionAbortedError(f"an answer of more than {MOST_BYTES} bytes")
        line, _, self._received = self._received.partition(b"\n")
        return line


def _qos(found: Any) -> QoS:
    known = {field.name for field in fields(QoS)}
    return QoS(**{name: value for name, value in (found or {}).items() if name in known})
