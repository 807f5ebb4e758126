"""What is special about the store on PostgreSQL: one owner, fenced by its session."""

import os
import threading
import time

import psycopg
import pytest

from qit4n.adapters.postgres import PostgresStore, _lock_number, trail
from qit4n.errors import StoreError, StoreFullError, StoreLostError
from qit4n.keys.audit import AuditEvent
from qit4n.keys.store import Append, HeadRecord, Put

KEY = bytes(32)


@pytest.fixture
def opened(postgres_server, tmp_path, request):
    """Open the store of a site that is named after the test; all are closed at the end."""
    stores = []

    def make():
        store = PostgresStore(postgres_server.conninfo, request.node.name, KEY, tmp_path / "store.wrapping")
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


def in_background(make):
    found = []
    thread = threading.Thread(target=lambda: found.append(make()))
    thread.start()
    return thread, found


def end_sessions(server, name):
    with psycopg.connect(server.conninfo, autocommit=True) as raw:
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s"
        raw.execute(statement, (f"qit4n/{os.getpid()}/%/{name[:10]}%",))


def test_a_second_process_waits_until_the_first_is_gone(opened):
    """Then it has everything that was committed."""
    first = opened()
    thread, found = in_background(opened)
    for number in range(8):
        first.commit([Put(HeadRecord(key="h", position=number))])
        time.sleep(0.05)
    assert found == []
    first.close()
    thread.join(5)
    assert [record.position for record in found[0].load(HeadRecord)] == [7]


def test_who_lost_the_session_cannot_write(opened, postgres_server, request):
    """The server ends the owner's session: its next commit is an error, another process owns the store."""
    first = opened()
    end_sessions(postgres_server, request.node.name)
    second = opened()
    for use in (first.check, lambda: first.commit([Put(HeadRecord(key="h", position=1))])):
        with pytest.raises(StoreLostError, match="does not own the store any more"):
            use()
    second.commit([Put(HeadRecord(key="h", position=2))])
    assert [record.position for record in second.load(HeadRecord)] == [2]


def test_an_owner_that_does_not_stir_is_ended(opened):
    """A process that is stopped holds its session, but not for long: the waiting one gets the store."""
    first = opened()
    first._closed.set()  # as if all its threads stood still
    second = opened()
    with pytest.raises(StoreLostError):
        first.commit([Put(HeadRecord(key="h", position=1))])
    second.check()


def test_an_owner_that_has_nothing_to_write_is_left_alone(opened):
    """An idle process stirs by itself; nobody takes its store."""
    first = opened()
    thread, found = in_background(opened)
    time.sleep(2.5)
    assert found == []
    first.close()
    thread.join(5)
    assert len(found) == 1


def test_who_waits_can_give_up(opened, postgres_server, tmp_path, request):
    """A standby that is told to stop does not wait for ever."""
    first = opened()

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PostgresStore(postgres_server.conninfo, request.node.name, KEY, tmp_path / "store.wrapping", stop)
    first.check()


def test_without_fsync_the_server_is_refused(monkeypatch, opened):
    """A server that may forget commits after a power cut is no store for keys."""
    monkeypatch.setattr("qit4n.adapters.postgres.OPTIONS", {"options": "-c application_name=x"})
    show = psycopg.Connection.execute

    def without(self, query, *rest, **more):
        return show(self, "SELECT 'off'" if str(query) == "SHOW fsync" else query, *rest, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", without)
    with pytest.raises(StoreError, match="fsync off"):
        opened()


def test_a_server_that_is_away_is_an_error_with_the_site_and_the_fix(tmp_path):
    """Named, not a stack trace; also for who only wants to read the trail."""
    with pytest.raises(StoreLostError, match=r"(?s)PostgreSQL store of site a.*start the PostgreSQL server"):
        PostgresStore(f"host={tmp_path} dbname=x", "a", KEY, tmp_path / "w")
    with (
        pytest.raises(StoreLostError, match=r"(?s)PostgreSQL store of site a.*start the PostgreSQL server"),
        trail(f"host={tmp_path} dbname=x", "a", KEY, tmp_path / "w"),
    ):
        pass


def test_a_full_disk_is_named_and_loses_nothing(opened, postgres_server, request):
    """The server says disk_full in the middle of a commit: nothing of it is there; later commits work."""
    store = opened()
    store.commit([Put(HeadRecord(key="before", position=1))])
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as raw:
        raw.execute(f'SET search_path TO "{request.node.name}"')
        raw.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'No space left on device'; END $$"
        )
        raw.execute("CREATE TRIGGER full_disk BEFORE INSERT ON audit EXECUTE FUNCTION full_disk()")
        event = AuditEvent(at=1.0, step="held", subject="a")
        with pytest.raises(StoreFullError, match="free space there"):
            store.commit([Put(HeadRecord(key="after", position=2)), Append(event)])
        raw.execute("DROP TRIGGER full_disk ON audit")
    assert [record.key for record in store.load(HeadRecord)] == ["before"]
    store.commit([Put(HeadRecord(key="after", position=3)), Append(event)])
    assert [record.position for record in store.load(HeadRecord)] == [1, 3]


def test_a_silent_session_of_another_database_is_left_alone(opened, postgres_server, request):
    """Two networks on one server, each in a database of its own, with a site of the same name: strangers."""
    with psycopg.connect(postgres_server.conninfo, autocommit=True) as raw:
        raw.execute("CREATE DATABASE other")
    elsewhere = psycopg.connect(postgres_server.conninfo, dbname="other", autocommit=True)
    elsewhere.execute("SELECT pg_advisory_lock(%s)", (_lock_number(request.node.name),))
    first = opened()
    thread, found = in_background(opened)
    time.sleep(2.5)
    assert elsewhere.execute("SELECT 1").fetchone() == (1,)
    elsewhere.close()
    first.close()
    thread.join(5)
    assert len(found) == 1
