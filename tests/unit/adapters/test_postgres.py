"""What is special about the store on PostgreSQL: one owner, fenced by its session."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from qit4n.adapters.postgres import PostgresStore
from qit4n.adapters.stores import open_store, share
from qit4n.errors import StoreDamagedError, StoreError, StoreFullError, StoreLostError
from qit4n.keys.store import HeadRecord, HeldKeysRecord, Put

KEY = bytes(32)


def held(key, value=bytes(32)):
    return HeldKeysRecord(key=key, values=value, size=32, master="m", slaves=("s",), waiting=(b"\x01",))


def refusing(site, code):
    """A statement after which writing to the records of a site fails with this code, after the first rows."""
    return f"""
    CREATE FUNCTION "{site}".refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = '{code}'; END $$;
    CREATE TRIGGER refuse AFTER INSERT ON "{site}".record FOR EACH STATEMENT EXECUTE FUNCTION "{site}".refuse();
    """


OWNER = """
import sys
from pathlib import Path
from qit4n.adapters.postgres import PostgresStore
conninfo, site, wrapping = sys.argv[1:]
store = PostgresStore(conninfo, site, bytes(32), Path(wrapping))
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def site(request):
    return request.node.name


@pytest.fixture
def opened(postgres_server, tmp_path, site):
    """Open the store of a site that is named after the test; all are closed at the end."""
    stores = []

    def make(waiting=lambda: None):
        store = PostgresStore(postgres_server.conninfo, site, KEY, tmp_path / "store.wrapping", waiting)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def elsewhere(monkeypatch):
    """From now on this test is on another machine."""
    return lambda: monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")


@contextlib.contextmanager
def small_disk():
    """A disk of 1 MB that the server may use, or None where this process may not mount one."""
    directory = Path(tempfile.mkdtemp(prefix="qit4n-disk-"))
    options = ["-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(directory)]
    mount = ["mount", *options] if os.geteuid() == 0 else ["false"]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield directory if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(directory)], check=True)
        directory.rmdir()


@pytest.fixture
def full_disk(postgres_server, site):
    """Inside the block the disk under the site's records is full: a small real one, or as the server would say it."""

    @contextlib.contextmanager
    def make():
        schema = f'"{site}"'
        with small_disk() as disk, psycopg.connect(postgres_server.conninfo, autocommit=True) as raw:
            if disk is None:
                raw.execute(refusing(site, "53100"))
                yield
                raw.execute(f"DROP FUNCTION {schema}.refuse() CASCADE")
                return
            place = disk / "space"
            place.mkdir()
            place.chmod(0o700)
            os.chown(place, *server_account(postgres_server))
            raw.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            raw.execute(f"ALTER TABLE {schema}.record SET TABLESPACE small")
            try:
                yield
            finally:
                raw.execute(f"ALTER TABLE {schema}.record SET TABLESPACE pg_default")
                raw.execute("DROP TABLESPACE small")

    return make


def server_account(server):
    status = Path(f"/proc/{server.process.pid}").stat()
    return status.st_uid, status.st_gid


@pytest.fixture
def owner(postgres_server, tmp_path, site):
    """Another process that owns the store."""
    arguments = [sys.executable, "-c", OWNER, postgres_server.conninfo, site, str(tmp_path / "store.wrapping")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


def in_background(make):
    found = []
    thread = threading.Thread(target=lambda: found.append(make()))
    thread.start()
    return thread, found


def end_sessions(server, site):
    with psycopg.connect(server.conninfo, autocommit=True) as raw:
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        raw.execute(statement, (f"qit4n {site}"[:63],))


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


def test_who_lost_the_session_cannot_write(opened, elsewhere, postgres_server, site):
    """The server ends the owner's session: its next commit is an error, another process owns the store."""
    first = opened()
    end_sessions(postgres_server, site)
    elsewhere()
    second = opened()
    for use in (first.check, lambda: first.commit([Put(HeadRecord(key="h", position=1))])):
        with pytest.raises(StoreLostError, match="does not own the store any more"):
            use()
    second.commit([Put(HeadRecord(key="h", position=2))])
    assert [record.position for record in second.load(HeadRecord)] == [2]


def test_an_owner_elsewhere_that_does_not_stir_loses_its_session(opened, elsewhere):
    """A process that stands still holds its session, but not for long; when it wakes up it knows before it speaks."""
    first = opened()
    first._closed.set()  # as if all its threads stood still
    assert first.owned
    elsewhere()
    second = opened()
    assert not first.owned
    with pytest.raises(StoreLostError):
        first.commit([Put(HeadRecord(key="h", position=1))])
    second.check()
    assert second.owned


def test_an_owner_that_stands_still_in_the_midst_of_a_commit_loses_its_session(opened, elsewhere):
    """To the server its session is active: it waits for the rest of what the client sends."""
    first = opened()
    first._closed.set()
    time.sleep(0.4)
    first._database.pgconn.enter_pipeline_mode()
    first._database.pgconn.send_query_params(b"SELECT 1", None)
    first._database.pgconn.send_flush_request()
    first._database.pgconn.flush()
    elsewhere()
    thread, found = in_background(opened)
    thread.join(10)
    assert len(found) == 1


def test_an_owner_on_this_machine_that_is_stopped_is_killed(opened, owner):
    """Else it would keep the addresses of the site."""
    os.kill(owner.pid, signal.SIGSTOP)
    opened().check()
    assert owner.wait(5) == -signal.SIGKILL


def test_an_owner_on_this_machine_that_is_stopped_without_a_session_is_killed(opened, owner, postgres_server, site):
    """The server was restarted while it stood still: nothing but its lock on this machine shows that it is there."""
    os.kill(owner.pid, signal.SIGSTOP)
    end_sessions(postgres_server, site)
    begun = time.monotonic()
    opened().check()
    assert owner.wait(5) == -signal.SIGKILL
    assert time.monotonic() - begun > 0.8  # a process that runs is given time to leave by itself


def test_an_owner_that_leaves_by_itself_is_not_killed(opened, owner, postgres_server, site):
    """It lost its session, and ends."""
    end_sessions(postgres_server, site)
    thread, found = in_background(opened)
    time.sleep(0.5)
    assert found == []
    owner.stdin.close()
    thread.join(5)
    assert owner.wait(5) == 0
    assert len(found) == 1


def test_the_owner_knows_how_many_stand_by(opened, postgres_server, tmp_path):
    """Those that wait for this site's store, not those of another site or of a reader of the audit trail."""
    first = opened()
    given_up = threading.Event()

    def waiting():
        if given_up.is_set():
            raise InterruptedError

    def wait():
        with contextlib.suppress(InterruptedError):
            opened(waiting)

    (tmp_path / "another").mkdir()
    other = PostgresStore(postgres_server.conninfo, "another", KEY, tmp_path / "another" / "store.wrapping")
    threads = [in_background(wait)[0] for _ in range(2)]
    deadline = time.monotonic() + 5
    while first.standbys != 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert first.standbys == 2
    given_up.set()
    for thread in threads:
        thread.join(5)
    deadline = time.monotonic() + 5
    while first.standbys != 0 and time.monotonic() < deadline:  # the server ends a session a moment after its client
        time.sleep(0.05)
    assert first.standbys == 0
    other.close()


def test_two_networks_with_equal_site_ids_share_a_server(postgres_server, tmp_path):
    """Each has a store of its own, at the same time; long names that begin alike do too."""
    longest = "n" * 64
    stores = {}
    for name, site in (("one", "a"), ("two", "a"), (longest, "a" * 64), (longest, "a" * 63 + "b")):
        state = tmp_path / f"{name}-{site[-1]}"
        write_private_under(state / "sites" / site / "store.key", KEY)
        share(state, postgres_server.conninfo)
        stores[name, site] = open_store(state, name, site)
    for place, store in stores.items():
        store.commit([Put(HeadRecord(key="/".join(place), position=1))])
    for place, store in stores.items():
        assert [one.key for one in store.load(HeadRecord)] == ["/".join(place)]
        store.close()


def write_private_under(path, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def test_a_full_disk_is_named_and_loses_nothing(opened, postgres_server, site, full_disk):
    """When there is no space the commit fails whole, what was there stays, and with space the store goes on."""
    store = opened()
    store.commit([Put(HeadRecord(key="h", position=1))])
    with full_disk(), pytest.raises(StoreFullError, match="free space there"):
        store.commit([Put(HeadRecord(key="h", position=2)), *(Put(held(f"k{n}", bytes(4000))) for n in range(2000))])
    assert [record.position for record in store.load(HeadRecord)] == [1]
    assert list(store.load(HeldKeysRecord)) == []
    store.commit([Put(HeadRecord(key="h", position=3)), Put(held("a"))])
    assert [record.position for record in store.load(HeadRecord)] == [3]


def test_a_damaged_table_is_named(opened, postgres_server, site):
    """What the server says of its own files becomes the error for that."""
    store = opened()
    with psycopg.connect(postgres_server.conninfo) as raw:
        raw.execute(refusing(site, "XX001"))
    with pytest.raises(StoreDamagedError, match="restore"):
        store.commit([Put(held("a"))])
    store.check()


def test_an_owner_that_has_nothing_to_write_is_left_alone(opened):
    """An idle process stirs by itself; nobody takes its store."""
    first = opened()
    thread, found = in_background(opened)
    time.sleep(2.5)
    assert found == []
    first.close()
    thread.join(5)
    assert len(found) == 1


def test_who_waits_can_give_up(opened, postgres_server, tmp_path, site):
    """A standby that is told to stop does not wait for ever."""
    first = opened()

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(stop)
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


def test_a_server_that_is_away_is_an_error_with_the_site(tmp_path):
    """Named, not a stack trace."""
    with pytest.raises(StoreLostError, match="PostgreSQL store of site a"):
        PostgresStore(f"host={tmp_path} dbname=x", "a", KEY, tmp_path / "w")


@pytest.mark.parametrize("statement", ["UPDATE format SET number = 1", "DROP TABLE format"], ids=["older", "none"])
def test_a_store_of_another_format_is_refused_and_left_as_it_is(opened, postgres_server, site, statement):
    """No guessing: the sentence names the site and says what to do; nothing is read or renewed."""
    opened().close()
    with psycopg.connect(postgres_server.conninfo, options=f'-c search_path="{site}"') as raw:
        raw.execute(statement)
    with pytest.raises(StoreDamagedError, match=r"written by another version of qit4n \(format .* has 2\)"):
        opened()


def test_a_store_of_this_format_opens_again(opened):
    """What this version wrote it reads."""
    first = opened()
    first.commit([Put(HeadRecord(key="h", position=7))])
    first.close()
    assert [record.position for record in opened().load(HeadRecord)] == [7]


def test_a_store_under_the_name_of_an_earlier_version_is_not_passed_over(opened, postgres_server, tmp_path, site):
    """The sentence says how to take it over, and how to leave it; the first statement brings its records along."""
    before = opened()
    before.commit([Put(HeadRecord(key="h", position=7))])
    before.close()
    name = f"network/{site}"

    def now():
        return PostgresStore(postgres_server.conninfo, name, KEY, tmp_path / "store.wrapping", former=site)

    with pytest.raises(StoreDamagedError) as refused:
        now()
    rename = f'ALTER SCHEMA "{site}" RENAME TO "{name}"'
    create = f'CREATE SCHEMA "{name}"'
    assert rename in str(refused.value)
    assert create in str(refused.value)
    with psycopg.connect(postgres_server.conninfo) as raw:
        raw.execute(create)
    with contextlib.closing(now()) as store:
        assert not list(store.load(HeadRecord))
    with psycopg.connect(postgres_server.conninfo) as raw:
        raw.execute(f'DROP SCHEMA "{name}" CASCADE')
        raw.execute(rename)
    with contextlib.closing(now()) as store:
        assert [record.position for record in store.load(HeadRecord)] == [7]


def test_a_pool_of_connections_between_is_refused(opened, monkeypatch):
    """It greets with a session number of its own: the lock and the commits could be in different sessions."""
    opened().close()
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", property(lambda _: 1))
    with pytest.raises(StoreError, match="pool of connections"):
        opened()
