"""The compiled Cascade kernels and their twin say the same bits, round by round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.kernels.cascade import WORD_BITS, CascadeTwin, compiled_cascade, schedule
from qit4n.kernels.compiled import levels

LEVELS = levels()


def compiled(level, key, plan, *, corrects):
    """One end, by the kernel of one instruction set."""
    return compiled_cascade(LEVELS[level], key, plan, corrects=corrects)


def same_conversation(level, plan, frames, qber, seed):
    """Run both kinds side by side; the errors that are left."""
    dice = np.random.default_rng(seed)
    key = dice.integers(0, 256, 8 * plan.words * frames, np.uint8)
    noisy = key ^ np.packbits(dice.random(8 * key.size) < qber)
    ours = [compiled(level, key, plan, corrects=False), compiled(level, noisy, plan, corrects=True)]
    twins = [CascadeTwin(key, plan, corrects=False), CascadeTwin(noisy, plan, corrects=True)]
    while True:
        said = [end.ask() for end in ours]
        assert said == [end.ask() for end in twins]
        if not said[0]:
            break
        for reference, corrector in (ours, twins):
            reference.learn(said[1])
            corrector.learn(said[0])
    found, expected = np.empty_like(key), np.empty_like(key)
    ours[1].key(found)
    twins[1].key(expected)
    assert np.array_equal(found, expected)
    assert [end.asked_bits for end in ours] == [end.asked_bits for end in twins]
    assert [end.corrected for end in ours] == [end.corrected for end in twins]
    return np.unpackbits(found ^ key).sum()


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=40, deadline=None)
@given(
    words=st.integers(1, 150),
    frames=st.integers(1, 3),
    qber=st.floats(0.0, 0.15),
    first=st.integers(1, 7),
    waves=st.integers(1, 4),
    flight=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_equal_to_the_twin(level, words, frames, qber, first, waves, flight, seed):
    """Any frames and schedules, blocks within words and across them."""
    half = max(1, (WORD_BITS * words - 1).bit_length() - 1)
    sizes = tuple(min(one, half) for one in (first, first + 2, first + 4, half, half, half))
    same_conversation(level, schedule(words, seed, sizes, sequential=3, waves=waves, flight=flight), frames, qber, seed)


@pytest.mark.parametrize("level", LEVELS)
def test_equal_to_the_twin_at_full_size(level):
    """Frames of 65 536 bits: nothing is left."""
    plan = schedule(1024, 7, (5, 9, 12, *[15] * 10), sequential=3, waves=2, flight=2)
    assert same_conversation(level, plan, 2, 0.03, 1) == 0


@pytest.mark.parametrize("level", LEVELS)
def test_a_false_answer_ends_too(level):
    """Whatever the other end says, a correction comes to an end, and both kinds do the same."""
    dice = np.random.default_rng(2)
    plan = schedule(32, 1, (4, 7, 9, 10, 10), sequential=3, waves=2, flight=1)
    key = dice.integers(0, 256, 8 * plan.words, np.uint8)
    ends = [compiled(level, key, plan, corrects=True), CascadeTwin(key, plan, corrects=True)]
    for _ in range(20_000):
        said = [end.ask() for end in ends]
        assert said[0] == said[1]
        if not said[0]:
            break
        noise = dice.bytes(len(said[0]))
        for end in ends:
            end.learn(noise)
    else:
        pytest.fail("still asking after 20 000 rounds of noise")


def test_permutations_are_the_same_everywhere():
    """They are public and fixed by the seed: the first words of a known one."""
    plan = schedule(10, 42, (3, 5), sequential=1, waves=1, flight=1)
    assert plan.orders.tolist() == [list(range(10)), plan.orders[1].tolist()]
    assert sorted(plan.orders[1].tolist()) == list(range(10))
    raw = np.random.PCG64(42).random_raw(20 + WORD_BITS)
    assert plan.orders[1].tolist() == np.argsort(raw[:10]).tolist()
    assert plan.shifts[1].tolist() == (raw[10 : 10 + WORD_BITS] % 10).tolist()
    assert plan.after[1].tolist() == np.argsort(raw[10 + WORD_BITS :]).tolist()
