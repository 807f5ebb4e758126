"""Where the processes of a network come from: a nursery (``cli/nursery.py``) that has imported all that they need.

Most of the time that a start takes is that of the interpreter and its imports. The nursery does both once and forks a
process per order. It runs nothing of a network itself and never holds a key, so a process shares no more with another
than what it imported. Its children become the supervisor's (Linux: child subreaper), and outlive it.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Protocol

from qit4n.adapters.system import adopting_orphans

COMMAND = (sys.executable, "-m", "qit4n.cli.main")


class Process(Protocol):
    """A child process as its supervisor sees it; one of asyncio is one."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """Exit code, ``-signal`` if one ended it, None while it runs."""

    async def wait(self) -> int:
        """The exit code, once it has ended."""

    def terminate(self) -> None:
        """Ask it to end.

        Raises:
            ProcessLookupError: it has ended.
        """

    def kill(self) -> None:
        """End it.

        Raises:
            ProcessLookupError: it has ended.
        """


class Born:
    """A process that came from the nursery."""

    def __init__(self, pid: int, standard_input: int) -> None:
        """``pid`` is a child of this process, ``standard_input`` the end that keeps its standard input open."""
        self.pid = pid
        self._input = standard_input
        self._handle = os.pidfd_open(pid)
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._handle, self._reap)

    @property
    def returncode(self) -> int | None:
        """Exit code, ``-signal`` if one ended it, None while it runs."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        return await asyncio.shield(self._ended)

    def terminate(self) -> None:
        """Ask it to end; errors as :class:`Process`."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it; errors as :class:`Process`."""
        self._send(signal.SIGKILL)

    def close_input(self) -> None:
        """Close its standard input; a supervised process ends then."""
        with contextlib.suppress(OSError):
            os.close(self._input)

    def _send(self, number: signal.Signals) -> None:
        if self._ended.done():
            raise ProcessLookupError
        signal.pidfd_send_signal(self._handle, number)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        found = os.waitid(os.P_PIDFD, self._handle, os.WEXITED)
        os.close(self._handle)
        self.close_input()
        if found is not None:
            self._ended.set_result(found.si_status if found.si_code == os.CLD_EXITED else -found.si_status)


class Nursery:
    """The nursery of a supervisor: begun when it is first needed, and again if it was killed."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._process: asyncio.subprocess.Process | None = None
        self._orders: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The nursery's own process."""
        return self._process.pid if self._process is not None else None

    async def start(self, arguments: tuple[str, ...], log_file: Path) -> Process:
        """Start a command of ``qit``, output to ``log_file``; its standard input stays open until this process ends."""
        async with self._one_at_a_time:
            return await self._born(arguments, log_file) or await _alone(arguments, log_file)

    async def begin(self) -> None:
        """Have it import while something else is done."""
        if not sys.platform.startswith("linux") or (self._process is not None and self._process.returncode is None):
            return
        self._forget()
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "qit4n.cli.nursery",
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )

    async def end(self) -> None:
        """It ends; what came from it goes on."""
        self._forget()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _forget(self) -> None:
        if self._orders is not None:
            self._orders.close()
            self._orders = None

    async def _born(self, arguments: tuple[str, ...], log_file: Path) -> Process | None:
        """A process from the nursery; None if it cannot have one."""
        await self.begin()
        if self._process is None or self._process.stdout is None or self._orders is None:
            return None
        theirs, ours = os.pipe()
        try:
            with adopting_orphans():
                order = json.dumps({"arguments": arguments, "log": str(log_file)})
                socket.send_fds(self._orders, [order.encode()], [theirs])
                answer = await self._process.stdout.readline()
            return Born(int(answer), ours)
        except (OSError, ValueError):  # it has died, perhaps with half an answer
            os.close(ours)
            return None
        finally:
            os.close(theirs)


async def _alone(arguments: tuple[str, ...], log_file: Path) -> Process:
    """A process that imports for itself."""
    with log_file.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
