"""Dead time and afterpulses of gated detectors that are dead together: which clicks are left.

Sequential by nature; the work is one short step per click. The model is that of ``qit4n.physics.detectors``, which
holds its closed form. What is random about a gate is a function of the gate, so nothing depends on the segments.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels
from qit4n.kernels.sampling import Stream, gap_scale, gaps, threshold

# What a gate saw (uint16): photons in bits 0 to 7, then the bit and the basis of the pulse, a mask of the detectors
# that counted in the dark, and whether a trap released a carrier.
STATE, COUNTED, RELEASED = 8, 10, 1 << 12


@dataclass(kw_only=True)
class DeadTime:
    """The filter. It carries its state from segment to segment.

    Attributes:
        dead_gates: gates lost after each click.
        afterpulse_probability: chance that a click fills a trap.
        release_probability: chance per gate after the dead time that a filled trap releases its carrier.
        stream: what it draws from.
        live_gate: the first gate that is not dead.
        releases: heap of the gates in which the filled traps will release.
    """

    dead_gates: int
    afterpulse_probability: float
    release_probability: float
    stream: Stream
    live_gate: int = 0
    releases: list[int] = field(default_factory=list)

    def accept(
        self, gates: NDArray[np.int64], seen: NDArray[np.uint16], end: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """Filter the candidate clicks of one segment.

        Args:
            gates: of the candidates, ascending and distinct, below ``end``.
            seen: what those gates saw.
            end: of the segment.

        Returns:
            Gates of the clicks that are left, ascending, and what they saw, which may be a release alone.
        """
        compiled = kernels()
        if compiled is not None:
            left, saw, self.live_gate, self.releases = compiled.accept(
                gates,
                seen,
                end,
                self.dead_gates,
                threshold(self.afterpulse_probability, 53),
                gap_scale(self.release_probability),
                *self.stream.key,
                self.live_gate,
                self.releases,
            )
            return left, saw
        line = _Line(
            gates=gates.tolist(),
            following=np.searchsorted(gates, gates + self.dead_gates + 1).tolist(),
            delays=self._trap_delays(gates),
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
                [delay] = self._trap_delays(np.array([release], np.int64))
                if delay:
                    heappush(self.releases, self.live_gate - 1 + delay)
        return _merge(gates, seen, np.array(line.chosen, np.intp), np.array(fired, np.int64))

    def _trap_delays(self, gates: NDArray[np.int64]) -> list[int]:
        """For each gate, in case it clicks: gates from its dead time to its afterpulse, 0 for none."""
        counters = gates.astype(np.uint64) << np.uint64(1)
        filled = self.stream.words(counters) >> np.uint64(11) < threshold(self.afterpulse_probability, 53)
        delays = np.zeros(gates.size, np.int64)
        released = self.stream.words(counters[filled] + np.uint64(1))
        delays[filled] = gaps(released, gap_scale(self.release_probability)) + 1
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


def _merge(
    gates: NDArray[np.int64], seen: NDArray[np.uint16], chosen: NDArray[np.intp], fired: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Both kinds of clicks in order of time. A gate is in one of the two only; a release hides no light in its gate."""
    released = np.full(fired.size, RELEASED, np.uint16)
    candidates = np.searchsorted(gates, fired)
    inside = np.flatnonzero(candidates < gates.size)
    same = inside[gates[candidates[inside]] == fired[inside]]
    released[same] |= seen[candidates[same]]
    places = np.searchsorted(gates[chosen], fired)
    return np.insert(gates[chosen], places, fired), np.insert(seen[chosen], places, released)
