"""What every key store promises, on SQLite and on a real PostgreSQL server."""

import itertools
import sqlite3
from contextlib import closing

import psycopg
import pytest

from qit4n.adapters import postgres, sqlite
from qit4n.errors import AuditError, StoreDamagedError, StoreError
from qit4n.keys.audit import AuditEvent, verify
from qit4n.keys.store import Append, Erase, HeadRecord, HeldKeysRecord, Put

KEY = bytes(range(32))
SECRET = b"a-secret-that-must-not-show-up!!"
EVENT = AuditEvent(at=1.0, step="held", subject="b", bits=8)
SITES = itertools.count()


def held(key, value=SECRET):
    return HeldKeysRecord(key=key, values=value, size=32, master="m", slaves=("s",), waiting=(b"\x01",))


class OnSQLite:
    """One store file."""

    key = KEY

    def __init__(self, directory, _server):
        self.path = directory / "store.db"

    def open(self):
        return sqlite.SQLiteStore(self.path, self.key)

    def trail(self):
        return sqlite.trail(self.path, self.key)

    def execute(self, statement):
        with closing(sqlite3.connect(self.path)) as raw, raw:
            return raw.execute(statement).fetchall()


class OnPostgres:
    """One schema of the server."""

    key = KEY

    def __init__(self, directory, server):
        self.conninfo, self.site, self.keys = server.conninfo, f"Site.{next(SITES)}", directory / "store.wrapping"

    def open(self):
        return postgres.PostgresStore(self.conninfo, self.site, self.key, self.keys)

    def trail(self):
        return postgres.trail(self.conninfo, self.site, self.key, self.keys)

    def execute(self, statement):
        with psycopg.connect(self.conninfo) as raw:
            raw.execute(f'SET search_path TO "{self.site}"')
            found = raw.execute(statement)
            return found.fetchall() if found.description else []


@pytest.fixture(params=[OnSQLite, OnPostgres])
def place(request, tmp_path):
    """Where a store is kept."""
    server = request.getfixturevalue("postgres_server") if request.param is OnPostgres else None
    return request.param(tmp_path, server)


def test_what_was_committed_is_there_after_reopening(place):
    """Records survive, in the order of their first put; erased ones do not."""
    store = place.open()
    store.commit([Put(held("b")), Put(held("a")), Put(HeadRecord(key="b", position=3))])
    store.commit([Put(held("b", b"new")), Put(held("c")), Erase(HeldKeysRecord.kind, "a")])
    store.close()
    again = place.open()
    assert [(record.key, record.values) for record in again.load(HeldKeysRecord)] == [("b", b"new"), ("c", SECRET)]
    assert [record.position for record in again.load(HeadRecord)] == [3]
    assert again.damaged == set()
    again.close()


def test_a_commit_is_all_or_nothing(place):
    """The database refuses the last statement of a commit: nothing of it is there, and the next one works."""
    store = place.open()
    place.execute("INSERT INTO audit (number, body, hash) VALUES (1, '', '')")
    with pytest.raises(StoreError):
        store.commit([Put(held("a")), Append(EVENT)])
    assert list(store.load(HeldKeysRecord)) == []
    place.execute("DELETE FROM audit")
    store.commit([Put(held("b")), Append(EVENT)])
    assert [record.key for record in store.load(HeldKeysRecord)] == ["b"]
    store.close()


def test_the_last_write_to_a_record_in_a_commit_counts(place):
    """A head that moves with each of many requests; a record that comes and goes in one commit."""
    store = place.open()
    heads = [Put(HeadRecord(key="h", position=number)) for number in range(500)]
    store.commit([*heads, Put(held("a")), Erase(HeldKeysRecord.kind, "a"), Put(held("b"))])
    assert [record.position for record in store.load(HeadRecord)] == [499]
    assert [record.key for record in store.load(HeldKeysRecord)] == ["b"]
    store.close()


def stamped(at):
    return Append(AuditEvent(at=at, step="held", subject=f"event-{at}"))


def test_old_rows_of_the_trail_are_let_go_and_the_rest_still_verifies(place):
    """What is older than the time goes, the newest row stays, and the chain is checked from the last row that went."""
    store = place.open()
    for at in range(10):
        store.commit([stamped(float(at))])
    assert store.prune(4.0) == 4
    assert store.prune(4.0) == 0
    with place.trail() as (found, head, origin):
        rows = list(found)
        assert [row.number for row in rows] == [5, 6, 7, 8, 9, 10]
        assert origin[0] == 4
        assert verify(rows, head, origin).number == 10
        with pytest.raises(AuditError, match="row 1 of the audit trail is missing"):
            verify(rows, head)
        with pytest.raises(AuditError, match="row 5 of the audit trail is missing"):
            verify(rows[1:], head, origin)
    assert store.prune(1000.0) == 5  # the last row stays: the next one follows it
    store.commit([stamped(11.0)])
    store.close()
    again = place.open()
    again.commit([stamped(12.0)])
    with place.trail() as (rows, head, origin):
        assert verify(rows, head, origin).number == 12
    assert again.damaged == set()
    again.close()


def test_a_changed_row_is_not_let_go(place):
    """It is evidence: it stays, with all after it, and verification fails at it."""
    store = place.open()
    for at in range(6):
        store.commit([stamped(float(at))])
    place.execute("UPDATE audit SET body = '[]' WHERE number = 3")
    assert store.prune(1000.0) == 2
    with place.trail() as (rows, head, origin), pytest.raises(AuditError, match="row 3 of the audit trail was changed"):
        verify(rows, head, origin)
    store.close()


def test_erasing_takes_the_wrapping_too(place):
    """No row of either table is left."""
    store = place.open()
    store.commit([Put(held("a"))])
    assert len(place.execute("SELECT * FROM wrapping")) == 1
    store.commit([Erase(HeldKeysRecord.kind, "a"), Erase(HeldKeysRecord.kind, "never there")])
    assert place.execute("SELECT * FROM wrapping") == []
    assert place.execute("SELECT kind FROM record WHERE kind <> 'audit-head'") == []
    store.close()


def test_swapped_records_and_wrappings_are_left_out_and_named(place):
    """A body or a wrapping under another key: that record only is damaged."""
    store = place.open()
    store.commit([Put(held(name)) for name in "abcd"])
    place.execute("UPDATE record SET body = (SELECT body FROM record WHERE key = 'a') WHERE key = 'b'")
    place.execute("UPDATE wrapping SET wrapped = (SELECT wrapped FROM wrapping WHERE key = 'a') WHERE key = 'c'")
    assert [record.key for record in store.load(HeldKeysRecord)] == ["a", "d"]
    assert store.damaged == {("held-keys", "b"), ("held-keys", "c")}
    store.close()


def test_each_opening_renews_all_wrappings(place):
    """Other bytes, the same records."""
    store = place.open()
    store.commit([Put(held("a")), Put(held("b"))])
    before = place.execute("SELECT wrapped FROM wrapping ORDER BY key")
    store.close()
    again = place.open()
    after = place.execute("SELECT wrapped FROM wrapping ORDER BY key")
    assert not set(before) & set(after)
    assert [record.values for record in again.load(HeldKeysRecord)] == [SECRET, SECRET]
    again.close()


def test_no_key_in_clear_in_any_row(place):
    """What the database sees of a record with material is ciphertext."""
    store = place.open()
    store.commit([Put(held("a")), Append(EVENT)])
    tables = ("SELECT * FROM record", "SELECT * FROM wrapping", "SELECT * FROM audit")
    rows = [row for table in tables for row in place.execute(table)]
    assert len(rows) == 5
    assert all(SECRET not in bytes(value) for row in rows for value in row if isinstance(value, bytes))
    store.close()


def test_the_audit_trail_goes_with_its_commit(place):
    """Events of a commit are one row; reopening goes on with the chain; it can be read while the store is in use."""
    store = place.open()
    store.commit([Append(EVENT), Put(held("a")), Append(EVENT)])
    store.close()
    again = place.open()
    again.commit([Append(EVENT)])
    with place.trail() as (found, head, _):
        rows = list(found)
    assert [len(row.events()) for row in rows] == [2, 1]
    assert verify(rows, head).number == 2
    again.close()


def test_a_trail_that_was_cut_short_is_noticed(place):
    """The last row is gone."""
    store = place.open()
    for _ in range(3):
        store.commit([Append(EVENT)])
    place.execute("DELETE FROM audit WHERE number = 3")
    with place.trail() as (rows, head, _), pytest.raises(AuditError, match="ends with row 2"):
        verify(rows, head)
    store.close()


HEADS = "DELETE FROM record WHERE kind = 'audit-head'"


@pytest.mark.parametrize(
    ("done", "named"),
    [
        (["DELETE FROM audit WHERE number = 3"], "row 3 of the audit trail is missing"),
        (["DELETE FROM audit WHERE number = 3", f"{HEADS} AND key = 'head'"], "row 3 of the audit trail is missing"),
        (["DELETE FROM audit", HEADS], "row 1 of the audit trail is missing"),
        (["UPDATE record SET body = '\\x00' WHERE key = 'head'"], "row 4 of the audit trail is missing"),
    ],
    ids=["tail", "tail and its protection", "all", "protection"],
)
def test_a_trail_that_was_cut_while_the_store_was_closed_stays_broken(place, done, named):
    """Starting again does not hide it: the store says so, goes on after a gap, and the gap is there for good."""
    store = place.open()
    for _ in range(3):
        store.commit([Append(EVENT), Put(HeadRecord(key="h", position=1))])
    store.close()
    for statement in done:
        place.execute(statement)
    with place.trail() as (rows, head, _), pytest.raises(AuditError):
        verify(rows, head)
    for _ in range(2):
        again = place.open()
        again.commit([Append(EVENT), *(Erase(*one) for one in again.damaged)])
        again.close()
        with place.trail() as (rows, head, _), pytest.raises(AuditError, match=named):
            verify(rows, head)
    assert [kind for kind, _ in store.damaged] == []


def test_a_gap_in_the_trail_is_told_once(place):
    """The opening that found it names it among what is damaged; the records are as they were."""
    store = place.open()
    store.commit([Append(EVENT), Put(held("a"))])
    store.close()
    place.execute("DELETE FROM audit")
    again = place.open()
    assert again.damaged == {("audit-trail", "up to row 1")}
    assert [record.key for record in again.load(HeldKeysRecord)] == ["a"]
    again.commit([Append(EVENT)])
    again.close()
    third = place.open()
    assert third.damaged == set()
    third.close()


def test_the_protection_of_a_trail_is_there_from_the_beginning(place):
    """A store without any event: its trail is whole, and does not pass any more when its protection is taken away."""
    store = place.open()
    store.close()
    with place.trail() as (rows, head, _):
        assert verify(rows, head).number == 0
    place.execute(HEADS)
    with place.trail() as (rows, head, _), pytest.raises(AuditError, match="is gone or was altered"):
        verify(rows, head)


def test_a_first_start_that_broke_off_is_made_good(place, tmp_path, monkeypatch):
    """Killed when the database was there and the wrapping key was not: made later, unless keys need the lost one."""

    def broken(*_):
        raise StoreError("no space for the wrapping key")

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="no space"):
        patch.setattr("qit4n.adapters.sealing.Sealing._write", broken)
        place.open()
    store = place.open()
    store.commit([Put(held("a"))])
    assert [record.values for record in store.load(HeldKeysRecord)] == [SECRET]
    store.close()
    (tmp_path / "store.wrapping").unlink()
    with pytest.raises(StoreError, match="without it the keys are lost"):
        place.open()


def test_another_store_key_is_refused_and_nothing_changes(place):
    """Whoever restores the wrong store.key is told so: the store does not take all its records for damaged."""
    store = place.open()
    store.commit([Put(held("a")), Put(HeadRecord(key="h", position=3))])
    store.close()
    place.key = bytes(32)
    with pytest.raises(StoreDamagedError, match=r"was not written under this store\.key; restore the one"):
        place.open()
    place.key = KEY
    again = place.open()
    assert [record.position for record in again.load(HeadRecord)] == [3]
    assert [record.values for record in again.load(HeldKeysRecord)] == [SECRET]
    again.close()
