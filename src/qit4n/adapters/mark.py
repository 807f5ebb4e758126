"""The mark of a site: how far its store was at its last commit, kept in a file beside the store.

When somebody puts an old copy of the store back, the mark is ahead of it. It is written after each commit and before
anybody hears of that commit, so it may be one commit behind a store that nobody touched, never ahead. The kernel has it
at once, the disk within a second: after a power failure a copy from that last second may go unnoticed.
"""

import contextlib
import os
from pathlib import Path

WIDTH = 20


class Mark:
    """One number in one file, written in place."""

    def __init__(self, path: Path) -> None:
        """Keep the mark at ``path``."""
        self._path = path
        self._file: int | None = None
        self._unsynced = False

    def read(self) -> int:
        """The last number written; 0 if there is none."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._path.read_text(encoding="ascii"))
        return 0

    def write(self, position: int) -> None:
        """Keep ``position``; nothing is done if the disk is full: the mark is behind then."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._file, b"%*d" % (WIDTH, position), 0)
            self._unsynced = True

    def sync(self) -> None:
        """Have on the disk what was written."""
        if self._file is not None and self._unsynced:
            self._unsynced = False
            with contextlib.suppress(OSError):
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        self.sync()
        if self._file is not None:
            os.close(self._file)
            self._file = None
