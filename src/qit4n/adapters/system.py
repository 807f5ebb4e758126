"""The machine: clock, entropy, memory."""

import contextlib
import ctypes
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4


class SystemClock:
    """Unix time that never runs backwards within the process, whatever happens to the wall clock."""

    def __init__(self) -> None:
        """Tie the monotonic clock to the wall clock once."""
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self._offset + time.monotonic()


def system_entropy(size: int, /) -> bytes:
    """Random bytes of the operating system's generator."""
    return os.urandom(size)


def memory_bytes() -> int:
    """Resident memory of this process (Linux; 0 elsewhere)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def protect_memory() -> str:
    """Keep the memory of this process off disks, as far as the system allows; a sentence for the log.

    No core dumps and no reading by other processes of the user (Linux ``PR_SET_DUMPABLE``). Pages are locked
    (``mlockall``) where the limit on locked memory is not in the way: with a small limit later allocations would fail.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return "no core dumps; memory is not locked: only Linux is supported"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    unlimited = os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    if unlimited and libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0:
        return "memory is locked; no core dumps"
    return "no core dumps; memory is not locked: make the limit of locked memory unlimited, or turn swap off"


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Meanwhile a process whose parent ends, below this one, becomes a child of this one (Linux child subreaper)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
