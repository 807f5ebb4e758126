"""Alarms and events of the manager on their way to a NATS server, if the network file names one."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from qit4n.adapters.outbox import OUTBOX, Outbox
from qit4n.management.publications import Event, publication
from qit4n.network.model import Network
from qit4n.node.tracing import missing
from qit4n.refpoints import mc


def publisher_of(network: Network, state: Path) -> "Publisher | None":
    """The publisher that the file asks for, or None."""
    return Publisher(network, state) if network.telemetry.nats else None


class Publisher:
    """Puts news onto the disk, and sends them."""

    def __init__(self, network: Network, state: Path) -> None:
        """Open the outbox; what was not sent before is sent first."""
        self._network, self._state = network, state
        self._outbox = Outbox(state / OUTBOX)
        self._ready = asyncio.Event()

    async def take(self, news: Iterable[mc.Alarm | Event]) -> None:
        """Keep what is new until it is sent: durable on return."""
        messages = [publication(self._network.name, one) for one in news]
        if messages:
            await asyncio.to_thread(self._outbox.add, messages)
            self._ready.set()

    async def run(self) -> None:
        """Send until cancelled.

        Raises:
            NotReadyError: the packages are missing.
        """
        try:
            from qit4n.adapters.natssender import send_for_ever  # noqa: PLC0415 - for those who want it
        except ModuleNotFoundError as error:
            raise missing(error) from error
        told = self._network.telemetry
        credentials = self._state / told.nats_credentials if told.nats_credentials else None
        await send_for_ever(
            self._outbox, self._ready, url=told.nats, credentials=credentials, network=self._network.name
        )

    def close(self) -> None:
        """Close the outbox."""
        self._outbox.close()
