"""The key store of a site on SQLite: whole records under AES-256-GCM, durable at commit.

Rules it keeps:

- ``journal_mode=WAL`` with ``synchronous=FULL``: a commit that returned survives a power cut.
- A record is one row (kind, key, ciphertext); kind and key are authenticated with it, so that rows cannot be
  swapped. The key encryption key is a file of the site (``store.key``), never in the database.
- Erased rows are overwritten (``secure_delete``). Old WAL pages and flash cells may keep ciphertext for a while.
- One process owns a store: a second one is refused.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qit4n.errors import StoreDamagedError, StoreError, StoreFullError
from qit4n.keys.store import Put, RecordType, Write

NONCE_BYTES = 12
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind, key)
)
"""
UPSERT = (
    "INSERT INTO record (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
ERASE = "DELETE FROM record WHERE kind = ? AND key = ?"


class SQLiteStore:
    """A :class:`qit4n.keys.store.Store` in one SQLite file. Not shared between threads at the same time."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open or create the store at ``path`` under the 32-byte key encryption key ``key``."""
        self._path = path
        self._cipher = AESGCM(key)
        self._encoder = msgspec.msgpack.Encoder()
        self._lock = self._take_lock()
        self.damaged: set[tuple[str, str]] = set()
        try:
            self._database = self._open()
        except StoreError:
            os.close(self._lock)
            raise

    def _open(self) -> sqlite3.Connection:
        with self._errors():
            database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._path.chmod(0o600)
            try:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=FULL")
                database.execute("PRAGMA secure_delete=ON")
                database.execute("PRAGMA wal_autocheckpoint=256")
                database.execute("PRAGMA journal_size_limit=1048576")
                database.execute(SCHEMA)
            except sqlite3.Error:
                database.close()
                raise
        return database

    def _take_lock(self) -> int:
        try:
            handle = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreError(f"{self._path}: cannot open the store's lock: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise StoreError(f"{self._path} is in use by another process; stop it first") from error
        return handle

    def load(self, kind: type[RecordType]) -> Iterator[RecordType]:
        """All records of a kind, oldest first. One that fails authentication is left out, see ``damaged``."""
        with self._errors():
            rows = self._database.execute(
                "SELECT key, body FROM record WHERE kind = ? ORDER BY number", (kind.kind,)
            ).fetchall()
        decoder = msgspec.msgpack.Decoder(kind)
        for key, body in rows:
            try:
                plain = self._cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], _binding(kind.kind, key))
                yield decoder.decode(plain)
            except (InvalidTag, ValueError, msgspec.MsgspecError):
                self.damaged.add((kind.kind, key))

    def commit(self, writes: Iterable[Write]) -> None:
        """Make the writes durable, all or none."""
        with self._errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for write in writes:
                    self._apply(write)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def _apply(self, write: Write) -> None:
        if isinstance(write, Put):
            record = write.record
            nonce = os.urandom(NONCE_BYTES)
            body = self._cipher.encrypt(nonce, self._encoder.encode(record), _binding(record.kind, record.key))
            self._database.execute(UPSERT, (record.kind, record.key, nonce + body))
        else:
            self._database.execute(ERASE, (write.kind, write.key))

    def close(self) -> None:
        """Close the file and let go of the lock."""
        self._database.close()
        os.close(self._lock)

    def _errors(self) -> "_Translate":
        return _Translate(self._path)


class _Translate:
    """Turns SQLite's errors into sentences with the path and the fix."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
            raise StoreFullError(
                f"{self._path}: the disk is full; free space there. Nothing acknowledged is lost"
            ) from error
        if code is not None and code & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise StoreDamagedError(
                f"{self._path} is damaged ({error}); restore it, or move it away to start with an empty store: "
                "the keys in it are lost then"
            ) from error
        raise StoreError(f"{self._path}: {error}") from error


def _binding(kind: str, key: str) -> bytes:
    return msgspec.msgpack.encode((kind, key))
