"""Messages over a stream: a four-byte length, then MessagePack (msgspec), on asyncio TLS.

Each connection opens with a :class:`Hello` that says what it is for; the certificate says who speaks.
"""

import asyncio
import contextlib
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
        self.finished = asyncio.Event()

    def retype(self, types: object) -> "Frames[Any]":
        """The same connection with another union of messages."""
        other: Frames[Any] = Frames(self._reader, self._writer, types)
        other.finished, other._received = self.finished, self._received
        return other

    def write(self, message: T) -> None:
        """Queue a message; it is not sent before the loop runs."""
        self.write_all((message,))

    def write_all(self, messages: Iterable[T]) -> None:
        """Queue messages in one piece: each piece costs a call of TLS."""
        bodies = [self._encoder.encode(message) for message in messages]
        self._writer.write(b"".join(part for body in bodies for part in (len(body).to_bytes(LENGTH_BYTES), body)))

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
        await self._fill(LENGTH_BYTES)
        size = int.from_bytes(self._received[:LENGTH_BYTES])
        if size > MAX_FRAME_BYTES:
            raise ProtocolError(f"frame of {size} bytes, {MAX_FRAME_BYTES} allowed")
        await self._fill(LENGTH_BYTES + size)
        body = self._received[LENGTH_BYTES : LENGTH_BYTES + size]
        del self._received[: LENGTH_BYTES + size]
        try:
            return self._decoder.decode(body)  # type: ignore[no-any-return]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ProtocolError(f"unreadable frame of {size} bytes: {error}") from error

    async def _fill(self, size: int) -> None:
        """Read until ``size`` bytes wait; what came with them waits too."""
        while len(self._received) < size:
            piece = await self._reader.read(max(READ_BYTES, size - len(self._received)))
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
