"""Exact Toeplitz hashing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.kernels.toeplitz import seed_bits, toeplitz_hash


def direct(bits, seed, outputs):
    """The definition, row by row."""
    n = bits.size
    return np.array([int(np.dot(seed[i : i + n][::-1].astype(int), bits)) % 2 for i in range(outputs)], np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**31))
def test_equal_to_the_definition(n, m, seed):
    """Any sizes: the FFT gives the same bits as the matrix product over GF(2)."""
    dice = np.random.default_rng(seed)
    bits, diagonals = dice.integers(0, 2, n, np.uint8), dice.integers(0, 2, seed_bits(n, m), np.uint8)
    assert np.array_equal(toeplitz_hash(bits, diagonals, m), direct(bits, diagonals, m))


def test_exact_for_a_million_bits():
    """1e6 -> 4e5 bits: a sample of the rows agrees with the definition."""
    dice = np.random.default_rng(7)
    n, m = 1_000_000, 400_000
    bits, diagonals = dice.integers(0, 2, n, np.uint8), dice.integers(0, 2, seed_bits(n, m), np.uint8)
    hashed = toeplitz_hash(bits, diagonals, m)
    for row in dice.integers(0, m, 50):
        assert hashed[row] == int(np.dot(diagonals[row : row + n][::-1].astype(np.int64), bits)) % 2


def test_linear_over_gf2():
    """hash(a xor b) = hash(a) xor hash(b) with one seed."""
    dice = np.random.default_rng(3)
    a, b = dice.integers(0, 2, (2, 1000), np.uint8)
    diagonals = dice.integers(0, 2, seed_bits(1000, 400), np.uint8)
    assert np.array_equal(
        toeplitz_hash(a ^ b, diagonals, 400), toeplitz_hash(a, diagonals, 400) ^ toeplitz_hash(b, diagonals, 400)
    )


def test_a_seed_of_the_wrong_length_is_refused():
    """The error says how many bits are needed."""
    with pytest.raises(ValueError, match="needs 14 seed bits, got 13"):
        toeplitz_hash(np.zeros(10, np.uint8), np.zeros(13, np.uint8), 5)
