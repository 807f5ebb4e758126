"""Drivers of QKD modules: what is common to all of them.

A key manager sees finished blocks at Kq-1, and says at Kq-2 when the stock is full. Whether the modules are emulated
(``node/emulated.py``) or devices (``node/devices.py``), the transmitter's site, the first end of the link, connects to
the other one. Whatever goes wrong on a connection ends the session at both ends, and a new one starts: bits are
wasted, never repeated.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from qit4n.adapters import tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.system import SystemClock
from qit4n.errors import ProtocolError, QitError
from qit4n.keys.step import Step
from qit4n.network.model import Link, Network
from qit4n.node.peers import connect
from qit4n.node.tasks import first_of
from qit4n.refpoints import Message, kq1, kq2

log = logging.getLogger(__name__)

RETRY_S = 0.2
RATE_BLOCKS = 20

Deliver = Callable[[kq1.QKDKey, Step], Awaitable[None]]


class ModuleDriver(ABC):
    """One end of a link: its sessions, and the state that is reported."""

    role = ""

    def __init__(self, network: Network, link: Link) -> None:
        """Drive one end of ``link``."""
        self.network = network
        self.link = link
        self.state = kq2.ModuleState(link=link.id, role=self.role, state="starting")
        self.changed: Callable[[], None] = lambda: None  # called when another state is reported
        self.clock = SystemClock()
        self._cut, self._whole = asyncio.Event(), asyncio.Event()
        self._whole.set()
        self._recent: deque[tuple[int, float]] = deque(maxlen=RATE_BLOCKS)

    async def run(self) -> None:
        """Hold a session whenever both ends are there; for ever."""
        while True:
            await self._whole.wait()
            try:
                await first_of(self.hold_session(), self._until_cut())
            except (OSError, EOFError, TimeoutError, QitError) as error:
                log.info("link %s: session ended: %s", self.link.id, error or type(error).__name__)
            if self.state.state != "no-key" or self.is_cut:
                self.change(state="down", reason="", detail="")
            await asyncio.sleep(RETRY_S)

    @property
    def is_cut(self) -> bool:
        """Whether an operator emulates a fibre cut."""
        return self._cut.is_set()

    def cut_fibre(self, *, cut: bool) -> None:
        """Let nothing cross the channels of the link any more, or let it again."""
        if cut != self.is_cut:
            log.warning("link %s: its emulated fibre is %s", self.link.id, "cut" if cut else "healed")
        first, then = (self._whole, self._cut) if cut else (self._cut, self._whole)
        first.clear()
        then.set()

    async def _until_cut(self) -> None:
        await self._cut.wait()

    @abstractmethod
    async def hold_session(self) -> None:
        """Connect, make key until something ends it."""

    def control(self, order: kq2.RunModule) -> None:
        """Kq-2: run, or rest because the stock is full. The receiver's end follows the transmitter's."""
        log.debug("link %s: the stock is %s", self.link.id, "below its limit" if order.run else "full")

    async def accept(self, peer: str, purpose: str, session_id: str, frames: Frames[Message]) -> None:
        """A channel that the other end opened."""
        frames.finished.set()
        raise ProtocolError(
            f"site {peer} opens the {purpose} channel {session_id} of link {self.link.id} to the transmitter"
        )

    async def open_channel(self, credentials: Credentials, purpose: str, session_id: str) -> Frames[Message]:
        """A channel from the transmitter's site to the receiver's."""
        receiver = self.link.ends[1]
        hello = Hello(purpose=purpose, link=self.link.id, session=session_id)
        port = self.network.key_manager_port(receiver)
        host = self.network.site(receiver).host
        expected = tls.Identity(self.network.name, "site", receiver)
        return await connect(host, port, credentials, expected=expected, hello=hello)

    def change(self, **values: Any) -> None:
        """Update the reported state."""
        before, self.state = self.state, msgspec.structs.replace(self.state, **values)
        if self.state.state != before.state:
            self.changed()

    def made(self, bits: int, seconds: float, **values: Any) -> None:
        """Report a block with key."""
        self._recent.append((bits, seconds))
        self.change(
            state="running" if self.state.state != "resting" else "resting",
            blocks=self.state.blocks + 1,
            secret_rate_bps=self._secret_rate(),
            reason="",
            detail="",
            **values,
        )

    def failed(self, reason: str, detail: str, seconds: float, **values: Any) -> None:
        """Report that ``seconds`` passed for a block without key."""
        log.warning("link %s: block without key (%s): %s", self.link.id, reason, detail)
        self._recent.append((0, seconds))
        self.change(
            failed_blocks=self.state.failed_blocks + 1,
            secret_rate_bps=self._secret_rate(),
            reason=reason,
            detail=detail,
            **{"state": "no-key", **values},
        )

    def _secret_rate(self) -> float:
        duration = sum(seconds for _, seconds in self._recent)
        return sum(bits for bits, _ in self._recent) / duration if duration else 0.0
