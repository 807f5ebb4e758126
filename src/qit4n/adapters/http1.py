"""One server-side connection of HTTP/1.1 (RFC 9110, RFC 9112): requests in, answers out, in order.

One request at a time is handed over; the next one waits until the answer is written, so pipelined requests are
answered in order. A request that repeats the last one byte for byte is not read again.

What one connection holds is bounded: see ``httprequests.py``, and requests that wait are what fits into
``PIECE_BYTES``. A client with requests that wait, or that does not take its answers, is not read. How long it holds
that is bounded too, see :class:`Limits`.
"""

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from qit4n.adapters.httprequests import PIECE_BYTES, Request, RequestReader

log = logging.getLogger(__name__)

REPEATED_BYTES = 4096
LINGERING_S = 1.0  # how long the rest of a body is taken after an answer that did not wait for it
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


@dataclass(frozen=True)
class Limits:
    """Largest body; seconds that a request may take to come in, and that a connection may do nothing."""

    body_bytes: int = 1 << 20
    request_s: float = 15.0
    idle_s: float = 75.0


class Connection(asyncio.Protocol):
    """Base of a server's connections: a subclass says what is answered to a request."""

    def __init__(self, limits: Limits) -> None:
        """A connection that is not yet open."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._requests = RequestReader(limits.body_bytes)
        self._unread = b""
        self._raw, self._repeated = b"", Request()  # the last bytes that were one whole request, and that request
        self._current: Request | None = None
        self._full = False  # the client does not take its answers
        self._listening = True
        self._advancing = False
        self._timer: asyncio.TimerHandle | None = None
        self._transport: Any = None
        self._used_at = self._loop.time()

    # what a subclass gives and uses

    def handle(self, request: Request) -> None:
        """Take a request. :meth:`answer` is called once for it, now or later."""
        raise NotImplementedError

    def answer(self, status: int, fields: bytes, body: bytes) -> None:
        """Answer the request that was handed over; ``fields`` are whole header lines."""
        request, self._current = self._current, None
        if request is None or self._transport.is_closing():
            return
        closing = b"Connection: close\r\n" if request.last else b""
        head = b"%b%b%bContent-Length: %d\r\n\r\n" % (STATUS_LINES[status], fields, closing, len(body))
        self._transport.write(head if request.method == "HEAD" else head + body)
        if request.last:
            self._finish(request)
        elif self._requests.found or self._unread or self._requests.expects:
            self._advance()

    def close_if_idle(self, now: float) -> None:
        """Close when nothing was asked, or no answer taken, for too long."""
        if self._current is not None or now - self._used_at < self._limits.idle_s:
            return
        if self._full:
            self.abort()
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent stays unsent."""
        self._requests.ended = True
        if self._transport is not None:
            self._transport.abort()

    # events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """Closed, by whichever side."""
        self._requests.ended = True
        self._requests.found.clear()
        self._unread = b""
        self._stop_timer()

    def pause_writing(self) -> None:
        """The client is slow to take its answers: no further request is handed over."""
        self._full = True
        self._listen(False)

    def resume_writing(self) -> None:
        """It has taken them."""
        self._full = False
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        requests = self._requests
        if requests.ended:
            return
        self._used_at = self._loop.time()
        fresh = self._current is None and not requests.begun and not self._full
        if fresh and data == self._raw:
            self._current = self._repeated
            self.handle(self._repeated)
            return
        if fresh and len(data) <= REPEATED_BYTES:
            requests.feed(data)
            if len(requests.found) == 1 and not requests.begun and not requests.ended:
                self._raw, self._repeated = data, requests.found[0]
        else:
            self._unread += data
        self._advance()

    # one after another

    def _advance(self) -> None:
        """Hand over what has come, as far as the last answer is written."""
        if self._advancing or self._transport.is_closing():
            return
        self._advancing = True
        try:
            while self._current is None and not self._full and self._read():
                self._current = self._requests.found.popleft()
                self._stop_timer()
                self.handle(self._current)
        finally:
            self._advancing = False
        if not self._requests.ended:
            self._rest()

    def _read(self) -> bool:
        """Read until there is a request; false when all that came is read and there is none."""
        requests = self._requests
        while self._unread and not requests.found and not requests.ended:
            piece, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
            requests.feed(piece)
        return bool(requests.found)

    def _rest(self) -> None:
        """Nothing can be handed over now: say what the client may do, and for how long."""
        requests = self._requests
        wait = bool(requests.found or self._unread or self._full)
        self._listen(not wait)
        if wait or not requests.begun:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._limits.request_s, self._late)
        if requests.expects and self._current is None:
            requests.expects = False
            self._transport.write(CONTINUE)

    def _listen(self, on: bool) -> None:
        if on != self._listening:
            self._listening = on
            (self._transport.resume_reading if on else self._transport.pause_reading)()

    def _late(self) -> None:
        self._timer = None
        what = "body" if self._requests.in_body else "head of the request"
        self._requests.refuse(408, f"the {what} did not come within {self._limits.request_s:g} s")
        self._advance()

    def _finish(self, request: Request) -> None:
        """The last answer is written."""
        self._unread = b""
        self._stop_timer()
        if request.refusal is None or not self._requests.begun:
            self._transport.close()
            return
        log.info("a connection is closed with %d", request.refusal[0])
        self._listen(True)  # to close a socket with unread bytes would take the answer away from the client
        self._loop.call_later(LINGERING_S, self._transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
