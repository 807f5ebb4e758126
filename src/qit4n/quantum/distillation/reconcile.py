"""Reconciliation: which method corrects a block, and why.

The transmitter proposes a plan, public and complete, and both ends make one end of the correction from it. Whatever
the method, the corrector (receiver) begins, pieces of the conversation go to and fro by group, and the corrector says
when it is done. Cascade leaks least but takes hundreds of round trips; LDPC codes leak a sixth more and take one.
"""

import math

from qit4n.kernels.compiled import kernels
from qit4n.quantum.distillation.cascade import FRAME_BITS, MOST_GROUPS, CascadeEnd, CascadePlan, Packed
from qit4n.quantum.distillation.ldpc import LdpcPlan
from qit4n.quantum.distillation.ldpcends import LdpcEnd

DISTANT_S = 1e-3
LEAST_FLIGHT = 32
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
    - Between distant ends (a round trip of ``DISTANT_S`` or more): Cascade in one wave, as long as it keeps pace with
      the sifted bits.
    - Where it does not: LDPC codes. Not without compiled kernels, whose twins decode at less than 1 Mbit/s.

    Of Cascade so many frames are in flight that work does not wait for answers: those of ``RATE_BPS`` in the round
    trips that a frame takes.

    Args:
        size: bits of the block.
        seed: seed of the permutations.
        qber: expected error rate.
        round_trip_s: measured round trip of the classical channel; None while it is not known.
        fill_s: how long it takes to sift the next block.
    """
    trip_s = round_trip_s or 0.0
    flight = max(LEAST_FLIGHT, math.ceil(trip_s * FRAME_ROUND_TRIPS * RATE_BPS / (FRAME_BITS * MOST_GROUPS)))
    near, trips = trip_s < DISTANT_S, f"{trip_s * 1e3:.2g} ms" if round_trip_s else "not measured yet"
    cascade = CascadePlan(size=size, seed=seed, qber=qber, waves=NEAR_WAVES if near else 1, flight=flight)
    if near:
        return cascade, f"Cascade, {NEAR_WAVES} waves, least leakage: round trip {trips}"
    pace = f"{BLOCK_ROUND_TRIPS} round trips of {trips}, {fill_s:.2g} s until the next block"
    if BLOCK_ROUND_TRIPS * trip_s <= fill_s or qber > MOST_QBER or kernels() is None:
        return cascade, f"Cascade, one wave, {flight} frames in flight: {pace}"
    return LdpcPlan.of(size, qber), f"LDPC: Cascade would not keep pace, {pace}"


def begin(key: Packed, plan: Plan, *, corrects: bool) -> Correction:
    """One end of the correction of a packed key of ``plan.size`` bits."""
    if isinstance(plan, LdpcPlan):
        return LdpcEnd(key, plan, corrects=corrects)
    return CascadeEnd(key, plan, corrects=corrects)
