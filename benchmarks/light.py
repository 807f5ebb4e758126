"""Emulated light: how many detections a second."""

from collections.abc import Iterator

import numpy as np

from benchmarks import Result, processor_seconds
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import Intensities
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter

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


def detections(seed: int, size: int | None) -> Iterator[Result]:
    """Clicks and pulses per second, transmitter and receiver together; peer: one uniform draw per pulse."""
    pulses = size or PULSES
    dice = np.random.default_rng(seed)
    transmitter, receiver = EmulatedTransmitter(LINK, dice), EmulatedReceiver(LINK, dice)
    clicks = 0

    def work() -> None:
        nonlocal clicks
        for _ in range(10):
            light = transmitter.emit(pulses // 10)
            clicks += receiver.detect(light).slots.size
            transmitter.forget_before(light.first_slot + light.pulses)

    seconds = processor_seconds(work)
    drawn = min(pulses, 20_000_000)
    naive = drawn / processor_seconds(lambda: np.count_nonzero(dice.random(drawn) < 1e-3))
    yield Result(name="detections: clicks", value=clicks / seconds, unit="1/s")
    yield Result(
        name="detections: pulses", value=pulses / seconds, unit="1/s", peer="numpy, one draw a pulse", peer_value=naive
    )
