"""Odd-parity pairing: rates against their closed forms, all matchings alike, counts against both ends' bits."""

import itertools
import random
from collections import Counter

import numpy as np
import pytest

from qit4n.errors import ProtocolError
from qit4n.physics.protocols.sendingornot import SNSCounts
from qit4n.quantum.distillation import pairing
from qit4n.quantum.distillation.pairing import Pairing
from qit4n.quantum.distillation.sift import Block


def entropy(seed):
    """Bytes that can be drawn again."""
    return random.Random(seed).randbytes


def block(bits):
    """One end's key windows as a block, with some windows of decoys."""
    return Block(
        size=bits.size,
        key=np.packbits(bits),
        masks=(),
        test_counts=(0, 40, 50, 60, 70),
        test_errors=(0, 4, 5, 6, 0),
        pulses=1,
    )


def bits_of(right_zeros, wrong_zeros, right_ones, wrong_ones, seed=0):
    """Bits of both ends, the second's zeros and ones being right or wrong so often, in random order."""
    second = np.repeat([0, 0, 1, 1], [right_zeros, wrong_zeros, right_ones, wrong_ones]).astype(np.uint8)
    first = second ^ np.repeat([0, 1, 0, 1], [right_zeros, wrong_zeros, right_ones, wrong_ones]).astype(np.uint8)
    order = np.random.default_rng(seed).permutation(second.size)
    return first[order], second[order]


def both_ends(first, second, seed):
    """What pairing leaves at either end, by what they tell each other."""
    drawn = Pairing.drawn(second, entropy(seed))
    heard = Pairing.unpacked(*drawn.packed(second.size), drawn.left_bit, second.size)
    told = pairing.told_by_transmitter(block(first), heard)
    return pairing.paired(block(first), heard, *told), pairing.paired(block(second), drawn, *told)


@pytest.mark.parametrize("zeros", [(600, 400), (300, 50)], ids=["more zeros", "more ones"])
def test_pairs_survive_and_err_as_the_closed_form_says(zeros):
    """Xu et al. 2020: of min(N0, N1) pairs r0 r1 + w0 w1 are kept, w0 w1 of them wrong, in the mean of 400 pairings."""
    first, second = bits_of(*zeros, 480, 20)
    (r0, w0), (r1, w1) = (one / sum(zeros) for one in zeros), (0.96, 0.04)
    pairs, repeats = min(sum(zeros), 500), 400
    kept, wrong = 0, 0
    for seed in range(repeats):
        here, there = both_ends(first, second, seed)
        kept += here.size
        wrong += there.key_errors(here.key)[0]
    for found, chance in ((kept, r0 * r1 + w0 * w1), (wrong, w0 * w1)):
        assert abs(found / repeats - pairs * chance) < 4.5 * np.sqrt(pairs * chance * (1 - chance) / repeats)


def test_all_matchings_are_alike():
    """Three zeros and three ones: each of the six matchings comes as often, told in the order of the first windows."""
    second = np.array([0, 1, 1, 0, 1, 0], np.uint8)
    found = Counter()
    for seed in range(6000):
        drawn = Pairing.drawn(second, entropy(seed))
        assert np.all(second[drawn.firsts] != second[drawn.seconds])
        assert np.all(np.diff(drawn.firsts) > 0)
        found[frozenset(zip(drawn.firsts.tolist(), drawn.seconds.tolist(), strict=True))] += 1
    matchings = {
        frozenset((min(pair), max(pair)) for pair in zip((0, 3, 5), ones, strict=True))
        for ones in itertools.permutations((1, 2, 4))
    }
    assert set(found) == matchings
    assert all(abs(count - 1000) < 4.5 * np.sqrt(1000 * 5 / 6) for count in found.values())


def test_what_is_told_does_not_say_which_is_which():
    """A pair begins with a zero as often as with a one; only what is left over is told to be of one bit."""
    bits = np.random.default_rng(1).permutation(np.repeat([0, 1], [20_000, 20_300])).astype(np.uint8)
    drawn = Pairing.drawn(bits, entropy(1))
    assert abs(np.count_nonzero(bits[drawn.firsts]) - 10_000) < 4.5 * np.sqrt(5_000)
    assert (drawn.left.size, drawn.left_bit) == (300, 1)
    assert bits[drawn.left].all()


def test_a_pairing_comes_as_it_was_sent():
    """Through its bytes and back; no windows at all are a pairing, too."""
    for size in (0, 1, 2, 7, 1000):
        bits = np.random.default_rng(size).integers(0, 2, size, np.uint8)
        drawn = Pairing.drawn(bits, entropy(size))
        heard = Pairing.unpacked(*drawn.packed(size), drawn.left_bit, size)
        for name in ("firsts", "seconds", "left"):
            assert np.array_equal(getattr(heard, name), getattr(drawn, name))
        assert sorted([*heard.firsts, *heard.seconds, *heard.left]) == list(range(size))


@pytest.mark.parametrize(
    ("seconds", "left", "left_bit"),
    [
        ([1, 1], [4], 0),  # one window twice
        ([1, 9], [4], 0),  # not in the block
        ([1, 4], [4], 0),  # paired and left over
        ([1], [4], 0),  # two windows of which nothing is said
        ([2, 1], [4], 0),  # a second before its first
        ([1, 3], [4], 2),  # no bit
    ],
)
def test_what_is_no_pairing_is_refused(seconds, left, left_bit):
    """Of five windows: each paired once or left over, the first of a pair first."""
    mask = np.zeros(5, np.uint8)
    mask[left] = 1
    with pytest.raises(ProtocolError, match="windows are"):
        Pairing.unpacked(np.array(seconds, "<u4").tobytes(), np.packbits(mask).tobytes(), left_bit, 5)


@pytest.mark.parametrize("zeros", [(600, 400), (300, 50)], ids=["more zeros", "more ones"])
def test_counts_are_those_of_both_ends_bits(zeros):
    """After correction the counts at either end are what one who saw all choices would count."""
    first, second = bits_of(*zeros, 480, 20, seed=7)
    here, there = both_ends(first, second, 7)
    errors = there.key_errors(here.key)
    expected = SNSCounts(
        empty=np.count_nonzero((first == 0) & (second == 1)),
        weak=(36, 45),
        strong=(np.count_nonzero((first == 1) & (second == 1)), np.count_nonzero((first == 0) & (second == 0))),
        wrong=6,
        zeros=np.count_nonzero(second == 0),
        ones=np.count_nonzero(second == 1),
    )
    tests = there.test_errors
    counts = there.counts(errors, tests)
    assert counts.windows == here.counts(errors, tests).windows == expected
    assert repr(here) == f"Block({here.size} key bits, test counts (0, 40, 50, 60, 70), 1 pulses)"
    assert counts.key.detections == (here.size,) == (there.size,)
    assert (counts.test.detections, counts.test.wrong) == ((60,), (6,))
