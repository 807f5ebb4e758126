"""Reconciliation: which method corrects a block, and why.

The transmitter proposes a plan, public and complete, and both ends make one end of the correction from it. Whatever
the method, the corrector (receiver) begins, pieces of the conversation go to and fro by group, and the corrector says
when it is done.
"""

import math

from qit4n.quantum.distillation.cascade import FRAME_BITS, MOST_GROUPS, CascadeEnd, CascadePlan, Packed

DISTANT_S = 1e-3
NEAR_FLIGHT = 32
NEAR_WAVES = 4
FRAME_ROUND_TRIPS = 500
RATE_BPS = 150e6

Plan = CascadePlan
Correction = CascadeEnd


def choose(size: int, seed: int, qber: float, round_trip_s: float | None) -> tuple[Plan, str]:
    """The plan for a block, and the reason in words. ``round_trip_s`` is None while it is not known.

    Between distant ends, fewer waves, and so many frames in flight that work does not wait for answers: those of
    ``RATE_BPS`` in the round trips that a frame takes.
    """
    if round_trip_s is None or round_trip_s < DISTANT_S:
        plan = CascadePlan(size=size, seed=seed, qber=qber, waves=NEAR_WAVES, flight=NEAR_FLIGHT)
        known = "not measured yet" if round_trip_s is None else f"of {round_trip_s * 1e3:.2g} ms"
        return plan, f"Cascade, {NEAR_WAVES} waves: round trips {known}, least leakage"
    flight = math.ceil(round_trip_s * FRAME_ROUND_TRIPS * RATE_BPS / (FRAME_BITS * MOST_GROUPS))
    plan = CascadePlan(size=size, seed=seed, qber=qber, waves=1, flight=max(NEAR_FLIGHT, flight))
    return (
        plan,
        f"Cascade, one wave, {plan.flight} frames of a group in flight: round trips of {round_trip_s * 1e3:.2g} ms",
    )


def begin(key: Packed, plan: Plan, *, corrects: bool) -> Correction:
    """One end of the correction of a packed key of ``plan.size`` bits."""
    return CascadeEnd(key, plan, corrects=corrects)
