"""Permutations and parity trees for Cascade."""

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Index = NDArray[np.int64]


def permutation(size: int, seed: int) -> Index:
    """A public pseudo-random permutation that both ends compute alike.

    It sorts the raw output of PCG64, whose stream NumPy guarantees; NumPy's own shuffles carry no such promise.
    """
    raw = np.random.PCG64(seed).random_raw(size)  # noqa: TID251 - public, from a seed that both ends know
    return np.argsort(raw)


def tree(bits: Bits, levels: int) -> list[Bits]:
    """Parities of all aligned blocks of 1, 2, 4, .. ``2**levels`` bits; zeros pad the end."""
    width = 1 << levels
    padded = np.zeros(-(-bits.size // width) * width, np.uint8)
    padded[: bits.size] = bits
    found = [padded]
    for _ in range(levels):
        found.append(found[-1][0::2] ^ found[-1][1::2])
    return found
