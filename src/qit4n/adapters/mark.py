"""The mark of a site: how far its store was when it was last looked at, kept in a file beside the store.

When somebody puts an old copy of the store back, the mark is ahead of it. The mark may be behind, never ahead,
of a store that nobody touched.
"""

import contextlib
import os
from pathlib import Path

from qit4n.adapters.privatefiles import beside


class Mark:
    """One number in one file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        """Keep the mark at ``path``."""
        self._path = path
        self._written = -1

    def read(self) -> int:
        """The last number written; 0 if there is none."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._path.read_text(encoding="ascii"))
        return 0

    def write(self, position: int) -> None:
        """Keep ``position``; nothing is done if it has not changed, or if the disk is full: the mark is behind then."""
        if position == self._written:
            return
        fresh = beside(self._path)
        with contextlib.suppress(OSError):
            with fresh.open("w", encoding="ascii") as file:
                file.write(str(position))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            self._written = position
