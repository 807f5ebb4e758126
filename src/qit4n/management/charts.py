"""Control charts: cumulative sums of values that are N(0, 1) while all is well.

The run length of a chart is the number of values until it signals; its mean (ARL) says how rare false alarms are and
how soon a shift is found. Shifts, references ``k`` and limits ``h`` are in standard deviations of a value.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STATES = 120
OVERSHOOT = 1.166
LONGEST = 1e13  # beyond it the linear equations have no digits left
LARGEST_REFERENCE = 2.0


def cusum(before: float, value: float, k: float) -> float:
    """The upper cumulative sum after a value, never below zero (E. S. Page, Biometrika 41, 1954, p. 100).

    For the lower one turn the sign of ``value``.
    """
    return max(0.0, before + value - k)


def cusum_arl(k: float, h: float, shift: float = 0.0) -> float:
    """Mean run length of an upper CUSUM that begins at zero and signals above ``h``.

    The sum is a Markov chain on STATES intervals of (0, h) (D. Brook and D. A. Evans, Biometrika 59, 1972, p. 539).
    """
    width = 2.0 * h / (2 * STATES - 1)
    middles = width * np.arange(STATES)

    edges = middles + width / 2.0
    reached = _normal(edges[None, :] - middles[:, None] + k - shift)
    moves = np.diff(reached, axis=1, prepend=0.0)  # the first interval takes all that is below zero
    steps = np.linalg.solve(np.eye(STATES) - moves, np.ones(STATES))
    return float(steps[0])


def cusum_arl_two_sided(k: float, h: float, shift: float = 0.0) -> float:
    """Mean run length of an upper and a lower CUSUM side by side: 1/ARL is the sum of theirs.

    C. S. van Dobben de Bruyn, Cumulative sum tests (1968).
    """
    return 1.0 / (1.0 / cusum_arl(k, h, shift) + 1.0 / cusum_arl(k, h, -shift))


@functools.lru_cache(maxsize=256)
def cusum_limit(k: float, arl: float) -> float:
    """The limit ``h`` at which an upper CUSUM has this mean run length while all is well.

    Beyond a reference of LARGEST_REFERENCE take that: false alarms are rarer then. Where the mean run length is too
    long to be computed: D. Siegmund's approximation (Sequential analysis, 1985, section 2.6).
    """
    if arl > LONGEST:
        return math.log(2.0 * k * k * arl) / (2.0 * k) - OVERSHOOT
    return _bisect(lambda h: cusum_arl(k, h) - arl, 0.01, 2.0 + math.log(2.0 * k * k * arl + 2.0) / (2.0 * k))


def _bisect(function: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return high


def _normal(x: NDArray[Any]) -> NDArray[np.float64]:
    """The distribution function of N(0, 1), by the complementary error function (no SciPy in the manager)."""
    found: NDArray[np.float64] = 0.5 * _erfc(-x / math.sqrt(2.0))
    return found


_erfc = np.vectorize(math.erfc, otypes=[np.float64])
