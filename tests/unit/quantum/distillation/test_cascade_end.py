"""Cascade: corrects, counts what it leaks, and is near the Shannon limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.errors import ProtocolError
from qit4n.physics.finite_key import binary_entropy
from qit4n.quantum.distillation.cascade import FRAME_BITS, CascadeEnd, CascadePlan


def ends(size, qber, seed, expected=None, waves=2):
    """Both ends of a correction of a random key with random errors, and the error pattern."""
    dice = np.random.default_rng(seed)
    key = dice.integers(0, 2, size, np.uint8)
    errors = (dice.random(size) < qber).astype(np.uint8)
    plan = CascadePlan(size=size, seed=seed, qber=expected or qber, waves=waves, flight=16)
    reference = CascadeEnd(np.packbits(key), plan, corrects=False)
    corrector = CascadeEnd(np.packbits(key ^ errors), plan, corrects=True)
    return key, errors, reference, corrector


def converse(reference, corrector):
    """Carry parities to and fro until the corrector is done; the number of messages of one end."""
    waiting, messages = corrector.begin(), 0
    while waiting:
        group, bits = waiting.pop(0)
        messages += 1
        answer = reference.take(group, bits)
        if answer is not None and (more := corrector.take(group, answer)) is not None:
            waiting.append((group, more))
    assert corrector.done
    reference.finish()
    return messages


@pytest.mark.parametrize("waves", [1, 2])
@pytest.mark.parametrize("qber", [0.005, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_errors_are_corrected_close_to_the_shannon_limit(qber, waves):
    """About 4 frames: no error is left and the leakage is within 10 % of n h(q), for q the errors that there were."""
    key, errors, reference, corrector = ends(250_000, qber, int(qber * 1000), waves=waves)
    converse(reference, corrector)
    assert np.array_equal(np.unpackbits(corrector.key()), key)
    assert corrector.corrected == reference.corrected == errors.sum()
    assert corrector.leaked_bits == reference.leaked_bits
    limit = key.size * binary_entropy(errors.mean())
    assert limit < reference.leaked_bits < 1.1 * limit


def test_the_key_of_the_reference_is_left_alone():
    """Only one end corrects."""
    key, _, reference, corrector = ends(20_000, 0.03, 4)
    converse(reference, corrector)
    assert np.array_equal(np.unpackbits(reference.key()), key)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8000), st.floats(0.0, 0.12), st.integers(0, 2**31))
def test_frames_of_any_size_come_out_right_or_with_pairs_of_errors(size, qber, seed):
    """Any size and error rate: both ends come to the end; pairs are left in tiny frames, which mix badly, only."""
    key, errors, reference, corrector = ends(size, qber, seed, expected=max(qber, 0.01))
    converse(reference, corrector)
    left = int(np.count_nonzero(np.unpackbits(corrector.key(), count=size) != key))
    assert left <= errors.sum()
    assert left % 2 == 0
    if size > 2000:
        assert left <= 4


def test_a_wrong_guess_of_the_error_rate_costs_leakage_only():
    """Expecting a third or three times the true rate still corrects all."""
    for expected in (0.01, 0.09):
        key, _, reference, corrector = ends(50_000, 0.03, 2, expected=expected)
        converse(reference, corrector)
        assert np.array_equal(np.unpackbits(corrector.key()), key)


def test_frames_of_a_group_share_their_round_trips():
    """Sixteen frames take hardly more messages than the slowest of them, not their sum."""
    alone = converse(*ends(FRAME_BITS, 0.02, 1)[2:])
    together = converse(*ends(16 * FRAME_BITS, 0.02, 1)[2:])
    assert together < 4 * alone


def test_groups_are_independent():
    """Groups of a large block may be answered in any order, each at its own pace."""
    key, _, reference, corrector = ends(40 * FRAME_BITS, 0.01, 3)
    waiting = corrector.begin()
    assert len(waiting) == 2
    while waiting:
        group, bits = waiting.pop()  # the latest first: one group comes to its end before the others go on
        if (answer := reference.take(group, bits)) is not None and (more := corrector.take(group, answer)) is not None:
            waiting.append((group, more))
    reference.finish()
    assert np.array_equal(np.unpackbits(corrector.key()), key)


def test_more_waves_leak_less_and_take_longer():
    """What the plan trades; distant ends take fewer round trips."""
    few, many = ends(64 * FRAME_BITS, 0.05, 5, waves=1), ends(64 * FRAME_BITS, 0.05, 5, waves=2)
    messages = [converse(*both[2:]) for both in (few, many)]
    assert few[3].leaked_bits > many[3].leaked_bits
    assert messages[0] < messages[1]


def test_a_group_that_is_not_at_work_is_refused():
    """A group that does not exist, and one that is done."""
    _, _, reference, corrector = ends(1000, 0.02, 1)
    with pytest.raises(ProtocolError, match="group 7"):
        reference.take(7, b"")
    converse(reference, corrector)
    with pytest.raises(ProtocolError, match="group 0"):
        reference.take(0, b"")


@pytest.mark.parametrize("change", [lambda bits: bits[:-1], lambda bits: bits + b"\0", lambda _: b""])
def test_parities_of_the_wrong_length_are_refused(change):
    """They answer another question."""
    _, _, reference, corrector = ends(1000, 0.02, 1)
    [(group, bits)] = corrector.begin()
    with pytest.raises(ProtocolError, match="another question"):
        reference.take(group, change(bits))


def test_a_claim_to_be_done_too_early_is_refused():
    """The reference knows what is still to be asked."""
    _, _, reference, corrector = ends(1000, 0.02, 1)
    [(group, bits)] = corrector.begin()
    reference.take(group, bits)
    with pytest.raises(ProtocolError, match="is said to be corrected"):
        reference.finish()


@pytest.mark.parametrize(
    "values", [{"size": 0}, {"qber": 1.1}, {"qber": float("nan")}, {"waves": 0}, {"waves": 99}, {"flight": 0}]
)
def test_impossible_plans_are_refused(values):
    """What the other end proposes is checked."""
    with pytest.raises(ValueError, match="no plan"):
        CascadePlan(**({"size": 100, "seed": 1, "qber": 0.02, "waves": 1, "flight": 1} | values))
