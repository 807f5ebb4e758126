"""The compiled LDPC kernels give the bits of their NumPy twins, whatever the code and the frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.kernels import ldpc
from qit4n.kernels.compiled import levels

SEEDS = st.integers(0, 2**32 - 1)
fixed = settings(derandomize=True, deadline=None)


def random_code(dice, rows, columns):
    met = [dice.choice(columns, dice.integers(0, columns + 1), replace=False) for _ in range(rows)]
    places = np.concatenate([64 * row + dice.integers(0, 64, row.size) for row in met]).astype(np.uint32)
    return ldpc.Code(
        columns=columns,
        starts=np.cumsum([0, *map(len, met)]).astype(np.int32),
        places=places,
        scales=dice.integers(0, 17, dice.integers(1, 66)).astype(np.uint8),
    )


def words(dice, count):
    return dice.integers(0, 2**64, count, np.uint64)


@pytest.mark.parametrize("level", levels())
@fixed
@given(seed=SEEDS, rows=st.integers(1, 6), columns=st.integers(1, 9))
def test_syndrome_has_the_bits_of_its_twin(level, seed, rows, columns):
    dice = np.random.default_rng(seed)
    code, frame = random_code(dice, rows, columns), words(dice, columns)
    found = np.empty(rows, np.uint64)
    levels()[level].ldpc_syndrome(code.starts, code.places, frame, found)
    assert found.tolist() == ldpc.twin_syndrome(code, frame).tolist()


@pytest.mark.parametrize("level", levels())
@fixed
@given(
    seed=SEEDS, rows=st.integers(1, 6), columns=st.integers(1, 9), iterations=st.integers(0, 6), solvable=st.booleans()
)
def test_decoder_has_the_bits_of_its_twin(level, seed, rows, columns, iterations, solvable):
    dice = np.random.default_rng(seed)
    code = random_code(dice, rows, columns)
    prior = dice.integers(-127, 128, 64 * columns).astype(np.int8)
    wanted = ldpc.twin_syndrome(code, words(dice, columns)) if solvable else words(dice, rows)
    found = np.empty(columns, np.uint64)
    used = levels()[level].ldpc_decode(
        code.starts, code.places, code.turns, code.last, code.scales, prior, wanted, iterations, found
    )
    twin, twin_used = ldpc.twin_decode(code, wanted, prior, iterations)
    assert (found.tolist(), used) == (twin.tolist(), -1 if twin_used is None else twin_used)


@fixed
@given(seed=SEEDS, rows=st.integers(1, 6), columns=st.integers(1, 9))
def test_syndrome_is_the_product_with_the_matrix(seed, rows, columns):
    dice = np.random.default_rng(seed)
    code, frame = random_code(dice, rows, columns), words(dice, columns)
    matrix = np.zeros((64 * rows, 64 * columns), np.int64)
    for row in range(rows):
        for place in code.places[code.starts[row] : code.starts[row + 1]].tolist():
            for check in range(64):
                matrix[64 * row + check, 64 * (place // 64) + (place + check) % 64] = 1
    expected = matrix @ ldpc.unpacked(frame) % 2
    assert ldpc.unpacked(ldpc.syndrome(code, frame)).tolist() == expected.tolist()
