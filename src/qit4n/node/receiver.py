"""Driver of the receiver's module: detects emulated light and leads the discussion of each block."""

import asyncio

from qit4n.adapters.frames import Frames
from qit4n.adapters.system import system_entropy
from qit4n.errors import ProtocolError
from qit4n.network.model import Link, Network
from qit4n.node.emulated import EmulatedDriver
from qit4n.node.journal import Journal
from qit4n.node.modules import Deliver
from qit4n.node.onetimekeys import OneTimeKeys
from qit4n.node.tasks import first_of
from qit4n.quantum.distillation import messages
from qit4n.quantum.distillation.receiver import ReceiverSession
from qit4n.quantum.emulated.light import Light
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.refpoints import Message

QUIET_LIMIT_S = 3.0
CHANNELS = ("classical", "quantum")


class ReceiverDriver(EmulatedDriver):
    """The receiver's end of a link. It waits for both channels."""

    role = "receiver"

    def __init__(self, network: Network, link: Link, keys: OneTimeKeys, journal: Journal, deliver: Deliver) -> None:
        """Drive the receiver of ``link``."""
        super().__init__(network, link, keys, journal, deliver)
        self._waiting: dict[str, dict[str, Frames[Message]]] = {}
        self._complete: asyncio.Queue[tuple[Frames[Message], Frames[Message]]] = asyncio.Queue()
        self._current: set[Frames[Message]] = set()

    async def accept(self, peer: str, purpose: str, session_id: str, frames: Frames[Message]) -> None:
        """Keep a channel that the transmitter opened; a session starts when both of it are there."""
        if peer != self.link.ends[0] or purpose not in CHANNELS:
            raise ProtocolError(f"site {peer} is not the transmitter of link {self.link.id}")
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
        machine = ReceiverSession(self.settings(), system_entropy, self.keys.listed())
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
        emulator = EmulatedReceiver(self.physics, self.dice)
        while True:
            light = await self._next_light(quantum)
            detections = await self.in_nature(emulator.detect, light)
            await self.step(classical, machine.detected, detections, light.first_slot, light.pulses, self.clock.now())

    async def _next_light(self, quantum: Frames[Light]) -> Light:
        """The next segment; while none comes because the transmitter rests, the state says so."""
        coming = asyncio.ensure_future(quantum.receive())
        try:
            done, _ = await asyncio.wait({coming}, timeout=QUIET_LIMIT_S)
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
