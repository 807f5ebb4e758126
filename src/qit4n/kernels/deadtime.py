"""Dead time and afterpulses of gated detectors that are dead together: which clicks are left.

Sequential by nature; the work is one short step per accepted click. The model is that of
``qit4n.physics.detectors``, which holds its closed form.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.sampling import Dice, successes


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """Clicks that are left: their gates, ascending, and whether a trap released a carrier there."""

    gates: NDArray[np.int64]
    afterpulses: NDArray[np.bool_]


@dataclass(kw_only=True)
class DeadTime:
    """The filter. It carries its state from segment to segment.

    Attributes:
        dead_gates: gates lost after each click.
        afterpulse_probability: chance that a click fills a trap.
        release_probability: chance per gate after the dead time that a filled trap releases its carrier.
        live_gate: the first gate that is not dead.
        releases: heap of the gates in which the filled traps will release.
    """

    dead_gates: int
    afterpulse_probability: float
    release_probability: float
    live_gate: int = 0
    releases: list[int] = field(default_factory=list)

    def accept(self, gates: NDArray[np.int64], end: int, dice: Dice) -> Accepted:
        """Filter the candidate clicks of one segment, at ascending distinct ``gates`` below ``end``."""
        line = _Line(
            gates=gates.tolist(),
            following=np.searchsorted(gates, gates + self.dead_gates + 1).tolist(),
            delays=self._trap_delays(gates.size, dice),
        )
        index = bisect_left(line.gates, self.live_gate)
        fired: list[int] = []
        while True:
            index = self._run(line, index, end)
            if not self.releases or self.releases[0] >= end:
                break
            release = heappop(self.releases)
            if release >= self.live_gate:
                fired.append(release)
                self.live_gate = release + self.dead_gates + 1
                index = bisect_left(line.gates, self.live_gate, index)
                if dice.random() < self.afterpulse_probability:
                    heappush(self.releases, self.live_gate - 1 + int(dice.geometric(self.release_probability)))
        return _merge(gates[np.array(line.chosen, np.intp)], np.array(fired, np.int64))

    def _trap_delays(self, count: int, dice: Dice) -> list[int]:
        """For each candidate, in case it is accepted: gates from its dead time to its afterpulse, 0 for none."""
        delays = np.zeros(count, np.int64)
        filled = successes(count, self.afterpulse_probability, dice)
        delays[filled] = dice.geometric(self.release_probability, filled.size)
        return delays.tolist()

    def _run(self, line: "_Line", index: int, end: int) -> int:
        """Accept candidates from ``index`` on, up to the next release or the end; return the next live candidate."""
        gates, following, delays, chosen = line.gates, line.following, line.delays, line.chosen
        before = len(chosen)
        stop = bisect_left(gates, min(self.releases[0], end) if self.releases else end, index)
        while index < stop:
            chosen.append(index)
            if delays[index]:
                heappush(self.releases, gates[index] + self.dead_gates + delays[index])
                stop = bisect_left(gates, self.releases[0], index, stop)
            index = following[index]
        if len(chosen) > before:
            self.live_gate = gates[chosen[-1]] + self.dead_gates + 1
        return index


@dataclass(kw_only=True)
class _Line:
    """The candidates of a segment as lists: gate, index of the first one that is live after it, delay of its trap."""

    gates: list[int]
    following: list[int]
    delays: list[int]
    chosen: list[int] = field(default_factory=list)


def _merge(clicks: NDArray[np.int64], fired: NDArray[np.int64]) -> Accepted:
    """Both kinds of clicks in order of time; a gate is in one of the two only."""
    if not fired.size:
        return Accepted(gates=clicks, afterpulses=np.zeros(clicks.size, np.bool_))
    places = np.searchsorted(clicks, fired)
    flags = np.insert(np.zeros(clicks.size, np.bool_), places, True)
    return Accepted(gates=np.insert(clicks, places, fired), afterpulses=flags)
