"""A private PostgreSQL server for one network on one machine, with one local socket.

For replicas on several machines an operator runs PostgreSQL of their own, replicated, and names it.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from qit4n.errors import StoreError

START_LIMIT_S = 30.0
PROGRAMS = Path("/usr/lib/postgresql")  # of Debian
PREFIX = "qit4n-"
ACCOUNTS = ("postgres", "nobody")
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "recovery_init_sync_method": "syncfs",  # one call instead of one per file, after a crash
    "tcp_keepalives_idle": "1",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements have sealed records in them: not into a log
}


class PostgresServer:
    """Start with :meth:`start`, stop with :meth:`stop`; data stay.

    Whatever ended the last start or the last server, the next start goes on from it: data are made beside and moved
    into place when they are whole, and a server that outlived the process that started it is stopped.
    """

    def __init__(self, directory: Path) -> None:
        """Keep everything in ``directory``."""
        self._directory = directory
        self._programs = _programs()
        self._account = _account()
        self._sockets = Path(tempfile.mkdtemp(prefix=PREFIX))  # the address of a local socket may have 107 bytes
        self._one_at_a_time = threading.Lock()
        self._stopped = False
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def conninfo(self) -> str:
        """How to connect."""
        return f"host={self._sockets} dbname=postgres user=qit4n"

    def start(self) -> None:
        """Make the data if there are none, start, and wait until the server takes connections.

        Raises:
            StoreError: it does not start.
        """
        with self._one_at_a_time:
            if self._stopped:
                return
            self._directory.mkdir(exist_ok=True)
            base = self._base()
            self._own(base, self._sockets)
            data = base / "cluster"
            if not data.exists():
                self._make(data)
            self._stop_what_is_left(data)
            settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
            command = [self._programs / "postgres", "-D", data, "-k", self._sockets, *settings]
            with (self._directory / "server.log").open("ab") as log:
                self.process = subprocess.Popen(  # noqa: S603 - the programs of PostgreSQL
                    [str(part) for part in command],
                    stdout=log,
                    stderr=log,
                    **self._as_account(),
                    start_new_session=True,
                )
            self._wait()

    def _make(self, data: Path) -> None:
        fresh = data.with_name("new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._run("initdb", "-D", str(fresh), "-U", "qit4n", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        subprocess.run(["sync"], check=True)  # noqa: S607 - one flush instead of one per file
        fresh.rename(data)

    def _stop_what_is_left(self, data: Path) -> None:
        """A server of these data runs on if the process that started it was killed."""
        left = data / "postmaster.pid"
        if not left.exists():
            return
        sockets = Path([*left.read_text(encoding="utf-8").splitlines(), *[""] * 5][4])  # see PostgreSQL's miscinit.c
        with contextlib.suppress(StoreError):  # nobody is left, and the file is out of date
            self._run("pg_ctl", "stop", "-D", str(data), "-m", "fast", "-t", "10")
        if sockets != self._sockets and sockets.name.startswith(PREFIX):
            shutil.rmtree(sockets, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(StoreError):
                self._run("pg_isready", "-q", "-h", str(self._sockets), "-U", "qit4n", "-d", "postgres")
                return
            if self._stopped:
                return
            time.sleep(0.05)
        self._end()
        raise StoreError(f"the PostgreSQL server does not start; see {self._directory / 'server.log'}")

    def stop(self) -> None:
        """End the server, with its data on the disk; it does not start again."""
        self._stopped = True
        with self._one_at_a_time:
            self._end()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)  # not SIGKILL, which would leave its sessions
                self.process.wait()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - the programs of PostgreSQL
            [str(self._programs / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            **self._as_account(),
        )
        if done.returncode:
            raise StoreError(f"{program} of PostgreSQL fails: {done.stderr.strip() or done.returncode}")

    def _as_account(self) -> dict[str, Any]:
        if self._account is None:
            return {"cwd": "/"}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": [], "cwd": "/"}

    def _base(self) -> Path:
        """Where the data are: below the state directory, or for root in the home of the server's account.

        That account cannot reach what only root may enter, so the state directory has a link then.
        """
        base = self._directory / "data"
        if self._account is None:
            base.mkdir(exist_ok=True)
        elif not base.is_symlink():
            home = Path(self._account.pw_dir)
            parent = home if home.is_dir() else Path(tempfile.gettempdir())
            base.symlink_to(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        if not base.is_dir():
            raise StoreError(
                f"{base} leads to {base.resolve()}, which is gone; restore it, or remove the link to start with empty "
                "stores: the keys are lost then"
            )
        return base.resolve()

    def remove(self) -> None:
        """Delete all data of a stopped server."""
        shutil.rmtree(self._base(), ignore_errors=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _own(self, *directories: Path) -> None:
        """Give directories to the server's account, and let it reach them."""
        for directory in directories:
            directory.chmod(0o700)
            if self._account is not None:
                os.chown(directory, self._account.pw_uid, self._account.pw_gid)


def _programs() -> Path:
    """Where PostgreSQL's programs are.

    Raises:
        StoreError: it is not installed.
    """
    found = sorted(PROGRAMS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    beside = shutil.which("postgres")
    if not found and not beside:
        raise StoreError("PostgreSQL 15 or later is not installed; on Debian: apt install postgresql")
    return found[-1].parent if found else Path(str(beside)).parent


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: the account that it runs as then."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StoreError("PostgreSQL does not run as root, and there is no account postgres or nobody")
