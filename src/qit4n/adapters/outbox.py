"""Messages that wait to be sent, on the disk of the manager: what a receiver missed it gets when it is back."""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from qit4n.management.publications import Publication

log = logging.getLogger(__name__)

OUTBOX = Path("manager") / "outbox.db"  # in the state directory
MOST_WAITING = 100_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL, body BLOB NOT NULL)
"""


class Outbox:
    """Messages in the order in which they came; the oldest are given up where too many wait."""

    def __init__(self, path: Path, most: int = MOST_WAITING) -> None:
        """Open or create the file; one that is damaged is moved aside."""
        self._path, self._most = path, most
        self._lock = threading.Lock()  # one thread adds, another takes
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
        database.execute(SCHEMA)
        return database

    def add(self, messages: Iterable[Publication]) -> None:
        """Keep messages until they are sent; what the disk does not take is lost, and logged."""
        rows = [(one.id, one.subject, one.body) for one in messages]
        try:
            with self._transaction():
                self._database.executemany("INSERT OR IGNORE INTO waiting (id, subject, body) VALUES (?, ?, ?)", rows)
                gone = self._database.execute(
                    "DELETE FROM waiting WHERE number <= (SELECT max(number) FROM waiting) - ?", (self._most,)
                ).rowcount
        except sqlite3.OperationalError as error:
            log.warning("%s does not take %d messages: %s", self._path, len(rows), error)
            return
        if gone:
            log.warning("%d messages were given up: more than %d wait for their receiver", gone, self._most)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def waiting(self, number: int) -> list[Publication]:
        """The first messages that wait."""
        wanted = "SELECT id, subject, body FROM waiting ORDER BY number LIMIT ?"
        with self._lock:
            found = self._database.execute(wanted, (number,)).fetchall()
        return [Publication(one, subject, bytes(body)) for one, subject, body in found]

    def sent(self, messages: Iterable[Publication]) -> None:
        """These have arrived."""
        with self._transaction():
            self._database.executemany("DELETE FROM waiting WHERE id = ?", [(one.id,) for one in messages])

    def close(self) -> None:
        """Close the file."""
        self._database.close()
