"""How records are sealed in a key store, whichever database keeps them.

- A record with key material is encrypted with AES-256-GCM under a data key of its own, drawn anew for each writing. The
  data key is *wrapped* under the wrapping key of the site and stored apart. Erasing a record erases the wrapping.
- Other records are sealed under the store key itself.
- Kind and key of a record are authenticated with it: records cannot be swapped.
- The wrapping key is drawn anew at each opening: all wrappings are made again, then the old key is destroyed. So what
  was erased before stays closed even where old pages, logs or copies of the database still have it.

Wrapping and sealing under a long-lived key use AES-256-GCM-SIV (RFC 8452), which stands a repeated nonce: random
nonces of GCM would be spent after some 2**32 records (NIST SP 800-38D, 8.3).
"""

import contextlib
import os
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

from qit4n.adapters.privatefiles import beside, write_private
from qit4n.adapters.system import system_entropy
from qit4n.entropy import Entropy
from qit4n.errors import StoreError
from qit4n.keys.store import Record, RecordType

KEY_BYTES, NONCE_BYTES = 32, 12
ONCE = bytes(NONCE_BYTES)  # nonce under a data key, which encrypts one message


class Sealing:
    """Seals and opens records of one store."""

    def __init__(self, store_key: bytes, wrapping_keys: Path, *, fresh: bool) -> None:
        """Seal under ``store_key`` and the key in the file ``wrapping_keys``, which is made for a ``fresh`` store.

        Data keys and nonces are drawn from :attr:`entropy`, the operating system's generator unless it is replaced.
        """
        self.entropy: Entropy = system_entropy
        self._store_key = AESGCMSIV(store_key)
        self._file = wrapping_keys
        self._encoder = msgspec.msgpack.Encoder()
        if fresh and not wrapping_keys.exists():
            self._write([self.entropy(KEY_BYTES)])
        self._wrapping_keys = [AESGCMSIV(key) for key in self._read()]

    def seal(self, record: Record) -> tuple[bytes, bytes]:
        """Body and wrapping; the wrapping is empty for a record without key material."""
        plain, binding = self._encoder.encode(record), _binding(record.kind, record.key)
        if not record.secret:
            nonce = self.entropy(NONCE_BYTES)
            return nonce + self._store_key.encrypt(nonce, plain, binding), b""
        fresh = self.entropy(KEY_BYTES)
        return AESGCM(fresh).encrypt(ONCE, plain, binding), self._wrap(fresh, binding)

    def open(self, kind: type[RecordType], key: str, body: bytes, wrapping: bytes | None) -> RecordType | None:
        """The record, or None if body or wrapping was altered, swapped or lost."""
        binding = _binding(kind.kind, key)
        with contextlib.suppress(InvalidTag, ValueError, msgspec.MsgspecError):
            if not kind.secret:
                plain = self._store_key.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], binding)
                return msgspec.msgpack.decode(plain, type=kind)
            data_key = self._unwrap(wrapping or b"", binding)
            if data_key is not None:
                return msgspec.msgpack.decode(AESGCM(data_key).decrypt(ONCE, body, binding), type=kind)
        return None

    def _wrap(self, data_key: bytes, binding: bytes) -> bytes:
        nonce = self.entropy(NONCE_BYTES)
        return nonce + self._wrapping_keys[-1].encrypt(nonce, data_key, binding)

    def _unwrap(self, wrapping: bytes, binding: bytes) -> bytes | None:
        for key in reversed(self._wrapping_keys):
            with contextlib.suppress(InvalidTag, ValueError):
                return key.decrypt(wrapping[:NONCE_BYTES], wrapping[NONCE_BYTES:], binding)
        return None

    # rotation

    def begin_rotation(self) -> None:
        """Draw a new wrapping key; until :meth:`end_rotation` the old one is kept too. Goes on where one broke off."""
        keys = self._read()
        if len(keys) == 1:
            keys.append(self.entropy(KEY_BYTES))
            self._write(keys)
        self._wrapping_keys = [AESGCMSIV(key) for key in keys]

    def rewrap(self, kind: str, key: str, wrapping: bytes) -> bytes:
        """The wrapping under the new key; one that cannot be opened is left as it is, and its record is damaged."""
        binding = _binding(kind, key)
        data_key = self._unwrap(wrapping, binding)
        return wrapping if data_key is None else self._wrap(data_key, binding)

    def fits(self, kind: str, key: str, wrapping: bytes) -> bool:
        """Whether a wrapping was made under this site's wrapping key."""
        return self._unwrap(wrapping, _binding(kind, key)) is not None

    def end_rotation(self) -> None:
        """All wrappings are made again, durably: destroy the old key."""
        self._write(self._read()[-1:])
        self._wrapping_keys = self._wrapping_keys[-1:]

    def _read(self) -> list[bytes]:
        try:
            found = self._file.read_bytes()
        except OSError as error:
            raise StoreError(f"{self._file}: {error.strerror}; restore it: without it the keys are lost") from error
        if len(found) not in {KEY_BYTES, 2 * KEY_BYTES}:
            text = f"{self._file} holds {len(found)} bytes, 32 or 64 expected; restore it: without it the keys are lost"
            raise StoreError(text)
        return [found[at : at + KEY_BYTES] for at in range(0, len(found), KEY_BYTES)]

    def _write(self, keys: list[bytes]) -> None:
        """Replace the file as a whole, durably, and overwrite what it was."""
        fresh = beside(self._file)
        try:
            old = os.open(self._file, os.O_RDWR) if self._file.exists() else None
            if fresh.exists():  # a start that broke off left it
                _overwrite(os.open(fresh, os.O_RDWR))
                fresh.unlink()
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
                file.write(b"".join(keys))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._file)
            _flush_directory(self._file.parent)
            if old is not None:
                _overwrite(old)
        except OSError as error:
            raise StoreError(f"{self._file}: {error.strerror}") from error


def require_store_key(path: Path) -> None:
    """Refuse to go on without the store key at ``path`` of a store that is there: a new key would not open it.

    Raises:
        StoreError: the key is missing, its store or the wrapping keys of its store are not.
    """
    left = [found for ending in (".db", ".wrapping") if (found := path.with_suffix(ending)).exists()]
    if left and not path.exists():
        names = " and ".join(found.name for found in left)
        raise StoreError(
            f"{path} is missing, but {names} beside it belong to a key store that only this key opens; restore it, or "
            "move them away to start with an empty store: the keys in it are lost then"
        )


def make_store_key(path: Path) -> bool:
    """Make the store key of a site; whether there was none."""
    if path.exists():
        return False
    write_private(path, system_entropy(KEY_BYTES))
    return True


def read_store_key(path: Path) -> bytes:
    """The store key of a site.

    Raises:
        StoreError: it is not there, or is no key.
    """
    try:
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; make it with: qit pki FILE --state DIR") from error
    if len(key) != KEY_BYTES:
        raise StoreError(f"{path} holds {len(key)} bytes, 32 expected; restore it: without it the store is lost")
    return key


def _overwrite(handle: int) -> None:
    """Put zeros over a key file that is open as ``handle``, and close it."""
    try:
        os.pwrite(handle, bytes(2 * KEY_BYTES), 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _binding(kind: str, key: str) -> bytes:
    return msgspec.msgpack.encode((kind, key))
