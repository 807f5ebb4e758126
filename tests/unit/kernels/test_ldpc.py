"""LDPC kernels: what they find, and what they refuse."""

import numpy as np
import pytest

from qit4n.kernels import ldpc
from qit4n.kernels.compiled import levels


def code(places, starts, columns):
    return ldpc.Code(
        columns=columns,
        starts=np.array(starts, np.int32),
        places=np.array(places, np.uint32),
        scales=np.full(1, 12, np.uint8),
    )


@pytest.fixture
def ring():
    """Four columns in a ring of rows of two, and a row of all: any single error has its own syndrome."""
    return code([0, 64 + 3, 64, 128 + 7, 128, 192 + 13, 0, 64 + 21, 128 + 33, 192 + 60], [0, 2, 4, 6, 10], 4)


@pytest.mark.parametrize("position", [0, 63, 64, 130, 255])
def test_an_error_is_found_where_it_is(ring, position):
    errors = np.zeros(256, np.uint8)
    errors[position] = 1
    wanted = ldpc.syndrome(ring, ldpc.packed(errors))
    found, used = ldpc.decode(ring, wanted, np.full(256, 16, np.int8), 20)
    assert np.array_equal(ldpc.unpacked(found), errors)
    assert 1 <= used <= 20


def test_no_errors_take_no_iteration(ring):
    found, used = ldpc.decode(ring, np.zeros(4, np.uint64), np.full(256, 16, np.int8), 20)
    assert (found.tolist(), used) == ([0, 0, 0, 0], 0)


def test_a_syndrome_of_no_errors_is_not_met():
    """Twice the same row with different parities."""
    twice = code([0, 64, 0, 64], [0, 2, 4], 2)
    _, used = ldpc.decode(twice, np.array([1, 0], np.uint64), np.full(128, 16, np.int8), 5)
    assert used is None


def test_other_lengths_are_refused(ring):
    with pytest.raises(ValueError, match="a frame of 4 words"):
        ldpc.syndrome(ring, np.zeros(3, np.uint64))
    with pytest.raises(ValueError, match="another code"):
        ldpc.decode(ring, np.zeros(4, np.uint64), np.zeros(255, np.int8), 1)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize(
    ("places", "starts"),
    [([0, 64], [0, 3]), ([0, 64], [1, 2]), ([0, 64], [0, 3, 2]), ([0, 128], [0, 2]), ([], [])],
    ids=["beyond the end", "not from the start", "backwards", "no such column", "no rows"],
)
def test_compiled_kernels_stay_within_their_arrays(level, places, starts):
    found = np.empty(max(0, len(starts) - 1), np.uint64)
    with pytest.raises(ValueError, match=r"row|place"):
        levels()[level].ldpc_syndrome(
            np.array(starts, np.int32), np.array(places, np.uint32), np.zeros(2, np.uint64), found
        )
