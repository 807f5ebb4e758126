"""A live network tells what it notices: light that is not its own, the way of a key, alarms to other systems."""

import asyncio
import socket
import time

import nats
import pytest
from msgspec import structs

from qit4n.network.file import load
from qit4n.network.generate import to_yaml
from qit4n.network.telemetry import Telemetry
from receivers import nats_server, otlp_receiver

pytestmark = [pytest.mark.system, pytest.mark.long]

LIT_AFTER_S = 150.0


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def noisy_later(otlp, nats_url):
    """A link in shared fibre whose neighbours light up after a while, and receivers of what is told."""
    whole = load("continental")
    link = whole.link("graz-metro")
    neighbours = tuple(
        structs.replace(one, lit_after_s=LIT_AFTER_S, launch_dbm=-20.0) for one in link.medium.shared.neighbours
    )
    shared = structs.replace(link.medium.shared, wavelength_nm=1530.33, neighbours=neighbours)
    return structs.replace(
        whole,
        sites=tuple(site for site in whole.sites if site.id in link.ends),
        modules={link.module: whole.modules[link.module]},
        links=(structs.replace(link, medium=structs.replace(link.medium, shared=shared, loss_db=3.4)),),
        applications=tuple(structs.replace(whole.applications[0], id=f"app-{end}", site=end) for end in link.ends),
        demands=(structs.replace(whole.demands[0], between=tuple(f"app-{end}" for end in link.ends)),),
        policies=structs.replace(whole.policies, link_stock_bits=500_000_000),
        telemetry=Telemetry(otlp=otlp, nats=nats_url),
    )


async def published(url, network):
    """Subjects of the messages in the network's stream."""
    client = await nats.connect(url)
    try:
        stream = client.jetstream()
        number = (await stream.stream_info(f"qit-{network}")).state.messages
        pulled = await stream.pull_subscribe(f"qit.{network}.>", stream=f"qit-{network}")
        return [one.subject for one in await pulled.fetch(number, timeout=10)] if number else []
    finally:
        await client.close()


def test_extra_light_is_told_apart_and_told_to_others(start, tmp_path):
    """Neighbours light up: an alarm says so in half a minute, also to NATS; a key's way is one trace of two sites."""
    port = free_port()
    with otlp_receiver() as (receiver, otlp), nats_server(port, tmp_path / "js") as url:
        described = noisy_later(otlp, url)
        (tmp_path / "noisy.yaml").write_text(to_yaml(described))
        network = start(tmp_path / "noisy.yaml")
        (master, slave) = described.demands[0].between
        keys = network.get(master, slave)
        assert network.fetch(slave, master, *keys) == keys
        begun = time.monotonic()
        status = network.wait_for(
            lambda status: any(one["kind"] == "extra-light" for one in status["alarms"]), "the alarm", LIT_AFTER_S + 90
        )
        (alarm,) = status["alarms"]
        assert alarm["element"] == "graz-metro"
        assert time.monotonic() - begun > LIT_AFTER_S / 3  # not before the light
        assert "extra-light" in network.qit("report", "anomalies").stdout
        subjects = asyncio.run(published(url, described.name))
        assert f"qit.{described.name}.alarm.major.extra-light" in subjects
        network.stop()
    spans = [span for _, span in receiver.spans if span.name != "kx.notify_supply"]
    names = {span.name for _, span in receiver.spans}
    assert names == {"ak.get_keys", "kx.notify_supply", "kx.hold_supply", "ak.get_keys_by_id"}
    fetched = next(span for span in spans if span.name == "ak.get_keys_by_id")
    assert {span.name for span in spans if span.trace_id == fetched.trace_id} == names - {"kx.notify_supply"}
    assert {resource["service.instance.id"] for resource, _ in receiver.spans} == set(described.links[0].ends)
    assert "qit_link_stock_bits" in receiver.points
