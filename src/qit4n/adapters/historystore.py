"""The manager's history on the disk: rows of one resolution in SQLite, so that a restart keeps the last hours.

Elements are named once per set of elements; values are compressed arrays of 32-bit floats. It is no record to rely on:
a file that is damaged is moved aside and begun anew.
"""

import contextlib
import logging
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np

from qit4n.errors import NotReadyError
from qit4n.management.history import Row

HISTORY = Path("manager") / "history.db"  # in the state directory

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS elements (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, names BLOB NOT NULL,
    UNIQUE (kind, names));
CREATE TABLE IF NOT EXISTS value (kind TEXT NOT NULL, at REAL NOT NULL, elements INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (kind, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counted (number INTEGER PRIMARY KEY CHECK (number = 1), body BLOB NOT NULL);
"""
READ = "SELECT value.kind, at, names, body FROM value JOIN elements ON number = value.elements ORDER BY at"


class HistoryStore:
    """Rows of history in one file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        self._path = path
        try:
            self._database = self._opened()
        except sqlite3.DatabaseError as error:
            log.warning("%s is damaged (%s) and begun anew", path, error)
            path.replace(path.with_suffix(".damaged"))
            self._database = self._opened()

    def _opened(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.executescript(SCHEMA)
        return database

    def keep(self, rows: Iterable[Row], forget_before: Mapping[str, float], counted: bytes = b"") -> None:
        """Write rows and what was ``counted``, let go of rows older than the time of their kind.

        What the disk does not take is lost.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._write(rows, forget_before)
            if counted:
                self._database.execute("INSERT OR REPLACE INTO counted VALUES (1, ?)", (counted,))
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            log.warning("%s does not take history: %s", self._path, error)
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def _write(self, rows: Iterable[Row], forget_before: Mapping[str, float]) -> None:
        for row in rows:
            names = msgspec.json.encode(row.elements)
            self._database.execute("INSERT OR IGNORE INTO elements (kind, names) VALUES (?, ?)", (row.kind, names))
            self._database.execute(
                "INSERT OR REPLACE INTO value SELECT ?, ?, number, ? FROM elements WHERE kind = ? AND names = ?",
                (row.kind, row.at, zlib.compress(row.values.tobytes()), row.kind, names),
            )
        self._database.executemany("DELETE FROM value WHERE kind = ? AND at < ?", forget_before.items())
        self._database.execute("DELETE FROM elements WHERE number NOT IN (SELECT elements FROM value)")

    def rows(self) -> list[Row]:
        """All rows, the oldest first; what cannot be read is left out."""
        return _rows(self._database)

    def counted(self) -> bytes:
        """What was counted, as it was kept last; empty if nothing was."""
        row = self._database.execute("SELECT body FROM counted").fetchone()
        return bytes(row[0]) if row else b""

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def read_history(path: Path) -> list[Row]:
    """All rows of a file that a manager may be writing, as :meth:`HistoryStore.rows`.

    Raises:
        NotReadyError: there is none, or it is damaged.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return _rows(database)
    except sqlite3.Error as error:
        raise NotReadyError(f"{path} cannot be read ({error}): the manager keeps its history there; qit up") from error


def _rows(database: sqlite3.Connection) -> list[Row]:
    found = []
    for kind, at, names, body in database.execute(READ):
        with contextlib.suppress(msgspec.MsgspecError, ValueError, zlib.error):
            elements = msgspec.json.decode(names, type=tuple[str, ...])
            values = np.frombuffer(zlib.decompress(body), np.float32)
            found.append(Row(kind, at, elements, values.reshape(len(elements), -1)))
    return found
