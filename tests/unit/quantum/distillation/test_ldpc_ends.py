"""LDPC reconciliation: corrects, counts what it leaks, asks for more where that is needed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.errors import ProtocolError
from qit4n.kernels.ldpc import LANES
from qit4n.physics.finite_key import binary_entropy
from qit4n.quantum.distillation.ldpc import (
    BASE_COLUMNS,
    LIFTINGS,
    LdpcPlan,
    base_graphs,
)
from qit4n.quantum.distillation.ldpcends import ROUNDS, LdpcCorrector, LdpcReference

FULL = BASE_COLUMNS * LIFTINGS[-1]


def ends(size, qber, seed, expected=None):
    """Both ends of a random key with random errors."""
    dice = np.random.default_rng(seed)
    key = dice.integers(0, 2, size, np.uint8)
    errors = (dice.random(size) < qber).astype(np.uint8)
    plan = LdpcPlan.of(size, expected or qber)
    return key, LdpcReference(key, plan), LdpcCorrector(key ^ errors, plan), errors


def finish(reference, corrector):
    while corrector.failed.size and corrector.rounds < ROUNDS:
        corrector.learn_more(reference.more(corrector.failed))


@pytest.mark.parametrize(
    ("qber", "f"), [(0.005, 1.26), (0.01, 1.24), (0.02, 1.22), (0.03, 1.21), (0.05, 1.2), (0.08, 1.19), (0.11, 1.2)]
)
def test_errors_are_corrected_close_to_the_shannon_limit(qber, f):
    """Four frames: no error is left, nothing more is needed, and the leakage is within f n h(q)."""
    key, reference, corrector, errors = ends(4 * FULL, qber, seed=1)
    sent = reference.syndrome()
    corrector.learn(sent)
    assert np.array_equal(corrector.key, key)
    assert corrector.corrected == errors.sum()
    assert not corrector.failed.size
    assert reference.leaked_bits == 8 * len(sent) <= f * key.size * binary_entropy(qber)


@given(size=st.integers(1, 40_000), qber=st.floats(0.0, 0.11), seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_any_size_and_error_rate(size, qber, seed):
    key, reference, corrector, _ = ends(size, qber, seed)
    corrector.learn(reference.syndrome())
    finish(reference, corrector)
    decoded = np.isin(np.arange(size) // reference.plan.payload, corrector.failed, invert=True)
    assert np.array_equal(corrector.key[decoded], key[decoded])


def test_more_rounds_correct_what_one_did_not_and_are_counted():
    """Half as many errors again as planned for."""
    key, reference, corrector, _ = ends(FULL // 2, 0.03, seed=2, expected=0.02)
    first = reference.syndrome()
    corrector.learn(first)
    assert corrector.failed.tolist() == list(range(corrector.failed.size)) != []
    sent = 0
    while corrector.failed.size:
        halves = reference.more(corrector.failed)
        sent += len(halves)
        corrector.learn_more(halves)
    assert np.array_equal(corrector.key, key)
    assert reference.leaked_bits == 8 * (len(first) + sent)
    assert 1 < corrector.rounds < ROUNDS


def test_hopeless_frames_are_given_up():
    _, reference, corrector, _ = ends(20_000, 0.2, seed=3, expected=0.01)
    corrector.learn(reference.syndrome())
    finish(reference, corrector)
    assert corrector.rounds == ROUNDS
    assert corrector.failed.size == reference.plan.frames
    with pytest.raises(ProtocolError, match="rounds"):
        reference.more(corrector.failed)


def test_what_does_not_fit_the_plan_is_refused():
    key, reference, corrector, _ = ends(20_000, 0.02, seed=4)
    with pytest.raises(ProtocolError, match="bytes"):
        corrector.learn(reference.syndrome()[:-1])
    with pytest.raises(ProtocolError, match="no such frames"):
        reference.more(np.array([reference.plan.frames]))
    with pytest.raises(ProtocolError, match="a key of"):
        LdpcReference(key[:-1], reference.plan)
    with pytest.raises(ValueError, match="no code"):
        LdpcPlan(size=1000, frames=1, rows=1, halved=0, lifting=64)
    with pytest.raises(ValueError, match="frames"):
        LdpcPlan(size=10, frames=8, rows=reference.plan.rows, halved=0, lifting=64)
    with pytest.raises(ValueError, match="frames"):
        LdpcPlan(size=FULL + 1, frames=1, rows=reference.plan.rows, halved=0, lifting=LIFTINGS[-1])


def test_graphs_have_no_cycles_of_length_four():
    """Two columns that share two rows differ in the difference of their shifts, at the largest lifting."""
    for rows, columns in base_graphs().items():
        plan = LdpcPlan(size=FULL, frames=1, rows=rows, halved=0, lifting=LIFTINGS[-1])
        code = plan.code(0)
        assert code.columns == FULL // LANES
        assert code.rows == rows * LIFTINGS[-1] // LANES
        assert len(columns) == BASE_COLUMNS
        column, shift = np.divmod(code.places.astype(np.int64), LANES)
        row = np.repeat(np.arange(code.rows), np.diff(code.starts))
        order = np.argsort(column, kind="stable")
        seen = set()
        for edges in np.split(order, np.flatnonzero(np.diff(column[order])) + 1):
            for i, one in enumerate(edges):
                for other in edges[:i]:
                    pair = (int(row[one]), int(row[other]), int(shift[one] - shift[other]) % LANES)
                    assert pair not in seen, (rows, pair)
                    seen.add(pair)
