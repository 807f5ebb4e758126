"""Reconciliation: which method corrects a block, and why.

The transmitter proposes a plan, public and complete, and both ends make one end of the correction from it. Whatever
the method, the corrector (receiver) begins, pieces of the conversation go to and fro by group, and the corrector says
when it is done. Cascade leaks least but takes hundreds of round trips; LDPC codes leak a sixth more and take one.
"""

import math

from qit4n.kernels.compiled import kernels
from qit4n.quantum.distillation.cascade import FRAME_BITS, MOST_GROUPS, CascadeEnd, CascadePlan, Packed
from qit4n.quantum.distillation.ldpc import LdpcEnd, LdpcPlan

DISTANT_S = 1e-3
NEAR_FLIGHT = 32
NEAR_WAVES = 4
FRAME_ROUND_TRIPS = 500
BLOCK_ROUND_TRIPS = 1000
RATE_BPS = 150e6
MOST_QBER = 0.11

Plan = CascadePlan | LdpcPlan
Correction = CascadeEnd | LdpcEnd


def choose(size: int, seed: int, qber: float, *, round_trip_s: float | None, fill_s: float) -> tuple[Plan, str]:
    """The plan for a block, and the reason in words.

    - Near by: Cascade in several waves, which leaks least.
    - Between distant ends (a round trip of ``DISTANT_S`` or more): Cascade in one wave, with so many frames in flight
      that work does not wait for answers, as long as it keeps pace with the sifted bits.
    - Where it does not: LDPC codes. Not without compiled kernels, whose twins decode at less than 1 Mbit/s.

    Args:
        size: bits of the block.
        seed: seed of the permutations.
        qber: expected error rate.
        round_trip_s: measured round trip of the classical channel; None while it is not known.
        fill_s: how long it takes to sift the next block.
    """
    if round_trip_s is None or round_trip_s < DISTANT_S:
        plan = CascadePlan(size=size, seed=seed, qber=qber, waves=NEAR_WAVES, flight=NEAR_FLIGHT)
        known = "not measured yet" if round_trip_s is None else f"of {round_trip_s * 1e3:.2g} ms"
        return plan, f"Cascade, {NEAR_WAVES} waves: round trips {known}, least leakage"
    flight = math.ceil(round_trip_s * FRAME_ROUND_TRIPS * RATE_BPS / (FRAME_BITS * MOST_GROUPS))
    distant = CascadePlan(size=size, seed=seed, qber=qber, waves=1, flight=max(NEAR_FLIGHT, flight))
    takes_s = BLOCK_ROUND_TRIPS * round_trip_s
    times = f"{BLOCK_ROUND_TRIPS} round trips of {round_trip_s * 1e3:.2g} ms, {fill_s:.2g} s until the next block"
    if takes_s <= fill_s or qber > MOST_QBER or kernels() is None:
        return distant, f"Cascade, one wave, {distant.flight} frames in flight: {times}"
    return LdpcPlan.of(size, qber), f"LDPC: Cascade would not keep pace, {times}"


def begin(key: Packed, plan: Plan, *, corrects: bool) -> Correction:
    """One end of the correction of a packed key of ``plan.size`` bits."""
    if isinstance(plan, LdpcPlan):
        return LdpcEnd(key, plan, corrects=corrects)
    return CascadeEnd(key, plan, corrects=corrects)
