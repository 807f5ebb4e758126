"""Exact Toeplitz hashing: the definition, the compiled kernels and their twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.kernels.compiled import levels
from qit4n.kernels.toeplitz import seed_bits, toeplitz_hash, toeplitz_twin

LEVELS = levels()


def direct(bits, seed, outputs):
    """The definition, row by row."""
    n = bits.size
    return np.array([int(np.dot(seed[i : i + n][::-1].astype(int), bits)) % 2 for i in range(outputs)], np.uint8)


def compiled(level, key, inputs, seed, outputs):
    """What the kernel of one instruction set gives."""
    hashed = np.empty((outputs + 7) // 8, np.uint8)
    LEVELS[level].toeplitz_hash(key, inputs, seed, hashed, outputs)
    return hashed


def random_bits(dice, count):
    return np.packbits(dice.integers(0, 2, count, np.uint8))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**31))
def test_equal_to_the_definition(n, m, seed):
    """Any sizes: the twin and every compiled kernel give the bits of the matrix product over GF(2)."""
    dice = np.random.default_rng(seed)
    bits, diagonals = dice.integers(0, 2, n, np.uint8), dice.integers(0, 2, seed_bits(n, m), np.uint8)
    wanted = np.packbits(direct(bits, diagonals, m))
    key, packed = np.packbits(bits), np.packbits(diagonals)
    assert np.array_equal(toeplitz_twin(key, n, packed, m), wanted)
    for level in LEVELS:
        assert np.array_equal(compiled(level, key, n, packed, m), wanted), level


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("n", "m"),
    [
        (100_000, 50_000),
        (1_000_000, 400_000),
        (1_048_000, 1_047_000),  # the largest that one transform holds
        (1_100_000, 1_040_001),  # tiles
        (5, 2_200_000),
        (2_200_000, 5),
        (2_097_229, 1_048_675),
    ],
)
def test_equal_to_the_twin_at_every_size(level, n, m):
    """Transforms of every size, one product and tiles."""
    if level == "portable" and n + m > 3_000_000:
        n //= 2
    dice = np.random.default_rng(n)
    key, seed = random_bits(dice, n), random_bits(dice, seed_bits(n, m))
    assert np.array_equal(compiled(level, key, n, seed, m), toeplitz_twin(key, n, seed, m))


def test_linear_over_gf2():
    """hash(a xor b) = hash(a) xor hash(b) with one seed."""
    dice = np.random.default_rng(3)
    a, b = dice.integers(0, 256, (2, 125), np.uint8)
    diagonals = random_bits(dice, seed_bits(1000, 400))
    separate = toeplitz_hash(a, 1000, diagonals, 400) ^ toeplitz_hash(b, 1000, diagonals, 400)
    assert np.array_equal(toeplitz_hash(a ^ b, 1000, diagonals, 400), separate)


@pytest.mark.parametrize(("key", "seed"), [(2, 3), (1, 2), (2, 1)])
def test_arrays_of_the_wrong_length_are_refused(key, seed):
    """The error says how many bytes are needed: 10 -> 5 bits takes 2 bytes of key and 2 of seed."""
    with pytest.raises(ValueError, match=r"2 bytes.*, got \d"):
        toeplitz_hash(np.zeros(key, np.uint8), 10, np.zeros(seed, np.uint8), 5)


def test_no_output_is_no_work():
    """A hash to zero bits is empty."""
    assert toeplitz_hash(np.zeros(2, np.uint8), 10, np.zeros(2, np.uint8), 0).size == 0
