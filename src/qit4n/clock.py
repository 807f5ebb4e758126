"""The Clock port. Below ``adapters/`` nobody reads a clock: time arrives as the argument ``now``."""

from typing import Protocol


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> float:
        """Seconds since the Unix epoch, never running backwards within one process."""
        ...
