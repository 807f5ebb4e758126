"""The machine: clock, entropy, memory."""

import os
import time
from pathlib import Path


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
