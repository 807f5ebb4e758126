"""The list of revoked certificates of a network (RFC 5280 clause 5): a PEM file that its authority signs.

Each version has a higher number and a later date than the one before: OpenSSL goes by the date. The dates begin in
the past, so that a version counts at once, and the list lasts as long as the authority.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from qit4n.errors import CertificateError

FILE_NAME = "crl.pem"
BACKDATE = datetime.timedelta(minutes=5)
STEP = datetime.timedelta(seconds=1)


@dataclass(frozen=True)
class RevocationList:
    """One version of the list; ``content`` is the file, empty for the list before the first version."""

    authority: x509.Certificate
    content: bytes = b""
    number: int = 0
    dated: datetime.datetime | None = None
    serials: frozenset[int] = frozenset()

    @classmethod
    def of(cls, path: Path, authority: x509.Certificate) -> "RevocationList":
        """The list in a file; an empty one if there is no file.

        Raises:
            CertificateError: it is not a list of this authority.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return cls(authority)
        except OSError as error:
            raise CertificateError(f"{path}: {error.strerror}") from error
        try:
            found = x509.load_pem_x509_crl(content)
            if not found.is_signature_valid(authority.public_key()):  # type: ignore[arg-type] # ours are elliptic-curve
                raise CertificateError(f"{path} is not signed by this network's authority; {_remedy(path)}")
            number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except (ValueError, x509.InvalidVersion, x509.ExtensionNotFound, UnsupportedAlgorithm) as error:
            raise CertificateError(f"{path} is not a list of revoked certificates; {_remedy(path)}") from error
        return cls(authority, content, number, found.last_update_utc, frozenset(one.serial_number for one in found))

    def signed(self, key: ec.EllipticCurvePrivateKey, serials: Iterable[int] = ()) -> bytes:
        """The file that revokes ``serials`` too; this very version if it does already."""
        wanted = self.serials | set(serials)
        if self.content and wanted == self.serials:
            return self.content
        now = datetime.datetime.now(datetime.UTC)
        dated = now - BACKDATE if self.dated is None else max(now - BACKDATE, self.dated + STEP)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.authority.subject)
            .last_update(dated)
            .next_update(self.authority.not_valid_after_utc)
            .add_extension(x509.CRLNumber(self.number + 1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        for serial in sorted(wanted):
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(dated).build()
            )
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _remedy(path: Path) -> str:
    return f"restore it: copy ca/{FILE_NAME} to {path.parent}"
