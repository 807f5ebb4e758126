"""Driver of the second end of a link with devices: fetches the keys that the first end names."""

import asyncio

from qit4n.adapters.frames import Frames
from qit4n.errors import KeyRequestError, ProtocolError
from qit4n.network.model import Link, Network
from qit4n.node.devices import DEVICE_ERRORS, EMPTY_LIMIT_S, NO_KEY_NOW, PROBE_S, WAIT_S, Channel, Device, DeviceDriver
from qit4n.node.modules import Deliver
from qit4n.quantum import keyids
from qit4n.refpoints import Message
from qit4n.service.sharedkey import SharedKey


class DeviceSlave(DeviceDriver):
    """The end that gets keys by their ids. It waits for the channel."""

    role = "receiver"

    def __init__(self, network: Network, link: Link, device: Device, deliver: Deliver, site: str) -> None:
        """Drive the second end of ``link``."""
        super().__init__(network, link, device, deliver, site)
        self._opened: asyncio.Queue[Frames[Message]] = asyncio.Queue()
        self._told = keyids.Condition(state="running")
        self._away = False

    async def accept(self, peer: str, purpose: str, session_id: str, frames: Frames[Message]) -> None:  # noqa: ARG002
        """Keep the channel that the first end opened."""
        if peer != self.link.ends[0] or purpose != "classical":
            raise ProtocolError(f"site {peer} is not the first end of link {self.link.id}")
        self._opened.put_nowait(frames)
        await frames.finished.wait()

    async def hold_session(self) -> None:
        """Take the newest channel, and fetch blocks until it closes."""
        opened = await self._opened.get()
        while not self._opened.empty():
            await opened.close()
            opened = self._opened.get_nowait()
        channel: Channel = opened.retype(keyids.DeviceMessage)
        self._told, self._away = keyids.Condition(state="starting"), False
        self.last_block = 0
        self._follow()
        try:
            while True:
                await self._serve(channel)
        finally:
            await opened.close()

    async def _serve(self, channel: Channel) -> None:
        """The next message; while none comes, see whether the device is still there."""
        try:
            async with asyncio.timeout(PROBE_S):
                message = await channel.receive()
        except TimeoutError:
            await self._probe()
            return
        if isinstance(message, keyids.FetchBlock):
            await channel.send(await self._fetched(message))
        elif isinstance(message, keyids.Condition):
            self._told = message
            if not self._away:
                self._follow()
        else:
            raise ProtocolError(f"link {self.link.id}: the first end sends {type(message).__name__}")

    def _follow(self) -> None:
        """The state is that of the first end."""
        told = self._told
        self.change(state=told.state, reason=told.reason, detail=told.detail)

    async def _probe(self) -> None:
        """Report when the device is out of reach, and when it is back; whether it gives key the blocks will show."""
        trouble = await self.probed()
        away = trouble is not None and trouble.state == "down"
        if away and trouble is not None:
            self.change(**trouble._asdict())
        elif self._away:
            self._follow()
        self._away = away

    async def _fetched(self, message: keyids.FetchBlock) -> keyids.BlockHeld | keyids.BlockLost:
        """Fetch a block and make it durable; or say why not."""
        if message.block <= self.last_block:
            raise ProtocolError(f"block {message.block} after {self.last_block}")
        self.last_block = message.block
        try:
            keys = [key for batch in message.batches for key in await self._batch(batch)]
        except DEVICE_ERRORS as error:
            trouble = self.trouble(error)
            self._away = trouble.state == "down"
            self.failed(trouble.reason, trouble.detail, message.duration_s, state=trouble.state)
            return keyids.BlockLost(block=message.block, **trouble._asdict())
        self._told, self._away = keyids.Condition(state="running"), False
        await self.deliver(message.block, keys, message.duration_s)
        return keyids.BlockHeld(block=message.block)

    async def _batch(self, ids: tuple[str, ...]) -> list[SharedKey]:
        """The keys of one request. 503 has taken nothing, so it may be asked again; any other error ends the block."""
        loop = asyncio.get_running_loop()
        until = loop.time() + EMPTY_LIMIT_S
        while True:
            try:
                return await self.asked(self.device.same, ids)
            except KeyRequestError as error:
                if error.status != NO_KEY_NOW or loop.time() > until:
                    raise
            await asyncio.sleep(WAIT_S)
