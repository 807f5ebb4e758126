"""Commits of both key stores in a second, by writes in a commit: durable, sealed, with a row of the audit trail.

A commit puts batches of keys for slaves and a head, and erases the batches of the commit before it. The PostgreSQL
server is a private one on this machine, asked over its local socket. The limit is what the disk allows: appending a
page to a file and flushing it.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import Result
from qit4n.adapters.postgres import PostgresStore
from qit4n.adapters.postgresserver import PostgresServer
from qit4n.adapters.sealedstore import SealedStore
from qit4n.adapters.sqlite import SQLiteStore
from qit4n.keys.audit import AuditEvent
from qit4n.keys.store import Append, Erase, HeadRecord, HeldKeysRecord, Put, Write

SECONDS = 2
WRITES = (1, 64, 512)
PAGE = bytes(8192)
STORE_KEY = bytes(32)


def stores(_seed: int, size: int | None) -> Iterator[Result]:
    """Commits per second of PostgreSQL beside SQLite; ``size`` is the seconds of each measurement."""
    seconds = size or SECONDS
    with tempfile.TemporaryDirectory() as directory, _postgres(Path(directory)) as postgres:
        sqlite = SQLiteStore(Path(directory) / "store.db", STORE_KEY)
        flushes = _flushes(Path(directory) / "file", seconds)
        for writes in WRITES:
            beside = _commits(sqlite, writes, seconds)
            value = _commits(postgres, writes, seconds)
            yield Result(
                name=f"PostgreSQL commits of {writes} writes",
                value=value,
                unit="1/s",
                peer="SQLite",
                peer_value=beside,
                limit=flushes,
            )
        sqlite.close()


@contextmanager
def _postgres(directory: Path) -> Iterator[SealedStore]:
    server = PostgresServer(directory / "postgres")
    try:
        server.start()
        store = PostgresStore(server.conninfo, "benchmark", STORE_KEY, directory / "store.wrapping")
        yield store
        store.close()
    finally:
        server.stop()
        server.remove()


def _commits(store: SealedStore, size: int, seconds: float) -> float:
    """Commits per second of ``size`` writes each: half of them erase what the commit before has put."""
    old: list[str] = []
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        new = [f"{size}/{done}/{number}" for number in range(size // 2)]
        writes: list[Write] = [Erase(HeldKeysRecord.kind, key) for key in old[: (size - 1) // 2]]
        writes += [Put(_batch(key)) for key in new]
        writes += [Put(HeadRecord(key="head", position=done)), Append(AuditEvent(at=0.0, step="held", subject="b"))]
        store.commit(writes)
        done, old = done + 1, new
    return done / (time.perf_counter() - begun)


def _batch(key: str) -> HeldKeysRecord:
    return HeldKeysRecord(key=key, values=bytes(64), size=32, master="m", slaves=("s",), waiting=(b"\x03",))


def _flushes(path: Path, seconds: float) -> float:
    done, begun = 0, time.perf_counter()
    with path.open("ab", buffering=0) as file:
        while time.perf_counter() - begun < seconds:
            file.write(PAGE)
            os.fdatasync(file.fileno())
            done += 1
    return done / (time.perf_counter() - begun)
