"""Distillation: the steps, each beside its peer and its limit, and the whole chain at both ends."""

import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks import Result, missing_peer, processor_seconds
from benchmarks.light import LINK
from qit4n.kernels.toeplitz import seed_bits, toeplitz_hash
from qit4n.physics.rates import binary_entropy
from qit4n.quantum.distillation import messages, session
from qit4n.quantum.distillation.cascade import FRAME_BITS, CascadeEnd, CascadePlan
from qit4n.quantum.distillation.receiver import ReceiverSession
from qit4n.quantum.distillation.reconcile import choose
from qit4n.quantum.distillation.transmitter import TransmitterSession
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter
from qit4n.refpoints.kq1 import SecurityAccount

T = TypeVar("T")
QBERS = (0.01, 0.02, 0.03, 0.05)
PIECE_BYTES = 1 << 21
PARITY_S = 10e-9
"""Per parity that is asked, about three cache lines of the first or second level that are looked for and changed."""
CLMUL_PER_S = 1.2e10
"""Carry-less products of 64 bits per second: 4 a cycle at about 3 GHz (one 512-bit instruction)."""


class Clock:
    """Processor time of pieces of work, by name."""

    def __init__(self) -> None:
        """Nothing spent yet."""
        self.seconds: dict[str, float] = {}

    def run(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """Do some work on somebody's account."""
        results: list[T] = []
        spent = processor_seconds(lambda: results.append(work(*arguments)))
        self.seconds[name] = self.seconds.get(name, 0.0) + spent
        return results[0]


def noisy_pair(dice: np.random.Generator, bits: int, qber: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A packed key, and the same with errors."""
    key = dice.integers(0, 256, bits // 8, np.uint8)
    noisy = key.copy()
    for start in range(0, noisy.size, PIECE_BYTES):
        part = noisy[start : start + PIECE_BYTES]
        np.bitwise_xor(part, np.packbits(dice.random(8 * part.size) < qber), out=part)
    return key, noisy


def cascade_plan(bits: int, seed: int, qber: float, round_trip_s: float | None) -> CascadePlan:
    """The plan for ends so far apart, where Cascade keeps pace.

    Raises:
        TypeError: another method was chosen.
    """
    plan, why = choose(bits, seed, qber, round_trip_s=round_trip_s, fill_s=math.inf)
    if not isinstance(plan, CascadePlan):
        raise TypeError(why)
    return plan


def converse(reference: CascadeEnd, corrector: CascadeEnd, clock: Clock) -> int:
    """Carry parities between both ends; the number of messages of one end."""
    waiting, count = deque(clock.run("corrector", corrector.begin)), 0
    while waiting:
        group, bits = waiting.popleft()
        count += 1
        answer = clock.run("reference", reference.take, group, bits)
        if answer is not None and (more := clock.run("corrector", corrector.take, group, answer)) is not None:
            waiting.append((group, more))
    return count


def cascade(seed: int, size: int | None) -> Iterator[Result]:
    """Corrected bits per second of each end on a core of its own, efficiency f, frames that failed."""
    bits = (size or 256 * FRAME_BITS) // FRAME_BITS * FRAME_BITS
    for qber in QBERS:
        key, noisy = noisy_pair(np.random.default_rng(seed), bits, qber)
        true = float(np.bitwise_count(key ^ noisy).sum()) / bits
        plan, clock = cascade_plan(bits, seed, qber, None), Clock()
        reference = clock.run("reference", partial(CascadeEnd, key, plan, corrects=False))
        corrector = clock.run("corrector", partial(CascadeEnd, noisy, plan, corrects=True))
        messages = converse(reference, corrector, clock)
        left = np.unpackbits(corrector.key() ^ key).reshape(-1, FRAME_BITS).any(axis=1).sum()
        name, entropy = f"cascade {qber:.0%}", float(binary_entropy(true))
        limit = 1.0 / (entropy * PARITY_S)
        for end, spent in clock.seconds.items():
            peer = qkdpy_rate(qber, seed) if end == "corrector" else None
            yield Result(name=f"{name}: {end}", value=bits / spent, unit="bit/s", limit=limit, **named("qkdpy", peer))
        yield Result(name=f"{name}: f", value=corrector.leaked_bits / (bits * entropy), unit="", limit=1.0)
        yield Result(name=f"{name}: messages per frame", value=messages * FRAME_BITS / bits, unit="")
        yield Result(name=f"{name}: frames with errors left", value=int(left), unit="")


def named(peer: str, value: float | None) -> dict[str, Any]:
    """The fields of a result that tell of a peer, if it was measured."""
    return {} if value is None else {"peer": peer, "peer_value": value}


def qkdpy_rate(qber: float, seed: int, bits: int = 4096) -> float | None:
    """Bits per second of qkdpy's Cascade, both ends together as it runs them."""
    try:
        from qkdpy import ErrorCorrection  # noqa: PLC0415
    except ImportError:
        missing_peer("qkdpy")
        return None
    key, noisy = (np.unpackbits(one).tolist() for one in noisy_pair(np.random.default_rng(seed), bits, qber))
    random.seed(seed)
    return bits / processor_seconds(lambda: ErrorCorrection.cascade(key, noisy))


def cascade_distant(seed: int, size: int | None) -> Iterator[Result]:
    """Corrected bits per second over a long way: measured work of both ends, each on a core, and simulated delay.

    An end works on what has arrived, in the order of arrival, for as long as its work takes on the processor; a
    message arrives half a round trip after its work is done.
    """
    for round_trip_s in (0.001, 0.01, 0.05):
        bits = size or (1 << 28 if round_trip_s < 0.005 else 1 << 30)
        qber = 0.02
        key, noisy = noisy_pair(np.random.default_rng(seed), bits, qber)
        plan, clock = cascade_plan(bits, seed, qber, round_trip_s), Clock()
        ends = {
            "reference": CascadeEnd(key, plan, corrects=False),
            "corrector": CascadeEnd(noisy, plan, corrects=True),
        }
        free = dict.fromkeys(ends, 0.0)
        waiting = deque((round_trip_s / 2, "reference", *said) for said in ends["corrector"].begin())
        while waiting:
            arrival, end, group, said = waiting.popleft()
            before = clock.seconds.get(end, 0.0)
            answer = clock.run(end, ends[end].take, group, said)
            free[end] = max(arrival, free[end]) + clock.seconds[end] - before
            if answer is not None:
                other = "corrector" if end == "reference" else "reference"
                waiting.append((free[end] + round_trip_s / 2, other, group, answer))
        seconds = max(free.values())
        name = f"cascade over {round_trip_s * 1e3:g} ms"
        busy = max(clock.seconds.values())
        yield Result(name=name, value=bits / seconds, unit="bit/s", limit=bits / busy)
        true = float(np.bitwise_count(key ^ noisy).sum()) / bits
        f = ends["corrector"].leaked_bits / (bits * float(binary_entropy(true)))
        yield Result(name=f"{name}: f", value=f, unit="", limit=1.0)


def amplify(seed: int, size: int | None) -> Iterator[Result]:
    """Input bits per second of an exact Toeplitz hash, n to n/2; the peer's bits are the same."""
    dice = np.random.default_rng(seed)
    for inputs in (size,) if size else (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000):
        outputs = inputs // 2
        key = dice.integers(0, 256, inputs // 8, np.uint8)
        diagonals = dice.integers(0, 256, (seed_bits(inputs, outputs) + 7) // 8, np.uint8)
        toeplitz_hash(key, inputs, diagonals, outputs)
        rounds = max(1, 10_000_000 // inputs)
        seconds = processor_seconds(
            lambda: [toeplitz_hash(key, inputs, diagonals, outputs) for _ in range(rounds)]  # noqa: B023
        )
        peer = randextract_rate(key, diagonals, inputs, outputs) if inputs <= 1_000_000 else None
        limit = inputs / (toeplitz_products(inputs, outputs) / CLMUL_PER_S)
        yield Result(
            name=f"amplify {inputs:.0e}",
            value=rounds * inputs / seconds,
            unit="bit/s",
            limit=limit,
            **named("randextract", peer),
        )


def toeplitz_products(inputs: int, outputs: int) -> float:
    """Carry-less products that the additive FFT takes: two per butterfly and point, of 2^16 points at most."""
    points = min(1 << 16, 1 << ((2 * inputs + outputs) // 32 - 1).bit_length())
    butterflies = 3 * points / 2 * (points.bit_length() - 1)
    pieces = max(1.0, (inputs + outputs) / (32.0 * points))
    return 2.0 * pieces * (butterflies + points)


def randextract_rate(key: NDArray[np.uint8], seed: NDArray[np.uint8], inputs: int, outputs: int) -> float | None:
    """Bits per second of randextract's Toeplitz extractor.

    Raises:
        AssertionError: it gives other bits.
    """
    try:
        from galois import GF2  # noqa: PLC0415
        from randextract import RandomnessExtractor  # noqa: PLC0415
    except ImportError:
        missing_peer("randextract")
        return None
    extractor = RandomnessExtractor.create("toeplitz", input_length=inputs, output_length=outputs)
    diagonals = np.unpackbits(seed, count=seed_bits(inputs, outputs))
    bits, turned = GF2(np.unpackbits(key, count=inputs)), GF2(np.roll(diagonals, -(inputs - 1)))
    found: list[Any] = []
    seconds = processor_seconds(lambda: found.append(extractor.extract(bits, turned)))
    ours = np.unpackbits(toeplitz_hash(key, inputs, seed, outputs), count=outputs)
    if not np.array_equal(ours, np.asarray(found[0])):
        raise AssertionError("randextract gives other bits")
    return inputs / seconds


def distil(seed: int, size: int | None) -> Iterator[Result]:
    """Sifted to secret bits through the whole chain, for each end on a core of its own, and what it yields.

    Sifting, which works on detections, stands apart.
    """
    block_bits = size or 4_000_000
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
    receiver = ReceiverSession(settings, dice.bytes, keys)
    ends: dict[str, session.Session] = {
        "transmitter": TransmitterSession(settings, dice.bytes, keys, laser.prepared),
        "receiver": receiver,
    }
    clock = Clock()
    inbox: dict[str, deque[Any]] = {"transmitter": deque(), "receiver": deque()}
    accounts: list[SecurityAccount] = []

    def run(end: str, name: str, work: Callable[..., list[session.Action]], *arguments: Any) -> None:
        for action in clock.run(name, work, *arguments):
            if isinstance(action, session.Send):
                inbox["receiver" if end == "transmitter" else "transmitter"].append(action.message)
            elif isinstance(action, session.Deliver) and isinstance(action.key.account, SecurityAccount):
                accounts.append(action.key.account)

    while len(accounts) < len(ends):
        light = laser.emit(20_000_000)
        found = detectors.detect(light)
        run("receiver", "receiver, sifting", receiver.detected, found, light.first_slot, light.pulses, 0.0)
        while any(inbox.values()):
            for end, machine in ends.items():
                if inbox[end]:
                    message = inbox[end].popleft()
                    sifting = isinstance(message, messages.Announce | messages.Sifted)
                    run(end, f"{end}, sifting" if sifting else end, machine.receive, message, 1.0)
    secret = accounts[0].key_bits / accounts[0].sifted_bits
    for name, spent in sorted(clock.seconds.items()):
        yield Result(name=f"distil: {name}", value=block_bits / spent, unit="bit/s")
    slowest = max(clock.seconds[end] for end in ends)
    cores = 115.8e6 / (block_bits / slowest * secret)
    yield Result(name="distil: cores of an end for 115.8 Mbit/s secret", value=cores, unit="")
    yield Result(name="distil: secret per sifted bit", value=secret, unit="")
