"""Who came to the manager, was refused and went: ``manager/access.db`` of the state directory, in a chain of hashes.

The chain is that of the sites' audit trails (:mod:`qit4n.keys.audit`). Its end is authenticated with the key that
signs the sessions of browsers; after an end that does not fit, a gap in the numbers stays for whoever verifies.
"""

import contextlib
import hashlib
import hmac
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from qit4n.adapters.accounts import session_key
from qit4n.errors import AuditError, StoreError
from qit4n.keys import audit
from qit4n.management.access import AccessEvent

TRAIL = Path("manager") / "access.db"  # in the state directory

SCHEMA = """
CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hash BLOB NOT NULL,
    tag BLOB NOT NULL);
"""
ROWS = "SELECT number, CAST(body AS BLOB), CAST(hash AS BLOB) FROM audit ORDER BY number"
LAST = "SELECT number, body, hash FROM audit ORDER BY number DESC LIMIT 1"
HEAD = "SELECT number, hash, tag FROM head"

log = logging.getLogger(__name__)


class AccessTrail:
    """The trail, to be continued."""

    def __init__(self, state: Path, key: str) -> None:
        """Open or create it.

        Raises:
            StoreError: the file cannot be used.
        """
        self._path, self._key = state / TRAIL, key
        try:
            self._path.touch(mode=0o600)
            self._database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(SCHEMA)
            self._last = self._end()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self._path} cannot be used ({error}): move it away and start again") from error

    def _end(self) -> audit.AuditRow:
        found = self._database.execute(LAST).fetchone()
        last = audit.AuditRow(*found) if found else audit.START
        head = _head(self._database, self._key)
        if head == (last.number, last.hash):
            return last
        number = max(last.number, head[0] if head else 0)
        log.warning("%s was altered: qit audit verify", self._path)
        return audit.AuditRow(number + 1, b"", bytes(32))

    def append(self, event: AccessEvent) -> None:
        """Keep an event, durably; what the disk does not take is lost, and in the log."""
        row = audit.following(self._last, [event])
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("INSERT INTO audit VALUES (?, ?, ?)", (row.number, row.body, row.hash))
            head = (row.number, row.hash, _tag(self._key, row.number, row.hash))
            self._database.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", head)
            self._database.execute("COMMIT")
            self._last = row
        except sqlite3.Error as error:
            log.warning("%s does not take that %s %s: %s", self._path, event.name, event.step, error)
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def ended_after(self, at: float) -> dict[str, float]:
        """The sessions that were logged out of since then."""
        found: dict[str, float] = {}
        for row in self._database.execute(ROWS):
            with contextlib.suppress(AuditError):
                events = events_of(audit.AuditRow(*row))
                found |= {event.session: event.at for event in events if event.step == "logged-out" and event.at > at}
        return found

    def close(self) -> None:
        """Close the file."""
        self._database.close()


@contextlib.contextmanager
def access_trail(state: Path) -> Iterator[tuple[Iterator[audit.AuditRow], audit.End | None]]:
    """Rows and authenticated end of a trail that a manager may be writing; no rows if there is no file.

    Raises:
        StoreError: it cannot be read.
        CertificateError: the key of sessions is gone.
    """
    path = state / TRAIL
    if not path.exists():
        yield iter(()), (0, audit.START.hash)
        return
    key = session_key(state)
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("BEGIN")  # one state for both reads
            yield (audit.AuditRow(*row) for row in database.execute(ROWS)), _head(database, key)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def events_of(row: audit.AuditRow) -> tuple[AccessEvent, ...]:
    """The events of a row.

    Raises:
        AuditError: it is no array of events.
    """
    try:
        return msgspec.json.decode(row.body, type=tuple[AccessEvent, ...])
    except msgspec.MsgspecError as error:
        raise AuditError(f"row {row.number} of the manager's trail is unreadable") from error


def _head(database: sqlite3.Connection, key: str) -> audit.End | None:
    found = database.execute(HEAD).fetchone()
    if found is None:
        return (0, audit.START.hash) if database.execute(LAST).fetchone() is None else None
    number, last, tag = found
    return (number, bytes(last)) if hmac.compare_digest(tag, _tag(key, number, last)) else None


def _tag(key: str, number: int, last: bytes) -> bytes:
    return hmac.digest(key.encode(), b"access trail" + number.to_bytes(8) + last, hashlib.sha256)
