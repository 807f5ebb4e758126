"""The key store of a site on PostgreSQL, shared by the replicas of its key manager. One of them owns it at a time.

Rules it keeps:

- A commit is one transaction with ``synchronous_commit=on`` on a server with ``fsync=on``: refused otherwise.
- The owner holds a session-level advisory lock *in the very session that commits*. When the session is gone, so is the
  lock; a process that lost its session cannot write any more, whatever it still believes (fencing).
- A replica that waits for the lock looks at the owner's session. One that has not stirred for
  :data:`SILENCE_LIMIT_S`, stopped or cut off, is ended by the server, and the lock is free. Its process is ended too
  if it is on the same machine.
- Records are sealed as ``adapters/sealing.py`` says: the server sees identifiers and amounts.
"""

import contextlib
import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from qit4n.adapters.sealedstore import Changes, Row, SealedStore, Trail, Wrapping, head_of
from qit4n.adapters.sealing import Sealing
from qit4n.errors import StoreError, StoreFullError, StoreLostError
from qit4n.keys import audit
from qit4n.keys.store import AuditHeadRecord

SILENCE_LIMIT_S = 1.5
POLL_S = 0.05
BEAT_S = 0.3
OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 2000,  # keepalives do not watch a connection that waits for an answer
}
OLDEST_SERVER = 150_000
OUT_OF_REACH = "start the PostgreSQL server; a private one runs while qit up does"
NOT_OWNED = "this process does not own the store any more"
DISK_FULL = "53100"
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number bigserial PRIMARY KEY, kind text NOT NULL, key text NOT NULL, body bytea NOT NULL, UNIQUE (kind, key)
);
CREATE TABLE IF NOT EXISTS wrapping (
    kind text NOT NULL, key text NOT NULL, wrapped bytea NOT NULL, PRIMARY KEY (kind, key)
);
CREATE TABLE IF NOT EXISTS audit (number bigint PRIMARY KEY, body bytea NOT NULL, hash bytea NOT NULL);
"""
PUT = (
    "INSERT INTO record (kind, key, body) SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[])"
    " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
WRAP = (
    "INSERT INTO wrapping (kind, key, wrapped) SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[])"
    " ON CONFLICT (kind, key) DO UPDATE SET wrapped = excluded.wrapped"
)
ERASE = tuple(
    f"DELETE FROM {table} USING unnest(%b::text[], %b::text[]) AS gone (kind, key)"  # noqa: S608 - the two names below
    f" WHERE {table}.kind = gone.kind AND {table}.key = gone.key"
    for table in ("wrapping", "record")
)
LOAD = (
    "SELECT key, body, wrapped FROM record LEFT JOIN wrapping USING (kind, key) WHERE kind = %s ORDER BY record.number"
)
HOLDER = """
SELECT pid, application_name, extract(epoch FROM clock_timestamp() - state_change)::float8
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND ((classid::bigint << 32) | objid::bigint) = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND state <> 'active'
"""

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresStore(SealedStore):
    """A :class:`qit4n.keys.store.Store` in one schema of a database."""

    def __init__(
        self, conninfo: str, site: str, key: bytes, wrapping_keys: Path, waiting: Callable[[], None] = lambda: None
    ) -> None:
        """Wait until this process owns the store of ``site``, then open it under its store key.

        ``waiting`` is called while another process owns it, and may raise to give up.

        Raises:
            StoreError: the server cannot be reached, or does not promise durability.
        """
        self._site = site
        self._closed = threading.Event()
        self._one_at_a_time = threading.Lock()
        with _errors(site, OUT_OF_REACH):
            self._database = _connect(conninfo, site)
        try:
            with _errors(site):
                self._require_durability()
                self._wait_for_lock(waiting)
                self._beat()
                self._prepare()
            super().__init__(f"of site {site}", Sealing(key, wrapping_keys, fresh=self._is_empty()))
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

    def _wait_for_lock(self, waiting: Callable[[], None]) -> None:
        number = _lock_number(self._site)
        while self._database.execute("SELECT pg_try_advisory_lock(%s)", (number,)).fetchone() != (True,):
            waiting()
            for backend, name, silence_s in self._database.execute(HOLDER, (number,)).fetchall():
                if silence_s > SILENCE_LIMIT_S:
                    self._database.execute("SELECT pg_terminate_backend(%s)", (backend,))
                    _end(name)
            time.sleep(POLL_S)

    def _beat(self) -> None:
        """Stir now and then while the process lives, so that no replica takes it for dead."""

        def stir() -> None:
            with contextlib.suppress(psycopg.Error):
                while not self._closed.wait(BEAT_S):
                    with self._one_at_a_time:
                        self._database.execute("SELECT 1")

        threading.Thread(target=stir, name="beat", daemon=True).start()

    def _prepare(self) -> None:
        """Make the schema if there is none."""
        self._database.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self._site)))
        self._database.execute(_search_path(self._site))
        self._database.execute(SCHEMA)

    def _is_empty(self) -> bool:
        with _errors(self._site):
            return self._database.execute("SELECT 1 FROM record LIMIT 1").fetchone() is None

    def _rows(self, kind: str) -> list[Row]:
        with _errors(self._site):
            return self._database.execute(LOAD, (kind,), binary=True).fetchall()

    def _wrappings(self) -> list[Wrapping]:
        with _errors(self._site):
            found = self._database.execute("SELECT kind, key, wrapped FROM wrapping", binary=True)
            return found.fetchall()

    def _last_row(self) -> audit.AuditRow | None:
        with _errors(self._site):
            found = self._database.execute("SELECT number, body, hash FROM audit ORDER BY number DESC LIMIT 1")
            row = found.fetchone()
        return audit.AuditRow(*row) if row else None

    def _write(self, changes: Changes) -> None:
        # without BEGIN the statements of a pipeline are one transaction, which its end commits: one round trip
        with self._one_at_a_time, _errors(self._site), self._database.pipeline():
            for statement, rows in ((PUT, changes.bodies), (WRAP, changes.wrappings)):
                if rows:
                    self._database.execute(statement, [list(column) for column in zip(*rows, strict=True)])
            if changes.erased:
                columns = [list(column) for column in zip(*changes.erased, strict=True)]
                for statement in ERASE:
                    self._database.execute(statement, columns)
            if changes.row:
                row = (changes.row.number, changes.row.body, changes.row.hash)
                self._database.execute("INSERT INTO audit (number, body, hash) VALUES (%s, %b, %b)", row)

    def check(self) -> None:
        """Ask the server something: an error when the session is gone."""
        with self._one_at_a_time, _errors(self._site):
            self._database.execute("SELECT 1")

    def close(self) -> None:
        """End the session, and with it the ownership."""
        self._closed.set()
        self._database.close()


@contextmanager
def trail(conninfo: str, site: str, key: bytes, wrapping_keys: Path) -> Iterator[Trail]:
    """The audit trail of a store that may be in use.

    Raises:
        StoreError: the store cannot be read.
    """
    with _errors(site, OUT_OF_REACH), contextlib.closing(_connect(conninfo, site)) as database:
        database.execute(_search_path(site))
        database.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # one state for both reads
        found = database.execute(LOAD, (AuditHeadRecord.kind,)).fetchall()
        head = head_of(Sealing(key, wrapping_keys, fresh=False), found)
        with database.cursor(name="trail") as rows:
            rows.execute("SELECT number, body, hash FROM audit ORDER BY number")
            yield (audit.AuditRow(*row) for row in rows), head


def _connect(conninfo: str, site: str) -> Connection:
    return psycopg.connect(conninfo, autocommit=True, application_name=_name(site), **OPTIONS)


def _name(site: str) -> str:
    """What the server knows a session by: site, machine and process, within 63 bytes."""
    return f"qit4n/{os.getpid()}/{socket.gethostname()[:20]}/{site}"[:63]


def _end(name: str) -> None:
    """End the process of a silent session if it is on this machine: stopped, it would keep the site's addresses."""
    _, pid, machine, _ = (name + "///").split("/", 3)
    if machine == socket.gethostname()[:20] and pid.isdecimal() and int(pid) != os.getpid():
        with contextlib.suppress(OSError):
            if b"qit4n" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)


def _search_path(site: str) -> sql.Composed:
    return sql.SQL("SET search_path TO {}").format(sql.Identifier(site))


def _lock_number(site: str) -> int:
    """A number of 63 bits that stands for a site; sites of one database are few."""
    return int.from_bytes(hashlib.sha256(f"qit4n key store {site}".encode()).digest()[:8]) >> 1


@contextmanager
def _errors(site: str, lost: str = NOT_OWNED) -> Iterator[None]:
    """Turns PostgreSQL's errors into sentences with the site and the fix; ``lost`` is what a lost session means."""
    try:
        yield
    except psycopg.Error as error:
        text = f"the PostgreSQL store of site {site}: {str(error).strip() or type(error).__name__}"
        if error.sqlstate == DISK_FULL:
            raise StoreFullError(f"{text}; free space there. Nothing acknowledged is lost") from error
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            raise StoreLostError(f"{text}; {lost}") from error
        raise StoreError(text) from error
