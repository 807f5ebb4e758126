"""Driver of the first end of a link with devices: draws fresh keys and tells the other end their ids."""

import asyncio

from qit4n.adapters.credentials import Credentials
from qit4n.adapters.system import system_entropy
from qit4n.errors import KeyRequestError, ProtocolError
from qit4n.network.model import Link, Network
from qit4n.node.devices import (
    DEVICE_ERRORS,
    EMPTY_LIMIT_S,
    NO_KEY_NOW,
    PROBE_S,
    SHARE_OF_STOCK,
    WAIT_S,
    Channel,
    Device,
    DeviceDriver,
    FreshKeys,
    Trouble,
)
from qit4n.node.modules import Deliver
from qit4n.node.tasks import first_of
from qit4n.quantum import keyids
from qit4n.refpoints import kq2
from qit4n.service.sharedkey import SharedKey

ANSWER_LIMIT_S = 60.0
LONGEST_PAUSE_S = 24.0  # each attempt costs the device a small block


class DeviceMaster(DeviceDriver):
    """The end that gets fresh keys. It opens the channel."""

    role = "transmitter"

    def __init__(  # noqa: PLR0917 - what a driver is made of
        self, network: Network, link: Link, device: Device, deliver: Deliver, site: str, credentials: Credentials
    ) -> None:
        """Drive the first end of ``link``."""
        super().__init__(network, link, device, deliver, site)
        self._credentials = credentials
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._keys = FreshKeys(network.policies.link_stock_bits // SHARE_OF_STOCK)
        self._since = self._drawn_at = 0.0
        self._losses = 0

    def control(self, order: kq2.RunModule) -> None:
        """Kq-2: run, or rest because the stock is full."""
        if order.run:
            self._may_run.set()
        else:
            self._may_run.clear()

    async def hold_session(self) -> None:
        """Open the channel, and make blocks until it closes."""
        opened = await self.open_channel(self._credentials, "classical", system_entropy(16).hex())
        channel: Channel = opened.retype(keyids.DeviceMessage)
        answers: asyncio.Queue[keyids.DeviceMessage] = asyncio.Queue()
        self._mark()
        self.change(state="starting", reason="", detail="")
        try:
            await first_of(self._listen(channel, answers), self._make_blocks(channel, answers))
        finally:
            await channel.close()

    @staticmethod
    async def _listen(channel: Channel, answers: asyncio.Queue[keyids.DeviceMessage]) -> None:
        while True:
            answers.put_nowait(await channel.receive())

    async def _make_blocks(self, channel: Channel, answers: asyncio.Queue[keyids.DeviceMessage]) -> None:
        while True:
            await self._rest(channel)
            await self._draw(channel)
            if self._keys.ready(self._now() - self._since):
                await self._share(channel, answers, self._keys.taken())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _mark(self) -> float:
        """Seconds since the last mark, and a new one."""
        now = self._now()
        passed, self._since, self._drawn_at = now - self._since, now, now
        return passed

    async def _tell(self, channel: Channel, trouble: Trouble) -> None:
        """Report a new state, at both ends."""
        state, reason, detail = trouble
        if (self.state.state, self.state.detail) != (state, detail):
            self.change(state=state, reason=reason, detail=detail)
            await channel.send(keyids.Condition(state=state, reason=reason, detail=detail))

    async def _rest(self, channel: Channel) -> None:
        """While the stock is full: see now and then whether the device is still there."""
        if self._may_run.is_set():
            return
        before = self.state.state
        while not self._may_run.is_set():
            await self._tell(channel, await self.probed() or Trouble("resting", "", ""))
            try:
                async with asyncio.timeout(PROBE_S):
                    await self._may_run.wait()
            except TimeoutError:
                continue
        if self.state.state == "resting":
            await self._tell(channel, Trouble("running" if before == "resting" else before, "", ""))
        self._mark()

    async def _draw(self, channel: Channel) -> None:
        """One request to the device; what goes wrong is told at both ends, and a pause made."""
        keys = self._keys
        try:
            keys.add(await self.asked(self.device.fresh, keys.request_bits))
            self._drawn_at = self._now()
        except DEVICE_ERRORS as error:
            if isinstance(error, KeyRequestError) and error.status == NO_KEY_NOW:
                await self._wait(channel, error)
                return
            keys.failed()
            await self._tell(channel, self.trouble(error))
            await asyncio.sleep(PROBE_S)

    async def _wait(self, channel: Channel, error: KeyRequestError) -> None:
        """The device has no key now; after a while that is an alarm."""
        self._keys.short()
        if self._now() - self._drawn_at > EMPTY_LIMIT_S:
            self.change(secret_rate_bps=0.0)
            await self._tell(channel, self.trouble(error))
        await asyncio.sleep(WAIT_S)

    async def _share(
        self, channel: Channel, answers: asyncio.Queue[keyids.DeviceMessage], batches: list[list[SharedKey]]
    ) -> None:
        """Have the other end fetch the block; keep it if that end holds it."""
        number = max(self.last_block + 1, int(self.clock.now() * 1000))
        self.last_block = number
        ids = tuple(tuple(key.key_id for key in batch) for batch in batches)
        duration_s = self._mark()
        await channel.send(keyids.FetchBlock(block=number, batches=ids, duration_s=duration_s))
        async with asyncio.timeout(ANSWER_LIMIT_S):
            answer = await answers.get()
        if isinstance(answer, keyids.BlockHeld) and answer.block == number:
            self._keys.succeeded()
            self._losses = 0
            await self.deliver(number, [key for batch in batches for key in batch], duration_s)
        elif isinstance(answer, keyids.BlockLost) and answer.block == number:
            self._keys.failed()
            self.failed(answer.reason, answer.detail, duration_s, state=answer.state)
            self._losses += 1
            await asyncio.sleep(min(PROBE_S * 2 ** min(self._losses, 9) / 2, LONGEST_PAUSE_S))
        else:
            raise ProtocolError(f"link {self.link.id}: {type(answer).__name__} is no answer about block {number}")
