"""Drivers of emulated QKD modules: they run the emulator and a distillation session over two connections.

The transmitter's site connects to the receiver's site twice: the *quantum channel* carries emulated light, the
*classical channel* the authenticated discussion. Key managers see neither.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from qit4n.adapters.frames import Frames
from qit4n.entropy import Entropy
from qit4n.errors import QitError
from qit4n.network.model import Link, Network
from qit4n.network.switching import Timetable
from qit4n.node.journal import Journal
from qit4n.node.modules import Deliver, ModuleDriver
from qit4n.node.onetimekeys import OneTimeKeys
from qit4n.physics.decoy_bb84 import Prediction
from qit4n.physics.links import Physics
from qit4n.quantum.distillation import messages, session
from qit4n.quantum.link import physics_of, predict_lit
from qit4n.quantum.switched import LitShare
from qit4n.refpoints import kq1

FEW_BYTES = 2048

T = TypeVar("T")


class SessionOverError(QitError):
    """A block without key ended the session at both ends."""


class EmulatedDriver(ModuleDriver):
    """What both ends share: the threads, and the carrying out of actions."""

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
        """Drive one end of ``link``; behind an optical switch, in the slots of its ``timetable``."""
        super().__init__(network, link)
        self.physics: Physics = physics_of(network, link)
        self.prediction: Prediction = predict_lit(network, link)
        switch = network.switch_of(link)
        self.lit = LitShare(switch.period_s) if switch else None
        self.timetable = timetable
        self.keys = keys
        self.entropy = entropy
        self.dice = np.random.default_rng(int.from_bytes(entropy(16)))  # noqa: TID251 - the emulated nature
        self._journal = journal
        self._deliver = deliver
        self._nature = ThreadPoolExecutor(1, thread_name_prefix=f"light-{link.id}")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"module-{link.id}")
        self._in_order = asyncio.Lock()

    def settings(self) -> session.Settings:
        """What the file and the policies say of the distillation of this link."""
        policies, module = self.network.policies, self.network.modules[self.link.module]
        return session.Settings(
            link=self.link.id,
            block_bits=module.block_bits,
            epsilon_secrecy=policies.epsilon_secrecy,
            epsilon_correctness=policies.epsilon_correctness,
            max_qber=policies.max_qber,
            physics=self.physics,
        )

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run a step of the distillation beside the event loop, one at a time per module."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def in_nature(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run the emulation beside both: light goes on while a block is distilled."""
        return await asyncio.get_running_loop().run_in_executor(self._nature, work, *arguments)

    async def step(self, channel: Frames[Any], work: Callable[..., Sequence[session.Action]], *inputs: Any) -> None:
        """One step of the session: compute, then carry out its actions in order, each durable before the next.

        Steps never overlap: messages leave in the order in which the transcript has them. A few parities are no work
        for a thread, and there are thousands of such rounds in a block.
        """
        async with self._in_order:
            match inputs:
                case (messages.Parities(bits=bits), *_) if len(bits) <= FEW_BYTES:
                    actions = work(*inputs)
                case _:
                    actions = await self.in_thread(work, *inputs)
            for action in actions:
                await self._perform(action, channel)

    async def _perform(self, action: session.Action, channel: Frames[Any]) -> None:
        match action:
            case session.Send(message):
                await channel.send(message)
            case session.SpendKey(name):
                await self._journal.carry_out(await asyncio.to_thread(self.keys.spend, name))
            case session.Deliver(key, harvest):
                await self._deliver(key, self.keys.keep(*harvest))
                if isinstance(key.account, kq1.SecurityAccount):
                    self._account(key.account)
            case session.Abort():
                self._failed(action)
                raise SessionOverError(action.text)

    def _account(self, account: kq1.SecurityAccount) -> None:
        seconds = account.duration_s / self._share()
        self.made(
            account.key_bits + account.authentication_bits,
            seconds,
            qber=account.qber,
            sifted_rate_bps=account.sifted_bits / seconds,
        )

    def _share(self) -> float:
        """Share of the time with light: 1, but behind an optical switch as measured of whole rounds."""
        if self.timetable is None or self.lit is None:
            return 1.0
        slots = self.timetable.held_at(self.clock.now())
        planned = sum(slot.closes_s - slot.opens_s for slot in slots if slot.link == self.link.id)
        return self.lit.share or planned / self.timetable.switch.period_s or 1.0

    def _failed(self, abort: session.Abort) -> None:
        qber = abort.qber if abort.qber is not None else self.state.qber
        self.failed(abort.reason, abort.text, self.prediction.block_duration_s / self._share(), qber=qber)
