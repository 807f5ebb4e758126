"""What is special about the store on SQLite: its files, its settings, damage and a full disk."""

import sqlite3

import pytest

from qit4n.adapters.sqlite import SQLiteStore, trail
from qit4n.errors import AuditError, StoreDamagedError, StoreError, StoreFullError
from qit4n.keys.audit import AuditEvent, verify
from qit4n.keys.store import Append, Erase, HeldKeysRecord, Put

KEY = bytes(range(32))
SECRET = b"a-secret-that-must-not-show-up!!"


def held(key, value=SECRET):
    return HeldKeysRecord(key=key, values=value, size=32, master="m", slaves=("s",), waiting=(b"\x01",))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def test_no_key_in_clear_on_the_disk(path):
    """Neither the database nor its write-ahead log contains the value."""
    store = SQLiteStore(path, KEY)
    store.commit([Put(held("a"))])
    on_disk = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert len(on_disk) > 1000
    assert SECRET not in on_disk
    store.close()
    assert SECRET not in path.read_bytes()


def test_only_the_owner_can_read_the_file(path):
    """The file is readable by its owner only."""
    SQLiteStore(path, KEY).close()
    assert path.stat().st_mode & 0o077 == 0


def test_durability_settings_are_in_force(path):
    """Write-ahead log with full synchronisation: an answered commit survives a power cut."""
    store = SQLiteStore(path, KEY)
    assert store._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._database.execute("PRAGMA secure_delete").fetchone() == (1,)
    store.close()


def test_a_record_under_another_key_or_altered_is_left_out_and_named(path):
    """A flipped bit or swapped row costs that record only, and it is named."""
    store = SQLiteStore(path, KEY)
    store.commit([Put(held("a")), Put(held("b")), Put(held("c"))])
    store.close()
    with sqlite3.connect(path) as raw:
        body = raw.execute("SELECT body FROM record WHERE key = 'a'").fetchone()[0]
        raw.execute("UPDATE record SET body = ? WHERE key = 'b'", (body,))
    raw.close()
    again = SQLiteStore(path, KEY)
    assert [record.key for record in again.load(HeldKeysRecord)] == ["a", "c"]
    assert again.damaged == {("held-keys", "b")}
    again.close()


def test_a_file_that_is_no_store_is_named_with_the_fix(path):
    """A damaged file is refused with a sentence that says what to do."""
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreDamagedError, match=r"store\.db is damaged .* move it away"):
        SQLiteStore(path, KEY)


def test_a_full_disk_is_named_and_loses_nothing(path):
    """When there is no space the commit fails whole, and what was there stays."""
    store = SQLiteStore(path, KEY)
    store.commit([Put(held("a"))])
    store._database.execute("PRAGMA max_page_count=12")
    with pytest.raises(StoreFullError, match="the disk is full"):
        store.commit([Put(held(f"k{number}", bytes(4000))) for number in range(20)])
    assert [record.key for record in store.load(HeldKeysRecord)] == ["a"]
    store._database.execute("PRAGMA max_page_count=100000")
    store.commit([Put(held("b"))])
    assert [record.key for record in store.load(HeldKeysRecord)] == ["a", "b"]
    store.close()


def test_two_processes_cannot_own_one_store(path):
    """The second one to open it is refused."""
    store = SQLiteStore(path, KEY)
    with pytest.raises(StoreError, match="in use by another process"):
        SQLiteStore(path, KEY)
    store.close()
    SQLiteStore(path, KEY).close()


EVENT = AuditEvent(at=1.0, step="held", subject="b", bits=8)


def test_a_trail_that_was_touched_in_the_database_is_noticed(path):
    """Changed, or cut at the end: the check names the row."""
    store = SQLiteStore(path, KEY)
    for _ in range(3):
        store.commit([Append(EVENT)])
    store.close()
    for statement, row in (
        ("UPDATE audit SET body = replace(body, 'held', 'sold') WHERE number = 2", "row 2"),
        ("DELETE FROM audit WHERE number = 3", "ends with row 2"),
    ):
        with sqlite3.connect(path) as raw:
            before = raw.execute("SELECT * FROM audit").fetchall()
            raw.execute(statement)
        with trail(path, KEY) as (rows, head, _), pytest.raises(AuditError, match=row):
            verify(rows, head)
        with sqlite3.connect(path) as raw:
            raw.execute("DELETE FROM audit")
            raw.executemany("INSERT INTO audit VALUES (?, ?, ?)", before)
        raw.close()


def test_erased_records_stay_closed_in_a_copy_of_the_database(path, tmp_path):
    """A copy of the files from before the erasure opens nothing once the store was opened again."""
    store = SQLiteStore(path, KEY)
    store.commit([Put(held("a"))])
    backup = tmp_path / "backup.db"
    with sqlite3.connect(backup) as copy:
        store._database.backup(copy)
    copy.close()
    store.commit([Erase(HeldKeysRecord.kind, "a")])
    store.close()
    SQLiteStore(path, KEY).close()
    path.with_suffix(".wrapping").rename(tmp_path / "backup.wrapping")
    with pytest.raises(StoreDamagedError, match=r"was not written under this store\.wrapping"):
        SQLiteStore(backup, KEY)


def test_a_store_of_another_version_is_refused_and_left_as_it_is(path):
    """No guessing: the sentence says what to do."""
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE record (number INTEGER PRIMARY KEY)")
    raw.close()
    with pytest.raises(StoreDamagedError, match="another version of qit4n"):
        SQLiteStore(path, KEY)
