"""Driver of the transmitter's module: fires emulated light at the pace of the laser, answers the receiver."""

import asyncio

import msgspec

from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames
from qit4n.adapters.system import system_entropy
from qit4n.entropy import Entropy
from qit4n.network.model import Link, Network
from qit4n.network.switching import Timetable, Window
from qit4n.node.emulated import EmulatedDriver
from qit4n.node.journal import Journal
from qit4n.node.modules import Deliver
from qit4n.node.onetimekeys import OneTimeKeys
from qit4n.node.tasks import first_of
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.mdi import MDI
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.physics.twinfield import TwinField
from qit4n.physics.twosenders import TwinFields
from qit4n.quantum.channel import arms, fading
from qit4n.quantum.distillation import messages
from qit4n.quantum.distillation.transmitter import TransmitterSession
from qit4n.quantum.emulated.eavesdropper import CountedPhotons, GuessedPhase, InterceptResend
from qit4n.quantum.emulated.fades import Fades, Source, retune
from qit4n.quantum.emulated.light import Light
from qit4n.quantum.emulated.middle import arm
from qit4n.quantum.emulated.pairs import EmulatedPairs
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter
from qit4n.quantum.emulated.twinfield import EmulatedPhases
from qit4n.quantum.passes import EmulatedTime, Schedule, moment_text
from qit4n.refpoints import kq2

CLICKS_PER_SEGMENT = 10_000
SEGMENT_LIMITS_S = (0.02, 0.5)
SEGMENTS_IN_FLIGHT = 4
LATE_LIMIT_S = 1.0
WAITING_BLOCKS = 2
WAIT_S = 0.05
NO_PASS = "no-pass"  # noqa: S105 - a satellite's
LONGEST_WAIT_S = 60.0
SPEED_WINDOW_S = 2.0
LEAST_SEGMENT_S = 1e-3


class Pace:
    """Emulated time follows the clock: never ahead of it; when the machine is too slow, behind it, and says so."""

    def __init__(self, pulse_rate_hz: float, now: float) -> None:
        """Start at ``now`` with no pulse emitted."""
        self._rate = pulse_rate_hz
        self.restart(now)

    def restart(self, now: float) -> None:
        """Begin anew, after a rest."""
        self.due = now
        self._window_start = now
        self._emitted_s = 0.0
        self._dark_s = 0.0

    def skip(self, at: float) -> None:
        """Leave out the time until ``at``, in which light could have passed: emulated time falls behind."""
        self.due = max(self.due, at)

    def jump(self, at: float) -> None:
        """Leave out the time until ``at``, in which no light passes."""
        self._dark_s += max(0.0, at - self.due)
        self.due = at

    def wait_s(self, now: float) -> float:
        """Seconds to wait before the next segment may be emitted."""
        if now - self.due > LATE_LIMIT_S:
            self.due = now
        return max(0.0, self.due - now)

    def emitted(self, pulses: int) -> None:
        """Account for a segment."""
        self.due += pulses / self._rate
        self._emitted_s += pulses / self._rate

    def speed(self, now: float) -> float | None:
        """Emulated seconds per second of the clock over the last window, when one is complete."""
        elapsed = now - self._window_start
        if elapsed < SPEED_WINDOW_S:
            return None
        speed = (self._emitted_s + self._dark_s) / elapsed
        self._window_start, self._emitted_s, self._dark_s = now, 0.0, 0.0
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
        entropy: Entropy,
        timetable: Timetable | None,
        credentials: Credentials,
    ) -> None:
        """Drive the transmitter of ``link``."""
        super().__init__(network, link, keys, journal, deliver, entropy, timetable)
        self._credentials = credentials
        self._slot: Window | None = None
        self._may_run = asyncio.Event()
        self._may_run.set()
        seconds = CLICKS_PER_SEGMENT / self.prediction.sifted_rate_bps if self.prediction.sifted_rate_bps else 1.0
        low, high = SEGMENT_LIMITS_S
        self._overhead = Schedule(network, link) if link.medium.orbit is not None else None
        self._time = EmulatedTime(network.emulation.speed if self._overhead else 1.0, self.clock.now())
        self._line = arm(self.physics, 0) if isinstance(self.physics, MDI) else self.physics
        [way, *_] = arms(network.modules[link.module], link.medium)
        self._fades = Fades.of(fading(way), way, self.physics.pulse_rate_hz, self.dice)
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
        machine = TransmitterSession(self.settings(), self.entropy, self.keys.listed(), emulator.prepared)
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
        pace = Pace(self.physics.pulse_rate_hz * self._time.speed, self.clock.now())
        while True:
            await self._rest(pace)
            if self._overhead is not None and not await self._follow(self._overhead, emulator, pace):
                continue
            await self._credit.acquire()
            while machine.sifted.waiting > WAITING_BLOCKS * block_bits:  # noqa: ASYNC110 - machines wake nobody
                await asyncio.sleep(WAIT_S)
            pulses = await self._turn(pace)
            light = await self.in_nature(self._emit, emulator, pulses)
            if eavesdropper is not None:
                light = await self.in_nature(eavesdropper.tamper, light)
            if self.lit is not None:
                light = msgspec.structs.replace(light, emitted_at=pace.due)
                self.lit.lit(pace.due, pulses / self.physics.pulse_rate_hz)
            await quantum.send(light)
            pace.emitted(pulses)
            self._time.lit(pulses / self.physics.pulse_rate_hz, self.clock.now())
            speed = pace.speed(self.clock.now())
            if speed is not None:
                self.change(emulation_speed=speed)

    async def _turn(self, pace: Pace) -> int:
        """Wait until the next segment is due, behind an optical switch until its slot is open; its pulses."""
        if self.timetable is None:
            await asyncio.sleep(pace.wait_s(self.clock.now()))
            return self._segment_pulses
        while True:
            now = self.clock.now()
            window = self.timetable.window(self.link.id, pace.due)
            if window is None:
                pace.skip(now)
                await asyncio.sleep(WAIT_S)
            elif window.opens_at < pace.due and window != self._slot:
                pace.skip(window.closes_at)  # it was open when the module began: only whole slots are used
            elif window != self._slot and now - window.opens_at > LATE_LIMIT_S:
                pace.skip(window.closes_at)  # too late to begin with it
            else:
                self._slot = window
                pace.jump(max(pace.due, window.opens_at))
                await asyncio.sleep(max(0.0, pace.due - now))
                left = int((window.closes_at - pace.due) * self.physics.pulse_rate_hz)
                if left > self.physics.pulse_rate_hz * LEAST_SEGMENT_S:
                    return min(left, self._segment_pulses)
                pace.jump(window.closes_at)

    async def _rest(self, pace: Pace) -> None:
        if self._may_run.is_set():
            return
        before = self.state.state
        self.change(state="resting")
        await self._may_run.wait()
        self.change(state="running" if before == "resting" else before)
        self._time.idle(self.clock.now())
        pace.restart(self.clock.now())
        self._slot = None

    async def _follow(self, overhead: Schedule, emulator: Source, pace: Pace) -> bool:
        """Aim at the satellite where it is now; without a pass rest until the next one, or a while, and say so."""
        moment = await self.in_nature(overhead.moment, self._time.seconds)
        if moment is not None:
            if self.state.reason == NO_PASS:
                self.change(state="running", reason="", detail="")
                pace.restart(self.clock.now())
            self._line = self._line.through(moment.loss_db)
            self._fades = Fades.of(moment.fading, self.link.medium, self.physics.pulse_rate_hz, self.dice)
            if self._fades is None:
                retune(emulator, self._line)
            return True
        start_s = await self.in_nature(overhead.next_start_s, self._time.idle(self.clock.now()))
        if start_s is None:
            detail, wait_s = "no pass within 30 days", LONGEST_WAIT_S
        else:
            detail = f"next pass at {moment_text(self.network, start_s)} of emulated time"
            wait_s = max(0.0, (start_s - self._time.seconds) / self._time.speed)
        self.change(state="resting", reason=NO_PASS, detail=detail)
        await asyncio.sleep(min(wait_s + 1e-3, LONGEST_WAIT_S))
        self._time.idle(self.clock.now())
        return False

    def _emulator(self) -> Source:
        match self._line:
            case BBM92() as line:
                return EmulatedPairs(line, self.dice)
            case TwinFields() as line:
                return EmulatedPhases(line, self.dice)
            case line:
                return EmulatedTransmitter(line, self.dice)

    def _emit(self, emulator: Source, pulses: int) -> Light:
        if self._fades is None:
            return emulator.emit(pulses)
        return self._fades.emit(emulator, self._line, pulses)

    def _eavesdropper(self) -> InterceptResend | GuessedPhase | CountedPhotons | None:
        attack = self.link.eavesdropper
        if attack is None:
            return None
        if isinstance(self.physics, TwinField):
            return GuessedPhase(attack.intercept_fraction, self.physics.key_intensity, self.dice)
        if isinstance(self.physics, SendingOrNot):
            return CountedPhotons(attack.intercept_fraction, self.dice)
        return InterceptResend(attack.intercept_fraction, self.dice)

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
