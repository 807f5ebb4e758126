"""What is special about the store on PostgreSQL: one owner, fenced by its session."""

import threading
import time

import psycopg
import pytest

from qit4n.adapters.postgres import PostgresStore
from qit4n.errors import StoreError, StoreLostError
from qit4n.keys.store import HeadRecord, Put

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
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        raw.execute(statement, (f"qit4n {name}",))


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
    """A stopped process holds its session, but not for long: the waiting one gets the store."""
    first = opened()
    second = opened()
    with pytest.raises(StoreLostError):
        first.commit([Put(HeadRecord(key="h", position=1))])
    second.check()


def test_an_owner_that_stirs_is_left_alone(opened):
    """A process without anything to write says so; nobody takes its store."""
    first = opened()
    thread, found = in_background(opened)
    for _ in range(25):
        first.check()
        time.sleep(0.1)
    assert found == []
    first.close()
    thread.join(5)
    assert len(found) == 1


def test_without_fsync_the_server_is_refused(monkeypatch, opened):
    """A server that may forget commits after a power cut is no store for keys."""
    monkeypatch.setattr("qit4n.adapters.postgres.OPTIONS", {"options": "-c application_name=x"})
    show = psycopg.Connection.execute

    def without(self, query, *rest, **more):
        return show(self, "SELECT 'off'" if str(query) == "SHOW fsync" else query, *rest, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", without)
    with pytest.raises(StoreError, match="fsync off"):
        opened()


def test_a_server_that_is_away_is_an_error_with_the_site(tmp_path):
    """Named, not a stack trace."""
    with pytest.raises(StoreLostError, match="PostgreSQL store of site a"):
        PostgresStore(f"host={tmp_path} dbname=x", "a", KEY, tmp_path / "w")
