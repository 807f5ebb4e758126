"""The key store of a site on PostgreSQL, shared by the replicas of its key manager. One of them owns it at a time.

Rules it keeps:

- A commit is one statement with ``synchronous_commit=on`` on a server with ``fsync=on``: refused otherwise.
- The owner holds a session-level advisory lock *in the very session that commits*. When the session is gone, so is the
  lock; a process that lost its session cannot write any more, whatever it still believes (fencing).
- A replica that waits for the lock looks at the owner's session. One for whose client the server has waited for
  :data:`SILENCE_LIMIT_S`, because it is stopped or cut off, is ended by the server, and the lock is free.
- On one machine the owner also has the site's :class:`~qit4n.adapters.ownerfile.OwnerFile` from before it touches the
  site's files until it has left its addresses. A new owner kills the process that keeps it.
- A process that has not heard from its session for :data:`LEASE_S` asks before it says anything (``owned``): one that
  was stopped and woke up elsewhere says nothing.
- A commit whose session breaks off may have been made or not. Nothing of it was said, and who opens the store next
  sees which.
- A pool of connections between may send the lock and the commits to different sessions: it is refused.
- Records are sealed as ``adapters/sealing.py`` says: the server sees identifiers and amounts.
"""

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

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
from qit4n.errors import StoreDamagedError, StoreError, StoreFullError, StoreLostError
from qit4n.keys import audit
from qit4n.keys.store import AuditHeadRecord

SILENCE_LIMIT_S = 1.2
LEASE_S = 0.8  # less than the silence after which another replica may own the store
POLL_S = 0.05
BEAT_S = 0.25
OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "target_session_attrs": "read-write",  # of a replicated server the one that takes writes
    "tcp_user_timeout": 2000,  # keepalives do not watch a connection that waits for an answer
}
OLDEST_SERVER = 150_000
DISK_FULL = "53100"
CORRUPT = {"XX001", "XX002"}
SCHEMA = """
CREATE TABLE record (
    number bigserial PRIMARY KEY, kind text NOT NULL, key text NOT NULL, body bytea NOT NULL, UNIQUE (kind, key)
);
CREATE TABLE wrapping (
    kind text NOT NULL, key text NOT NULL, wrapped bytea NOT NULL, PRIMARY KEY (kind, key)
);
CREATE TABLE audit (number bigint PRIMARY KEY, body bytea NOT NULL, hash bytea NOT NULL);
CREATE TABLE format (number integer PRIMARY KEY);
"""
FORMER = """
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s),
    EXISTS (SELECT FROM pg_tables WHERE schemaname = %s AND tablename = 'record')
"""
TABLES = "SELECT to_regclass('record') IS NOT NULL, to_regclass('format') IS NOT NULL"
COMMIT = """
WITH put AS (
    INSERT INTO record (kind, key, body) SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[])
    ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body
), wrapped AS (
    INSERT INTO wrapping (kind, key, wrapped) SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[])
    ON CONFLICT (kind, key) DO UPDATE SET wrapped = excluded.wrapped
), gone AS (
    SELECT * FROM unnest(%b::text[], %b::text[]) AS gone (kind, key)
), erased AS (
    DELETE FROM record USING gone WHERE record.kind = gone.kind AND record.key = gone.key
), dropped AS (
    DELETE FROM audit WHERE number <= %b
), unwrapped AS (
    DELETE FROM wrapping USING gone WHERE wrapping.kind = gone.kind AND wrapping.key = gone.key
)
INSERT INTO audit (number, body, hash) SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[])
"""
TRAIL = "SELECT number, body, hash FROM audit ORDER BY number"
LOAD = (
    "SELECT key, body, wrapped FROM record LEFT JOIN wrapping USING (kind, key) WHERE kind = %s ORDER BY record.number"
)
HOLDERS = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND ((classid::bigint << 32) | objid::bigint) = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
END_SILENT = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN ({HOLDERS})
    AND wait_event_type = 'Client' AND clock_timestamp() - state_change > %s * interval '1 second'
"""  # noqa: S608 - the statement above
COUNT = f"SELECT count(*) FROM ({HOLDERS}) AS session"  # noqa: S608 - the statement above

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresStore(SealedStore):
    """A :class:`qit4n.keys.store.Store` in one schema of a database."""

    def __init__(
        self,
        conninfo: str,
        site: str,
        key: bytes,
        wrapping_keys: Path,
        waiting: Callable[[], None] = lambda: None,
        *,
        former: str = "",
    ) -> None:
        """Wait until this process owns the store of ``site``, which names its schema, then open it under its store key.

        ``waiting`` is called while another process owns it, and may raise to give up. ``former`` is the name that an
        earlier version would have given to the schema.

        Raises:
            StoreError: the server cannot be reached, does not promise durability, or has a store of the former name.
        """
        self._site = site
        self._former = former
        self._closed = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._place: OwnerFile | None = None
        self._heard_at = 0.0
        self.standbys = 0
        with _errors(site):
            self._database = _connect(conninfo, site)
        try:
            with self._errors():
                require_own_session(self._database)
                self._require_durability()
                silent = self._wait_for_lock(waiting)
                self._beat()
                self._place = self._wait_for_process(wrapping_keys.parent, 0.0 if silent else SILENCE_LIMIT_S, waiting)
                fresh = self._prepare()
            super().__init__(f"of site {site}", Sealing(key, wrapping_keys, fresh=fresh))
        except BaseException:
            self.close()
            raise

    def _require_durability(self) -> None:
        if self._database.info.server_version < OLDEST_SERVER:
            raise StoreError(f"the PostgreSQL server is older than version {OLDEST_SERVER // 10_000}")
        for name in ("fsync", "full_page_writes"):
            row = self._database.execute(f"SHOW {name}").fetchone()
            if row != ("on",):
                raise StoreError(f"the PostgreSQL server has {name} off: keys could be given twice after a power cut")
        self._database.execute("SET synchronous_commit = on")

    def _wait_for_lock(self, waiting: Callable[[], None]) -> bool:
        """Whether the one that had it was silent."""
        silent, owner = False, _lock_number(self._site)
        self._database.execute("SELECT pg_advisory_lock_shared(%s)", (_lock_number(self._site, "present"),))
        while self._database.execute("SELECT pg_try_advisory_lock(%s)", (owner,)).fetchone() != (True,):
            waiting()
            silent |= bool(self._database.execute(END_SILENT, (owner, SILENCE_LIMIT_S)).fetchall())
            time.sleep(POLL_S)
        return silent

    def _wait_for_process(self, directory: Path, patience_s: float, waiting: Callable[[], None]) -> OwnerFile:
        """Wait until no other process of this machine has the site's files and addresses; then kill it."""
        place = OwnerFile(directory / f"store.{socket.gethostname()}.lock")
        try:
            patient_until = time.monotonic() + patience_s
            while not place.take():
                waiting()
                if time.monotonic() > patient_until:
                    place.end_holder()
                time.sleep(POLL_S)
        except BaseException:
            place.close()
            raise
        return place

    def _beat(self) -> None:
        """Stir now and then while the process lives, so that no replica takes it for dead."""

        def stir() -> None:
            with contextlib.suppress(StoreError):
                while not self._closed.wait(BEAT_S):
                    self.check()

        self.check()
        threading.Thread(target=stir, name="beat", daemon=True).start()

    @property
    def owned(self) -> bool:
        """Whether no other process can own the store yet."""
        return _now() - self._heard_at < LEASE_S

    def _prepare(self) -> bool:
        """Make the schema; whether no wrapping is in it."""
        self._refuse_former()
        self._database.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self._site)))
        self._database.execute(_search_path(self._site))
        self._check_format()
        return self._database.execute("SELECT 1 FROM wrapping LIMIT 1").fetchone() is None

    def _refuse_former(self) -> None:
        """A store under the former name is not passed over in silence: its keys would be lost, or used by others."""
        found = self._database.execute(FORMER, (self._site, self._former)).fetchone()
        if self._former and found == (False, True):
            new, old = (sql.Identifier(name).as_string(self._database) for name in (self._site, self._former))
            raise StoreDamagedError(
                f"the PostgreSQL server has a store {old}, as an earlier version of qit4n called that of this site. "
                f"If it is of this network, end the processes that use it and rename it: ALTER SCHEMA {old} RENAME TO "
                f"{new}; if it is of another network, or its keys may be lost, start with an empty one: "
                f"CREATE SCHEMA {new}"
            )

    def _check_format(self) -> None:
        """Make tables with their format in one transaction, or refuse those of another format."""
        records, numbered = self._database.execute(TABLES).fetchone() or (False, False)
        if not records:
            with self._database.transaction():
                self._database.execute(SCHEMA)
                self._database.execute("INSERT INTO format VALUES (%s)", (FORMAT,))
            return
        row = self._database.execute("SELECT max(number) FROM format").fetchone() if numbered else None
        found = row[0] if row and row[0] is not None else "without a number"
        if found != FORMAT:
            raise StoreDamagedError(
                f"the PostgreSQL store of site {self._site} was written by another version of qit4n (format {found}, "
                f"this one has {FORMAT}); rename its schema to start with an empty store: the keys in it are lost then"
            )

    def _is_empty(self) -> bool:
        with self._errors():
            return self._database.execute("SELECT 1 FROM record LIMIT 1").fetchone() is None

    def _rows(self, kind: str) -> list[Row]:
        with self._errors():
            return self._database.execute(LOAD, (kind,), binary=True).fetchall()

    def _wrappings(self) -> list[Wrapping]:
        with self._errors():
            found = self._database.execute("SELECT kind, key, wrapped FROM wrapping", binary=True)
            return found.fetchall()

    def _last_row(self) -> audit.AuditRow | None:
        with self._errors():
            found = self._database.execute("SELECT number, body, hash FROM audit ORDER BY number DESC LIMIT 1")
            row = found.fetchone()
        return audit.AuditRow(*row) if row else None

    def _oldest_rows(self, most: int) -> list[audit.AuditRow]:
        with self._errors():
            found = self._database.execute(f"{TRAIL} LIMIT %s", (most,), binary=True)
            return [audit.AuditRow(*row) for row in found]

    def _write(self, changes: Changes) -> None:
        """One statement, and so one way to the server and back, however many the writes are."""
        rows = [(row.number, row.body, row.hash) for row in (changes.row,) if row]
        tables: list[tuple[int, Sequence[tuple[Any, ...]]]] = [
            (3, changes.bodies),
            (3, changes.wrappings),
            (2, changes.erased),
        ]
        columns: list[Any] = [column for width, table in tables for column in _columns(width, table)]
        columns += [changes.dropped, *_columns(3, rows)]
        with self._one_at_a_time, self._errors():
            self._database.execute(COMMIT, columns)

    def check(self) -> None:
        """Ask the server something: an error when the session is gone."""
        with self._one_at_a_time, self._errors():
            asked_at = _now()
            row = self._database.execute(COUNT, (_lock_number(self._site, "present"),)).fetchone()
            self._heard_at = asked_at
            self.standbys = row[0] - 1 if row else 0

    def close(self) -> None:
        """End the session, and with it the ownership."""
        self._closed.set()
        self._database.close()
        if self._place is not None:
            self._place.close()
            self._place = None

    def _errors(self) -> AbstractContextManager[None]:
        return _errors(self._site, self._database)


def require_own_session(database: Connection) -> None:
    """Refuse a connection whose statements go to another session than the one that greeted.

    Raises:
        StoreError: a pool of connections is between.
    """
    (session,) = database.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    if session != database.info.backend_pid:
        raise StoreError(
            "a pool of connections (PgBouncer or the like) is between this process and the PostgreSQL server: two "
            "processes could own the store at the same time; connect to the server itself"
        )


@contextmanager
def trail(conninfo: str, site: str, key: bytes, wrapping_keys: Path) -> Iterator[Trail]:
    """The audit trail of a store that may be in use.

    Raises:
        StoreError: the store cannot be read.
    """
    with _errors(site), contextlib.closing(_connect(conninfo, site)) as database:
        database.execute(_search_path(site))
        database.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # one state for both reads
        found = database.execute(LOAD, (AuditHeadRecord.kind,)).fetchall()
        sealing = Sealing(key, wrapping_keys, fresh=False)
        with database.cursor(name="trail") as rows:
            rows.execute(TRAIL)
            yield (audit.AuditRow(*row) for row in rows), end_of(sealing, found, HEAD), end_of(sealing, found, ORIGIN)


def _connect(conninfo: str, site: str) -> Connection:
    return psycopg.connect(conninfo, autocommit=True, application_name=f"qit4n {site}"[:63], **OPTIONS)


def _columns(width: int, rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _now() -> float:
    """Seconds, with those during which the machine slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _search_path(site: str) -> sql.Composed:
    return sql.SQL("SET search_path TO {}").format(sql.Identifier(site))


def _lock_number(site: str, what: str = "owner") -> int:
    """A number of 63 bits that stands for something of a site; sites of one database are few."""
    return int.from_bytes(hashlib.sha256(f"qit4n key store {site} {what}".encode()).digest()[:8]) >> 1


@contextmanager
def _errors(site: str, database: Connection | None = None) -> Iterator[None]:
    """Turns PostgreSQL's errors into sentences with the site and the fix."""
    try:
        yield
    except psycopg.Error as error:
        text = f"the PostgreSQL store of site {site}: {str(error).strip() or type(error).__name__}"
        if error.sqlstate == DISK_FULL:
            raise StoreFullError(f"{text}; free space there. Nothing acknowledged is lost") from error
        if error.sqlstate in CORRUPT:
            raise StoreDamagedError(f"{text}; restore the database from a backup") from error
        if database is None and isinstance(error, psycopg.OperationalError):
            raise StoreLostError(f"{text}; start the server. Nothing acknowledged is lost") from error
        if database is not None and database.closed:
            raise StoreLostError(f"{text}; this process does not own the store any more") from error
        raise StoreError(text) from error
