"""The non-IID track of NIST SP 800-90B (January 2018) 3.1.3 and 6.3: a lower estimate of min-entropy per sample.

The estimate is the least of ten estimators, on the samples themselves and on their first million bits, most
significant first. It is a necessary check and no proof: what a source may be trusted with is the least of this and its
physical model.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import bisect

from qit4n.kernels import prediction
from qit4n.quantum.qrng import counting
from qit4n.quantum.qrng.counting import Samples, upper_bound
from qit4n.quantum.qrng.tuples import tuple_estimates

ENOUGH_SAMPLES = 1_000_000  # 3.1.1
MOST_BITS = 8
CONFIDENCE = 0.99
ROUNDS = 100
LEAST_SAMPLES = 6 * (counting.LEARN + 2)


@dataclass(frozen=True)
class Estimate:
    """One row: bits per sample from the samples, and bits per bit from their bits; None where it does not apply."""

    clause: str
    name: str
    of_samples: float | None
    of_bits: float | None


@dataclass(frozen=True)
class Assessment:
    """What the samples say. ``min_entropy`` is in bits per sample of ``sample_bits`` bits."""

    samples: int
    sample_bits: int
    alphabet: int
    estimates: tuple[Estimate, ...]

    @property
    def min_entropy(self) -> float:
        """H_I without the submitter's own estimate: min(H_original, n H_bitstring) of 3.1.3."""
        whole = [row.of_samples for row in self.estimates if row.of_samples is not None]
        bits = [self.sample_bits * row.of_bits for row in self.estimates if row.of_bits is not None]
        return min(float(self.sample_bits), *whole, *bits)

    @property
    def lowest(self) -> Estimate:
        """The estimator that decided."""

        def per_sample(row: Estimate) -> float:
            whole = math.inf if row.of_samples is None else row.of_samples
            bits = math.inf if row.of_bits is None else self.sample_bits * row.of_bits
            return min(whole, bits)

        return min(self.estimates, key=per_sample)


def assess(samples: Samples, sample_bits: int) -> Assessment:
    """Estimate the min-entropy of samples below 2^``sample_bits``, one to a byte.

    Raises:
        ValueError: a sample is larger, there are fewer than ``LEAST_SAMPLES``, or they all are the same.
    """
    if not 1 <= sample_bits <= MOST_BITS:
        raise ValueError(f"samples have 1 to {MOST_BITS} bits, got {sample_bits}")
    if samples.size < LEAST_SAMPLES:
        raise ValueError(f"an estimate needs at least {LEAST_SAMPLES:,} samples, got {samples.size:,}")
    if int(samples.max()) >> sample_bits:
        raise ValueError(
            f"a sample is {int(samples.max())}; samples of {sample_bits} bits are below {1 << sample_bits}"
        )
    values, places = np.unique(samples, return_inverse=True)
    if values.size == 1:
        raise ValueError(f"all samples are {int(values[0])}: there is no entropy in them")
    symbols: Samples = places.astype(np.uint8)
    binary = values.size == 2  # noqa: PLR2004
    whole = dict(_of_symbols(symbols, values.size))
    bits: dict[str, float | None] = {}
    if binary:
        whole |= _of_bits(symbols)
    else:
        first = samples[: -(-ENOUGH_SAMPLES // sample_bits), None]
        stream = np.unpackbits(first, axis=1)[:, MOST_BITS - sample_bits :].reshape(-1)[:ENOUGH_SAMPLES]
        bits = dict(_of_symbols(stream, 2)) | dict(_of_bits(stream))
    rows = tuple(Estimate(clause, name, whole.get(clause), bits.get(clause)) for clause, name in ESTIMATORS.items())
    return Assessment(samples.size, sample_bits, values.size, rows)


ESTIMATORS = {
    "6.3.1": "most common value",
    "6.3.2": "collision",
    "6.3.3": "Markov",
    "6.3.4": "compression",
    "6.3.5": "t-tuple",
    "6.3.6": "longest repeated substring",
    "6.3.7": "most common in window (MultiMCW)",
    "6.3.8": "lag",
    "6.3.9": "Markov with counting (MultiMMC)",
    "6.3.10": "LZ78Y",
}


def _of_symbols(symbols: Samples, alphabet: int) -> Iterator[tuple[str, float | None]]:
    """The estimators for any alphabet."""
    yield "6.3.1", counting.most_common_value(symbols)
    found = tuple_estimates(symbols)
    yield "6.3.5", found.t_tuple
    yield "6.3.6", found.longest_repeat
    predictors: dict[str, Callable[[], prediction.Score]] = {
        "6.3.7": lambda: prediction.most_common_in_window(symbols, alphabet),
        "6.3.8": lambda: prediction.lag(symbols),
        "6.3.9": lambda: prediction.markov(symbols, alphabet),
        "6.3.10": lambda: prediction.lz78y(symbols, alphabet),
    }
    for clause, predict in predictors.items():
        yield clause, predicted(predict(), alphabet)


def _of_bits(bits: Samples) -> Iterator[tuple[str, float | None]]:
    """The estimators for bits alone."""
    yield "6.3.2", counting.collision(bits)
    yield "6.3.3", counting.markov(bits)
    yield "6.3.4", counting.compression(bits)


def predicted(score: prediction.Score, alphabet: int) -> float:
    """Min-entropy per symbol from how often a predictor was right, and how long in a row (6.3.7 steps 5 to 8)."""
    made, right = score.predictions, score.correct
    everywhere = upper_bound(right / made, made) if right else 1.0 - (1.0 - CONFIDENCE) ** (1.0 / made)
    least = max(everywhere, 1.0 / alphabet)
    if least >= 1.0:
        return 0.0
    run = score.longest_run + 1
    if _no_run(least, run, made) <= math.log(CONFIDENCE):
        return -math.log2(least)  # the chance of so long a run is above 1 % without any local predictability
    here = bisect(lambda p: _no_run(p, run, made) - math.log(CONFIDENCE), least, 1.0, xtol=1e-15, rtol=8.9e-16)
    return -math.log2(here)


def _no_run(p: float, run: int, made: int) -> float:
    """Log of the chance that ``made`` predictions, each right with chance ``p``, hold no ``run`` right in a row.

    Feller's approximation (An Introduction to Probability Theory and Its Applications I, XIII.7), as in 6.3.7 step 7.
    """
    root = 1.0
    for _ in range(ROUNDS):
        before, root = root, 1.0 + (1.0 - p) * p**run * root ** (run + 1)
        if root == before or p * root >= 1.0:
            break
    gap = run + 1.0 - run * root
    if gap <= 0.0 or p * root >= 1.0:
        return -math.inf
    # (1 - p x) / q of the text is 1 - (p x)^(r + 1), without its cancellation
    return math.log1p(-((p * root) ** (run + 1))) - math.log(gap) - (made + 1) * math.log(root)
