"""Driver of the transmitter's module: fires emulated light at the pace of the laser, answers the receiver."""

import asyncio

from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames
from qit4n.adapters.system import system_entropy
from qit4n.network.model import Link, Network
from qit4n.node.emulated import EmulatedDriver
from qit4n.node.journal import Journal
from qit4n.node.modules import Deliver
from qit4n.node.onetimekeys import OneTimeKeys
from qit4n.node.tasks import first_of
from qit4n.physics.bbm92 import BBM92
from qit4n.quantum.distillation import messages
from qit4n.quantum.distillation.transmitter import TransmitterSession
from qit4n.quantum.emulated.eavesdropper import InterceptResend
from qit4n.quantum.emulated.light import Light
from qit4n.quantum.emulated.pairs import EmulatedPairs
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter
from qit4n.refpoints import kq2

Source = EmulatedTransmitter | EmulatedPairs

CLICKS_PER_SEGMENT = 10_000
SEGMENT_LIMITS_S = (0.02, 0.5)
SEGMENTS_IN_FLIGHT = 4
LATE_LIMIT_S = 1.0
WAITING_BLOCKS = 2
WAIT_S = 0.05
SPEED_WINDOW_S = 2.0


class Pace:
    """Emulated time follows the clock: never ahead of it; when the machine is too slow, behind it, and says so."""

    def __init__(self, pulse_rate_hz: float, now: float) -> None:
        """Start at ``now`` with no pulse emitted."""
        self._rate = pulse_rate_hz
        self.restart(now)

    def restart(self, now: float) -> None:
        """Begin anew, after a rest."""
        self._due = now
        self._window_start = now
        self._emitted_s = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds to wait before the next segment may be emitted."""
        if now - self._due > LATE_LIMIT_S:
            self._due = now
        return max(0.0, self._due - now)

    def emitted(self, pulses: int) -> None:
        """Account for a segment."""
        self._due += pulses / self._rate
        self._emitted_s += pulses / self._rate

    def speed(self, now: float) -> float | None:
        """Emulated seconds per second of the clock over the last window, when one is complete."""
        elapsed = now - self._window_start
        if elapsed < SPEED_WINDOW_S:
            return None
        speed = self._emitted_s / elapsed
        self._window_start, self._emitted_s = now, 0.0
        return speed


class TransmitterDriver(EmulatedDriver):
    """The transmitter's end of a link. It opens both channels."""

    role = "transmitter"

    def __init__(  # noqa: PLR0917 - what a driver is made of
        self,
        network: Network,
        link: Link,
        keys: OneTimeKeys,
        journal: Journal,
        deliver: Deliver,
        credentials: Credentials,
    ) -> None:
        """Drive the transmitter of ``link``."""
        super().__init__(network, link, keys, journal, deliver)
        self._credentials = credentials
        self._may_run = asyncio.Event()
        self._may_run.set()
        seconds = CLICKS_PER_SEGMENT / self.prediction.sifted_rate_bps if self.prediction.sifted_rate_bps else 1.0
        low, high = SEGMENT_LIMITS_S
        self._segment_pulses = int(self.physics.pulse_rate_hz * min(max(seconds, low), high))
        self._credit = asyncio.Semaphore(SEGMENTS_IN_FLIGHT)

    def control(self, order: kq2.RunModule) -> None:
        """Kq-2: run, or rest because the stock is full."""
        if order.run:
            self._may_run.set()
        else:
            self._may_run.clear()

    async def hold_session(self) -> None:
        """Open both channels, fire and distil until one of them closes."""
        session_id = system_entropy(16).hex()
        opened = await self.open_channel(self._credentials, "classical", session_id)
        classical = opened.retype(messages.ClassicalMessage)
        quantum = (await self.open_channel(self._credentials, "quantum", session_id)).retype(Light)
        self._credit = asyncio.Semaphore(SEGMENTS_IN_FLIGHT)
        emulator = self._emulator()
        machine = TransmitterSession(self.settings(), system_entropy, self.keys.listed(), emulator.prepared)
        machine.last_block = self.keys.last_block
        if self.state.state in {"starting", "down"}:
            self.change(state="running")
        try:
            await first_of(
                self._fire(emulator, machine, quantum), self._discuss(emulator, machine, classical), quantum.closed()
            )
        finally:
            await classical.close()
            await quantum.close()

    async def _fire(self, emulator: Source, machine: TransmitterSession, quantum: Frames[Light]) -> None:
        eavesdropper, block_bits = self._eavesdropper(), self.settings().block_bits
        pace = Pace(self.physics.pulse_rate_hz, self.clock.now())
        while True:
            await self._rest(pace)
            await self._credit.acquire()
            while machine.sifted.key_bits > WAITING_BLOCKS * block_bits:  # noqa: ASYNC110 - machines wake nobody
                await asyncio.sleep(WAIT_S)
            await asyncio.sleep(pace.wait_s(self.clock.now()))
            light = await self.in_nature(emulator.emit, self._segment_pulses)
            if eavesdropper is not None:
                light = await self.in_nature(eavesdropper.tamper, light)
            await quantum.send(light)
            pace.emitted(self._segment_pulses)
            speed = pace.speed(self.clock.now())
            if speed is not None:
                self.change(emulation_speed=speed)

    async def _rest(self, pace: Pace) -> None:
        if self._may_run.is_set():
            return
        before = self.state.state
        self.change(state="resting")
        await self._may_run.wait()
        self.change(state="running" if before == "resting" else before)
        pace.restart(self.clock.now())

    def _emulator(self) -> Source:
        if isinstance(self.physics, BBM92):
            return EmulatedPairs(self.physics, self.dice)
        return EmulatedTransmitter(self.physics, self.dice)

    def _eavesdropper(self) -> InterceptResend | None:
        attack = self.link.eavesdropper
        return InterceptResend(attack.intercept_fraction, self.dice) if attack else None

    async def _discuss(
        self, emulator: Source, machine: TransmitterSession, classical: Frames[messages.ClassicalMessage]
    ) -> None:
        while True:
            message = await classical.receive()
            if isinstance(message, messages.Announce):
                self._credit.release()
            await self.step(classical, machine.receive, message, self.clock.now())
            if isinstance(message, messages.Announce):
                await self.in_thread(emulator.forget_before, message.first_slot + message.pulses)
