"""The one process of a machine that has a site, or runs a network: it holds a locked file with its number.

The system lets go of the lock when the process has ended, however it ended. A process that is stopped keeps it.
"""

import contextlib
import fcntl
import os
import signal
from pathlib import Path

from qit4n.errors import StoreError


class OwnerFile:
    """A file that at most one process has locked."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            StoreError: that is not possible.
        """
        try:
            self._handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: cannot be opened as a lock: {error.strerror}") from error

    def take(self) -> bool:
        """Whether this process has it now."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)
        return True

    def end_holder(self) -> None:
        """Kill the process that has it: it does not let go by itself, and keeps the site's addresses."""
        number = os.pread(self._handle, 20, 0).decode("ascii", "replace")
        if not number.isdecimal() or int(number) == os.getpid():
            return
        with contextlib.suppress(OSError):
            if b"qit4n" in Path(f"/proc/{number}/cmdline").read_bytes():  # not a later process with its number
                os.kill(int(number), signal.SIGKILL)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._handle)
