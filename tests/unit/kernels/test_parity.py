"""Permutations and parity trees."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qit4n.kernels.parity import permutation, tree


def test_a_permutation_is_one_and_is_the_same_everywhere():
    """Each index once; the values for a seed are fixed, since both ends of a link must agree across machines."""
    found = permutation(1000, 42)
    assert sorted(found.tolist()) == list(range(1000))
    assert permutation(8, 42).tolist() == [4, 1, 3, 6, 0, 7, 2, 5]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=70), st.integers(0, 6))
def test_every_node_is_the_parity_of_its_block(bits, levels):
    """Node i of level l is the XOR of bits i*2^l .. (i+1)*2^l."""
    array = np.array(bits, np.uint8)
    for level, nodes in enumerate(tree(array, levels)):
        for index, parity in enumerate(nodes):
            assert parity == array[index << level : (index + 1) << level].sum() % 2
