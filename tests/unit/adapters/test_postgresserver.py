"""The private PostgreSQL server: whatever ended the last one, the next start has the data."""

import shutil
import signal
import threading

import psycopg
import pytest

from qit4n.adapters import postgresserver
from qit4n.adapters.postgresserver import PostgresServer
from qit4n.errors import StoreError


@pytest.fixture
def directory(tmp_path):
    yield tmp_path / "postgres"
    shutil.rmtree((tmp_path / "postgres" / "data").resolve(), ignore_errors=True)


@pytest.fixture
def server(directory):
    """A server that was started; it is stopped at the end, whatever became of it."""
    server = PostgresServer(directory)
    server.start()
    yield server
    server.stop()


def ask(server, statement):
    with psycopg.connect(server.conninfo, autocommit=True) as database:
        found = database.execute(statement)
        return found.fetchall() if found.description else []


def test_what_was_written_is_there_after_a_stop_a_kill_and_a_process_that_left_its_server(directory, server):
    """Clean stop; kill of the server in the middle of its sessions; a second start while the first server runs on."""
    ask(server, "CREATE TABLE kept AS SELECT 1 AS number")
    server.stop()
    again = PostgresServer(directory)
    again.start()
    session = psycopg.connect(again.conninfo)
    again.process.kill()
    again.process.wait()
    again.start()
    assert ask(again, "SELECT * FROM kept") == [(1,)]
    session.close()
    other = PostgresServer(directory)
    other.start()
    assert again.process.wait(5) == 0
    assert ask(other, "SELECT * FROM kept") == [(1,)]
    assert not again._sockets.exists()
    again.stop()
    assert ask(other, "SELECT * FROM kept") == [(1,)]
    other.stop()


def test_it_is_reached_by_one_socket_only_and_its_files_are_its_own(server):
    """No network address; nobody else may read the data or connect."""
    assert ask(server, "SHOW listen_addresses") == [("",)]
    (data,) = ask(server, "SHOW data_directory")[0]
    assert postgresserver.Path(data).stat().st_mode & 0o077 == 0
    assert server._sockets.stat().st_mode & 0o077 == 0


def test_a_first_start_that_broke_off_is_made_again(directory):
    """Data that are made by half are no data."""
    server = PostgresServer(directory)
    run = server._run

    def break_off(program, *arguments):
        run(program, *arguments)
        shutil.rmtree(postgresserver.Path(arguments[1]) / "global")
        raise InterruptedError

    server._run = break_off
    with pytest.raises(InterruptedError):
        server.start()
    server._run = run
    server.start()
    assert ask(server, "SELECT 1") == [(1,)]
    server.stop()


def test_after_stop_it_does_not_start(directory, server):
    """A restart that was under way when the network ended leaves no server behind."""
    server.process.send_signal(signal.SIGINT)
    server.process.wait()
    starting = threading.Thread(target=server.start)
    starting.start()
    server.stop()
    starting.join()
    assert server.process.poll() is not None
    server.start()
    assert server.process.poll() is not None


def test_without_the_programs_the_package_is_named(monkeypatch, tmp_path):
    """Debian's package, so that it can be installed."""
    monkeypatch.setattr(postgresserver, "PROGRAMS", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(StoreError, match="apt install postgresql"):
        PostgresServer(tmp_path)


def test_a_server_that_does_not_start_is_an_error_with_its_log(directory, monkeypatch):
    """And nothing runs afterwards."""
    monkeypatch.setitem(postgresserver.SETTINGS, "shared_buffers", "nonsense")
    server = PostgresServer(directory)
    with pytest.raises(StoreError, match=r"server\.log"):
        server.start()
    server.stop()
    assert server.process.poll() is not None
