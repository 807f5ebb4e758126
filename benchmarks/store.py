"""The key stores: records of a commit with its audit row, durable on return, for many and for few requests a commit.

A request here is what enc_keys of one key costs the master's site: the head of its chunk moves, an event is added.
At the slave's site the keys are held as well: a record with material more for each request, and one erased for each
that was fetched. ``put rows`` writes only records with material, each sealed under a key of its own.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Result
from qit4n.adapters.postgres import PostgresStore
from qit4n.adapters.postgresserver import PostgresServer
from qit4n.adapters.sealedstore import SealedStore
from qit4n.adapters.sqlite import SQLiteStore
from qit4n.keys.audit import AuditEvent
from qit4n.keys.store import Append, Erase, HeadRecord, HeldKeysRecord, Put, Write

SECONDS = 2
REQUESTS = (1, 16, 128)
KEY = bytes(32)


def store(_seed: int, size: int | None) -> Iterator[Result]:
    """Requests and rows per second of both stores; ``size`` is the seconds of each measurement."""
    seconds = size or SECONDS
    with tempfile.TemporaryDirectory() as directory:
        on_file = SQLiteStore(Path(directory) / "store.db", KEY)
        yield from _measure("SQLite", on_file, seconds)
        on_file.close()
        server = PostgresServer(Path(directory) / "postgres")
        server.start()
        try:
            shared = PostgresStore(server.conninfo, "site", KEY, Path(directory) / "site.wrapping")
            yield from _measure("PostgreSQL", shared, seconds)
            shared.close()
        finally:
            server.stop()
            server.remove()


def _measure(name: str, one: SealedStore, seconds: int) -> Iterator[Result]:
    for requests in REQUESTS:
        for side, writes in (("master", _master), ("slave", _slave)):
            commits = _commits(one, seconds, [writes(number, requests) for number in range(64)])
            text = f"{name}, {side}, {requests} a commit"
            yield Result(name=text, value=commits * requests / seconds, unit="1/s")
    rows = max(REQUESTS)
    puts = [[Put(_held(f"{number}/{place}")) for place in range(rows)] for number in range(64)]
    yield Result(
        name=f"{name}, put rows, {rows} a commit", value=_commits(one, seconds, puts) * rows / seconds, unit="1/s"
    )


def _commits(one: SealedStore, seconds: int, batches: list[list[Write]]) -> int:
    """How many commits end within the time."""
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        one.commit(batches[done % len(batches)])
        done += 1
    return done


def _master(number: int, requests: int) -> list[Write]:
    return [
        write
        for place in range(requests)
        for write in (Put(HeadRecord(key="chunk", position=32 * place)), Append(_event("supplied", number)))
    ]


def _slave(number: int, requests: int) -> list[Write]:
    return [
        write
        for place in range(requests)
        for write in (
            Put(HeadRecord(key="chunk", position=32 * place)),
            Put(_held(f"{number}/{place}")),
            Append(_event("held", number)),
            Erase(HeldKeysRecord.kind, f"{number - 1}/{place}"),
            Append(_event("fetched", number)),
        )
    ]


def _held(key: str) -> HeldKeysRecord:
    return HeldKeysRecord(key=key, values=os.urandom(32), size=32, master="m", slaves=("s",), waiting=(b"\x01",))


def _event(step: str, number: int) -> AuditEvent:
    return AuditEvent(at=1.0, step=step, subject=f"{number:024x}", bits=256, parties=("m", "s"))  # type: ignore[arg-type]
