"""Watches one link: what is unusual about the bits and errors of its blocks.

Four CUSUMs: QBER of the key basis and of the test basis (rises only), and the rate of sifted bits per second of light
(rises and falls). Each has its reference at half the shift that matters (``causes.QBER_LEAST``, ``RATE_LEAST``), or at
half a standard deviation where that is more. ``causes.py`` says what a signal looks like. Blocks that fail tell no
errors here; the alarms ``no-key`` and ``high-qber`` speak of those.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qit4n.management.baseline import UNUSUAL, Baseline
from qit4n.management.causes import QBER_LEAST, RATE_LEAST, Level, cause
from qit4n.management.charts import LARGEST_REFERENCE, cusum, cusum_limit

CHARTS = 4
WARM_UP = 10  # samples before a chart may signal
REMEMBERED = 240
RECENT = 5
SETTLED = 10  # samples after which the kind of an anomaly stays
SLOW_SURE = 3.0  # how much more likely a ramp must be than a step, as a logarithm


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the blocks of one link counted until ``at``: bits and errors in both bases, seconds of light."""

    at: float
    duration_s: float
    sifted_bits: float
    errors: float
    test_bits: float
    test_errors: float


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """Something unusual: when it seems to have begun, was found, and ended (None: it has not)."""

    kind: str
    detail: str
    since: float
    found_at: float
    ended_at: float | None = None


@dataclass
class Chart:
    """One quantity: value and weight of samples, what is usual, CUSUMs in the directions (1, -1) that matter."""

    baseline: Baseline
    directions: tuple[int, ...]
    sums: dict[int, float] = field(default_factory=dict)
    ages: dict[int, int] = field(default_factory=dict)

    def take(self, y: float, weight: float, least: float, arl: float) -> tuple[int, int]:
        """Watch a value; how many values ago the shift began that is signalled now, and its direction; else (0, 0).

        ``least`` is the shift of y that matters, ``arl`` the mean run length of each direction.
        """
        if self.baseline.values < WARM_UP:
            return 0, 0
        z = self.baseline.score(y, weight)
        k = reference(least / self.baseline.deviation(weight))
        for direction in self.directions:
            self.sums[direction] = cusum(self.sums.get(direction, 0.0), direction * z, k)
            self.ages[direction] = self.ages.get(direction, 0) + 1 if self.sums[direction] > 0 else 0
            if self.sums[direction] > cusum_limit(min(k, LARGEST_REFERENCE), arl):
                return self.ages[direction], direction
        return 0, 0

    def rest(self) -> None:
        """Begin the sums anew."""
        self.sums, self.ages = {}, {}


def reference(shift: float) -> float:
    """The reference ``k`` of a CUSUM for a shift in standard deviations: half of it, in quarters, at least 0.5."""
    return max(0.5, math.ceil(2.0 * shift) / 4.0)


@dataclass
class Recovery:
    """A CUSUM in the other direction, by half of the shift that was found: it signals that all is well again."""

    chart: Chart
    direction: int
    shift: float
    total: float = 0.0

    def take(self, y: float, weight: float, arl: float) -> bool:
        """Watch a value; whether the shift is over."""
        k = reference(self.shift)
        off = (y - self.chart.baseline.mean) / self.chart.baseline.deviation(weight)
        self.total = cusum(self.total, k - self.direction * off, 0.0)
        return self.total > cusum_limit(min(k, LARGEST_REFERENCE), arl)


class LinkWatch:
    """Watches one link. ``anomaly`` is what is unusual now, ``past`` what was, the newest last."""

    def __init__(self, arl: float) -> None:
        """Know nothing yet; ``arl`` is the mean number of samples between two false alarms of this link."""
        self.anomaly: Anomaly | None = None
        self.past: list[Anomaly] = []
        self._arl = CHARTS * arl
        self._begin()

    def _begin(self) -> None:
        # angles asin(sqrt(QBER)) have a variance of 1/(4n), logarithms of rates of 1/n, for n counted bits
        self._charts = (Chart(Baseline(0.5), (1,)), Chart(Baseline(0.5), (1,)), Chart(Baseline(1.0), (1, -1)))
        self._seen: deque[Sample] = deque(maxlen=REMEMBERED)
        self._recovery: Recovery | None = None
        self._age = self._after = 0

    @property
    def learned(self) -> int:
        """How many samples what is usual was learned from; before WARM_UP nothing is found."""
        return self._charts[0].baseline.values

    def usual(self) -> Level | None:
        """What is usual, None before the first sample."""
        if not self.learned:
            return None
        key, test, rate = (chart.baseline for chart in self._charts)
        return Level(
            qber=math.sin(key.mean) ** 2,
            qber_sd=0.0,
            test_qber=math.sin(test.mean) ** 2,
            test_qber_sd=0.0,
            rate_bps=math.exp(rate.mean),
            rate_sd=0.0,
        )

    def accept(self, at: float) -> None:
        """What is now is well: learn it anew."""
        self._over(at)
        self._begin()

    def take(self, sample: Sample) -> None:
        """Watch a sample; one without bits in both bases is left out."""
        if min(sample.sifted_bits, sample.test_bits, sample.duration_s) <= 0:
            return
        self._seen.append(sample)
        values = measured([sample])
        if self.anomaly is not None:
            self._follow(values, sample.at)
            return
        for chart, (y, weight), least in zip(self._charts, values, self._leasts(), strict=True):
            age, direction = chart.take(y, weight, least, self._arl)
            if age:
                self._signal(chart, age, direction)
                return
        self._learn(values)

    def _leasts(self) -> tuple[float, float, float]:
        """The shifts that matter, of each chart's values."""
        key, test = (
            QBER_LEAST / max(math.sin(2.0 * chart.baseline.mean), math.sqrt(QBER_LEAST)) for chart in self._charts[:2]
        )
        return key, test, RATE_LEAST

    def _learn(self, values: "Values") -> None:
        pairs = list(zip(self._charts, values, strict=True))
        if self.learned < WARM_UP or all(abs(chart.baseline.score(*value)) < UNUSUAL for chart, value in pairs):
            for chart, value in pairs:
                chart.baseline.learn(*value)

    def _signal(self, chart: Chart, age: int, direction: int) -> None:
        age = min(age, len(self._seen))
        told = self._told(min(age, RECENT))
        for one in self._charts:
            one.rest()
        if told is None:
            return
        number = self._charts.index(chart)
        y, weight = measured(list(self._seen)[-min(age, RECENT) :])[number]
        each = weight / min(age, RECENT)
        shift = direction * (y - chart.baseline.mean) / chart.baseline.deviation(each)
        self._recovery, self._age, self._after = Recovery(chart, direction, shift), age, 0
        last = self._seen[-1].at
        self.anomaly = Anomaly(kind=told[0], detail=told[1], since=self._seen[-age].at, found_at=last)

    def _follow(self, values: "Values", at: float) -> None:
        """While something is unusual: whether it is over, or what it looks like by now."""
        recovery, anomaly = self._recovery, self.anomaly
        if recovery is None or anomaly is None:
            return
        if recovery.take(*values[self._charts.index(recovery.chart)], self._arl):
            self._over(at)
            return
        self._after += 1
        told = self._told(min(RECENT, self._age + self._after))
        if told is not None and (told[0] == anomaly.kind or self._after < SETTLED):
            self.anomaly = replace(anomaly, kind=told[0], detail=told[1])

    def _over(self, at: float) -> None:
        if self.anomaly is not None:
            self.past.append(replace(self.anomaly, ended_at=at))
        self.anomaly = self._recovery = None
        self._seen.clear()

    def _told(self, number: int) -> tuple[str, str] | None:
        """What the last samples look like beside what is usual."""
        usual = self.usual()
        if usual is None:
            return None
        values = measured(list(self._seen)[-number:])
        angles = [y for y, _ in values]
        spreads = [chart.baseline.deviation(weight) for chart, (_, weight) in zip(self._charts, values, strict=True)]
        now = Level(
            qber=math.sin(angles[0]) ** 2,
            qber_sd=spreads[0] * math.sin(2.0 * angles[0]),
            test_qber=math.sin(angles[1]) ** 2,
            test_qber_sd=spreads[1] * math.sin(2.0 * angles[1]),
            rate_bps=math.exp(angles[2]),
            rate_sd=spreads[2],
        )
        moved = [abs(y - c.baseline.mean) / s for c, y, s in zip(self._charts, angles, spreads, strict=True)]
        return cause(usual, now, slow=self._slow(moved.index(max(moved))))

    def _slow(self, number: int) -> bool:
        """Whether the values of a chart look like a ramp rather than a step, by the likelihood of the best of each."""
        pairs = np.array([measured([one])[number] for one in self._seen])
        baseline = self._charts[number].baseline
        off, weights = (pairs[:, 0] - baseline.mean) / baseline.s, pairs[:, 1]
        return ramp_over_step(off, weights) > SLOW_SURE


Values = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


def measured(samples: Sequence[Sample]) -> Values:
    """Value and weight of some samples together for the charts: angles of both QBERs, logarithm of the rate."""
    bits, test_bits = sum(one.sifted_bits for one in samples), sum(one.test_bits for one in samples)
    errors, test_errors = sum(one.errors for one in samples), sum(one.test_errors for one in samples)
    seconds = sum(one.duration_s for one in samples)
    return (
        (math.asin(math.sqrt(min(1.0, errors / bits))), bits),
        (math.asin(math.sqrt(min(1.0, test_errors / test_bits))), test_bits),
        (math.log((bits + test_bits) / seconds), bits + test_bits),
    )


def ramp_over_step(off: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Logarithm of the likelihood of the best ramp over that of the best step, of values around 0 before.

    Both begin at some value: generalised likelihood ratios (M. Basseville and I. V. Nikiforov, Detection of abrupt
    changes, 1993, section 2.4.3). A step may begin within a sample, whose value is free. ``off`` are deviations with a
    variance of 1/``weights``.
    """
    ramps, steps = [], []
    for begin in range(len(off)):
        w, d = weights[begin:], off[begin:]
        slope = np.arange(1.0, len(d) + 1.0)
        ramps.append((w * d * slope).sum() ** 2 / (w * slope * slope).sum())
        later = (w[1:] * d[1:]).sum() ** 2 / w[1:].sum() if len(d) > 1 else 0.0
        steps.append(w[0] * d[0] ** 2 + later)
    return float(max(ramps) - max(steps)) / 2.0
