"""What waits reaches a real NATS server, which goes away meanwhile: in order, nothing lost, nothing twice."""

import asyncio
import contextlib

import nats
import pytest

from qit4n.adapters.natssender import send_for_ever
from qit4n.adapters.outbox import Outbox
from qit4n.management.publications import Publication
from receivers import nats_server


def message(number):
    return Publication(f"id{number}", f"qit.net.event.{number}", str(number).encode())


@pytest.fixture
def outbox(tmp_path):
    made = Outbox(tmp_path / "outbox.db")
    yield made
    made.close()


@contextlib.asynccontextmanager
async def sending(outbox, url):
    """The sender at work; its bell."""
    ready = asyncio.Event()
    task = asyncio.create_task(send_for_ever(outbox, ready, url=url, credentials=None, network="net"))
    try:
        yield ready
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_empty(outbox):
    async with asyncio.timeout(30):
        while outbox.waiting(1):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)


async def held(url):
    """All messages of the stream: subjects, bodies and ids."""
    client = await nats.connect(url)
    try:
        stream = client.jetstream()
        number = (await stream.stream_info("qit-net")).state.messages
        pulled = await stream.pull_subscribe("qit.net.>", stream="qit-net")
        found = await pulled.fetch(number, timeout=10) if number else []
        return [(one.subject, one.data, one.headers["Nats-Msg-Id"]) for one in found]
    finally:
        await client.close()


async def test_nothing_is_lost_or_doubled_while_the_server_is_away(outbox, tmp_path, unused_tcp_port):
    """Killed between messages and begun anew on its files: eight messages, each once, in order.

    An acknowledgement that was lost is as if a message were put into the outbox again.
    """
    outbox.add([message(number) for number in range(3)])
    async with sending(outbox, f"nats://127.0.0.1:{unused_tcp_port}") as ready:
        with nats_server(unused_tcp_port, tmp_path / "js"):
            await until_empty(outbox)
        outbox.add([message(number) for number in (2, 3, 4, 5, 6, 7)])
        ready.set()
        await asyncio.sleep(0.5)
        assert len(outbox.waiting(10)) == 6
        with nats_server(unused_tcp_port, tmp_path / "js") as url:
            await until_empty(outbox)
            assert await held(url) == [
                (f"qit.net.event.{number}", str(number).encode(), f"id{number}") for number in range(8)
            ]


async def test_a_stream_that_an_operator_has_made_stays_as_it_is(outbox, tmp_path, unused_tcp_port):
    """Subjects that a stream takes already are left to it."""
    with nats_server(unused_tcp_port, tmp_path / "js") as url:
        async with asyncio.timeout(20):
            client = await nats.connect(url, max_reconnect_attempts=50, reconnect_time_wait=0.1)
        stream = client.jetstream()
        await stream.add_stream(name="mine", subjects=["qit.>"])
        outbox.add([message(1)])
        async with sending(outbox, url):
            await until_empty(outbox)
        assert (await stream.stream_info("mine")).state.messages == 1
        assert len(await stream.streams_info()) == 1
        await client.close()
