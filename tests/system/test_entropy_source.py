"""A live site whose quantum random number generator fails."""

import json
import os

import pytest

from qit4n.errors import KeyRequestError

pytestmark = [pytest.mark.system, pytest.mark.long]

NETWORK = """
qit4n: 1
name: with-qrng
sites:
  - {{id: a, qrng: {{device: {device}, min_entropy: 7.5}}}}
  - {{id: b, qrng: {{emulate: vacuum-fluctuations}}}}
modules:
  near: {{pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 50000}}
links:
  - {{id: ab, ends: [a, b], medium: {{length_km: 5, loss_db: 1}}, module: near}}
applications: [{{id: app-a, site: a}}, {{id: app-b, site: b}}]
demands:
  - {{between: [app-a, app-b], pool_bits: 262144}}
"""


def entropy(status, site):
    return next(one["entropy"] for one in status["sites"] if one["site"] == site)


def alarms(status):
    return {(one["element"], one["kind"]) for one in status["alarms"]}


def test_a_device_that_fails_stops_new_keys_until_it_is_well_again(start, tmp_path):
    """Stuck device: alarm, 503 for new keys and SKIP /entropy, copies are still fetched; a good one opens all again."""
    device, file = tmp_path / "qrandom", tmp_path / "network.yaml"
    device.write_bytes(os.urandom(50_000_000))
    file.write_text(NETWORK.format(device=device), encoding="utf-8")
    network = start(file)
    open_ = network.wait_for(lambda status: entropy(status, "a")["state"] == "open", "the device to be open")
    assert entropy(open_, "a")["used_bits"] > 0
    assert entropy(open_, "b")["emulated"]
    assert len(network.client("app-a").entropy(512)) == 64
    keys = network.get("app-a", "app-b", number=3)

    device.write_bytes(bytes(50_000_000))
    closed = network.wait_for(lambda status: ("a", "entropy-source") in alarms(status), "the alarm")
    assert "repetition count" in entropy(closed, "a")["detail"]
    assert entropy(closed, "b")["state"] == "open"
    for ask in (lambda: network.get("app-a", "app-b"), lambda: network.client("app-a").entropy()):
        with pytest.raises(KeyRequestError, match="closed") as refused:
            ask()
        assert refused.value.status == 503
    assert network.fetch("app-b", "app-a", *keys) == keys

    device.write_bytes(os.urandom(50_000_000))
    network.wait_for(lambda status: ("a", "entropy-source") not in alarms(status), "the device to be open again")
    network.wait_for(lambda status: status["links"][0]["state"] in {"running", "resting"}, "the link to run again")
    keys = network.get("app-a", "app-b")
    assert network.fetch("app-b", "app-a", *keys) == keys
    report = json.loads(network.qit("rng", "report", "--json").stdout)
    assert report["a"]["failures"] == 1
