"""Exact Toeplitz hashing over GF(2): ``y_i = sum_j s_(i + n - 1 - j) x_j mod 2``.

The product is a slice of a convolution of integers, computed by a float64 FFT and rounded. Rounding is checked at
run time: as long as every sum lies closer than a quarter to an integer the result is exact, on every machine.
"""

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
ROUNDING_LIMIT = 0.25


def seed_bits(inputs: int, outputs: int) -> int:
    """Length of the seed: the Toeplitz matrix has ``inputs + outputs - 1`` diagonals."""
    return inputs + outputs - 1


def toeplitz_hash(bits: Bits, seed: Bits, outputs: int) -> Bits:
    """Hash ``bits`` (n values 0/1, uint8) to ``outputs`` bits with ``seed`` (n + outputs - 1 values 0/1).

    Raises:
        ValueError: the seed has the wrong length.
        ArithmeticError: the FFT was not exact (sizes beyond about 1e12; never seen).
    """
    n = bits.size
    if seed.size != seed_bits(n, outputs):
        raise ValueError(f"Toeplitz {n} -> {outputs} bits needs {seed_bits(n, outputs)} seed bits, got {seed.size}")
    if outputs == 0:
        return np.empty(0, np.uint8)
    size = 1 << (seed.size - 1).bit_length()
    spectrum = np.fft.rfft(seed, size)
    spectrum *= np.fft.rfft(bits, size)
    sums = np.fft.irfft(spectrum, size)[n - 1 : n - 1 + outputs]
    whole = np.rint(sums)
    error = float(np.max(np.abs(sums - whole)))
    if error >= ROUNDING_LIMIT:
        raise ArithmeticError(f"rounding error {error:.2f} in a Toeplitz hash of {n} bits; exactness needs < 0.25")
    hashed: Bits = (whole.astype(np.int64) & 1).astype(np.uint8)
    return hashed
