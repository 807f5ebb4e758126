"""History on the disk: what was kept is read again, old rows go, damage costs the history only."""

import sqlite3
import stat

import numpy as np
import pytest

from qit4n.adapters.historystore import HistoryStore
from qit4n.management.history import QUANTITIES, Row


def row(at, *elements, kind="link"):
    values = np.arange(len(elements) * len(QUANTITIES[kind]), dtype=np.float32) + at
    return Row(kind, float(at), elements, values.reshape(len(elements), -1).astype(np.float32))


@pytest.fixture
def store(tmp_path):
    made = HistoryStore(tmp_path / "history.db")
    yield made
    made.close()


def test_what_was_kept_is_read_again(store, tmp_path):
    """By a process that comes later: times, names and values, the oldest first; nobody else may read the file."""
    store.keep([row(20, "ab", "bc"), row(20, "p", kind="pool")], {})
    store.keep([row(10, "ab")], {})
    found = HistoryStore(tmp_path / "history.db").rows()
    assert [(one.kind, one.at, one.elements) for one in found[:1]] == [("link", 10.0, ("ab",))]
    assert {(one.kind, one.elements) for one in found[1:]} == {("link", ("ab", "bc")), ("pool", ("p",))}
    values = next(one.values for one in found if one.elements == ("ab", "bc"))
    assert (values == row(20, "ab", "bc").values).all()
    assert stat.S_IMODE((tmp_path / "history.db").stat().st_mode) == 0o600


def test_old_rows_go(store):
    """Bounded on the disk: rows from before the time that is told, and names that none has any more."""
    store.keep([row(10, "ab"), row(20, "bc")], {})
    store.keep([row(30, "bc")], {"link": 15})
    assert [one.at for one in store.rows()] == [20, 30]
    assert store._database.execute("SELECT count(*) FROM elements").fetchone() == (1,)


def test_a_row_that_cannot_be_read_is_left_out(store):
    store.keep([row(10, "ab"), row(20, "ab")], {})
    store._database.execute("UPDATE value SET body = x'00' WHERE at = 10")
    assert [one.at for one in store.rows()] == [20]


def test_a_damaged_file_is_moved_aside(tmp_path):
    """The manager starts all the same, with an empty history."""
    (tmp_path / "history.db").write_bytes(b"no database" * 1000)
    store = HistoryStore(tmp_path / "history.db")
    assert store.rows() == []
    assert (tmp_path / "history.damaged").exists()
    store.close()


def test_a_disk_that_takes_nothing_costs_the_rows_only(store, tmp_path):
    """Another process has locked the file: nothing is raised, and the next rows are kept."""
    other = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._database.execute("PRAGMA busy_timeout=1")
    store.keep([row(10, "ab")], {})
    other.execute("ROLLBACK")
    other.close()
    store.keep([row(20, "ab")], {})
    assert [one.at for one in store.rows()] == [20]
