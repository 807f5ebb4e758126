"""Exact Toeplitz hashing over GF(2): ``y_i = sum_j s_(i + n - 1 - j) x_j mod 2``. Bits come eight to a byte.

The compiled kernel multiplies polynomials over GF(2^64) by an additive FFT (``src/cpp/toeplitz.cpp``). Its twin here
takes the product as a convolution of integers, by a float64 FFT, and rounds it. Rounding is checked at run time: as
long as every sum lies closer than a quarter to an integer the result is exact, on every machine.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import device, kernels

Packed = NDArray[np.uint8]
ROUNDING_LIMIT = 0.25


def seed_bits(inputs: int, outputs: int) -> int:
    """Length of the seed: the Toeplitz matrix has ``inputs + outputs - 1`` diagonals."""
    return inputs + outputs - 1


def toeplitz_hash(key: Packed, inputs: int, seed: Packed, outputs: int) -> Packed:
    """Hash a key of ``inputs`` bits to ``outputs`` bits.

    Args:
        key: ``ceil(inputs / 8)`` bytes, as ``numpy.packbits`` gives them.
        inputs: bits of the key, at least 1.
        seed: ``inputs + outputs - 1`` public random bits, packed alike.
        outputs: bits of the hash; 0 gives an empty one.

    Raises:
        ValueError: an array has the wrong length.
        ArithmeticError: without compiled kernels, the FFT was not exact (sizes beyond about 1e12; never seen).
    """
    if key.size != (inputs + 7) // 8:
        raise ValueError(f"a key of {inputs} bits has {(inputs + 7) // 8} bytes, got {key.size}")
    wanted = seed_bits(inputs, outputs)
    if seed.size != (wanted + 7) // 8:
        raise ValueError(
            f"Toeplitz {inputs} -> {outputs} bits needs {(wanted + 7) // 8} bytes of seed, got {seed.size}"
        )
    if outputs == 0:
        return np.empty(0, np.uint8)
    native, arrays = kernels(), device()
    if arrays is not None or native is None:
        return toeplitz_twin(key, inputs, seed, outputs, arrays or np)
    hashed = np.empty((outputs + 7) // 8, np.uint8)
    native.toeplitz_hash(key, inputs, seed, hashed, outputs)
    return hashed


def toeplitz_twin(key: Packed, inputs: int, seed: Packed, outputs: int, arrays: Any = np) -> Packed:
    """The same bits as the compiled kernel; ``arrays`` is NumPy, or CuPy to compute on a GPU."""
    bits = arrays.unpackbits(arrays.asarray(key))[:inputs]
    diagonals = arrays.unpackbits(arrays.asarray(seed))[: seed_bits(inputs, outputs)]
    size = 1 << (diagonals.size - 1).bit_length()
    spectrum = arrays.fft.rfft(diagonals, size)
    spectrum *= arrays.fft.rfft(bits, size)
    sums = arrays.fft.irfft(spectrum, size)[inputs - 1 : inputs - 1 + outputs]
    whole = arrays.rint(sums)
    error = float(arrays.max(arrays.abs(sums - whole)))
    if error >= ROUNDING_LIMIT:
        raise ArithmeticError(f"rounding error {error:.2f} in a Toeplitz hash of {inputs} bits; exactness needs < 0.25")
    hashed = arrays.packbits((whole.astype(np.int64) & 1).astype(np.uint8))
    found: Packed = hashed if arrays is np else arrays.asnumpy(hashed)
    return found
