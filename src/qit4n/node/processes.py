"""What the processes of a network share on one machine: the state directory and how to run until told to stop."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from qit4n.adapters.ownerfile import OwnerFile
from qit4n.errors import NotReadyError, QitError, UnknownNetworkError
from qit4n.network.generate import to_yaml
from qit4n.network.model import Network

NETWORK_FILE = "network.yaml"
SUPERVISOR = "supervisor.pid"
FILE_POLL_S = 0.5
LOOK_S = 0.1


def state_root() -> Path:
    """Where networks keep their state by default: the user's state directory (XDG base directories)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "qit4n"


def state_directory(state: Path | None) -> Path:
    """The state directory meant: ``state``, or the one network that has state below the default root.

    Raises:
        UnknownNetworkError: there is none, or there are several and none was named.
    """
    if state is not None:
        if not (state / NETWORK_FILE).is_file():
            raise UnknownNetworkError(f"{state} is not the state directory of a network: it holds no {NETWORK_FILE}")
        return state
    found = sorted(path.parent for path in state_root().glob(f"*/{NETWORK_FILE}"))
    if len(found) == 1:
        return found[0]
    running = [path for path in found if is_running(path)]
    if len(running) == 1:
        return running[0]
    names = ", ".join(path.name for path in found) or "none"
    raise UnknownNetworkError(f"name a state directory with --state; below {state_root()} there are: {names}")


def network_of(state: Path) -> Network:
    """The network whose state a directory keeps.

    The file was checked in full when it was put there: only if it does not fit any more is it checked again. The check
    takes longer than the rest of the start of a process.
    """
    file = state / NETWORK_FILE
    try:
        return msgspec.yaml.decode(file.read_bytes(), type=Network)
    except (OSError, msgspec.MsgspecError, yaml.YAMLError):
        from qit4n.network.file import load  # noqa: PLC0415 - see above

        return load(str(file))


def write_network(network: Network, state: Path) -> None:
    """Put the file of a network into its state directory: whole or not at all."""
    written = state / f"{NETWORK_FILE}.new"
    written.write_text(to_yaml(network), encoding="utf-8")
    written.replace(state / NETWORK_FILE)


async def changed_network(state: Path, known: Network) -> Network:
    """Wait until the file in a state directory says something else than ``known`` (``qit apply``)."""
    seen = None
    while True:
        await asyncio.sleep(FILE_POLL_S)
        with contextlib.suppress(OSError, QitError):
            stamp = (state / NETWORK_FILE).stat().st_mtime_ns
            if stamp != seen:
                seen = stamp
                found = network_of(state)
                if found != known:
                    return found


@contextlib.contextmanager
def claimed(state: Path) -> Iterator[None]:
    """Be the supervisor of a state directory inside the block; the system lets go of it however this process ends.

    Raises:
        NotReadyError: another one is at work there.
        StoreError: the directory cannot be written.
    """
    owner = OwnerFile(state / SUPERVISOR)
    try:
        if not owner.take():
            time.sleep(LOOK_S)  # it may be held for a moment by who asks whether a network runs
            if not owner.take():
                number = (state / SUPERVISOR).read_text("ascii", "replace")
                raise NotReadyError(f"a network runs with state {state} already (process {number}); stop it first")
        yield
    finally:
        owner.close()


def is_running(state: Path) -> bool:
    """Whether a supervisor is at work in a state directory."""
    try:
        with (state / SUPERVISOR).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def run_until_stopped(main: Coroutine[Any, Any, None], *, supervised: bool = False) -> None:
    """Run on uvloop until SIGINT or SIGTERM, or, if supervised, until standard input closes."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_stopped(main, supervised=supervised))


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _until_stopped(main: Coroutine[Any, Any, None], *, supervised: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if supervised:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end, stop)
    work, stopped = asyncio.ensure_future(main), asyncio.ensure_future(stop.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not work.done():
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        return
    work.result()


def _stop_at_end(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def log_to_standard_error() -> None:
    """One line per event: time, level, module, text. Never a key."""
    logging.basicConfig(
        level=os.environ.get("QIT_LOG", "INFO").upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
