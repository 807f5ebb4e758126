"""Both ends of a link in memory: emulated modules, real sessions, messages through two queues."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import Intensities
from qit4n.physics.mdi import MDI
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.physics.single_photons import SinglePhotonBB84
from qit4n.physics.twinfield import TwinField
from qit4n.quantum.distillation import session
from qit4n.quantum.distillation.receiver import ReceiverSession
from qit4n.quantum.distillation.transmitter import TransmitterSession
from qit4n.quantum.emulated.middle import EmulatedMiddle, arm
from qit4n.quantum.emulated.pairs import EmulatedPairs
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter
from qit4n.quantum.emulated.twinfield import EmulatedPhases, EmulatedTwinMiddle

LINK = DecoyBB84(
    pulse_rate_hz=1e7,
    source=Intensities(means=(0.355, 0.1), probabilities=(0.24, 0.76)),
    key_basis_probability=0.69,
    channel_loss_db=3.0,
    receiver_loss_db=1.0,
    detector_efficiency=0.2,
    dark_count_probability=1e-6,
    misalignment=0.01,
    dead_time_s=1e-6,
    afterpulse_probability=0.01,
)
EMULATORS = {
    DecoyBB84: (EmulatedTransmitter, EmulatedReceiver),
    SinglePhotonBB84: (EmulatedTransmitter, EmulatedReceiver),
    BBM92: (EmulatedPairs, EmulatedReceiver),
    MDI: (EmulatedTransmitter, EmulatedMiddle),
    TwinField: (EmulatedPhases, EmulatedTwinMiddle),
    SendingOrNot: (EmulatedPhases, EmulatedTwinMiddle),
}


@dataclass
class Pair:
    """Two ends of one link. ``alter`` may change, drop (None) or pass on each message."""

    physics: DecoyBB84 | SinglePhotonBB84 | BBM92 | MDI | TwinField | SendingOrNot = LINK
    seed: int = 1
    block_bits: int = 50_000
    keys: int = 8
    max_qber: float = 0.08
    tamper_light: object = None
    delay_s: float = 0.0
    delivered: dict = field(default_factory=lambda: {"transmitter": [], "receiver": []})
    harvested: dict = field(default_factory=lambda: {"transmitter": [], "receiver": []})
    spent: dict = field(default_factory=lambda: {"transmitter": [], "receiver": []})
    aborts: dict = field(default_factory=lambda: {"transmitter": [], "receiver": []})
    sent: list = field(default_factory=list)

    def __post_init__(self):
        self.dice = np.random.default_rng(self.seed)
        self.order = random.Random(self.seed)
        self.now = 1000.0
        source, detectors = EMULATORS[type(self.physics)]
        self.laser = source(arm(self.physics, 0) if isinstance(self.physics, MDI) else self.physics, self.dice)
        self.detectors = detectors(self.physics, self.dice)
        settings = session.Settings(
            link="test",
            block_bits=self.block_bits,
            epsilon_secrecy=1e-9,
            epsilon_correctness=1e-15,
            max_qber=self.max_qber,
            physics=self.physics,
        )
        keys = [(f"psk/{number:05}", self.entropy(64)) for number in range(self.keys)]
        self.transmitter = TransmitterSession(settings, self.entropy, keys, self.laser.prepared)
        self.receiver = ReceiverSession(settings, self.entropy, list(keys))
        self.queues = {"transmitter": [], "receiver": []}
        self.alter = lambda message: message

    def entropy(self, size, /):
        return self.order.randbytes(size)

    def carry_out(self, end, actions):
        other = "receiver" if end == "transmitter" else "transmitter"
        for action in actions:
            if isinstance(action, session.Send):
                self.sent.append(action.message)
                message = self.alter(action.message)
                if message is not None:
                    self.queues[other].append(message)
            elif isinstance(action, session.Deliver):
                self.delivered[end].append(action.key)
                self.harvested[end].append(action.harvest)
            elif isinstance(action, session.SpendKey):
                self.spent[end].append(action.name)
            else:
                self.aborts[end].append(action)

    def fire(self, pulses=200_000):
        """One segment of light, and its announcement."""
        light = self.laser.emit(pulses)
        if self.tamper_light is not None:
            light = self.tamper_light.tamper(light)
        detections = self.detectors.detect(light)
        self.carry_out("receiver", self.receiver.detected(detections, light.first_slot, light.pulses, self.now))
        self.now += pulses / self.physics.pulse_rate_hz

    def talk(self, limit=10**9):
        """Deliver waiting messages in a random interleaving of the two directions, each after the delay of one way."""
        while limit and (self.queues["transmitter"] or self.queues["receiver"]):
            end = self.order.choice([end for end, queue in self.queues.items() if queue])
            message = self.queues[end].pop(0)
            self.now += self.delay_s
            machine = getattr(self, end)
            if machine.state != "over":
                self.carry_out(end, machine.receive(message, self.now))
            limit -= 1

    def run(self, blocks, segments=400, bunch=1):
        """Fire and talk until both ends have delivered ``blocks`` blocks, or one gave up."""
        for _ in range(segments):
            for _ in range(bunch):
                self.fire()
            self.talk()
            done = min(len(found) for found in self.delivered.values()) >= blocks
            if done or "over" in (self.transmitter.state, self.receiver.state):
                return self
        raise AssertionError("no block in time")


@pytest.fixture
def pair():
    """Make a pair: ``pair(block_bits=..., physics=...)``."""
    return Pair


@pytest.fixture
def link():
    """The physics of the test link."""
    return LINK
