"""Benchmarks. ``python -m benchmarks`` prints the table, ``python -m benchmarks NAME --json`` one JSON object a line.

Values are in base units (bit/s, 1/s, s, byte), for one process on one core unless the name says otherwise. ``peer``
is what was measured beside it in the same run, ``limit`` what counting says is possible; either may be missing.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """One measured figure."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    limit: float | None = None

    def plain(self) -> dict[str, object]:
        """For JSON, with the ratio to the peer."""
        ratio = self.value / self.peer_value if self.peer_value else None
        return {**asdict(self), "ratio": ratio}


Benchmark = Callable[[int, int | None], Iterator[Result]]


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread for one call: a busy machine does not count."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def missing_peer(name: str) -> None:
    """Say on standard error that a peer is not installed; its ratio is then missing."""
    print(f"{name} is not installed; make bench installs it", file=sys.stderr)
