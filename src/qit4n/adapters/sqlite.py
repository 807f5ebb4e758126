"""The key store of a site on SQLite: sealed records, durable at commit, and the audit trail.

Rules it keeps:

- ``journal_mode=WAL`` with ``synchronous=FULL``: a commit that returned survives a power cut.
- Records are sealed as ``adapters/sealing.py`` says; the site's keys are files beside the database, never in it.
- Erased rows are overwritten (``secure_delete``), their wrapping is gone, and the next opening destroys the key under
  which it was made.
- One process owns a store: a second one is refused.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from qit4n.adapters.ownerfile import OwnerFile
from qit4n.adapters.sealedstore import (
    FORMAT,
    HEAD,
    ORIGIN,
    Changes,
    Row,
    SealedStore,
    Trail,
    Wrapping,
    end_of,
)
from qit4n.adapters.sealing import Sealing
from qit4n.errors import StoreDamagedError, StoreError, StoreFullError
from qit4n.keys import audit
from qit4n.keys.store import AuditHeadRecord

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind, key)
);
CREATE TABLE IF NOT EXISTS wrapping (
    kind TEXT NOT NULL, key TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL);
"""
PUT = "INSERT INTO record (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
WRAP = "INSERT OR REPLACE INTO wrapping (kind, key, wrapped) VALUES (?, ?, ?)"
ERASE = ("DELETE FROM wrapping WHERE kind = ? AND key = ?", "DELETE FROM record WHERE kind = ? AND key = ?")
TRAIL = "SELECT number, CAST(body AS BLOB), CAST(hash AS BLOB) FROM audit ORDER BY number"
LOAD = (  # what somebody wrote into the file may be text: it is damage like any other
    "SELECT key, CAST(body AS BLOB), CAST(wrapped AS BLOB) FROM record LEFT JOIN wrapping USING (kind, key)"
    " WHERE kind = ? ORDER BY record.number"
)


class SQLiteStore(SealedStore):
    """A :class:`qit4n.keys.store.Store` in one SQLite file. Not shared between threads at the same time."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open or create the store at ``path`` under the 32-byte store key ``key``; the wrapping key is renewed."""
        self._path = path
        self._lock = OwnerFile(path.with_suffix(".lock"))
        try:
            if not self._lock.take():
                raise StoreError(f"{path} is in use by another process; stop it first")  # noqa: TRY301
            self._database = self._open()
        except StoreError:
            self._lock.close()
            raise
        try:
            with self._errors():
                fresh = self._database.execute("SELECT 1 FROM wrapping LIMIT 1").fetchone() is None
            super().__init__(str(path), Sealing(key, path.with_suffix(".wrapping"), fresh=fresh))
        except StoreError:
            self.close()
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
                self._check_format(database)
                database.executescript(SCHEMA)
            except (sqlite3.Error, StoreError):
                database.close()
                raise
        return database

    def _check_format(self, database: sqlite3.Connection) -> None:
        (found,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and found != FORMAT:
            raise StoreDamagedError(
                f"{self._path} was written by another version of qit4n (format {found}, this one has {FORMAT}); "
                "move it away to start with an empty store: the keys in it are lost then"
            )
        database.execute(f"PRAGMA user_version={FORMAT}")

    def _is_empty(self) -> bool:
        with self._errors():
            return self._database.execute("SELECT 1 FROM record LIMIT 1").fetchone() is None

    def _rows(self, kind: str) -> list[Row]:
        with self._errors():
            return self._database.execute(LOAD, (kind,)).fetchall()

    def _wrappings(self) -> list[Wrapping]:
        with self._errors():
            return self._database.execute("SELECT kind, key, CAST(wrapped AS BLOB) FROM wrapping").fetchall()

    def _last_row(self) -> audit.AuditRow | None:
        with self._errors():
            row = self._database.execute("SELECT number, body, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
        return audit.AuditRow(*row) if row else None

    def _oldest_rows(self, most: int) -> list[audit.AuditRow]:
        with self._errors():
            found = self._database.execute(f"{TRAIL} LIMIT ?", (most,))
            return [audit.AuditRow(*row) for row in found]

    def _write(self, changes: Changes) -> None:
        with self._errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany(PUT, changes.bodies)
                self._database.executemany(WRAP, changes.wrappings)
                for statement in ERASE:
                    self._database.executemany(statement, changes.erased)
                if changes.row:
                    row = (changes.row.number, changes.row.body, changes.row.hash)
                    self._database.execute("INSERT INTO audit (number, body, hash) VALUES (?, ?, ?)", row)
                if changes.dropped:
                    self._database.execute("DELETE FROM audit WHERE number <= ?", (changes.dropped,))
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file and let go of the lock."""
        self._database.close()
        self._lock.close()

    def _errors(self) -> "_Translate":
        return _Translate(self._path)


@contextmanager
def trail(path: Path, key: bytes) -> Iterator[Trail]:
    """The audit trail of a store that may be in use.

    Raises:
        StoreError: the store cannot be read.
    """
    with _Translate(path), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as database:
        database.execute("BEGIN")  # one state for both reads
        found = database.execute(LOAD, (AuditHeadRecord.kind,)).fetchall()
        sealing = Sealing(key, path.with_suffix(".wrapping"), fresh=False)
        rows = database.execute(TRAIL)
        yield (audit.AuditRow(*row) for row in rows), end_of(sealing, found, HEAD), end_of(sealing, found, ORIGIN)


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
