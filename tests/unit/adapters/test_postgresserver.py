"""The private PostgreSQL server: its data outlive it, and it outlives nobody."""

import signal
from contextlib import closing
from pathlib import Path

import pytest

from qit4n.adapters.postgres import PostgresStore
from qit4n.adapters.postgresserver import PostgresServer
from qit4n.errors import StoreError, StoreLostError
from qit4n.keys.store import HeadRecord, Put

KEY = bytes(32)


@pytest.fixture
def server(tmp_path):
    """Makes servers of one directory; all are stopped and their data deleted at the end."""
    servers = []

    def make():
        servers.append(PostgresServer(tmp_path / "postgres"))
        return servers[-1]

    yield make
    for one in servers:
        one.stop()
    servers[-1].remove()


def test_a_store_survives_the_end_and_the_kill_of_its_server(server, tmp_path):
    """Stopped or killed: who used it is told, and the next server has every commit."""
    for number, way in enumerate((signal.SIGINT, signal.SIGKILL)):
        running = server()
        running.start()
        with closing(PostgresStore(running.conninfo, "a", KEY, tmp_path / "w")) as store:
            assert [one.position for one in store.load(HeadRecord)] == list(range(number))
            store.commit([Put(HeadRecord(key=str(number), position=number))])
            running.process.send_signal(way)
            running.process.wait(10)
            with pytest.raises(StoreLostError):
                store.commit([Put(HeadRecord(key="lost", position=9))])
        running.stop()
    last = server()
    last.start()
    with closing(PostgresStore(last.conninfo, "a", KEY, tmp_path / "w")) as store:
        assert [one.position for one in store.load(HeadRecord)] == [0, 1]


def test_a_killed_server_can_be_started_again_at_its_address(server, tmp_path):
    """As the supervisor does it: who uses the store finds it where it was."""
    one = server()
    one.start()
    with closing(PostgresStore(one.conninfo, "a", KEY, tmp_path / "w")) as store:
        store.commit([Put(HeadRecord(key="h", position=7))])
    one.process.kill()
    one.process.wait(10)
    one.start()
    with closing(PostgresStore(one.conninfo, "a", KEY, tmp_path / "w")) as store:
        assert [one.position for one in store.load(HeadRecord)] == [7]


def test_a_server_whose_supervisor_was_killed_gives_way_to_the_next_one(server, tmp_path):
    """It still runs and holds the data: the next start ends it, takes its data over and clears its socket away."""
    left = server()
    left.start()
    with closing(PostgresStore(left.conninfo, "a", KEY, tmp_path / "w")) as store:
        store.commit([Put(HeadRecord(key="h", position=7))])
    following = server()
    following.start()
    assert left.process.wait(1) is not None
    assert not Path(left.conninfo.split("host=")[1].split()[0]).exists()
    with closing(PostgresStore(following.conninfo, "a", KEY, tmp_path / "w")) as store:
        assert [one.position for one in store.load(HeadRecord)] == [7]


def test_a_stale_file_of_another_process_ends_nobody(server):
    """After a power cut the number in postmaster.pid may belong to any process."""
    one = server()
    one.start()
    one.stop()
    data = one._data()
    (data / "postmaster.pid").write_text(f"1\n{data}\n0\n5432\n/tmp/qit4n-none\n\n", encoding="utf-8")
    again = server()
    again._end_orphan(data)
    (data / "postmaster.pid").unlink()
    again.start()
    assert again.process.poll() is None


def test_without_postgresql_the_package_is_named(monkeypatch, tmp_path):
    """Not a stack trace: what to install."""
    monkeypatch.setattr("qit4n.adapters.postgresserver.Path.glob", lambda *_: [])
    monkeypatch.setattr("qit4n.adapters.postgresserver.shutil.which", lambda _: None)
    with pytest.raises(StoreError, match="apt install postgresql"):
        PostgresServer(tmp_path)
