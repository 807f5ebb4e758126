"""Online health tests of a noise source: NIST SP 800-90B (January 2018) 4.4, for the claimed min-entropy.

- Repetition count test (4.4.1): a value that comes ``cutoff`` times in a row.
- Adaptive proportion test (4.4.2): the first value of a window that comes ``cutoff`` times in it; windows of 1024
  samples for bits, 512 otherwise.

Cutoffs follow from the chance alpha of a false alarm, per sample and per window, for a source that is as good as
claimed. A source claimed so weak that no window could tell is held by the repetition count alone.
"""

import math
from dataclasses import dataclass

import numpy as np

from qit4n.errors import EntropyError
from qit4n.quantum.qrng.counting import Samples

ALPHA = 2.0**-40  # the smallest that 4.3 recommends: a false alarm in 300 hours at 1e6 samples/s
WINDOW, WINDOW_OF_BITS = 512, 1024
START_SAMPLES = 4096  # at least 1024 (4.3), tested and thrown away before anything leaves


@dataclass(frozen=True)
class Cutoffs:
    """The counts at which the two tests fail, and the window of the second."""

    repetitions: int
    window: int
    proportion: int


def cutoffs(min_entropy: float, sample_bits: int, alpha: float = ALPHA) -> Cutoffs:
    """Cutoffs for ``min_entropy`` bits per sample of ``sample_bits`` bits (4.4.1, 4.4.2)."""
    window = WINDOW_OF_BITS if sample_bits == 1 else WINDOW
    return Cutoffs(
        repetitions=1 + math.ceil(-math.log2(alpha) / min_entropy),
        window=window,
        proportion=1 + most_by_chance(alpha, window, 2.0**-min_entropy),
    )


def most_by_chance(alpha: float, trials: int, probability: float) -> int:
    """The least number that a binomial variable exceeds with chance ``alpha`` at most.

    Summed up here, since SciPy's distributions take seconds to import on a busy machine, in which a site cannot start.
    """
    tail, log_p, log_q = 0.0, math.log(probability), math.log1p(-probability)
    for count in range(trials, 0, -1):
        ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
        tail += math.exp(ways + count * log_p + (trials - count) * log_q)
        if tail > alpha:
            return count
    return 0


class Health:
    """Both tests on one stream of samples, in pieces of any length."""

    def __init__(self, limits: Cutoffs) -> None:
        """Start a stream."""
        self.limits = limits
        self._value, self._run = -1, 0
        self._window = np.empty(0, np.uint8)

    def check(self, samples: Samples) -> None:
        """Go on with the next samples.

        Raises:
            EntropyError: a test failed.
        """
        if samples.size:
            self._count_repetitions(samples)
            self._count_proportions(samples)

    def _count_repetitions(self, samples: Samples) -> None:
        starts = np.concatenate(([0], np.flatnonzero(samples[1:] != samples[:-1]) + 1))
        runs = np.diff(np.concatenate((starts, [samples.size])))
        if int(samples[0]) == self._value:
            runs[0] += self._run
        if int(runs.max()) >= self.limits.repetitions:
            raise EntropyError(
                f"repetition count test: one value came {int(runs.max())} times in a row; "
                f"{self.limits.repetitions} is too many for the claimed entropy"
            )
        self._value, self._run = int(samples[-1]), int(runs[-1])

    def _count_proportions(self, samples: Samples) -> None:
        stream = np.concatenate((self._window, samples))
        whole = stream.size // self.limits.window * self.limits.window
        self._window = stream[whole:]
        windows = stream[:whole].reshape(-1, self.limits.window)
        most = int((windows == windows[:, :1]).sum(axis=1).max(initial=0))
        if most >= self.limits.proportion:
            raise EntropyError(
                f"adaptive proportion test: one value came {most} times in {self.limits.window} samples; "
                f"{self.limits.proportion} is too many for the claimed entropy"
            )
