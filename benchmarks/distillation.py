"""Distillation: the steps, and the whole chain at both ends."""

from collections.abc import Iterator

import numpy as np

from benchmarks import Result, processor_seconds
from benchmarks.light import LINK
from qit4n.kernels.toeplitz import seed_bits, toeplitz_hash
from qit4n.physics.finite_key import binary_entropy
from qit4n.quantum.distillation import session
from qit4n.quantum.distillation.receiver import ReceiverSession
from qit4n.quantum.distillation.reconcile import CascadeCorrector, CascadeReference, Plan
from qit4n.quantum.distillation.transmitter import TransmitterSession
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter


def cascade(seed: int, size: int | None) -> Iterator[Result]:
    """Corrected bits per second of both ends together, efficiency f and rounds, at QBER 1, 2, 3 and 5 %."""
    bits = size or 200_000
    for qber in (0.01, 0.02, 0.03, 0.05):
        dice = np.random.default_rng(seed)
        key = dice.integers(0, 2, bits, np.uint8)
        errors = (dice.random(bits) < qber).astype(np.uint8)
        plan = Plan.of(bits, seed, qber)
        reference, corrector = CascadeReference(key, plan), CascadeCorrector(key ^ errors, plan)
        rounds = 0

        def work(reference: CascadeReference = reference, corrector: CascadeCorrector = corrector) -> None:
            nonlocal rounds
            while (question := corrector.question()) is not None:
                corrector.learn(reference.answer(question))
                rounds += 1

        seconds = processor_seconds(work)
        f = reference.leaked_bits / (bits * binary_entropy(float(errors.mean())))
        wrong = int(np.count_nonzero(corrector.key != key))
        yield Result(name=f"cascade {qber:.0%}: rate", value=bits / seconds, unit="bit/s")
        yield Result(name=f"cascade {qber:.0%}: f", value=f, unit="", limit=1.0)
        yield Result(name=f"cascade {qber:.0%}: round trips", value=rounds, unit="")
        yield Result(name=f"cascade {qber:.0%}: errors left", value=wrong, unit="")


def amplify(seed: int, size: int | None) -> Iterator[Result]:
    """Input bits per second of an exact Toeplitz hash, n to n/2."""
    bits = size or 1_000_000
    dice = np.random.default_rng(seed)
    key = dice.integers(0, 2, bits, np.uint8)
    diagonals = dice.integers(0, 2, seed_bits(bits, bits // 2), np.uint8)
    seconds = processor_seconds(lambda: toeplitz_hash(key, diagonals, bits // 2))
    yield Result(name="amplify", value=bits / seconds, unit="bit/s")


def distil(seed: int, size: int | None) -> Iterator[Result]:
    """Sifted bits per second through the whole chain, for each end, and what it yields."""
    block_bits = size or 200_000
    dice = np.random.default_rng(seed)
    laser, detectors = EmulatedTransmitter(LINK, dice), EmulatedReceiver(LINK, dice)
    settings = session.Settings(
        link="benchmark",
        block_bits=block_bits,
        epsilon_secrecy=1e-9,
        epsilon_correctness=1e-15,
        max_qber=0.08,
        physics=LINK,
    )
    keys = [("only", dice.bytes(64))]
    ends = {
        "transmitter": TransmitterSession(settings, dice.bytes, keys, laser.prepared),
        "receiver": ReceiverSession(settings, dice.bytes, keys),
    }
    seconds = {"transmitter": 0.0, "receiver": 0.0}
    inbox: dict[str, list[object]] = {"transmitter": [], "receiver": []}
    delivered = []

    def run(end: str, work: object) -> None:
        actions: list[session.Action] = []
        seconds[end] += processor_seconds(lambda: actions.extend(work()))  # type: ignore[operator]
        for action in actions:
            if isinstance(action, session.Send):
                inbox["receiver" if end == "transmitter" else "transmitter"].append(action.message)
            elif isinstance(action, session.Deliver):
                delivered.append(action.key)

    while len(delivered) < 2:
        light = laser.emit(20_000_000)
        found = detectors.detect(light)
        run(
            "receiver",
            lambda found=found, light=light: ends["receiver"].detected(found, light.first_slot, light.pulses, 0.0),
        )
        while inbox["transmitter"] or inbox["receiver"]:
            for end, machine in ends.items():
                if inbox[end]:
                    message = inbox[end].pop(0)
                    run(end, lambda machine=machine, message=message: machine.receive(message, 1.0))
    for end, spent in seconds.items():
        yield Result(name=f"distil: {end}", value=block_bits / spent, unit="bit/s")
    account = delivered[0].account
    yield Result(name="distil: secret per sifted bit", value=account.key_bits / account.sifted_bits, unit="")
