"""Requests of HTTP/1.1 (RFC 9112) from bytes, by llhttp (``httptools``), within bounds. No IO.

Heads are bounded by ``MAX_HEAD_BYTES``, bodies by ``body_bytes``, and with them what the parser keeps meanwhile.
"""

from collections import deque
from typing import NamedTuple

import httptools

MAX_HEAD_BYTES = 8192
PIECE_BYTES = 16 * 1024
PLAIN = frozenset({b"", b"identity"})


class Request(NamedTuple):
    """A request as it came, or with ``refusal`` one that did not come as it should: status and reason.

    ``body`` is empty for a GET. After a request that is the ``last`` one the connection closes.
    """

    method: str = ""
    target: bytes = b""
    body: bytes = b""
    last: bool = False
    refusal: tuple[int, str] | None = None


class _RefusedError(Exception):
    """Ends the reading of a request; its arguments are status and reason."""


class RequestReader:
    """Reads the requests of one connection, in order, until one is the last or cannot be read."""

    def __init__(self, body_bytes: int) -> None:
        """No body may have more than ``body_bytes``."""
        self._body_bytes = body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self.found: deque[Request] = deque()
        self.ended = False  # there will be no further request
        self.begun = False  # a request has begun to come
        self.in_body = False
        self.expects = False  # the client waits for "100 Continue"
        self._forget()

    def feed(self, piece: bytes) -> None:
        """Read at most ``PIECE_BYTES``; what is whole now is in ``found``."""
        self._seen += len(piece) if self.begun else 0
        try:
            self._parser.feed_data(piece)
            self._check_seen()
        except httptools.HttpParserUpgrade:
            self.ended = True  # nothing is upgraded: the request is answered as the last one
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _RefusedError):
                raise
            self.refuse(*error.__context__.args)
        except _RefusedError as error:
            self.refuse(*error.args)
        except httptools.HttpParserError:
            self.refuse(400, "the request is not HTTP/1.1")

    def refuse(self, status: int, reason: str) -> None:
        """The request that comes now is not read to its end, and is the last one."""
        if not self.ended:
            method = self._parser.get_method().decode("ascii") if self.begun else ""
            self.found.append(Request(method, self._target, last=True, refusal=(status, reason)))
            self.ended = True

    def _check_seen(self) -> None:
        """Bounds what the parser itself keeps: an unfinished line of a head or trailer, and what chunks waste."""
        if not self.begun:
            return
        if not self.in_body and self._seen > MAX_HEAD_BYTES:
            self._refuse_head()
        if self._seen > 2 * (MAX_HEAD_BYTES + PIECE_BYTES) + self._body_bytes:
            self._refuse_body()

    def _refuse_head(self) -> None:
        raise _RefusedError(400, f"the head of the request has more than {MAX_HEAD_BYTES} bytes")

    def _refuse_body(self) -> None:
        raise _RefusedError(413, f"the body has more bytes than the {self._body_bytes} allowed")

    def _forget(self) -> None:
        self.begun = self.in_body = self.expects = False
        self._target, self._encoding = b"", b""
        self._hosts = 0
        self._body = bytearray()
        self._head = self._seen = 0

    # events of the parser

    def on_message_begin(self) -> None:
        """A request begins."""
        self.begun = True

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header field; its length tells most apart faster than its name."""
        self._count(len(name) + len(value))
        if len(name) == len("host") and name.lower() == b"host":
            self._hosts += 1
        elif len(name) == len("expect") and name.lower() == b"expect":
            self.expects = value.lower() == b"100-continue"
        elif len(name) == len("content-encoding") and name.lower() == b"content-encoding":
            self._encoding = value.lower()
        elif len(name) == len("content-length") and name.lower() == b"content-length" and int(value) > self._body_bytes:
            self._refuse_body()  # before anybody sends it; the parser takes digits only

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """The head is there; of HTTP/1.1 it has one Host (RFC 9112, 3.2)."""
        self.in_body = True
        if self._parser.get_http_version() != "1.1":
            self.expects = False
        elif self._hosts != 1:
            raise _RefusedError(400, f"the request has {self._hosts} Host fields; send one")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self.expects = False
        if self._encoding not in PLAIN or self._parser.get_method() == b"GET":
            return
        self._body += body
        if len(self._body) > self._body_bytes:
            self._refuse_body()

    def on_message_complete(self) -> None:
        """The request is there."""
        if self.ended:
            return
        parser, refusal = self._parser, None
        method = parser.get_method().decode("ascii")
        if self._encoding not in PLAIN and method != "GET":
            refusal = (415, "the body has a Content-Encoding; send it plain")
        last = not parser.should_keep_alive() or parser.should_upgrade() or parser.get_http_version() != "1.1"
        self.found.append(Request(method, self._target, bytes(self._body), last, refusal))
        self._forget()
        self.ended = last
