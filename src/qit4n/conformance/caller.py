"""Raw HTTP requests over mutual TLS to a KME of which nothing is taken for granted.

Each request has a connection of its own and ends within its limit, whatever comes: no answer, half an answer, an answer
that drips, one without end. The client of ``service/`` is not used: what is polite hides faults.
"""

import http.client
import json
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

MOST_BYTES = 1 << 24
BASE = "/api/v1/keys/"


@dataclass(frozen=True)
class Party:
    """An SAE as the KMEs under test know it, and the KME of its site. The files are PEM."""

    host: str
    port: int
    prefix: str
    certificate: str
    key: str
    sae_id: str


@dataclass(frozen=True)
class Answer:
    """What came back; ``status`` is 0 and ``trouble`` says why when nothing usable did. ``repr`` hides the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float
    trouble: str = ""

    @property
    def json(self) -> Any:
        """The body, None if it is no JSON in UTF-8 (RFC 8259)."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None

    @property
    def object(self) -> dict[str, Any]:
        """The JSON object, empty if it is none."""
        found = self.json
        return found if isinstance(found, dict) else {}


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def path_of(sae_id: str, method: str) -> str:
    """The path of a method, with the SAE ID percent-encoded."""
    return f"{BASE}{quote(sae_id, safe='')}/{method}"


class Caller:
    """Calls one KME as one SAE."""

    def __init__(self, party: Party, authority: str, limit_s: float) -> None:
        """``limit_s`` bounds each request.

        Raises:
            OSError: a file is missing, or no PEM of what it should be (``ssl.SSLError`` is one).
        """
        self.party = party
        self.limit_s = limit_s
        self._authority = authority
        self._context = self.context()

    def context(self, *, certificate: bool = True, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """A TLS context, if wanted without the SAE's certificate or with old versions only.

        Raises:
            ValueError: this machine's TLS library does not speak that version.
        """
        made = ssl.create_default_context(cafile=self._authority)
        if newest is not None:
            made.set_ciphers("ALL:@SECLEVEL=0")  # without this no TLS before 1.2 is offered at all
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                made.maximum_version = newest
        if certificate:
            made.load_cert_chain(self.party.certificate, self.party.key, password="")  # never a prompt
        return made

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Answer:
        """One request; ``body`` is bytes, or what is sent as JSON, or None for none."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        fields = {"Connection": "close", **({"Content-Type": "application/json"} if content is not None else {})}
        began = time.monotonic()
        try:
            found = self._exchange(
                (method, self.party.prefix + path, content, fields | dict(headers or {})), context or self._context
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(0, {}, b"", time.monotonic() - began, self._trouble(error, time.monotonic() - began))
        return found

    def _exchange(self, request: tuple[Any, ...], context: ssl.SSLContext) -> Answer:
        began, host = time.monotonic(), self.party.host
        raw = socket.create_connection((host, self.party.port), timeout=self.limit_s)
        with context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False) as link:
            end = threading.Timer(max(0.0, began + self.limit_s - time.monotonic()), _cut, (link,))
            end.daemon = True
            end.start()
            try:
                link.do_handshake()
                return self._ask(link, request, began)
            finally:
                end.cancel()

    def _ask(self, link: ssl.SSLSocket, request: tuple[Any, ...], began: float) -> Answer:
        connection = http.client.HTTPConnection(self.party.host, self.party.port)
        connection.sock = link
        connection.request(*request)
        with connection.getresponse() as response:
            content = response.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise ValueError("an answer without end")
            wanted = response.getheader("Content-Length")
            if wanted is not None and wanted != str(len(content)):
                raise ValueError("an answer that breaks off")
            if time.monotonic() - began >= self.limit_s:
                raise TimeoutError
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, content, time.monotonic() - began)

    def _trouble(self, error: Exception, seconds: float) -> str:
        if seconds >= self.limit_s * 0.99:
            return f"no whole answer within {self.limit_s:g} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is refused: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"TLS failed: {error.reason or 'closed'}"
        if isinstance(error, OSError):
            return f"no connection: {error.strerror or type(error).__name__}"
        return f"what came is no HTTP answer ({type(error).__name__})"


def _cut(link: socket.socket) -> None:
    """End a connection from another thread; whoever reads it gets an error or the end of it."""
    try:
        socket.socket.shutdown(link, socket.SHUT_RDWR)  # SSLSocket's forgets the session under a reader
    except OSError:
        return
