"""Messages over a stream: a four-byte length, then MessagePack (msgspec), on asyncio TLS.

Each connection opens with a :class:`Hello` that says what it is for; the certificate says who speaks.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec

from qit4n.errors import ProtocolError
from qit4n.refpoints import Message

MAX_FRAME_BYTES = 64 * 1024 * 1024
LENGTH_BYTES = 4
READ_BYTES = 256 * 1024
CLOSE_LIMIT_S = 0.3

T = TypeVar("T")


class Hello(Message, frozen=True, kw_only=True):
    """First frame of a connection: ``purpose`` is kx, classical, quantum, ck or mc.

    The two channels of a QKD link name the ``link`` and carry the same random ``session``.
    """

    purpose: str
    link: str = ""
    session: str = ""


class Frames(Generic[T]):
    """Messages of one type union, both ways, on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, types: type[T] | object) -> None:
        """Speak ``types`` (a msgspec union) on an open connection."""
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(types)
        self._received = bytearray()
        self._whole: deque[bytes] = deque()  # bodies of whole frames
        self.finished = asyncio.Event()

    def retype(self, types: object) -> "Frames[Any]":
        """The same connection with another union of messages."""
        other: Frames[Any] = Frames(self._reader, self._writer, types)
        other.finished, other._received, other._whole = self.finished, self._received, self._whole
        return other

    def write(self, message: T) -> None:
        """Queue a message; it is not sent before the loop runs."""
        self.write_all((message,))

    def write_all(self, messages: Iterable[T]) -> None:
        """Queue messages in one piece: each piece costs a call of TLS."""
        pieces: list[bytes] = []
        for message in messages:
            body = self._encoder.encode(message)
            pieces += (len(body).to_bytes(LENGTH_BYTES), body)
        self._writer.write(b"".join(pieces))

    async def send(self, message: T) -> None:
        """Send a message and wait while the peer is slow."""
        self.write(message)
        await self.drain()

    async def drain(self) -> None:
        """Wait while the peer is slow."""
        await self._writer.drain()

    async def receive(self) -> T:
        """The next message.

        Raises:
            EOFError: the peer closed the connection.
            ProtocolError: not a message of the union.
        """
        while not self._whole and not self._cut():
            await self._read()
        body = self._whole.popleft()
        try:
            return self._decoder.decode(body)  # type: ignore[no-any-return]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ProtocolError(f"unreadable frame of {len(body)} bytes: {error}") from error

    def _cut(self) -> bool:
        """Cut what was received into frames; whether there is a whole one. The begin of the next one waits."""
        received, at = self._received, 0
        while len(received) - at >= LENGTH_BYTES:
            body = at + LENGTH_BYTES
            size = int.from_bytes(received[at:body])
            if size > MAX_FRAME_BYTES and not self._whole:  # else what came before it comes first
                raise ProtocolError(f"frame of {size} bytes, {MAX_FRAME_BYTES} allowed")
            if size > MAX_FRAME_BYTES or len(received) < body + size:
                break
            self._whole.append(bytes(received[body : body + size]))
            at = body + size
        del received[:at]
        return bool(self._whole)

    async def _read(self) -> None:
        piece = await self._reader.read(READ_BYTES)
        if not piece:
            raise EOFError("connection closed by the peer")
        self._received += piece

    async def closed(self) -> None:
        """Wait until the peer, who never speaks on this connection, closes it."""
        await self._reader.read(1)

    async def close(self) -> None:
        """Close the connection; errors while closing do not matter."""
        self.finished.set()
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):  # wait_for of Python 3.11 may swallow a cancellation
                await self._writer.wait_closed()
