"""Cutting blocks: the compiled kernels and their twin, against the definition one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.kernels.compiled import levels
from qit4n.kernels.sift import compiled_split, split, split_twin

LEVELS = levels()


def random_detections(seed, count, kinds, key_share):
    dice = np.random.default_rng(seed)
    test = (dice.random(count) >= key_share).astype(np.uint8)
    errors = test & dice.integers(0, 2, count, np.uint8)
    kept = (
        dice.integers(0, 2, count, np.uint8) | test << 1 | errors << 2 | dice.integers(0, kinds, count, np.uint8) << 3
    )
    return kept.astype(np.uint8), int(count - test.sum())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 700), st.integers(1, 4), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_every_kernel_splits_as_defined(seed, count, kinds, key_share):
    """Bits of the key basis in order, masks that part them by intensity, and the counts of the test basis."""
    kept, key_bits = random_detections(seed, count, kinds, key_share)
    key = [one for one in kept.tolist() if not one & 2]
    test = [one for one in kept.tolist() if one & 2]
    for found in (split_twin(kept, kinds), *(compiled_split(one, kept, key_bits, kinds) for one in LEVELS.values())):
        assert np.unpackbits(found.key, count=key_bits).tolist() == [one & 1 for one in key]
        for kind in range(kinds):
            wanted = [int(one >> 3 == kind) for one in key]
            assert np.unpackbits(found.masks[kind], count=key_bits).tolist() == wanted
        assert found.test_counts == tuple(sum(one >> 3 == kind for one in test) for kind in range(kinds))
        assert found.test_errors == tuple(
            sum(one >> 3 == kind and bool(one & 4) for one in test) for kind in range(kinds)
        )


def test_a_wrong_number_of_key_bits_is_refused():
    """Nothing is written beyond the arrays."""
    kept, key_bits = random_detections(1, 100, 2, 0.5)
    with pytest.raises(ValueError, match="another number"):
        split(kept, key_bits + 1, 2)


def test_no_bits_are_shown():
    """The repr says how much, not what."""
    kept, key_bits = random_detections(1, 100, 2, 0.5)
    assert "array" not in repr(split(kept, key_bits, 2))
