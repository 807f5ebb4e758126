"""Min-entropy from repeated tuples: NIST SP 800-90B (January 2018) 6.3.5 (t-tuple) and 6.3.6 (longest repeats).

Both need, for each length W, how often each tuple of W symbols occurs. Suffixes are sorted once, by prefix doubling
from machine words; neighbours with a common prefix of at least W are then the occurrences of one tuple.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.quantum.qrng.counting import Samples, upper_bound

CUTOFF = 35
WORD_BITS = 64
BY_LEVEL = 128  # longer tuples, of which a healthy source has none, are counted interval by interval

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class TupleEstimates:
    """Bits of min-entropy per symbol; None where the sequence has nothing to estimate from."""

    t_tuple: float | None
    longest_repeat: float | None


def tuple_estimates(samples: Samples, cutoff: int = CUTOFF) -> TupleEstimates:
    """Both estimates; ``cutoff`` is how often the commonest tuple must occur to count for the first."""
    size = samples.size
    most, pairs = _occurrences(samples)
    lengths = np.arange(1, most.size + 1)
    frequent = int(np.count_nonzero(most >= cutoff))  # most never grows with the length
    places = size - lengths + 1.0
    t_tuple = longest = None
    if frequent:
        shares = (most[:frequent] / places[:frequent]) ** (1.0 / lengths[:frequent])
        t_tuple = -math.log2(upper_bound(float(shares.max()), size))
    if most.size > frequent:
        rare = slice(frequent, None)
        collisions = pairs[rare] / (places[rare] * (places[rare] - 1.0) / 2.0)
        longest = -math.log2(upper_bound(float((collisions ** (1.0 / lengths[rare])).max()), size))
    return TupleEstimates(t_tuple, longest)


def _occurrences(samples: Samples) -> tuple[Whole, NDArray[np.float64]]:
    """For each length up to that of the longest repeat: the most occurrences of a tuple, and pairs of equal tuples."""
    common = common_prefixes(samples)
    longest = int(common.max(initial=0))
    most, pairs = np.ones(longest, np.int64), np.zeros(longest)
    for length in range(1, min(longest, BY_LEVEL) + 1):
        counts = _runs(common >= length) + 1
        most[length - 1], pairs[length - 1] = counts.max(), float((counts * (counts - 1.0) / 2.0).sum())
    if longest > BY_LEVEL:
        _count_intervals(common, most, pairs)
    return most, pairs


def _runs(mask: NDArray[np.bool_]) -> Whole:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.view(np.int8), [0]))))
    return edges[1::2] - edges[::2]


def _count_intervals(common: Whole, most: Whole, pairs: NDArray[np.float64]) -> None:
    """Lengths above ``BY_LEVEL``: each maximal run of neighbours with a longer prefix than around it, once."""
    change = np.zeros(most.size + 1)
    stack: list[tuple[int, int]] = []
    for place, depth in enumerate([*common.tolist(), 0]):
        start = place
        while stack and stack[-1][0] > depth:
            deep, start = stack.pop()
            outer = max(depth, stack[-1][0] if stack else 0, BY_LEVEL)
            if deep > outer:
                count = place - start + 1
                most[deep - 1] = max(most[deep - 1], count)
                change[outer] += count * (count - 1) / 2
                change[deep] -= count * (count - 1) / 2
        if depth > BY_LEVEL and (not stack or stack[-1][0] < depth):
            stack.append((depth, start))
    most[BY_LEVEL:] = np.maximum.accumulate(most[BY_LEVEL:][::-1])[::-1]
    pairs[BY_LEVEL:] = np.cumsum(change[:-1])[BY_LEVEL:]


def common_prefixes(samples: Samples) -> Whole:
    """Lengths of the common prefixes of neighbours in the sorted list of suffixes (the LCP array); shape (n - 1,)."""
    ranks, length, order = _words(samples)
    levels = [(length, ranks)]
    while int(ranks.max()) + 1 < ranks.size:
        ranks, order = _double(ranks, length)
        length *= 2
        levels.append((length, ranks))
    left, right = order[:-1].copy(), order[1:].copy()
    common = np.zeros(left.size, np.int64)
    for step, known in reversed(levels):
        _skip(known, step, left, right, common, samples.size)
    return common + _short_common(samples, left, right, levels[0][0])


def _skip(known: Whole, step: int, left: Whole, right: Whole, common: Whole, size: int) -> None:  # noqa: PLR0917
    """Where both go on for ``step`` equal symbols, go there."""
    inside = np.flatnonzero(np.maximum(left, right) + step <= size)
    equal = inside[known[left[inside]] == known[right[inside]]]
    for array in (left, right, common):
        array[equal] += step


def _words(samples: Samples) -> tuple[Whole, int, Whole]:
    """Ranks of all suffixes by their first symbols, as many as a word holds; a suffix that ends sorts first."""
    width = (int(samples.max()) + 1).bit_length()
    length = WORD_BITS // width
    padded = np.concatenate((samples.astype(np.uint64) + np.uint64(1), np.zeros(length, np.uint64)))
    word = np.zeros(samples.size, np.uint64)
    for place in range(length):
        word = (word << np.uint64(width)) | padded[place : place + samples.size]
    return *_ranked(word, length), np.argsort(word, kind="stable")


def _ranked(keys: NDArray[np.uint64], length: int) -> tuple[Whole, int]:
    _, ranks = np.unique(keys, return_inverse=True)
    return ranks, length


def _double(ranks: Whole, length: int) -> tuple[Whole, Whole]:
    behind = np.zeros(ranks.size, np.int64)
    behind[: max(0, ranks.size - length)] = ranks[length:] + 1
    keys = ranks * (ranks.size + 1) + behind
    return np.unique(keys, return_inverse=True)[1], np.argsort(keys, kind="stable")


def _short_common(samples: Samples, left: Whole, right: Whole, most: int) -> Whole:
    """Common symbols from here on, fewer than ``most``."""
    found, going, size = np.zeros(left.size, np.int64), np.arange(left.size), samples.size
    for step in range(most):
        inside = going[np.maximum(left[going], right[going]) + step < size]
        going = inside[samples[left[inside] + step] == samples[right[inside] + step]]
        if not going.size:
            break
        found[going] += 1
    return found
