"""Drivers of links with devices: finished key comes over a standard interface, and goes to Kq-1 at both ends.

The first end of the link draws fresh keys while the stock is below its limit, tells the other end their ids, and the
other one fetches the same keys by these ids. A block is durable at the second end before the first one hears of it.
Whatever is lost on the way is wasted: no key is asked for twice, and none is used of which an end is not sure.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeVar

from qit4n.adapters.frames import Frames
from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError, QitError
from qit4n.keys.step import Step
from qit4n.network.model import Link, Network
from qit4n.node.modules import Deliver, ModuleDriver
from qit4n.quantum.keyids import DeviceMessage
from qit4n.refpoints import kq1
from qit4n.service.sharedkey import SharedKey

LEAST_BLOCK_BITS = 2048
BLOCK_BITS = 65_536
SHARE_OF_STOCK = 8
GROWTH = 4
WAIT_S = 0.5
PROBE_S = 3.0
EMPTY_LIMIT_S = 10.0
PATIENCE_S = 10.0
NO_KEY_NOW = 503
REMEMBERED = 10_000

DEVICE_ERRORS = (PeerUnreachableError, CertificateError, KeyRequestError)

T = TypeVar("T")
Channel = Frames[DeviceMessage]


class Device(Protocol):
    """A device as one site sees it; every call blocks and may raise the errors of ``adapters/device014.py``."""

    interface: str
    address: str

    def fresh(self, most_bits: int, /) -> list[SharedKey]:
        """Fresh keys, in one request."""
        ...

    def same(self, ids: Sequence[str], /) -> list[SharedKey]:
        """The keys that the other end got in one request."""
        ...

    def probe(self) -> None:
        """Whether it answers."""
        ...


class Trouble(NamedTuple):
    """What keeps a device from giving key: state and reason of the module, and the sentence for people."""

    state: str
    reason: str
    detail: str


class DeviceDriver(ModuleDriver):
    """What both ends share: the device, asked beside the event loop."""

    def __init__(self, network: Network, link: Link, device: Device, deliver: Deliver, site: str) -> None:
        """Drive the end of ``link`` at ``site``."""
        super().__init__(network, link)
        self.device = device
        self.last_block = 0
        self._site = site
        self._deliver = deliver
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"device-{link.id}")

    async def asked(self, work: Callable[..., T], *arguments: Any) -> T:
        """What the device answers."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def trouble(self, error: QitError) -> Trouble:
        """What an error of the device means for the link."""
        where = f"the device at site {self._site} ({self.device.address})"
        if isinstance(error, PeerUnreachableError):
            return Trouble("down", "device-away", f"{where} is out of reach: {str(error).partition(';')[0]}")
        if isinstance(error, KeyRequestError) and error.status == NO_KEY_NOW:
            return Trouble("no-key", "device-empty", f"{where} has had no key for a while: {error}")
        if isinstance(error, KeyRequestError):
            return Trouble("no-key", "device-refused", f"{where} answers {error.status}: {error}")
        return Trouble("no-key", "device-refused", f"{where} cannot be asked: {error}")

    async def probed(self) -> Trouble | None:
        """What keeps the device from answering now, if anything."""
        try:
            await self.asked(self.device.probe)
        except DEVICE_ERRORS as error:
            return self.trouble(error)
        return None

    async def deliver(self, block: int, keys: Sequence[SharedKey], duration_s: float) -> None:
        """Hand a block over at Kq-1: durable when this returns."""
        material = b"".join(key.value for key in keys)
        account = kq1.DeviceAccount(
            interface=self.device.interface,
            device=self.device.address,
            keys=len(keys),
            key_bits=8 * len(material),
            duration_s=duration_s,
        )
        await self._deliver(kq1.QKDKey(link=self.link.id, block=block, material=material, account=account), Step())
        self.made(account.key_bits, duration_s)


class FreshKeys:
    """Keys drawn from a device for the next block, and how much to ask for."""

    def __init__(self, most_bits: int) -> None:
        """Blocks of up to ``most_bits``; the first one is small."""
        self._most = max(LEAST_BLOCK_BITS, min(BLOCK_BITS, most_bits))
        self._seen: dict[bytes, None] = {}
        self._request = self._most
        self.wanted = LEAST_BLOCK_BITS
        self.batches: list[list[SharedKey]] = []

    @property
    def bits(self) -> int:
        """Key drawn so far."""
        return 8 * sum(len(key.value) for batch in self.batches for key in batch)

    @property
    def request_bits(self) -> int:
        """How much to ask for now."""
        return min(self._request, self.wanted - self.bits)

    def ready(self, waited_s: float) -> bool:
        """Whether they make a block. Much of a small one is salt of the comparison: larger ones are waited for."""
        return self.bits >= (self.wanted if waited_s < PATIENCE_S else LEAST_BLOCK_BITS)

    def add(self, batch: list[SharedKey]) -> None:
        """Take what one request gave.

        Raises:
            KeyRequestError: one of the keys was given before.
        """
        marks = [hashlib.sha256(key.value).digest() for key in batch]
        if len(set(marks)) < len(marks) or any(mark in self._seen for mark in marks):
            self.failed()
            raise KeyRequestError(200, "the device gave the same key twice; it must not be used")
        self._seen |= dict.fromkeys(marks)
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self.batches.append(batch)
        self._request = min(self._most, self._request * GROWTH)

    def taken(self) -> list[list[SharedKey]]:
        """The keys of a block; the next one starts empty."""
        taken, self.batches = self.batches, []
        return taken

    def short(self) -> None:
        """The device had less than was asked for: a smaller request may do."""
        self._request = max(LEAST_BLOCK_BITS, self._request // GROWTH)

    def failed(self) -> None:
        """Something went wrong: waste little with the next attempt."""
        self.batches, self.wanted = [], LEAST_BLOCK_BITS

    def succeeded(self) -> None:
        """Both ends hold the block: the next one may be larger."""
        self.wanted = min(self._most, self.wanted * GROWTH)
