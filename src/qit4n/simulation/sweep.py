"""Many seeds over all cores, with progress and a summary."""

import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from qit4n.simulation.run import Outcome, simulate

CHUNK = 25
LAST_EVENTS = 40
SHOWN = 3


@dataclass
class Summary:
    """What many seeds did together."""

    seeds: int = 0
    events: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    books: Counter[str] = field(default_factory=Counter)
    recovery_s: float = 0.0
    failures: list[str] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome, also: tuple[str, ...]) -> None:
        """Count a seed."""
        self.seeds += 1
        self.events.update(outcome.trace.counts)
        self.events.update({"keys delivered": outcome.keys, "copies fetched": outcome.fetched})
        self.events.update({"copies excused": outcome.excused, "stream chunks": outcome.stream_chunks})
        self.events.update({"ended early": bool(outcome.ended_early)})
        self.faults.update(outcome.faults or ("none",))
        self.books.update(outcome.books)
        self.recovery_s = max(self.recovery_s, outcome.recovery_s)
        if outcome.violated:
            self.failed.append(outcome.seed)
            self.failures.append(told(outcome, LAST_EVENTS, also))

    def merge(self, other: "Summary") -> None:
        """Add another summary."""
        self.seeds += other.seeds
        self.events.update(other.events)
        self.faults.update(other.faults)
        self.books.update(other.books)
        self.recovery_s = max(self.recovery_s, other.recovery_s)
        self.failures += other.failures
        self.failed += other.failed

    def text(self) -> str:
        """A table for people."""
        lines = [f"faults    {_counts(self.faults)}", f"events    {_counts(self.events)}"]
        lines.append(f"bytes     {_counts(self.books)}")
        lines.append(f"recovery  at most {self.recovery_s:.0f} s of simulated time")
        return "\n".join(lines)


def told(outcome: Outcome, last: int, also: tuple[str, ...]) -> str:
    """A seed for people: what happened (the last events, or all), what was violated, how to see it again."""
    faults = f"faults of seed {outcome.seed}: {', '.join(outcome.faults) or 'none'}"
    if not outcome.violated:
        return f"{outcome.trace.text(last)}\n{faults}\n{outcome.ended_early or 'every invariant held'}"
    options = "".join(f" --also {name}" for name in also)
    return (
        f"{outcome.trace.text(last)}\n{outcome.where}\n{faults}\nviolated: {outcome.violated}\n"
        f"replay: python -m qit4n.simulation --seed {outcome.seed}{options} --trace"
    )


def some(seeds: range, also: tuple[str, ...]) -> Summary:
    """Run seeds in this process."""
    summary = Summary()
    for seed in seeds:
        summary.add(simulate(seed, also), also)
    return summary


def sweep(seeds: range, also: tuple[str, ...], jobs: int) -> int:
    """Run seeds over all cores and print what became of them; 1 if an invariant was violated."""
    begun, summary = time.monotonic(), Summary()
    parts = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        for part in pool.map(partial(some, also=also), parts):
            for failure in part.failures[: max(0, SHOWN - len(summary.failures))]:
                _show(f"\n{failure}\n")
            summary.merge(part)
            rate = summary.seeds / (time.monotonic() - begun)
            _show(f"\r{summary.seeds}/{len(seeds)} seeds, {rate:.0f} seeds/s, {len(summary.failed)} violations")
    _show(f"\n{summary.text()}\n")
    if summary.failed:
        _show(f"violated by {len(summary.failed)} of {summary.seeds} seeds: {summary.failed[:20]}\n")
    return 1 if summary.failed else 0


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counter.items()))
