"""Random numbers that compiled kernels and NumPy draw alike, and what is sampled with them.

A word is a function of a key and a counter (Salmon et al., SC 2011), so it does not matter who draws it, in which
order or in how many lanes. The function is that of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014: start plus
counter times the golden ratio, mixed in two rounds of shift, exclusive or and multiplication) with a second word of
the key, so that streams do not run into each other, and a third round, the last one of MurmurHash3 (Appleby). It is
meant for statistics, not for cryptography. Logarithms are made of IEEE operations that every machine rounds alike.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels

Dice = np.random.Generator  # noqa: TID251 - the type; the generator itself is an argument
Words = NDArray[np.uint64]

_ONE = np.uint64(0x3FF0000000000000)  # bits of 1.0
_ROOT = np.uint64(0x00095F619980C433)  # bits of 1.0 less those of sqrt(1/2)
_ROUND = 1.5 * 2.0**52  # added to a small number, rounds it and leaves the integer in the low bits
_LONGEST = 2.0**40
_SERIES = tuple(2.0 / odd for odd in range(15, 0, -2))
_MOST_PHOTONS = 255


@dataclass(frozen=True)
class Stream:
    """A stream of random words: its key of 128 bits, as two numbers."""

    start: int
    inner: int

    @classmethod
    def drawn(cls, dice: Dice) -> "Stream":
        """A stream with a random key."""
        start, inner = dice.integers(0, 1 << 64, 2, np.uint64).tolist()
        return cls(start, inner)

    @property
    def key(self) -> tuple[int, int]:
        """The key."""
        return self.start, self.inner

    def words(self, counters: Words) -> Words:
        """The words (uint64) at ``counters`` (uint64, any shape)."""
        z = (counters * np.uint64(0x9E3779B97F4A7C15) + np.uint64(self.start)) ^ np.uint64(self.inner)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(31))) * np.uint64(0xFF51AFD7ED558CCD)
        return z ^ (z >> np.uint64(33))


def gap_scale(probability: float) -> float:
    """What :func:`gaps` needs to know of a probability in (0, 1]: ``1 / log(1 - p)``."""
    return max(1.0 / math.log1p(-probability), -1e300) if probability < 1.0 else 0.0


def gaps(words: Words, scale: float) -> NDArray[np.int64]:
    """Failures before a success, one per word: ``floor(log u / log(1 - p))`` with u uniform in multiples of 2^-52.

    ``log u = k log 2 + 2 artanh((m - 1)/(m + 1))`` with ``u = m 2^k`` and m between the roots of 1/2 and 2; the
    series to the 15th power leaves a relative error of 1e-13. Gaps beyond 2^40 become 2^40.
    """
    uniform = 2.0 - (_ONE | (words >> np.uint64(12))).view(np.float64)
    bits = uniform.view(np.uint64)
    exponent = (bits + _ROOT) >> np.uint64(52)
    power = exponent.astype(np.float64) - 1023.0
    mantissa = (bits + _ONE - (exponent << np.uint64(52))).view(np.float64)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    series = np.full_like(square, _SERIES[0])
    for term in _SERIES[1:]:
        series = series * square + term
    steps = np.minimum((power * 0.6931471805599453 + ratio * series) * scale, _LONGEST)
    return ((steps - 0.5) + _ROUND).astype(np.int64) - int(_ROUND)


def successes(trials: int, probability: float, stream: Stream) -> NDArray[np.uint32]:
    """Indices, ascending, of the successes among at most 2^32 independent trials.

    The gaps between successes are geometric, so the work is proportional to the successes, not to the trials.
    """
    if probability <= 0.0:
        return np.empty(0, np.uint32)
    scale, mean = gap_scale(probability), trials * min(probability, 1.0)
    expected = int(mean + 6.0 * math.sqrt(mean)) + 1
    compiled = kernels()
    if compiled is not None:
        places: NDArray[np.uint32] = compiled.successes(*stream.key, scale, trials, expected)
        return places
    found: list[NDArray[np.int64]] = []
    last, count = -1, 0
    while last < trials:
        steps = gaps(stream.words(np.arange(count, count + expected, dtype=np.uint64)), scale) + 1
        # Steps beyond the end are cut, so that many of them cannot overflow the sum.
        found.append(last + np.cumsum(np.minimum(steps, trials + 1)))
        last, count = int(found[-1][-1]), count + expected
    all_found = np.concatenate(found)
    return all_found[: np.searchsorted(all_found, trials)].astype(np.uint32)


def threshold(probability: float, bits: int) -> int:
    """``probability`` of the range of a uniform number of so many bits."""
    return round(probability * (1 << bits))


def poissonian(mean: float) -> NDArray[np.float64]:
    """Chances of 1, 2, ... 254 photons and of more."""
    photons = np.arange(1, _MOST_PHOTONS)
    with np.errstate(divide="ignore"):
        chances = np.exp(photons * np.log(mean) - mean - np.cumsum(np.log(photons)))
    return np.append(chances, max(0.0, -math.expm1(-mean) - chances.sum()))


def photon_classes(
    sources: Sequence[tuple[float, float]], numbers: Callable[[float], NDArray[np.float64]] = poissonian
) -> NDArray[np.uint32]:
    """Where the classes begin in the range of a uniform 32-bit number, all but the first, which begins at 0.

    Class ``k (n - 1) + i`` is a pulse of source i of k with n photons, given one at least; more than 255 count as 255.
    Classes that begin at the end of the range are left out: a chance below 2^-33 is not seen.

    Args:
        sources: (probability, mean photons) of each.
        numbers: chances of 1, 2, ... photons of a mean, as many of each source.
    """
    chances = np.stack([share * numbers(mean) for share, mean in sources], axis=1).ravel()
    begins = np.rint(np.cumsum(chances)[:-1] / (chances.sum() or 1.0) * 2.0**32)
    return begins[begins < 2.0**32].astype(np.uint32)


@dataclass(frozen=True)
class Marks:
    """Random states of pulses; see :func:`mark` for their layout.

    Attributes:
        test_from: 31-bit uniform numbers from here on are the test basis.
        classes: uint32, see :func:`photon_classes`.
        kinds: number of intensities.
    """

    test_from: int
    classes: NDArray[np.uint32]
    kinds: int

    def draw(self, count: int, stream: Stream) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Marks and photon numbers of ``count`` pulses."""
        compiled = kernels()
        if compiled is not None:
            marks, photons = compiled.marks(*stream.key, count, self.test_from, self.classes, self.kinds)
            return marks, photons
        words = stream.words(np.arange(count, dtype=np.uint64))
        kinds = np.searchsorted(self.classes, (words >> np.uint64(32)).astype(np.uint32), "right")
        numbers, intensities = np.divmod(kinds, self.kinds)
        return mark(words, self.test_from, intensities), (1 + numbers).astype(np.uint8)


def mark(words: Words, test_from: int, intensities: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Bit 0 the bit and bit 1 the basis, from the lower half of random words, then the intensity (uint8)."""
    low = words.astype(np.uint32)
    tests = ((low >> np.uint32(1)) >= test_from).view(np.uint8)
    found: NDArray[np.uint8] = (low & np.uint32(1)).astype(np.uint8) | tests * np.uint8(2)
    return found | intensities.astype(np.uint8) * np.uint8(4)
