"""Drivers of emulated QKD modules: they run the emulator and a distillation session over two connections.

The transmitter's site connects to the receiver's site twice: the *quantum channel* carries emulated light, the
*classical channel* the authenticated discussion. Key managers see neither; they get finished blocks at Kq-1 and
say at Kq-2 when the stock is full. Whatever goes wrong on a connection ends the session at both ends, and a new
one starts: bits are wasted, never repeated.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
import numpy as np

from qit4n.adapters.frames import Frames
from qit4n.adapters.system import SystemClock, system_entropy
from qit4n.errors import ProtocolError, QitError
from qit4n.keys.step import Step
from qit4n.network.model import Link, Network
from qit4n.node.journal import Journal
from qit4n.node.onetimekeys import OneTimeKeys
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import DecoyBB84, Prediction
from qit4n.quantum.distillation import messages, session
from qit4n.quantum.link import physics_of, predict
from qit4n.refpoints import Message, kq1, kq2

log = logging.getLogger(__name__)

RETRY_S = 0.2
RATE_BLOCKS = 20
FEW_BYTES = 2048

T = TypeVar("T")
Deliver = Callable[[kq1.QKDKey, Step], Awaitable[None]]


class SessionOverError(QitError):
    """A block without key ended the session at both ends."""


class ModuleDriver(ABC):
    """What both ends share: the thread, the state that is reported, and the carrying out of actions."""

    role = ""

    def __init__(self, network: Network, link: Link, keys: OneTimeKeys, journal: Journal, deliver: Deliver) -> None:
        """Drive one end of ``link``."""
        self.network = network
        self.link = link
        self.physics: DecoyBB84 | BBM92 = physics_of(network, link)
        self.prediction: Prediction = predict(network, link)
        self.keys = keys
        self.state = kq2.ModuleState(link=link.id, role=self.role, state="starting")
        self.clock = SystemClock()
        self.dice = np.random.default_rng(int.from_bytes(system_entropy(16)))  # noqa: TID251 - the emulated nature
        self._journal = journal
        self._deliver = deliver
        self._nature = ThreadPoolExecutor(1, thread_name_prefix=f"light-{link.id}")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"module-{link.id}")
        self._recent: deque[tuple[int, float]] = deque(maxlen=RATE_BLOCKS)
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

    async def run(self) -> None:
        """Hold a session whenever both ends are there; for ever."""
        while True:
            try:
                await self.hold_session()
            except (OSError, EOFError, TimeoutError, QitError) as error:
                log.info("link %s: session ended: %s", self.link.id, error or type(error).__name__)
            if self.state.state != "no-key":
                self.change(state="down")
            await asyncio.sleep(RETRY_S)

    @abstractmethod
    async def hold_session(self) -> None:
        """Connect, distil until something ends it."""

    def control(self, order: kq2.RunModule) -> None:
        """Kq-2: run, or rest because the stock is full. The receiver follows the light."""
        log.debug("link %s: the stock is %s", self.link.id, "below its limit" if order.run else "full")

    async def accept(self, peer: str, purpose: str, session_id: str, frames: Frames[Message]) -> None:
        """A channel that the other end opened."""
        frames.finished.set()
        raise ProtocolError(
            f"site {peer} opens the {purpose} channel {session_id} of link {self.link.id} to the transmitter"
        )

    def change(self, **values: Any) -> None:
        """Update the reported state."""
        self.state = msgspec.structs.replace(self.state, **values)

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
                self._account(key.account)
            case session.Abort():
                self._failed(action)
                raise SessionOverError(action.text)

    def _account(self, account: kq1.SecurityAccount) -> None:
        self._recent.append((account.key_bits + account.authentication_bits, account.duration_s))
        self.change(
            state="running" if self.state.state != "resting" else "resting",
            blocks=self.state.blocks + 1,
            qber=account.qber,
            sifted_rate_bps=account.sifted_bits / account.duration_s,
            secret_rate_bps=self._secret_rate(),
            reason="",
            detail="",
        )

    def _failed(self, abort: session.Abort) -> None:
        log.warning("link %s: block without key (%s): %s", self.link.id, abort.reason, abort.text)
        self._recent.append((0, self.prediction.block_duration_s))
        self.change(
            state="no-key",
            failed_blocks=self.state.failed_blocks + 1,
            secret_rate_bps=self._secret_rate(),
            reason=abort.reason,
            detail=abort.text,
            qber=abort.qber if abort.qber is not None else self.state.qber,
        )

    def _secret_rate(self) -> float:
        duration = sum(seconds for _, seconds in self._recent)
        return sum(bits for bits, _ in self._recent) / duration if duration else 0.0
