"""Telemetry is off unless file or environment say so, and names what is missing."""

import asyncio
import sys

import pytest
from msgspec.structs import replace

from qit4n.errors import NotReadyError
from qit4n.management.overview import Overview
from qit4n.network.file import load
from qit4n.network.telemetry import ENDPOINTS, Telemetry
from qit4n.node.tracing import exporting, tracing, wanted
from qit4n.refpoints import mc
from receivers import otlp_receiver


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in (*ENDPOINTS, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def network():
    return load("two-data-centres")


def test_it_is_off_unless_file_or_environment_say_so(network, monkeypatch):
    """The standard names, and the one that turns all off."""
    assert not wanted(network)
    assert wanted(replace(network, telemetry=Telemetry(otlp="http://127.0.0.1:4318")))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert wanted(network)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not wanted(network)


async def test_nothing_is_made_where_it_is_off(network):
    async with tracing(network, "west", lambda: 0.0) as spans:
        assert spans is None


async def test_a_missing_package_is_named(network, monkeypatch):
    monkeypatch.delitem(sys.modules, "qit4n.node.keyspans", raising=False)
    monkeypatch.delitem(sys.modules, "qit4n.adapters.telemetry", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    told = replace(network, telemetry=Telemetry(otlp="http://127.0.0.1:4318"))
    with pytest.raises(NotReadyError, match=r"pip install 'qit4n\[telemetry\]'"):
        async with tracing(told, "west", lambda: 0.0):
            pass


async def test_the_managers_metrics_reach_a_receiver(network):
    """Those of /metrics, as gauges and counters, with their labels."""
    (link,) = network.links
    overview = Overview(network)
    with otlp_receiver() as (receiver, url):
        task = asyncio.create_task(exporting(replace(network, telemetry=Telemetry(otlp=url)), overview))
        await asyncio.sleep(0)
        status = mc.LinkStatus(
            link=link.id, ends=link.ends, state="running", stock_bits=4321, secret_rate_bps=1.0, predicted_rate_bps=1.0,
            qber=0.02, predicted_qber=0.02, blocks=1, failed_blocks=0, emulation_speed=1.0,
        )  # fmt: skip
        overview.receive(mc.NetworkStatus(network=network.name, at=1.0, sites=(), links=(status,), pools=(), alarms=()))
        await asyncio.sleep(1.5)
        task.cancel()  # the last values go when it ends
        await asyncio.gather(task, return_exceptions=True)
    assert receiver.points["qit_link_stock_bits"] == ("gauge", [({"link": link.id}, 4321.0)])
    assert ({"link": link.id, "state": "running"}, 1.0) in receiver.points["qit_link_state"][1]
