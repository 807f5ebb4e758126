"""Which method corrects a block, and that each does, whatever the distance."""

import dataclasses

import numpy as np
import pytest

from qit4n.errors import BlockRefusedError, ProtocolError
from qit4n.kernels import compiled
from qit4n.quantum.distillation import reconcile
from qit4n.quantum.distillation.cascade import CascadePlan
from qit4n.quantum.distillation.ldpc import LdpcPlan
from qit4n.quantum.distillation.ldpcends import LdpcEnd

needs_compiled = pytest.mark.skipif(not compiled.levels(), reason="without compiled kernels LDPC is never chosen")


def chosen(qber=0.02, round_trip_s=None, fill_s=1.0, size=10**6):
    return reconcile.choose(size, 1, qber, round_trip_s=round_trip_s, fill_s=fill_s)


def test_cascade_near_by_and_where_it_keeps_pace():
    """Least leakage where round trips cost little; many frames in flight where they cost more but time is left."""
    near, reason = chosen(round_trip_s=1e-5)
    assert isinstance(near, CascadePlan)
    assert "least leakage" in reason
    assert chosen()[0] == near
    far, reason = chosen(round_trip_s=0.01, fill_s=100.0)
    assert isinstance(far, CascadePlan)
    assert far.waves < near.waves
    assert far.flight > 10 * near.flight
    assert "10 ms" in reason


@needs_compiled
def test_ldpc_where_cascade_would_not_keep_pace():
    """A thousand round trips of 50 ms take 50 s; the next block is there after one."""
    plan, reason = chosen(round_trip_s=0.05)
    assert isinstance(plan, LdpcPlan)
    assert "50 ms" in reason
    assert isinstance(chosen(qber=0.12, round_trip_s=0.05)[0], CascadePlan)


def test_never_ldpc_without_compiled_kernels(monkeypatch):
    """Its twin is no way to run a link."""
    monkeypatch.setattr(reconcile, "kernels", lambda: None)
    assert isinstance(chosen(round_trip_s=0.05)[0], CascadePlan)


def corrected(plan, qber, seed=1):
    """Both ends after a correction."""
    dice = np.random.default_rng(seed)
    key = dice.integers(0, 2, plan.size, np.uint8)
    noisy = key ^ (dice.random(plan.size) < qber)
    ends = [reconcile.begin(np.packbits(key), plan, corrects=False)]
    ends.append(reconcile.begin(np.packbits(noisy), plan, corrects=True))
    waiting = ends[1].begin()
    while waiting:
        group, said = waiting.pop(0)
        answer = ends[0].take(group, said)
        if answer is not None and (more := ends[1].take(group, answer)) is not None:
            waiting.append((group, more))
    assert ends[1].done
    ends[0].finish()
    return ends


@pytest.mark.parametrize("qber", [0.01, 0.05])
@pytest.mark.parametrize("method", ["cascade", "ldpc"])
def test_both_methods_make_equal_keys_and_count_alike(method, qber):
    """The corrected key is that of the reference, and both ends know what was said in both directions."""
    size = 40_000
    cascade = CascadePlan(size=size, seed=1, qber=qber, waves=1, flight=4)
    reference, corrector = corrected(cascade if method == "cascade" else LdpcPlan.of(size, qber), qber)
    assert np.array_equal(reference.key(), corrector.key())
    assert reference.leaked_bits == corrector.leaked_bits > 0
    assert reference.replies_bits == corrector.replies_bits


def test_too_many_errors_for_a_code_refuse_the_block():
    """Every further round is used, then the block is given up."""
    with pytest.raises(BlockRefusedError, match="did not decode"):
        corrected(LdpcPlan.of(20_000, 0.01), 0.2)


def test_questions_out_of_turn_are_refused():
    """Syndromes are said once; frames ask for more after that only."""
    plan = LdpcPlan.of(20_000, 0.02)
    key = np.zeros(2500, np.uint8)
    reference = LdpcEnd(key, plan, corrects=False)
    with pytest.raises(ProtocolError):
        reference.finish()
    with pytest.raises(ProtocolError):
        reference.take(0, b"\0\0\0\0")
    reference.take(0, b"")
    with pytest.raises(ProtocolError):
        reference.take(0, b"")
    with pytest.raises(ProtocolError):
        reference.take(1, b"")
    with pytest.raises(ProtocolError):
        reference.take(0, b"\xff\xff\xff\xff")


@needs_compiled
@pytest.mark.parametrize(("delay_s", "method"), [(0.0, "Cascade, 4"), (0.0006, "Cascade, one"), (0.025, "LDPC")])
def test_sessions_measure_the_round_trip_and_choose_by_it(pair, link, delay_s, method):
    """Round trips of 0, 1 and 50 ms: the first block is corrected by Cascade, the next ones as the distance asks."""
    slow = dataclasses.replace(link, pulse_rate_hz=1e6, dead_time_s=1e-5)  # 6 s until the next block
    run = pair(delay_s=delay_s, block_bits=100_000, physics=slow).run(blocks=3, segments=800)
    reasons = [key.account.reconciliation for key in run.delivered["receiver"]]
    assert "not measured yet" in reasons[0]
    assert all(reason.startswith(method) for reason in reasons[1:])
    for one, other in zip(*run.delivered.values(), strict=False):
        assert one.material == other.material
        assert one.account == other.account
