"""An ETSI GS QKD 014 client for applications: Get status, Get key, Get key with key IDs over mutual TLS.

    with KMEClient("https://127.0.0.1:28002", "cert.pem", "key.pem", "ca.pem") as client:
        key = client.get_keys("app-west")[0]

Get key is never repeated by itself: a lost answer has consumed its keys (rule A4).
"""

import base64
import contextlib
import json
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import anyio
import httpx

from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError

TIMEOUT_S = 15.0
KEYS = "/api/v1/keys"
HEADERS = {"Content-Type": "application/json"}
CLOSED = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


@dataclass(frozen=True)
class SharedKey:
    """A key and its id. ``repr`` hides the value."""

    key_id: str
    value: bytes

    def __repr__(self) -> str:
        """Id and length."""
        return f"SharedKey({self.key_id}, <{len(self.value)} bytes>)"


class KMEClient:
    """Talks to the KME of the application's own site, over connections that stay open; threads may share it."""

    def __init__(self, kme: str, cert: str | Path, key: str | Path, ca: str | Path) -> None:
        """``kme`` is the base URL (``https://host:port``); the files are PEM, the key without a password.

        Renewed files count from the next call on.

        Raises:
            CertificateError: a file is missing or does not fit.
            PeerUnreachableError: ``kme`` is no such URL.
        """
        self._kme = _KME(_base(kme), Path(cert), Path(key), Path(ca))
        self._stamps, self._http = self._kme.stamps(), httpx.Client(**self._kme.options())
        self._retired: list[httpx.Client] = []

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; the client is of no use afterwards."""
        for client in (*self._retired, self._http):
            client.close()

    def status(self, slave: str) -> dict[str, Any]:
        """Get status (014 clause 5.2): the Status object for this application and ``slave``."""
        return self._call(_Call.status(slave))

    def get_keys(
        self, slave: str, *, number: int = 1, size: int | None = None, additional_slaves: Sequence[str] = ()
    ) -> list[SharedKey]:
        """Get key (014 clause 5.3): ``number`` fresh keys of ``size`` bits (default: the KME's) to share."""
        return _keys(self._call(_Call.get_keys(slave, number, size, additional_slaves)))

    def get_keys_by_id(self, master: str, key_ids: Sequence[str]) -> list[SharedKey]:
        """Get key with key IDs (014 clause 5.4): the same keys as ``master`` got, each once."""
        return _keys(self._call(_Call.get_keys_by_id(master, key_ids)))

    def _call(self, call: "_Call") -> dict[str, Any]:
        stamps = self._kme.stamps()
        if stamps != self._stamps:
            fresh = httpx.Client(**self._kme.options())
            self._retired.append(self._http)  # not closed yet: another call may be under way on it
            self._stamps, self._http = stamps, fresh
        with self._kme.errors():
            response = self._http.request(call.method, call.path, content=call.body, headers=HEADERS)
        return _decoded(response.status_code, response.content)


class AsyncKMEClient:
    """:class:`KMEClient` for asyncio: the same methods to be awaited, the same errors."""

    def __init__(self, kme: str, cert: str | Path, key: str | Path, ca: str | Path) -> None:
        """As :class:`KMEClient`."""
        self._kme = _KME(_base(kme), Path(cert), Path(key), Path(ca))
        self._stamps, self._http = self._kme.stamps(), httpx.AsyncClient(**self._kme.options())
        self._retired: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; the client is of no use afterwards."""
        for client in (*self._retired, self._http):
            await client.aclose()

    async def status(self, slave: str) -> dict[str, Any]:
        """Get status (014 clause 5.2)."""
        return await self._call(_Call.status(slave))

    async def get_keys(
        self, slave: str, *, number: int = 1, size: int | None = None, additional_slaves: Sequence[str] = ()
    ) -> list[SharedKey]:
        """Get key (014 clause 5.3)."""
        return _keys(await self._call(_Call.get_keys(slave, number, size, additional_slaves)))

    async def get_keys_by_id(self, master: str, key_ids: Sequence[str]) -> list[SharedKey]:
        """Get key with key IDs (014 clause 5.4)."""
        return _keys(await self._call(_Call.get_keys_by_id(master, key_ids)))

    async def _call(self, call: "_Call") -> dict[str, Any]:
        stamps = self._kme.stamps()
        if stamps != self._stamps:
            fresh = httpx.AsyncClient(**self._kme.options())
            self._retired.append(self._http)  # not closed yet: another call may be under way on it
            self._stamps, self._http = stamps, fresh
        with self._kme.errors():
            response = await self._http.request(call.method, call.path, content=call.body, headers=HEADERS)
        return _decoded(response.status_code, response.content)


@dataclass(frozen=True)
class _Call:
    """A request of 014: method, path below the base URL, body."""

    method: str
    path: str
    body: bytes | None = None

    @classmethod
    def status(cls, slave: str) -> Self:
        return cls("GET", f"{KEYS}/{quote(slave, safe='')}/status")

    @classmethod
    def get_keys(cls, slave: str, number: int, size: int | None, additional_slaves: Sequence[str]) -> Self:
        wanted: dict[str, Any] = {"number": number}
        if size is not None:
            wanted["size"] = size
        if additional_slaves:
            wanted["additional_slave_SAE_IDs"] = list(additional_slaves)
        return cls("POST", f"{KEYS}/{quote(slave, safe='')}/enc_keys", json.dumps(wanted).encode())

    @classmethod
    def get_keys_by_id(cls, master: str, key_ids: Sequence[str]) -> Self:
        wanted = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        return cls("POST", f"{KEYS}/{quote(master, safe='')}/dec_keys", json.dumps(wanted).encode())


@dataclass(frozen=True)
class _KME:
    """Where it is, and the files that connect to it."""

    base: str
    cert: Path
    key: Path
    ca: Path

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """What changes when one of the files does."""
        return tuple(_stamp(file) for file in (self.cert, self.key, self.ca))

    def options(self) -> dict[str, Any]:
        """Of a client of httpx; proxies and authorities of the environment do not count."""
        context = context_of(self.cert, self.key, self.ca)
        return {"base_url": self.base, "verify": context, "timeout": TIMEOUT_S, "trust_env": False}

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """What httpx raises, as one of ours with the address."""
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            cause = _cause(error)
            if isinstance(cause, CLOSED):
                raise PeerUnreachableError(f"the KME at {self.base} closed the connection") from cause
            if isinstance(cause, ssl.SSLError):
                raise CertificateError(f"no TLS connection with the KME at {self.base}: {cause.reason}") from cause
            text = f"the KME at {self.base} does not answer ({cause or type(cause).__name__}); is the network up?"
            raise PeerUnreachableError(text) from cause


def _cause(error: BaseException) -> BaseException:
    """The socket's error below one of httpx; a connection that closes without an answer is one that was reset."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and not isinstance(found, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
            return found
        if isinstance(found, (httpx.RemoteProtocolError, anyio.EndOfStream)):
            return ConnectionResetError("closed without a whole answer")
        found = found.__cause__ or found.__context__
    return error


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_ino


def _base(kme: str) -> str:
    try:
        parts = urlsplit(kme if "//" in kme else f"https://{kme}")
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host = None
    if not host or parts.scheme != "https":
        raise PeerUnreachableError(f"{kme} is not the base URL of a KME, such as https://kme.example:443")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def context_of(cert: Path, key: Path, ca: Path) -> ssl.SSLContext:
    """For the connections of an application.

    Raises:
        CertificateError: a file is missing or does not fit.
    """
    missing = next((file for file in (cert, key, ca) if not file.is_file()), None)
    if missing is not None:
        raise CertificateError(f"{missing} is missing; make it: qit pki FILE --state DIR")
    try:
        context = ssl.create_default_context(cafile=str(ca))
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{ca} is not a PEM certificate of an authority, or not readable") from error
    try:
        context.load_cert_chain(cert, key, password="")  # an encrypted key is an error, not a prompt
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{key} is not the private key of {cert}, or one of them is not readable") from error
    return context


def _decoded(status: int, content: bytes) -> dict[str, Any]:
    """The JSON object of a 200, or the error; servers in the field answer errors with anything."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, dict) else {}
    if status == 200:  # noqa: PLR2004
        return found
    message = found.get("message") or f"the KME answered {status} without a message"
    details = found.get("details")
    raise KeyRequestError(status, str(message), tuple(details) if isinstance(details, list) else ())


def _keys(container: dict[str, Any]) -> list[SharedKey]:
    try:
        return [SharedKey(str(one["key_ID"]), base64.b64decode(one["key"], validate=True)) for one in container["keys"]]
    except (KeyError, TypeError, ValueError):  # not chained: nothing that might quote a key goes into a traceback
        raise KeyRequestError(200, "what the KME answered is not a key container (014 clause 6.3)") from None
