"""How often the four predictors of NIST SP 800-90B (January 2018) 6.3.7 to 6.3.10 are right about a sequence.

What the text leaves open is decided as NIST's own tool decides it: of several predictors with the highest score the
one that reached it last leads, of several symbols with the highest count the most recent (6.3.7) or the greatest
(6.3.9, 6.3.10) is predicted, and a context is looked up only where the next shorter one was seen (6.3.9).

The twins are plain Python, some hundred times slower than the compiled kernels.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels

Samples = NDArray[np.uint8]
WINDOWS = (63, 255, 1023, 4095)
LAGS = 128
ORDERS = 16
MARKOV_ENTRIES = 100_000
LZ_ENTRIES = 65_536


@dataclass(frozen=True)
class Score:
    """Predictions made, those that were right, and the longest run of right ones."""

    predictions: int
    correct: int
    longest_run: int


def most_common_in_window(samples: Samples, alphabet: int) -> Score:
    """MultiMCW (6.3.7): the most common of the last 63, 255, 1023 or 4095 samples. Samples are below ``alphabet``."""
    native = kernels()
    return Score(*native.predict_most_common(samples, alphabet)) if native else most_common_twin(samples)


def lag(samples: Samples) -> Score:
    """Lag (6.3.8): the sample 1 to 128 places back."""
    native = kernels()
    return Score(*native.predict_lag(samples)) if native else lag_twin(samples)


def markov(samples: Samples, alphabet: int) -> Score:
    """MultiMMC (6.3.9): what most often followed the last 1 to 16 samples."""
    native = kernels()
    return Score(*native.predict_markov(samples, alphabet)) if native else markov_twin(samples)


def lz78y(samples: Samples, alphabet: int) -> Score:
    """LZ78Y (6.3.10): what most often followed in a dictionary of contexts of up to 16 samples."""
    native = kernels()
    return Score(*native.predict_lz78y(samples, alphabet)) if native else lz78y_twin(samples)


def _score(right: Iterable[bool]) -> Score:
    predictions = correct = run = longest = 0
    for hit in right:
        predictions += 1
        correct += hit
        run = run + 1 if hit else 0
        longest = max(longest, run)
    return Score(predictions, correct, longest)


def _compete(
    samples: list[int], first: int, predict: Callable[[int], list[int | None]], learn: Callable[[int], None]
) -> Iterable[bool]:
    """Whether the leading predictor was right about each sample from ``first`` on; then all are scored and learn."""
    scores: defaultdict[int, int] = defaultdict(int)
    winner = 0
    for i in range(1, len(samples)):
        said = predict(i)
        if i >= first:
            yield winner < len(said) and said[winner] == samples[i]
        for one, symbol in enumerate(said):
            if symbol == samples[i]:
                scores[one] += 1
                winner = one if scores[one] >= scores[winner] else winner
        learn(i)


def most_common_twin(samples: Samples) -> Score:
    """The same score as the compiled kernel."""
    symbols: list[int] = samples.tolist()

    def predict(i: int) -> list[int | None]:
        said: list[int | None] = []
        for length in WINDOWS:
            window = symbols[max(0, i - length) : i]
            counts = Counter(window)
            last = {symbol: place for place, symbol in enumerate(window)}
            ranked = ((counts[symbol], place, symbol) for symbol, place in last.items())
            said.append(max(ranked)[2] if i >= length else None)
        return said

    return _score(_compete(symbols, WINDOWS[0], predict, lambda _: None))


def lag_twin(samples: Samples) -> Score:
    """The same score as the compiled kernel."""
    symbols: list[int] = samples.tolist()
    return _score(_compete(symbols, 1, lambda i: symbols[max(0, i - LAGS) : i][::-1], lambda _: None))  # type: ignore[return-value,arg-type]


Dictionary = defaultdict[tuple[int, ...], dict[int, int]]


def _commonest(followers: dict[int, int]) -> tuple[int, int]:
    return max((count, symbol) for symbol, count in followers.items())


def markov_twin(samples: Samples) -> Score:
    """The same score as the compiled kernel."""
    symbols: list[int] = samples.tolist()
    known: Dictionary = defaultdict(dict)
    entries = [0] * (ORDERS + 1)

    def predict(i: int) -> list[int | None]:
        said: list[int | None] = []
        for order in range(1, min(ORDERS, i) + 1):
            context = tuple(symbols[i - order : i])
            if context not in known:
                break
            said.append(_commonest(known[context])[1])
        return said

    def learn(i: int) -> None:
        seen = True
        for order in range(1, min(ORDERS, i) + 1):
            context = tuple(symbols[i - order : i])
            seen = seen and context in known
            fresh = not seen or symbols[i] not in known[context]
            if not fresh or entries[order] < MARKOV_ENTRIES:
                known[context][symbols[i]] = known[context].get(symbols[i], 0) + 1
                entries[order] += fresh

    return _score(_compete(symbols, 2, predict, learn))


def lz78y_twin(samples: Samples) -> Score:
    """The same score as the compiled kernel."""
    symbols: list[int] = samples.tolist()
    known: Dictionary = defaultdict(dict)

    def right() -> Iterable[bool]:
        for i in range(ORDERS, len(symbols)):
            contexts = [tuple(symbols[i - length : i]) for length in range(ORDERS, 0, -1)]
            said = [_commonest(known[context]) for context in contexts if context in known]
            if i > ORDERS:
                best = max((count for count, _ in said), default=0)
                yield next((symbol == symbols[i] for count, symbol in said if count == best), False)
            for context in contexts:
                if context in known or len(known) < LZ_ENTRIES:
                    known[context][symbols[i]] = known[context].get(symbols[i], 0) + 1

    return _score(right())
