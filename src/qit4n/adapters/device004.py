"""A device that speaks ETSI GS QKD 004, as one site sees it: this site is an application of the device.

Both ends of a link open one key stream (OPEN_CONNECT), whose id follows from their two application ids. The first end
takes the next chunks of it (GET_KEY without an index), the other one those of the same indices. Certificates are read
again for each request. A chunk whose answer was lost is gone: the next one is asked for.
"""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from qit4n.adapters.device014 import check_files, files_of
from qit4n.errors import KeyRequestError, KeyStreamError
from qit4n.network.model import DeviceEnd
from qit4n.service.sharedkey import SharedKey
from qit4n.service.streams import QoS, StreamClient

INSUFFICIENT_KEY, NO_PEER_FOR_KEY, STREAM_IN_USE, TIMEOUT = 2, 3, 5, 6
NOT_NOW, REFUSED = 503, 400
MOST_CHUNKS = 64


class Device004:
    """The device at one site, for keys with ``far``. All calls block, for seconds if need be."""

    interface = "ETSI GS QKD 004"

    def __init__(self, end: DeviceEnd, far: str, directory: Path) -> None:
        """``far`` is the application id of the other end; relative paths of the files start at ``directory``."""
        self.address = end.kme
        self._own, self._far = end.sae, far
        self._files = files_of(end, directory)
        self._stream = str(uuid.uuid5(uuid.NAMESPACE_URL, "urn:qit4n:" + ":".join(sorted((end.sae, far)))))
        self._open = False

    def probe(self) -> None:
        """Open this end of the stream, so that the other one can take chunks of it; errors as :meth:`fresh`."""
        self._open = False
        with self._opened():
            pass

    def fresh(self, most_bits: int) -> list[SharedKey]:
        """Take the next chunks: as many of ``most_bits`` as there are, one at least.

        Raises:
            CertificateError: a file is missing, or one side does not admit the other.
            KeyRequestError: there is no key now (503), or the device refuses (400).
            PeerUnreachableError: no answer.
        """
        found: list[SharedKey] = []
        with self._opened() as client:
            while not found or (len(found) < MOST_CHUNKS and 8 * (len(found) + 1) * len(found[0].value) <= most_bits):
                try:
                    chunk = client.get_key(self._stream)
                except KeyStreamError as error:
                    if found and error.status == INSUFFICIENT_KEY:
                        break
                    raise
                found.append(SharedKey(str(chunk.index), chunk.value))
        return found

    def same(self, ids: Sequence[str]) -> list[SharedKey]:
        """The chunks of these indices, which the other end took, in their order; errors as :meth:`fresh`."""
        if not all(one.isdecimal() for one in ids):
            raise KeyRequestError(REFUSED, "the other end named chunks that no stream has")
        with self._opened() as client:
            return [SharedKey(one, client.get_key(self._stream, int(one)).value) for one in ids]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[StreamClient]:
        """A client whose end of the stream is open."""
        check_files(self._files)
        try:
            with StreamClient(self.address.removeprefix("tls://").rstrip("/"), **self._files) as client:
                if not self._open:
                    self._open_end(client)
                yield client
        except KeyStreamError as error:
            later = error.status in {INSUFFICIENT_KEY, NO_PEER_FOR_KEY, TIMEOUT}
            self._open = self._open and later  # else the stream may be gone: open it again
            raise KeyRequestError(NOT_NOW if later else REFUSED, str(error)) from error

    def _open_end(self, client: StreamClient) -> None:
        try:
            client.open_connect(self._own, self._far, QoS(), self._stream)
        except KeyStreamError as error:
            if error.status != STREAM_IN_USE:  # this end is open already: no one else knows the id
                raise
        self._open = True
