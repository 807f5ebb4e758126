"""Cascade: corrects, counts what it leaks, and is near the Shannon limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.errors import ProtocolError
from qit4n.physics.finite_key import binary_entropy
from qit4n.quantum.distillation.reconcile import CascadeCorrector, CascadeReference, Nodes, Plan


def correct(size, qber, seed, expected=None):
    """Correct a random key with random errors; the two ends and the error pattern."""
    dice = np.random.default_rng(seed)
    key = dice.integers(0, 2, size, np.uint8)
    errors = (dice.random(size) < qber).astype(np.uint8)
    plan = Plan.of(size, seed, expected or qber)
    reference, corrector = CascadeReference(key, plan), CascadeCorrector(key ^ errors, plan)
    while (question := corrector.question()) is not None:
        corrector.learn(reference.answer(question))
    return key, reference, corrector, errors


@pytest.mark.parametrize("qber", [0.005, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_errors_are_corrected_close_to_the_shannon_limit(qber):
    """100,000 bits: no error is left and the leakage is within 8 % of n h(q), for q the errors that there were."""
    key, reference, corrector, errors = correct(100_000, qber, seed=int(qber * 1000))
    assert np.array_equal(corrector.key, key)
    assert corrector.corrected == errors.sum()
    limit = key.size * binary_entropy(errors.mean())
    assert limit < reference.leaked_bits < 1.08 * limit


def test_both_ends_count_the_same_leakage():
    """What the reference counts as revealed is what the corrector asked for."""
    _, reference, corrector, _ = correct(20_000, 0.03, seed=4)
    assert reference.leaked_bits == corrector.asked_bits


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5000), st.floats(0.0, 0.12), st.integers(0, 2**31))
def test_most_frames_of_any_size_come_out_right(size, qber, seed):
    """Any size and error rate: the corrector ends, and flips nothing but errors that it then undoes in pairs."""
    key, _, corrector, errors = correct(size, qber, seed, expected=max(qber, 0.01))
    left = int(np.count_nonzero(corrector.key != key))
    assert left == 0 or left < errors.sum()
    assert left % 2 == 0


def test_a_wrong_guess_of_the_error_rate_costs_leakage_only():
    """Expecting a third or three times the true rate still corrects all."""
    for expected in (0.01, 0.09):
        key, _, corrector, _ = correct(50_000, 0.03, seed=2, expected=expected)
        assert np.array_equal(corrector.key, key)


def test_nothing_is_asked_twice():
    """No block is asked for whose parity was asked or can be inferred from what was."""
    dice = np.random.default_rng(1)
    key = dice.integers(0, 2, 5000, np.uint8)
    plan = Plan.of(5000, 1, 0.03)
    reference = CascadeReference(key, plan)
    corrector = CascadeCorrector(key ^ (dice.random(5000) < 0.03).astype(np.uint8), plan)
    known = set()
    while (question := corrector.question()) is not None:
        asked = list(zip(question.passes.tolist(), question.levels.tolist(), question.indices.tolist(), strict=True))
        for number, level, index in asked:
            assert (number, level, index) not in known
            inferred = index ^ 1 if level < plan.levels[number] else index
            known |= {(number, level, index), (number, level, inferred)}
        corrector.learn(reference.answer(question))
    assert len(known) > 500


@pytest.mark.parametrize(("number", "level", "index"), [(99, 0, 0), (0, 30, 0), (0, 0, 10**6)])
def test_questions_beyond_the_key_are_refused(number, level, index):
    """A peer that asks for blocks that do not exist gets an error, not memory."""
    reference = CascadeReference(np.zeros(1000, np.uint8), Plan.of(1000, 1, 0.02))
    nodes = Nodes(passes=np.array([number], np.uint8), levels=np.array([level], np.uint8), indices=np.array([index]))
    with pytest.raises(ProtocolError):
        reference.answer(nodes)


def test_answers_of_the_wrong_length_are_refused():
    """Parities that do not match the question are an error."""
    corrector = CascadeCorrector(np.zeros(1000, np.uint8), Plan.of(1000, 1, 0.02))
    corrector.question()
    with pytest.raises(ProtocolError, match="answer another question"):
        corrector.learn(np.zeros(1, np.uint8))
