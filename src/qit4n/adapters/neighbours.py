"""Whom a site believes at an interworking node: one identity per neighbour network, under that network's authority.

The authority of a neighbour is trusted for this purpose only, and only to name that neighbour: what it signs for the
name of another one is refused. TLS 1.3, both ways. A site shows the certificate that it shows within its own network.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from qit4n.adapters import tls
from qit4n.errors import CertificateError
from qit4n.network.model import Neighbour


class Neighbours:
    """The neighbours of a site, and contexts of TLS to serve and to call them."""

    def __init__(self, neighbours: Mapping[str, Neighbour], directory: Path) -> None:
        """``directory`` is that of the site's own certificate.

        Raises:
            CertificateError: a file is missing or unreadable.
        """
        self._identities = {name: one.identity for name, one in neighbours.items()}
        self._authorities = {name: _read(name, Path(one.ca)) for name, one in neighbours.items()}
        files = directory / "cert.pem", directory / "key.pem"
        self.clients: dict[str, ssl.SSLContext] = {}
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name, one in neighbours.items():
            authority = Path(one.ca)
            context = tls.context_of(ssl.PROTOCOL_TLS_CLIENT, *files, authority, ssl.TLSVersion.TLSv1_3)
            context.sslobject_class = self._checked(name)
            self.clients[name] = context
        self.server = tls.context_of(
            ssl.PROTOCOL_TLS_SERVER, *files, [Path(one.ca) for one in neighbours.values()], ssl.TLSVersion.TLSv1_3
        )

    @property
    def contexts(self) -> tuple[ssl.SSLContext, ...]:
        """All that show the site's certificate."""
        return (self.server, *self.clients.values())

    def who(self, transport: Any) -> str:
        """Which neighbour is at the other end of a connection.

        Raises:
            CertificateError: none.
        """
        connection = transport.get_extra_info("ssl_object")
        shown = connection.getpeercert(binary_form=True) if connection is not None else None
        if not shown:
            raise CertificateError("the other end showed no certificate")
        certificate = x509.load_der_x509_certificate(shown)
        named = _names(certificate)
        for name, identity in self._identities.items():
            if identity in named and self._signed(name, certificate):
                return name
        raise CertificateError(f"the certificate of {', '.join(sorted(named)) or 'nobody'} is not that of a neighbour")

    def _signed(self, name: str, certificate: x509.Certificate) -> bool:
        """Whether the authority of this neighbour has signed it."""
        for authority in self._authorities[name]:
            try:
                certificate.verify_directly_issued_by(authority)
            except (InvalidSignature, ValueError, TypeError):
                continue
            return True
        return False

    def _checked(self, name: str) -> type[ssl.SSLObject]:
        """Ends a handshake with anybody but this neighbour before a byte is sent to him."""
        identity = self._identities[name]

        class Checked(ssl.SSLObject):
            def do_handshake(self) -> None:
                super().do_handshake()
                shown = self.getpeercert(binary_form=True)
                named = _names(x509.load_der_x509_certificate(shown)) if shown else set()
                if identity not in named:
                    raise ssl.SSLCertVerificationError(f"the certificate is not that of {identity}")

        return Checked


def _names(certificate: x509.Certificate) -> set[str]:
    """URIs and DNS names of a certificate, or without any its common name."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = {*found.get_values_for_type(x509.UniformResourceIdentifier), *found.get_values_for_type(x509.DNSName)}
    except (x509.ExtensionNotFound, ValueError):
        named = set()
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return named or {str(one.value) for one in common}


def _read(name: str, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        text = f"{path}: {error.strerror}; it is the authority of neighbour {name} in the network file"
        raise CertificateError(
            f"{text}: get it from there (ca/ca.pem in the state directory, made by qit pki)"
        ) from error
    except (ValueError, x509.InvalidVersion) as error:
        raise CertificateError(f"{path}, the authority of neighbour {name}, is not a PEM certificate") from error
