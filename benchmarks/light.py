"""Emulated light: how many detections a second."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import numpy as np

from benchmarks import Result, processor_seconds
from qit4n.kernels.sampling import Stream, successes
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import Intensities
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter

T = TypeVar("T")

LINK = DecoyBB84(
    pulse_rate_hz=1e9,
    source=Intensities(means=(0.355, 0.1), probabilities=(0.24, 0.76)),
    key_basis_probability=0.69,
    channel_loss_db=14.0,
    receiver_loss_db=1.0,
    detector_efficiency=0.2,
    dark_count_probability=1e-7,
    misalignment=0.01,
    dead_time_s=0.0,
    afterpulse_probability=0.0,
)
PULSES = 500_000_000
SEGMENTS = 25
CLICK_PROBABILITY = 1e-3
VECTOR_OPERATIONS_PER_S = 6e9
"""Two a cycle at about 3 GHz, on eight numbers of 64 bits each."""
OPERATIONS_PER_CLICK = {"places": 45, "emitted": 75, "detected": 110}
"""Counted in the source: random word 12, logarithm 25, sum 8; state and photons 30; dead time, basis and route 110."""


def detections(seed: int, size: int | None) -> Iterator[Result]:
    """Clicks and pulses per second; peer: one uniform draw per pulse.

    ``places`` is the sampling of the pulses that matter alone, at click probability 1e-3; then what the emulated
    modules do with them, and both together.
    """
    pulses = (size or PULSES) // SEGMENTS
    dice = np.random.default_rng(seed)
    transmitter, receiver = EmulatedTransmitter(LINK, dice), EmulatedReceiver(LINK, dice)
    clicks = dict.fromkeys(OPERATIONS_PER_CLICK, 0)
    seconds = dict.fromkeys(OPERATIONS_PER_CLICK, 0.0)

    def timed(name: str, work: Callable[[], T], count: Callable[[T], int]) -> T:
        results: list[T] = []
        seconds[name] += processor_seconds(lambda: results.append(work()))
        clicks[name] += count(results[0])
        return results[0]

    for _ in range(SEGMENTS):
        timed("places", lambda: successes(pulses, CLICK_PROBABILITY, Stream.drawn(dice)), lambda found: found.size)
        light = timed("emitted", lambda: transmitter.emit(pulses), lambda found: len(found.photons))
        timed("detected", partial(receiver.detect, light), lambda found: found.slots.size)
        transmitter.forget_before(light.first_slot + light.pulses)
    for name, count in clicks.items():
        limit = 8 * VECTOR_OPERATIONS_PER_S / OPERATIONS_PER_CLICK[name]
        yield Result(name=f"detections: {name}", value=count / seconds[name], unit="1/s", limit=limit)
    chain = seconds["emitted"] + seconds["detected"]
    yield Result(name="detections: clicks of the chain", value=clicks["detected"] / chain, unit="1/s")
    drawn = 1_000_000
    naive = drawn / processor_seconds(lambda: np.count_nonzero(dice.random(drawn) < CLICK_PROBABILITY))
    peer: dict[str, Any] = {"peer": "numpy, one draw a pulse", "peer_value": naive}
    yield Result(name="detections: pulses", value=SEGMENTS * pulses / seconds["places"], unit="1/s", **peer)
    yield Result(name="detections: pulses of the chain", value=SEGMENTS * pulses / chain, unit="1/s", **peer)
