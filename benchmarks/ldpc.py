"""Error correction by LDPC codes: both ends, and a decoder from PyPI on the same frames."""

import importlib.util
from collections.abc import Iterator

import numpy as np

from benchmarks import Result, processor_seconds
from qit4n.kernels.ldpc import Bits, Code, packed, syndrome, unpacked
from qit4n.physics.finite_key import binary_entropy
from qit4n.quantum.distillation.codes import LANES, LdpcCorrector, LdpcReference, Plan

QBERS = (0.01, 0.02, 0.03, 0.05)
AT_ONCE = 2_000_000
# Zen 5 with vectors of 64 bytes, for 64 edges: 14 arithmetic instructions of which 4 fit in a cycle, 5 loads of 2,
# 3 stores of 1. A clock of 4 GHz.
EDGES_A_SECOND = 64 / max(14 / 4, 5 / 2, 3 / 1) * 4e9


def ldpc(seed: int, size: int | None) -> Iterator[Result]:
    """Corrected bits per second of each end, efficiency, iterations and failures, at QBER 1, 2, 3 and 5 %.

    The corrector's limit is counted: edges that its iterations go through, at the edge rate of the arithmetic.
    """
    for qber in QBERS:
        yield from _at(qber, seed, size or 100_000_000)


def _at(qber: float, seed: int, bits: int) -> Iterator[Result]:
    dice = np.random.default_rng(seed)
    plan = Plan.of(AT_ONCE, qber)
    name = f"ldpc {qber:.0%}"
    seconds = {"reference": 0.0, "corrector": 0.0}
    frames = failed = rounds = left = wrong = leaked = iterations = 0
    entropy = 0.0
    for _ in range(max(1, bits // plan.size)):
        key = dice.integers(0, 2, plan.size, np.uint8)
        errors = (dice.random(plan.size, np.float32) < qber).astype(np.uint8)
        reference, corrector = LdpcReference(key, plan), LdpcCorrector(key ^ errors, plan)
        sent: list[bytes] = []
        seconds["reference"] += processor_seconds(lambda r=reference, s=sent: s.append(r.syndrome()))
        seconds["corrector"] += processor_seconds(lambda c=corrector, s=sent: c.learn(s[0]))
        iterations += int(corrector.iterations.sum())
        failed += corrector.failed.size
        while corrector.failed.size and corrector.rounds < plan.rounds:
            sent = [reference.more(corrector.failed)]
            seconds["corrector"] += processor_seconds(lambda c=corrector, s=sent: c.learn_more(s[0]))
        frames += plan.frames
        rounds += corrector.rounds
        left += corrector.failed.size
        wrong += int(np.count_nonzero(corrector.key != key))
        leaked += reference.leaked_bits
        entropy += plan.size * binary_entropy(qber)
    total = frames * plan.payload
    code = plan.code(0)
    limit = EDGES_A_SECOND * plan.payload / (LANES * code.places.size * iterations / frames)
    yield from _rate(f"{name}: corrector", total / seconds["corrector"], limit, code, key, errors, plan)
