"""A device that speaks ETSI GS QKD 014, as one site sees it: this site is an SAE of the device's key manager.

Get status (clause 5.2) says how much can be had, Get key (5.3) takes it at the first end of a link, Get key with key
IDs (5.4) at the other. Certificates are read again for each request, so renewed ones count at once. Nothing is asked
twice: an answer that was lost has consumed its keys.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError
from qit4n.network.model import DeviceEnd
from qit4n.service.client import CLOSED, KMEClient
from qit4n.service.sharedkey import SharedKey

OK = 200


def files_of(end: DeviceEnd, directory: Path) -> dict[str, Path]:
    """The files of one end of a device: certificate, key, authority."""
    return {name: directory / getattr(end, name) for name in ("cert", "key", "ca")}


def check_files(files: dict[str, Path]) -> None:
    """See that they are there.

    Raises:
        CertificateError: one is missing.
    """
    for name, file in files.items():
        if not file.is_file():
            raise CertificateError(f"{file} is missing: it is the file '{name}' of the device in the network file")


class Device014:
    """The device's key manager at one site, for keys with ``far``. All calls block, for seconds if need be."""

    interface = "ETSI GS QKD 014"

    def __init__(self, end: DeviceEnd, far: str, directory: Path) -> None:
        """``far`` is the SAE ID of the other end; relative paths of the files start at ``directory``."""
        self.address = end.kme
        self._far = far
        self._files = files_of(end, directory)

    def _client(self) -> KMEClient:
        check_files(self._files)
        return KMEClient(self.address, **self._files)

    @contextlib.contextmanager
    def _admitted(self) -> Iterator[KMEClient]:
        """A client; a server of TLS 1.3 refuses a certificate after the handshake, many by closing without a word."""
        try:
            with self._client() as client:
                yield client
        except PeerUnreachableError as error:
            if isinstance(error.__cause__, CLOSED):
                text = f"it takes connections and closes them; it may not admit the certificate {self._files['cert']}"
                raise CertificateError(text) from error
            raise

    def probe(self) -> None:
        """Ask for the status; errors as :meth:`fresh`."""
        with self._admitted() as client:
            client.status(self._far)

    def fresh(self, most_bits: int) -> list[SharedKey]:
        """Get fresh keys, of one size, in one request: as many of ``most_bits`` as the device has, one at least.

        Raises:
            CertificateError: a file is missing, or one side does not admit the other.
            KeyRequestError: the device refuses (400, 401), has no key (503), or its answer makes no sense (200).
            PeerUnreachableError: no answer.
        """
        with self._admitted() as client:
            number, size = sizes(client.status(self._far), most_bits)
            keys = client.get_keys(self._far, number=number, size=size)
        ids = {key.key_id for key in keys}
        if len(keys) != number or len(ids) != number or any(8 * len(key.value) != size for key in keys):
            raise KeyRequestError(OK, f"the device was asked for {number} keys of {size} bits and gave something else")
        return keys

    def same(self, ids: Sequence[str]) -> list[SharedKey]:
        """The keys that the other end got with these ids, in their order; errors as :meth:`fresh`."""
        with self._admitted() as client:
            found = {key.key_id: key for key in client.get_keys_by_id(self._far, list(ids))}
        if found.keys() != set(ids):
            raise KeyRequestError(OK, f"the device was asked for {len(ids)} keys by id and gave others")
        return [found[key_id] for key_id in ids]


def sizes(status: dict[str, Any], most_bits: int) -> tuple[int, int]:
    """How many keys of how many bits to ask for, by a Status (014 clause 6.1): large ones first.

    Raises:
        KeyRequestError: the Status lacks what it must have.
    """
    names = ("key_size", "min_key_size", "max_key_size", "max_key_per_request", "stored_key_count")
    usual, least, largest, most, stored = (_count(status, name) for name in names)
    ready = max(usual, min(most_bits, stored * usual))
    size = max(min(largest, ready) // 8 * 8, least, 8)
    return max(1, min(most, ready // size)), size


def _count(status: dict[str, Any], name: str) -> int:
    value = status.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise KeyRequestError(OK, f"the device's Status has no {name} (014 clause 6.1)")
    return value
