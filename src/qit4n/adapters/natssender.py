"""Sends what waits in an outbox to a NATS server with JetStream, again and again until it has it.

A message leaves the outbox when the server has acknowledged it; one whose acknowledgement was lost is sent again with
the same id (Nats-Msg-Id), by which JetStream leaves it out. Needs the extra ``telemetry``.
"""

import asyncio
import logging
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.errors import Error as NATSError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from qit4n.adapters.outbox import Outbox
from qit4n.management.publications import subjects

log = logging.getLogger(__name__)

AT_ONCE = 100
RETRY_S = 1.0
LIMIT_S = 5.0
KNOWN_S = 3600.0
KEPT_S = 30 * 86_400.0


async def send_for_ever(
    outbox: Outbox, ready: asyncio.Event, *, url: str, credentials: Path | None, network: str
) -> None:
    """Send until cancelled; ``ready`` is set when something new waits."""
    away = False
    while True:
        try:
            await _send(outbox, ready, url, credentials, network)
        except (OSError, TimeoutError, NATSError) as error:
            if not away:
                log.warning(
                    "no way to NATS at %s: %s; what happens waits on the disk", url, error or type(error).__name__
                )
            away = True
            await asyncio.sleep(RETRY_S)


async def _send(outbox: Outbox, ready: asyncio.Event, url: str, credentials: Path | None, network: str) -> None:
    server = await nats.connect(
        url,
        name=f"qit4n manager of {network}",
        allow_reconnect=False,
        connect_timeout=int(LIMIT_S),
        error_cb=_failed,
        user_credentials=str(credentials) if credentials else None,
    )
    try:
        stream = server.jetstream(timeout=LIMIT_S)
        await _stream_for(stream, network)
        log.info("alarms and events go to NATS at %s", url)
        while True:
            ready.clear()
            while messages := await asyncio.to_thread(outbox.waiting, AT_ONCE):
                for one in messages:
                    await stream.publish(one.subject, one.body, headers={"Nats-Msg-Id": one.id})
                    await asyncio.to_thread(outbox.sent, [one])
            await _news(ready, server)
    finally:
        await server.close()


async def _news(ready: asyncio.Event, server: Client) -> None:
    """Wait for something to send, and look from time to time whether the server is there."""
    try:
        async with asyncio.timeout(LIMIT_S):
            await ready.wait()
    except TimeoutError:
        await server.flush(timeout=int(LIMIT_S))


async def _stream_for(stream: JetStreamContext, network: str) -> None:
    """The stream of the network's subjects; if there is one it stays as it is."""
    wanted = f"{subjects(network)}.>"
    try:
        await stream.find_stream_name_by_subject(wanted)
    except NotFoundError:
        name = subjects(network).replace(".", "-")
        await stream.add_stream(StreamConfig(name=name, subjects=[wanted], duplicate_window=KNOWN_S, max_age=KEPT_S))


async def _failed(error: Exception) -> None:
    log.debug("NATS: %s", error)
