"""An ETSI GS QKD 014 client for applications: Get status, Get key, Get key with key IDs over mutual TLS.

    with KMEClient("https://127.0.0.1:28002", "cert.pem", "key.pem", "ca.pem") as client:
        key = client.get_keys("app-west")[0]

Get key is never repeated by itself at a KME: a lost answer has consumed its keys (rule A4). An application that several
sites serve names the KMEs of all, in their order. What one cannot do is asked of the next: any call if a KME cannot be
reached or answers 503, and Get key with key IDs also if it answers 400, since the copies wait at one of the sites.

An answer that is too large or drips without end is given up, and what a server says in errors is shown short and
printable: a KME may be anybody's.
"""

import base64
import contextlib
import json
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import anyio
import httpx

from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError
from qit4n.service.sharedkey import SharedKey

TIMEOUT_S = 15.0
CONNECT_S = 3.0  # where another KME can be asked instead
RESPITE_S = 10.0  # a KME that did not answer is asked last for so long
ANSWER_S = 60.0  # for a whole answer, however its pieces come
MOST_BYTES = 1 << 26
MOST_TEXT = 500
KEYS = "/api/v1/keys"
HEADERS = {"Content-Type": "application/json"}
UNAVAILABLE, NOT_FOUND = 503, 400
NO_KME = "no KME is named; give a base URL, such as https://kme.example:443"
Failure = PeerUnreachableError | KeyRequestError
_Stamps = tuple[tuple[int, int], ...]
CLOSED = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class KMEClient:
    """Talks to the KMEs of the application's own sites, over connections that stay open; threads may share it."""

    def __init__(self, kme: str | Sequence[str], cert: str | Path, key: str | Path, ca: str | Path) -> None:
        """``kme`` is the base URL (``https://host:port``), or several; the files are PEM, the key without a password.

        Renewed files count from the next call on at which they fit each other.

        Raises:
            CertificateError: a file is missing or does not fit.
            PeerUnreachableError: ``kme`` is no such URL.
        """
        self._kmes = _KMEs(_bases(kme), Path(cert), Path(key), Path(ca))
        self._stamps, self._http = self._kmes.stamps(), httpx.Client(**self._kmes.options())
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

    def entropy(self, bits: int = 256) -> bytes:
        """Random bytes from the KME's site (SKIP ``/entropy``)."""
        return bytes.fromhex(str(self._call(_Call("GET", f"/entropy?minentropy={bits}"))["randomStr"]))

    def _call(self, call: "_Call") -> dict[str, Any]:
        stamps, options = self._kmes.renewed(self._stamps)
        if options:
            self._retired.append(self._http)  # not closed yet: another call may be under way on it
            self._stamps, self._http = stamps, httpx.Client(**options)
        told: Failure | None = None
        for base in self._kmes.order():
            try:
                return self._ask(base, call)
            except (PeerUnreachableError, KeyRequestError) as error:
                told = call.weigh(error, told)
        raise told or PeerUnreachableError(NO_KME)

    def _ask(self, base: str, call: "_Call") -> dict[str, Any]:
        answer = _Answer(base)
        asked = self._http.stream(call.method, base + call.path, content=call.body, headers=HEADERS)
        with self._kmes.errors(base), asked as response:
            for piece in response.iter_bytes():
                answer.take(piece)
        return _decoded(response.status_code, answer.body)


class AsyncKMEClient:
    """:class:`KMEClient` for asyncio: the same methods to be awaited, the same errors."""

    def __init__(self, kme: str | Sequence[str], cert: str | Path, key: str | Path, ca: str | Path) -> None:
        """As :class:`KMEClient`."""
        self._kmes = _KMEs(_bases(kme), Path(cert), Path(key), Path(ca))
        self._stamps, self._http = self._kmes.stamps(), httpx.AsyncClient(**self._kmes.options())
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
        stamps, options = self._kmes.renewed(self._stamps)
        if options:
            self._retired.append(self._http)  # not closed yet: another call may be under way on it
            self._stamps, self._http = stamps, httpx.AsyncClient(**options)
        told: Failure | None = None
        for base in self._kmes.order():
            try:
                return await self._ask(base, call)
            except (PeerUnreachableError, KeyRequestError) as error:
                told = call.weigh(error, told)
        raise told or PeerUnreachableError(NO_KME)

    async def _ask(self, base: str, call: "_Call") -> dict[str, Any]:
        answer = _Answer(base)
        asked = self._http.stream(call.method, base + call.path, content=call.body, headers=HEADERS)
        with self._kmes.errors(base):
            async with asked as response:
                async for piece in response.aiter_bytes():
                    answer.take(piece)
        return _decoded(response.status_code, answer.body)


@dataclass(frozen=True)
class _Call:
    """A request of 014: method, path below the base URL, body."""

    method: str
    path: str
    body: bytes | None = None
    fetches: bool = False

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
        return cls("POST", f"{KEYS}/{quote(master, safe='')}/dec_keys", json.dumps(wanted).encode(), fetches=True)

    def weigh(self, error: Failure, before: Failure | None) -> Failure:
        """Which of two errors to tell: one that may be over soon rather than keys that were not found.

        Raises:
            KeyRequestError: ``error`` itself, if another KME would answer the same.
        """
        weight = self._weight(error)
        if weight < 0:
            raise error
        return before if before is not None and self._weight(before) >= weight else error

    def _weight(self, error: Failure) -> int:
        if isinstance(error, PeerUnreachableError):
            return 1
        return 2 if error.status == UNAVAILABLE else 0 if error.status == NOT_FOUND and self.fetches else -1


@dataclass(frozen=True)
class _KMEs:
    """Where they are, the files that connect to them, and when one did not answer."""

    bases: tuple[str, ...]
    cert: Path
    key: Path
    ca: Path
    silent_at: dict[str, float] = field(default_factory=dict)

    def order(self) -> list[str]:
        """As they are named, but those that did not answer lately come last."""
        now = time.monotonic()
        return sorted(self.bases, key=lambda base: now - self.silent_at.get(base, -RESPITE_S) < RESPITE_S)

    def stamps(self) -> _Stamps:
        """What changes when one of the files does."""
        return tuple(_stamp(file) for file in (self.cert, self.key, self.ca))

    def renewed(self, known: _Stamps) -> tuple[_Stamps, dict[str, Any]]:
        """The files' stamps, and options of a new client if they are not those ``known`` and the files fit."""
        stamps = self.stamps()
        if stamps == known:
            return known, {}
        try:
            return stamps, self.options()
        except CertificateError:  # one is written, the other not yet: what was read before serves
            return known, {}

    def options(self) -> dict[str, Any]:
        """Of a client of httpx; proxies and authorities of the environment do not count."""
        context = context_of(self.cert, self.key, self.ca)
        timeout = httpx.Timeout(TIMEOUT_S, connect=CONNECT_S if len(self.bases) > 1 else TIMEOUT_S)
        return {"verify": context, "timeout": timeout, "trust_env": False}

    @contextlib.contextmanager
    def errors(self, base: str) -> Iterator[None]:
        """What httpx raises, as one of ours with the address."""
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            cause = _cause(error)
            self.silent_at[base] = time.monotonic()
            if isinstance(cause, CLOSED):
                raise PeerUnreachableError(f"the KME at {base} closed the connection") from cause
            if isinstance(cause, ssl.SSLError):
                raise CertificateError(f"no TLS connection with the KME at {base}: {cause.reason}") from cause
            text = f"the KME at {base} does not answer ({cause or type(cause).__name__}); is the network up?"
            raise PeerUnreachableError(text) from cause


class _Answer:
    """The body of an answer, within bounds of size and time."""

    def __init__(self, base: str) -> None:
        """Nothing has come yet."""
        self._base = base
        self._until = time.monotonic() + ANSWER_S
        self.body = bytearray()

    def take(self, piece: bytes) -> None:
        """One more piece.

        Raises:
            PeerUnreachableError: it is too much, or too late.
        """
        self.body += piece
        if len(self.body) > MOST_BYTES:
            raise PeerUnreachableError(f"the KME at {self._base} gives an answer of more than {MOST_BYTES} bytes")
        if time.monotonic() > self._until:
            raise PeerUnreachableError(f"the KME at {self._base} gives no whole answer within {ANSWER_S:g} s")


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


def _bases(kme: str | Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(map(_base, (kme,) if isinstance(kme, str) else kme)))
    if not found:
        raise PeerUnreachableError(NO_KME)
    return found


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


def _decoded(status: int, content: bytes | bytearray) -> dict[str, Any]:
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
    shown = "".join(one if one.isprintable() else "?" for one in str(message)[:MOST_TEXT])
    raise KeyRequestError(status, shown, tuple(details) if isinstance(details, list) else ())


def _keys(container: dict[str, Any]) -> list[SharedKey]:
    try:
        return [SharedKey(str(one["key_ID"]), base64.b64decode(one["key"], validate=True)) for one in container["keys"]]
    except (KeyError, TypeError, ValueError):  # not chained: nothing that might quote a key goes into a traceback
        raise KeyRequestError(200, "what the KME answered is not a key container (014 clause 6.3)") from None
