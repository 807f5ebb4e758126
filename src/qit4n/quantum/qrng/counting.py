"""Min-entropy from counts: NIST SP 800-90B (January 2018) 6.3.1 to 6.3.4. Bits are 0 and 1, one to a byte.

Every function returns bits of min-entropy per symbol, at 99 % confidence.
"""

import math

import numpy as np
from numpy.typing import NDArray

Z = 2.5758293035489008  # two-sided 99 % of the normal distribution; the text rounds it to 2.576
SYMBOL_BITS, LEARN, SPREAD = 6, 1000, 0.5907  # of the compression estimate
MARKOV_LENGTH = 128
SHORTEST = 2.0  # samples until two collide, at least
LONGEST_MEAN = 2.5  # and on average, when both values are as likely

Samples = NDArray[np.uint8]


def upper_bound(proportion: float, samples: int) -> float:
    """Upper end of the confidence interval of a proportion (6.3.1 step 2)."""
    return min(1.0, proportion + Z * math.sqrt(proportion * (1.0 - proportion) / (samples - 1)))


def most_common_value(samples: Samples) -> float:
    """6.3.1: from the share of the most common value."""
    share = int(np.bincount(samples).max()) / samples.size
    return -math.log2(upper_bound(share, samples.size))


def collision(bits: Samples) -> float:
    """6.3.2: from the mean time until a value repeats, 2 or 3 bits for a binary source.

    Its expectation is 2 + 2 p (1 - p), to which step 7 of the text reduces for two values.
    """
    found = _collision_times(bits)
    times, total = sum(found), 2 * found[0] + 3 * found[1]
    mean = total / times
    deviation = math.sqrt(max(0.0, (4 * found[0] + 9 * found[1] - total * mean) / (times - 1)))
    low = max(SHORTEST, mean - Z * deviation / math.sqrt(times))
    if low >= LONGEST_MEAN:
        return 1.0
    return -math.log2(0.5 + math.sqrt(1.25 - 0.5 * low))


def _collision_times(bits: Samples) -> tuple[int, int]:
    """How many times two bits sufficed, and how many times it took three."""
    step = np.where(bits[:-1] == bits[1:], 2, 3).tolist()
    place, end, twos, threes = 0, bits.size, 0, 0
    while place < end - 1:
        if step[place] == 2:  # noqa: PLR2004 - bits
            twos += 1
            place += 2
        elif place < end - 2:
            threes += 1
            place += 3
        else:
            break
    return twos, threes


def markov(bits: Samples) -> float:
    """6.3.3: the likeliest sequence of 128 bits under a first-order Markov model."""
    pairs = np.bincount(2 * bits[:-1] + bits[1:], minlength=4).reshape(2, 2)
    starts = pairs.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(pairs > 0, -np.log2(pairs / starts[:, None]), np.inf)
        first = -np.log2(np.bincount(bits, minlength=2) / bits.size)
    half = MARKOV_LENGTH // 2
    sequences = (
        first[0] + (MARKOV_LENGTH - 1) * cost[0, 0],
        first[0] + half * cost[0, 1] + (half - 1) * cost[1, 0],
        first[0] + cost[0, 1] + (MARKOV_LENGTH - 2) * cost[1, 1],
        first[1] + cost[1, 0] + (MARKOV_LENGTH - 2) * cost[0, 0],
        first[1] + half * cost[1, 0] + (half - 1) * cost[0, 1],
        first[1] + (MARKOV_LENGTH - 1) * cost[1, 1],
    )
    return float(min(min(sequences) / MARKOV_LENGTH, 1.0))


def compression(bits: Samples, learn: int = LEARN) -> float:
    """6.3.4: from how far back the last occurrence of each six bits lies (Maurer's test); ``learn`` is the text's d.

    Raises:
        ValueError: there are no more than ``learn`` groups of six bits.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import, and few sites need it

    groups = bits[: bits.size // SYMBOL_BITS * SYMBOL_BITS].reshape(-1, SYMBOL_BITS)
    symbols = groups @ (1 << np.arange(SYMBOL_BITS - 1, -1, -1))
    tested = symbols.size - learn
    if tested < 2:  # noqa: PLR2004 - a deviation needs two
        raise ValueError(f"the compression estimate needs more than {SYMBOL_BITS * (learn + 1)} bits")
    logs = np.log2(_distances(symbols)[learn:])
    mean = float(logs.mean())
    deviation = SPREAD * math.sqrt(max(0.0, float(logs @ logs) / (tested - 1) - mean * mean))
    low = mean - Z * deviation / math.sqrt(tested)
    least = 2.0**-SYMBOL_BITS
    expected = _ExpectedLog(symbols.size, learn)

    def excess(p: float) -> float:
        others = 2.0**SYMBOL_BITS - 1
        return expected(p) + others * expected((1.0 - p) / others) - low

    if excess(least) <= 0.0:
        return 1.0
    if excess(1.0) >= 0.0:
        return 0.0
    return -math.log2(brentq(excess, least, 1.0, xtol=1e-15, rtol=8.9e-16)) / SYMBOL_BITS


def _distances(symbols: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far back the same symbol was seen; for a new one, its place counted from 1."""
    places = np.argsort(symbols, kind="stable")
    again = symbols[places[1:]] == symbols[places[:-1]]
    found = np.arange(1, symbols.size + 1)
    found[places[1:][again]] = np.diff(places)[again]
    return found


class _ExpectedLog:
    """G(z) of 6.3.4 step 7: what a symbol of probability z adds to the expected logarithm."""

    def __init__(self, length: int, learn: int) -> None:
        ages = np.arange(1, length + 1)
        self._tested = length - learn
        self._within = np.log2(ages) * (length - np.maximum(ages, learn))
        self._ages, self._first = ages - 1, np.where(ages > learn, np.log2(ages), 0.0)

    def __call__(self, z: float) -> float:
        if z <= 0.0:
            return 0.0
        if z >= 1.0:
            return 0.0  # a symbol that always comes has distance 1
        far = min(self._ages.size, int(-745.0 / math.log1p(-z)) + 1)  # beyond, powers are below the smallest double
        powers = np.exp(self._ages[:far] * math.log1p(-z))
        return float(z * z * (self._within[:far] @ powers) + z * (self._first[:far] @ powers)) / self._tested
