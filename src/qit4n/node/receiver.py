"""Driver of the receiver's module: detects emulated light and leads the discussion of each block."""

import asyncio
import logging

from qit4n.adapters.frames import Frames
from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError
from qit4n.network.model import Link, Network
from qit4n.network.switching import Timetable
from qit4n.node.emulated import EmulatedDriver
from qit4n.node.journal import Journal
from qit4n.node.modules import Deliver
from qit4n.node.onetimekeys import OneTimeKeys
from qit4n.node.tasks import first_of
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import BB84
from qit4n.physics.links import Physics
from qit4n.physics.mdi import MDI
from qit4n.physics.twosenders import TwinFields
from qit4n.quantum.channel import arms, changes_at_s, fading
from qit4n.quantum.distillation import messages
from qit4n.quantum.distillation.receiver import ReceiverSession
from qit4n.quantum.emulated.fades import Fades
from qit4n.quantum.emulated.light import Light
from qit4n.quantum.emulated.middle import EmulatedMiddle
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.twinfield import EmulatedTwinMiddle
from qit4n.quantum.link import physics_of
from qit4n.refpoints import Message

Emulator = EmulatedReceiver | EmulatedMiddle | EmulatedTwinMiddle

log = logging.getLogger(__name__)

QUIET_LIMIT_S = 3.0
CHANNELS = ("classical", "quantum")


class ReceiverDriver(EmulatedDriver):
    """The receiver's end of a link. It waits for both channels."""

    role = "receiver"

    def __init__(  # noqa: PLR0917 - what a driver is made of
        self,
        network: Network,
        link: Link,
        keys: OneTimeKeys,
        journal: Journal,
        deliver: Deliver,
        entropy: Entropy,
        timetable: Timetable | None,
    ) -> None:
        """Drive the receiver of ``link``."""
        super().__init__(network, link, keys, journal, deliver, entropy, timetable)
        self._quiet_limit_s = max(QUIET_LIMIT_S, 2.0 * timetable.switch.period_s if timetable else 0.0)
        self._waiting: dict[str, dict[str, Frames[Message]]] = {}
        self._complete: asyncio.Queue[tuple[Frames[Message], Frames[Message]]] = asyncio.Queue()
        self._current: set[Frames[Message]] = set()
        self._changes = list(changes_at_s(link.medium))
        self._began = self.clock.now()

    async def accept(self, peer: str, purpose: str, session_id: str, frames: Frames[Message]) -> None:
        """Keep a channel that the transmitter opened; a session starts when both of it are there."""
        if peer != self.link.ends[0] or purpose not in CHANNELS:
            raise ProtocolError(f"site {peer} is not the transmitter of link {self.link.id}")
        if self.is_cut:
            raise ProtocolError(f"the emulated fibre of link {self.link.id} is cut")
        pair = self._waiting.setdefault(session_id, {})
        pair[purpose] = frames
        if len(pair) == len(CHANNELS):
            self._waiting.clear()
            self._complete.put_nowait((pair["classical"], pair["quantum"]))
        await frames.finished.wait()

    async def hold_session(self) -> None:
        """Take the newest pair of channels and distil until one of them closes."""
        classical_channel, quantum_channel = await self._complete.get()
        while not self._complete.empty():
            classical_channel, quantum_channel = self._complete.get_nowait()
        classical = classical_channel.retype(messages.ClassicalMessage)
        quantum = quantum_channel.retype(Light)
        machine = ReceiverSession(self.settings(), self.entropy, self.keys.listed())
        if self.state.state in {"starting", "down"}:
            self.change(state="running")
        try:
            await first_of(self._detect(machine, classical, quantum), self._discuss(machine, classical))
        finally:
            await classical_channel.close()
            await quantum_channel.close()

    async def _detect(
        self,
        machine: ReceiverSession,
        classical: Frames[messages.ClassicalMessage],
        quantum: Frames[Light],
    ) -> None:
        emulator = self._emulator()
        while True:
            light = self._switched(await self._next_light(quantum))
            if self._changes and self.clock.now() - self._began >= self._changes[0]:
                self._retune(emulator)
            detections = await self.in_nature(emulator.detect, light)
            await self.step(classical, machine.detected, detections, light.first_slot, light.pulses, self.clock.now())

    def _emulator(self) -> Emulator:
        match self._physics_now():
            case MDI() as link:
                [*_, way] = arms(self.network.modules[self.link.module], self.link.medium)
                return EmulatedMiddle(link, self.dice, Fades.of(fading(way), way, link.pulse_rate_hz, self.dice))
            case TwinFields() as link:
                return EmulatedTwinMiddle(link, self.dice)
            case link:
                return EmulatedReceiver(link, self.dice)

    def _retune(self, emulator: Emulator) -> None:
        match emulator, self._physics_now():
            case EmulatedMiddle(), MDI() as link:
                emulator.retune(link)
            case EmulatedTwinMiddle(), TwinFields() as link:
                emulator.retune(link)
            case EmulatedReceiver(), BB84() | BBM92() as link:
                emulator.retune(link)

    def _physics_now(self) -> Physics:
        """The link as it is now: neighbours in the fibre light up one after the other."""
        elapsed = self.clock.now() - self._began
        while self._changes and elapsed >= self._changes[0]:
            self._changes.pop(0)
        return physics_of(self.network, self.link, elapsed)

    def _switched(self, light: Light) -> Light:
        """What the optical switch lets through: nothing outside of the link's slots."""
        if self.timetable is None or self.lit is None:
            return light
        seconds = light.pulses / self.physics.pulse_rate_hz
        if self.timetable.passes(self.link.id, light.emitted_at, light.emitted_at + seconds):
            self.lit.lit(light.emitted_at, seconds)
            return light
        log.info("link %s: light outside of its slot is lost in the switch", self.link.id)
        return Light(first_slot=light.first_slot, pulses=light.pulses, slots=b"", photons=b"", states=b"")

    async def _next_light(self, quantum: Frames[Light]) -> Light:
        """The next segment; while none comes because the transmitter rests, the state says so."""
        coming = asyncio.ensure_future(quantum.receive())
        try:
            done, _ = await asyncio.wait({coming}, timeout=self._quiet_limit_s)
            if done:
                return coming.result()
            before = self.state.state
            self.change(state="resting")
            light = await coming
            self.change(state="running" if before == "resting" else before)
            return light
        finally:
            coming.cancel()

    async def _discuss(self, machine: ReceiverSession, classical: Frames[messages.ClassicalMessage]) -> None:
        while True:
            message = await classical.receive()
            await self.step(classical, machine.receive, message, self.clock.now())
