"""What a process shows and whom it believes: its certificate and key, the authority, the list of revoked certificates.

A new list counts within ``POLL_S``, without a restart: OpenSSL refuses handshakes with it, and connections that are
open with a certificate that it names are closed. :meth:`Credentials.admit` looks at the list once more, because a
resumed TLS session skips the check of the certificate. A list that is older, unreadable or not of the authority
changes nothing.

A renewed certificate and key count within ``POLL_S`` too, for new connections; open ones stay. While the two files do
not fit each other, as between the writing of one and of the other, the old pair is shown.
"""

import asyncio
import logging
import ssl
import time
from pathlib import Path
from typing import Any

from qit4n.adapters import tls
from qit4n.adapters.certificates import read_certificate
from qit4n.adapters.revocation import FILE_NAME, RevocationList
from qit4n.errors import CertificateError, RevokedError

log = logging.getLogger(__name__)

POLL_S = 0.5

Stamp = tuple[int, int, int]


class Credentials:
    """Those of one holder, from the files in its directory."""

    def __init__(self, directory: Path) -> None:
        """Read the files.

        Raises:
            CertificateError: a file is missing, expired, unreadable, or does not fit the others.
        """
        self._directory = directory
        self._path = directory / FILE_NAME
        self._authority = read_certificate(directory / "ca.pem")
        self.server = tls.server_context(directory)
        self.applications = tls.server_context_for_applications(directory)
        self.visitors = tls.server_context_for_visitors(directory)
        self.client = tls.client_context(directory)
        self._others: tuple[ssl.SSLContext, ...] = ()
        self._open: dict[Any, tls.Identity] = {}
        self._seen = _stamp(self._path)
        self._pair_seen = self._pair_stamp()
        self._pair_refused: tuple[Stamp, ...] = ()
        self._list = RevocationList.of(self._path, self._authority)

    def admit(self, transport: Any) -> tls.Identity:
        """Who is at the other end of a connection, which closes when that certificate is revoked or expires.

        Raises:
            RevokedError: it is.
            CertificateError: the certificate does not say who it is.
        """
        identity = tls.peer_identity(transport.get_extra_info("ssl_object"))
        if identity.serial in self._list.serials:
            raise RevokedError(f"the certificate of {identity.role} {identity.id} is revoked")
        self._open[transport] = identity
        return identity

    def show_in(self, contexts: tuple[ssl.SSLContext, ...]) -> None:
        """Further contexts in which a renewed certificate is shown; whom they believe is not changed here."""
        self._others = contexts

    async def watch(self) -> None:
        """Look at the list until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            self.check()

    def check(self) -> None:
        """Take what is new in the files, and close what the list forbids or what has expired; forget what is closed."""
        stamp = _stamp(self._path)
        if stamp != self._seen:
            self._seen = stamp
            self._take()
        pair = self._pair_stamp()
        if pair != self._pair_seen:
            self._show(pair)
        now = time.time()
        for transport, identity in tuple(self._open.items()):
            if transport.is_closing():
                del self._open[transport]
            elif identity.serial in self._list.serials:
                log.warning("a connection of %s %s is closed: its certificate is revoked", identity.role, identity.id)
                del self._open[transport]
                transport.abort()
            elif identity.expires < now:
                log.warning("a connection of %s %s is closed: its certificate has expired", identity.role, identity.id)
                del self._open[transport]
                transport.abort()

    def _contexts(self) -> tuple[ssl.SSLContext, ...]:
        return self.server, self.applications, self.visitors, self.client

    def _take(self) -> None:
        try:
            fresh = self._newer()
            for context in self._contexts():
                context.load_verify_locations(self._path)
        except (CertificateError, ssl.SSLError, OSError) as error:
            log.error("the list of revoked certificates stays as it was: %s", error)  # noqa: TRY400 - no trace needed
            return
        self._list = fresh
        log.info("%d certificates are revoked", len(fresh.serials))

    def _show(self, pair: tuple[Stamp, ...]) -> None:
        """Show a renewed certificate, once it fits its key."""
        files = self._directory / "cert.pem", self._directory / "key.pem"
        try:
            tls.server_context(self._directory)  # a pair that does not fit would leave a context without a key
            for context in (*self._contexts(), *self._others):
                context.load_cert_chain(*files, password="")
        except (CertificateError, ssl.SSLError, OSError) as error:
            if pair != self._pair_refused:
                log.warning("a renewed certificate waits: %s", error)
            self._pair_refused = pair
            return
        self._pair_seen = pair
        log.info("%s is renewed", files[0])

    def _newer(self) -> RevocationList:
        fresh = RevocationList.of(self._path, self._authority)
        if fresh.number <= self._list.number:
            raise CertificateError(f"{self._path} is older than the list before it; restore the newer one")
        return fresh

    def _pair_stamp(self) -> tuple[Stamp, ...]:
        return _stamp(self._directory / "cert.pem"), _stamp(self._directory / "key.pem")


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino
