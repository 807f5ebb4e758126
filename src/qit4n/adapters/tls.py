"""TLS contexts from the files of a holder, and who is at the other end of a connection."""

import datetime
import logging
import math
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qit4n.adapters.certificates import read_certificate
from qit4n.adapters.revocation import FILE_NAME
from qit4n.errors import CertificateError

log = logging.getLogger(__name__)

URI_PARTS = 5
TOLD_S = 1.0  # at most one refused handshake is told in this time: strangers do not fill a log


@dataclass(frozen=True)
class Identity:
    """Whose certificate it is, which, and until when it is valid (s since 1970).

    ``network`` is empty when only a common name says who (014 rule A1).
    """

    network: str
    role: str
    id: str
    serial: int = field(default=0, compare=False)
    expires: float = field(default=math.inf, compare=False)

    def __str__(self) -> str:
        """For errors."""
        return f"{self.role} {self.id} of network {self.network}" if self.network else f"{self.role} {self.id}"


class Told(ssl.SSLObject):
    """The server's end of a handshake: the log says why one was refused, which the client often cannot see."""

    told_at = -math.inf
    untold = 0

    def do_handshake(self) -> None:
        """Of ssl.SSLObject."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            _tell_refused(error)
            raise


def _tell_refused(error: ssl.SSLError) -> None:
    now = time.monotonic()
    if now < Told.told_at + TOLD_S:
        Told.untold += 1
        return
    more = f" (and {Told.untold} more since the last line)" if Told.untold else ""
    Told.told_at, Told.untold = now, 0
    reason = getattr(error, "verify_message", "") or (error.reason or str(error)).lower().replace("_", " ")
    log.warning("a connection is refused in its TLS handshake: %s%s", reason, more)


def server_context(directory: Path) -> ssl.SSLContext:
    """For connections between processes of the network: TLS 1.3, client certificate required."""
    return _context(ssl.PROTOCOL_TLS_SERVER, directory, ssl.TLSVersion.TLSv1_3)


def server_context_for_applications(directory: Path) -> ssl.SSLContext:
    """For Ak: TLS 1.2 or 1.3 (ETSI GS QKD 014 clause 5.1), client certificate required."""
    return _context(ssl.PROTOCOL_TLS_SERVER, directory, ssl.TLSVersion.TLSv1_2)


def server_context_for_visitors(directory: Path) -> ssl.SSLContext:
    """For people with a browser and a password: TLS 1.3; a client certificate is checked if there is one."""
    context = server_context(directory)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(directory: Path) -> ssl.SSLContext:
    """To connect to other processes of the network."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, directory, ssl.TLSVersion.TLSv1_3)


def _context(protocol: int, directory: Path, least: ssl.TLSVersion) -> ssl.SSLContext:
    context = context_of(protocol, directory / "cert.pem", directory / "key.pem", directory / "ca.pem", least)
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.sslobject_class = Told
    _check_revocation(context, directory / FILE_NAME)
    return context


def _check_revocation(context: ssl.SSLContext, path: Path) -> None:
    """Refuse certificates that the list names, and all if there is no list."""
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    if not path.is_file():
        raise CertificateError(f"{path} is missing; make it: qit pki FILE --state DIR")
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{path} is not a list of revoked certificates; copy it from ca/{FILE_NAME}") from error


def context_of(
    protocol: int, certificate: Path, key: Path, authorities: Path | Sequence[Path], least: ssl.TLSVersion
) -> ssl.SSLContext:
    """A context from files: certificate, key, and the authorities that are believed.

    Raises:
        CertificateError: a file is missing, expired, unreadable, or the key is of another certificate.
    """
    _check_dates(certificate)
    context = ssl.SSLContext(protocol)
    context.minimum_version = least
    context.verify_mode = ssl.CERT_REQUIRED
    believed = [authorities] if isinstance(authorities, Path) else authorities
    for file in (key, *believed):
        if not file.is_file():
            raise CertificateError(f"{file} is missing; make it: qit pki FILE --state DIR")
    try:
        context.load_cert_chain(certificate, key, password="")  # an encrypted key is an error, not a prompt
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{key} is not the private key of {certificate}, or not readable") from error
    for authority in believed:
        try:
            context.load_verify_locations(authority)
        except (ssl.SSLError, OSError) as error:
            raise CertificateError(f"{authority} is not a PEM certificate of an authority") from error
    return context


def _check_dates(path: Path) -> None:
    certificate, now = read_certificate(path), datetime.datetime.now(datetime.UTC)
    if now > certificate.not_valid_after_utc:
        raise CertificateError(
            f"{path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; renew it: qit pki FILE --state DIR"
        )
    if now < certificate.not_valid_before_utc:
        raise CertificateError(f"{path} is valid from {certificate.not_valid_before_utc} only; is the clock right?")


def peer_identity(connection: Any) -> Identity:
    """Who is at the other end of an ssl object.

    Raises:
        CertificateError: the certificate does not say it in a way that is accepted here.
    """
    certificate = connection.getpeercert() if connection is not None else None
    if not certificate:
        raise CertificateError("the peer showed no certificate")
    serial = int(certificate.get("serialNumber", "0"), 16)
    until = certificate.get("notAfter")
    expires = ssl.cert_time_to_seconds(until) if until else math.inf
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    named = [uri.split(":", URI_PARTS - 1) for uri in uris if uri.startswith("urn:qit4n:")]
    if len(named) == 1 and len(named[0]) == URI_PARTS:
        _, _, network, role, holder = named[0]
        return Identity(network, role, holder, serial, expires)
    if uris:
        raise CertificateError(f"the peer's certificate does not name one holder of this network: {', '.join(uris)}")
    names = [value for entry in certificate["subject"] for key, value in entry if key == "commonName"]
    if len(names) != 1:
        raise CertificateError("the peer's certificate has neither a URI nor one common name")
    return Identity("", "sae", names[0], serial, expires)
