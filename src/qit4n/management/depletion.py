"""When a stock of key runs out: the first passage of a Brownian motion with drift, whose drift is known from a while.

A stock S falls by ``net_bps`` a second in the mean and scatters with a variance of ``variance`` bit^2 a second. With
both known the time until it is empty has the inverse Gaussian distribution (E. Schroedinger, Phys. Z. 16, 1915, p. 289;
R. S. Chhikara and J. L. Folks, The inverse Gaussian distribution, 1989, section 2.2). The drift was measured over
``observed_s`` seconds, so it is itself uncertain, with a variance of variance/observed_s, over which the distribution
is averaged here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PARTS = 24  # increments from which the scatter is taken: long enough that lumps of key do not hang together
LEAST_PARTS = 6
FAR = -25.0
STEPS = 60


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How a stock changes: ``net_bps`` is positive when it falls."""

    net_bps: float
    variance: float
    observed_s: float


def flow(times: Sequence[float], stocks: Sequence[float]) -> Flow | None:
    """Drift and scatter of a stock, from what it was at some times; None from too few."""
    count = min(PARTS, len(times) - 1)
    if count < LEAST_PARTS:
        return None
    chosen = [round(number * (len(times) - 1) / count) for number in range(count + 1)]
    at, stock = [times[number] for number in chosen], [stocks[number] for number in chosen]
    observed_s = at[-1] - at[0]
    slope = (stock[-1] - stock[0]) / observed_s
    steps = zip(at[:-1], at[1:], stock[:-1], stock[1:], strict=True)
    total = sum((b - a - slope * (end - begin)) ** 2 / (end - begin) for begin, end, a, b in steps)
    return Flow(net_bps=-slope, variance=max(total / (count - 1), 1e-12), observed_s=observed_s)


def survival(stock: float, known: Flow, t: float) -> float:
    """The probability that a stock of so many bits is not empty at any time until ``t`` seconds from now."""
    if stock <= 0:
        return 0.0
    if t <= 0:
        return 1.0
    drift, variance, doubt = -known.net_bps, known.variance, known.variance / known.observed_s
    root = math.sqrt(variance * t + doubt * t * t)
    # the reflected part: the mean of exp(-2 S mu / v) N((-S + mu t) / sqrt(v t)) over a normal mu
    a = -2.0 * stock / variance
    shifted = drift + a * doubt
    reflected = math.exp(min(0.0, a * drift + a * a * doubt / 2.0 + _log_normal((shifted * t - stock) / root)))
    return min(1.0, max(0.0, math.exp(_log_normal((stock + drift * t) / root)) - reflected))


def empty_within(stock: float, known: Flow, probability: float, horizon_s: float) -> float | None:
    """The time within which it is empty with this probability; None if that is later than ``horizon_s``."""
    if survival(stock, known, horizon_s) > 1.0 - probability:
        return None
    low, high = 0.0, horizon_s
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if survival(stock, known, middle) > 1.0 - probability else (low, middle)
    return high


def _log_normal(x: float) -> float:
    """Logarithm of the distribution function of N(0, 1), also far below zero (Mills' ratio, two terms)."""
    if x < FAR:
        return -x * x / 2.0 - math.log(-x * math.sqrt(2.0 * math.pi)) + math.log1p(-1.0 / (x * x))
    return math.log(0.5 * math.erfc(-x / math.sqrt(2.0)))
