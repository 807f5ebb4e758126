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
import time
from pathlib import Path
from typing import Any

from qit4n.errors import StoreError

START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
SOCKET_LINE = 4  # of postmaster.pid
PREFIX = "qit4n-"
ACCOUNTS = ("postgres", "nobody")
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "tcp_keepalives_idle": "1",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements have sealed records in them: not into a log
}


class PostgresServer:
    """Start with :meth:`start`, stop with :meth:`stop`; data stay."""

    def __init__(self, directory: Path) -> None:
        """Keep everything in ``directory``."""
        self._directory = directory
        self._programs = _programs()
        self._account = _account()
        self._sockets = Path(tempfile.mkdtemp(prefix=PREFIX))  # the address of a local socket may have 107 bytes
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def conninfo(self) -> str:
        """How to connect."""
        return f"host={self._sockets} dbname=postgres user=qit4n"

    def start(self) -> None:
        """Make the data directory if there is none, start, and wait until the server takes connections.

        Raises:
            StoreError: it does not start.
        """
        self._directory.mkdir(exist_ok=True)
        data = self._data()
        self._own(data, self._sockets)
        self._end_orphan(data)
        if not (data / "PG_VERSION").exists():
            self._run("initdb", "-D", str(data), "-U", "qit4n", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
            subprocess.run(["sync"], check=True)  # noqa: S607 - one flush instead of one per file
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [self._programs / "postgres", "-D", data, "-k", self._sockets, *settings]
        with (self._directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the programs of PostgreSQL
                [str(part) for part in command], stdout=log, stderr=log, **self._as_account(), start_new_session=True
            )
        self._wait()

    def _end_orphan(self, data: Path) -> None:
        """End the server that a supervisor left behind when it was killed: it holds the data and is known to nobody."""
        try:
            lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            pid, sockets = int(lines[0]), Path(lines[SOCKET_LINE])
        except (OSError, ValueError, IndexError):
            return
        deadline = time.monotonic() + STOP_LIMIT_S
        while _serves(pid, data):
            late = time.monotonic() > deadline
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT if late else signal.SIGINT)
            time.sleep(0.1)
        if sockets != self._sockets and sockets.name.startswith(PREFIX):
            shutil.rmtree(sockets, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(StoreError):
                self._run("pg_isready", "-q", "-h", str(self._sockets), "-U", "qit4n", "-d", "postgres")
                return
            time.sleep(0.05)
        raise StoreError(f"the PostgreSQL server does not start; see {self._directory / 'server.log'}")

    def stop(self) -> None:
        """End the server, with its data on the disk."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self._sockets, ignore_errors=True)

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

    def _data(self) -> Path:
        """The data directory: below the state directory, or for root in the home of the server's account.

        That account cannot reach what only root may enter, so the state directory has a link then.
        """
        data = self._directory / "data"
        if self._account is None:
            data.mkdir(exist_ok=True)
        elif not data.is_symlink():
            home = Path(self._account.pw_dir)
            base = home if home.is_dir() else Path(tempfile.gettempdir())
            data.symlink_to(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        return data.resolve()

    def remove(self) -> None:
        """Delete all data of a stopped server."""
        shutil.rmtree(self._data(), ignore_errors=True)
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
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    beside = shutil.which("postgres")
    if not found and not beside:
        raise StoreError("PostgreSQL 15 or later is not installed; on Debian: apt install postgresql")
    return found[-1].parent if found else Path(str(beside)).parent


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is the PostgreSQL server of a data directory."""
    with contextlib.suppress(OSError):
        return str(data).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: the account that it runs as then."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StoreError("PostgreSQL does not run as root, and there is no account postgres or nobody")
