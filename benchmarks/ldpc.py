"""Error correction by LDPC codes: both ends, and a decoder from PyPI on the same frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks import Result, processor_seconds
from qit4n.kernels.ldpc import LANES, Bits, packed, syndrome, unpacked
from qit4n.physics.rates import binary_entropy
from qit4n.quantum.distillation.ldpc import (
    BASE_COLUMNS,
    LIFTINGS,
    LdpcPlan,
)
from qit4n.quantum.distillation.ldpcends import ITERATIONS, ROUNDS, LdpcCorrector, LdpcReference

QBERS = (0.01, 0.02, 0.03, 0.05)
FRAMES_AT_ONCE = 8
# For 64 edges: 16 vector instructions at 4 a cycle, 5 loads at 2, 3 stores at 1 (Zen 5, 64 bytes), at 4.3 GHz.
EDGES_A_SECOND = LANES / max(16 / 4, 5 / 2, 3 / 1) * 4.3e9
PEER_FRAMES = 4


@dataclass(kw_only=True)
class _Sums:
    """What was counted at one error rate."""

    bits: int = 0
    frames: int = 0
    failed: int = 0
    lost: int = 0
    wrong: int = 0
    leaked: int = 0
    iterations: int = 0
    reference_seconds: float = 0.0
    corrector_seconds: float = 0.0


def ldpc(seed: int, size: int | None) -> Iterator[Result]:
    """Corrected bits per second of each end, and what it took, at QBER 1, 2, 3 and 5 %; ``size`` is a number of bits.

    The limit of the corrector is counted: the edges that its iterations pass, over the edge rate of the instructions
    alone. Frame errors are frames that the first round did not decode, lost ones all rounds.
    """
    for qber in QBERS:
        dice = np.random.default_rng(seed)
        plan = LdpcPlan.of(FRAMES_AT_ONCE * BASE_COLUMNS * LIFTINGS[-1], qber)
        sums = _Sums()
        while sums.bits < (size or 500_000_000):
            _correct(plan, qber, dice, sums)
        code = plan.code(0)
        edges = LANES * code.places.size * sums.iterations / sums.bits
        name = f"ldpc {qber:.0%}"
        yield Result(
            name=f"{name}: corrector",
            value=sums.bits / sums.corrector_seconds,
            unit="bit/s",
            peer="ldpc 2 (PyPI), min-sum",
            peer_value=_peer(qber, dice),
            limit=EDGES_A_SECOND / edges,
        )
        yield Result(name=f"{name}: reference", value=sums.bits / sums.reference_seconds, unit="bit/s")
        f = sums.leaked / (sums.bits * float(binary_entropy(qber)))
        yield Result(name=f"{name}: f", value=f, unit="", limit=1.0)
        yield Result(name=f"{name}: iterations", value=sums.iterations / sums.frames, unit="")
        yield Result(name=f"{name}: edges per bit", value=edges * sums.frames / sums.iterations, unit="")
        yield Result(name=f"{name}: frames of {plan.payload} bit", value=sums.frames, unit="")
        yield Result(name=f"{name}: frame errors", value=sums.failed / sums.frames, unit="")
        yield Result(name=f"{name}: lost frames", value=sums.lost / sums.frames, unit="")
        yield Result(name=f"{name}: wrong frames", value=sums.wrong / sums.frames, unit="")


def _flips(dice: np.random.Generator, bits: int, qber: float) -> Bits:
    """Independent errors."""
    found = np.zeros(bits, np.uint8)
    found[dice.choice(bits, dice.binomial(bits, qber), replace=False, shuffle=False)] = 1
    return found


def _correct(plan: LdpcPlan, qber: float, dice: np.random.Generator, sums: _Sums) -> None:
    """One key through both ends."""
    key = np.unpackbits(np.frombuffer(dice.bytes(plan.size // 8 + 1), np.uint8))[: plan.size]
    noisy = key ^ _flips(dice, plan.size, qber)
    reference, corrector = LdpcReference(key, plan), LdpcCorrector(noisy, plan)
    sent = [b""]

    def first() -> None:
        sent[0] = reference.syndrome()

    def more() -> None:
        sent[0] = reference.more(corrector.failed)

    sums.reference_seconds += processor_seconds(first)
    sums.corrector_seconds += processor_seconds(lambda: corrector.learn(sent[0]))
    sums.failed += corrector.failed.size
    sums.iterations += int(corrector.iterations.sum())
    while corrector.failed.size and corrector.rounds < ROUNDS:
        sums.reference_seconds += processor_seconds(more)
        sums.corrector_seconds += processor_seconds(lambda: corrector.learn_more(sent[0]))
    sums.bits += plan.size
    sums.frames += plan.frames
    sums.lost += corrector.failed.size
    sums.leaked += reference.leaked_bits
    errors = np.flatnonzero(corrector.key != key) // plan.payload
    sums.wrong += np.setdiff1d(errors, corrector.failed).size


def _peer(qber: float, dice: np.random.Generator) -> float | None:
    """Bits per second of min-sum of the package ``ldpc`` on shorter frames of our codes; None: not installed.

    Its time for a bit grows with the frame, so the shortest is in its favour.
    """
    try:
        from ldpc import BpDecoder  # noqa: PLC0415
    except ImportError:
        return None
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    code = LdpcPlan.of(BASE_COLUMNS * LIFTINGS[0], qber).code(0)
    lanes = np.arange(LANES)
    column, shift = np.divmod(code.places.astype(np.int64), LANES)
    bits = LANES * column[:, None] + (shift[:, None] + lanes) % LANES
    row = np.repeat(np.arange(code.rows), np.diff(code.starts))
    checks = LANES * row[:, None] + lanes
    shape = (LANES * code.rows, LANES * code.columns)
    matrix = csr_matrix((np.ones(bits.size, np.uint8), (checks.ravel(), bits.ravel())), shape=shape)
    decoder = BpDecoder(
        matrix,
        error_rate=qber,
        max_iter=ITERATIONS,
        bp_method="minimum_sum",
        ms_scaling_factor=0.75,
    )
    seconds = 0.0
    for _ in range(PEER_FRAMES):
        found = unpacked(syndrome(code, packed(_flips(dice, shape[1], qber))))
        seconds += processor_seconds(partial(decoder.decode, found))
    return PEER_FRAMES * shape[1] / seconds
