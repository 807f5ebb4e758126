"""An ETSI GS QKD 014 client for applications: Get status, Get key, Get key with key IDs over mutual TLS.

    client = KMEClient("https://127.0.0.1:28002", "cert.pem", "key.pem", "ca.pem")
    key = client.get_keys("app-west")[0]

Get key is never repeated by itself: a lost answer has consumed its keys (rule A4).
"""

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError

TIMEOUT_S = 15.0


@dataclass(frozen=True)
class SharedKey:
    """A key and its id. ``repr`` hides the value."""

    key_id: str
    value: bytes

    def __repr__(self) -> str:
        """Id and length."""
        return f"SharedKey({self.key_id}, <{len(self.value)} bytes>)"


class KMEClient:
    """Talks to the KME of the application's own site."""

    def __init__(self, kme: str, cert: str | Path, key: str | Path, ca: str | Path) -> None:
        """``kme`` is the base URL (``https://host:port``); the files are PEM, the key without a password.

        Raises:
            CertificateError: a file is missing or does not fit.
            PeerUnreachableError: ``kme`` is no such URL.
        """
        self._host, self._port = _address(kme)
        self._context = context_of(Path(cert), Path(key), Path(ca))

    def status(self, slave: str) -> dict[str, Any]:
        """Get status (014 clause 5.2): the Status object for this application and ``slave``."""
        return self._call("GET", f"{quote(slave, safe='')}/status")

    def get_keys(
        self, slave: str, *, number: int = 1, size: int | None = None, additional_slaves: tuple[str, ...] = ()
    ) -> list[SharedKey]:
        """Get key (014 clause 5.3): ``number`` fresh keys of ``size`` bits (default: the KME's) to share."""
        wanted: dict[str, Any] = {"number": number}
        if size is not None:
            wanted["size"] = size
        if additional_slaves:
            wanted["additional_slave_SAE_IDs"] = list(additional_slaves)
        return _keys(self._call("POST", f"{quote(slave, safe='')}/enc_keys", wanted))

    def get_keys_by_id(self, master: str, key_ids: list[str]) -> list[SharedKey]:
        """Get key with key IDs (014 clause 5.4): the same keys as ``master`` got, each once."""
        wanted = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        return _keys(self._call("POST", f"{quote(master, safe='')}/dec_keys", wanted))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=TIMEOUT_S)
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, f"/api/v1/keys/{path}", text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            status, content = response.status, response.read()
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise PeerUnreachableError(f"the KME at {self._host}:{self._port} closed the connection") from error
        except ssl.SSLError as error:
            raise CertificateError(
                f"no TLS connection with the KME at {self._host}:{self._port}: {error.reason}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise PeerUnreachableError(
                f"the KME at {self._host}:{self._port} does not answer ({error or type(error).__name__}); "
                "is the network up?"
            ) from error
        finally:
            connection.close()
        return _decoded(status, content)


def _address(kme: str) -> tuple[str, int]:
    try:
        parts = urlsplit(kme if "//" in kme else f"https://{kme}")
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host = None
    if not host or parts.scheme != "https":
        raise PeerUnreachableError(f"{kme} is not the base URL of a KME, such as https://kme.example:443")
    return host, port


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
