"""An intercept-resend eavesdropper on the emulated quantum channel (a switch of the emulator)."""

import json
import time

import pytest

pytestmark = pytest.mark.system


def wait_for(network, condition, limit_s=90):
    """Poll the status of a network that will never be ready."""
    deadline = time.monotonic() + limit_s
    while True:
        done = network.qit("status", "--json")
        if done.returncode == 0 and condition(status := json.loads(done.stdout)):
            return status
        assert time.monotonic() < deadline, done.stderr or done.stdout
        time.sleep(0.3)


def test_full_intercept_resend_gives_no_key_and_names_the_link(start):
    """All pulses measured and resent: QBER of a quarter, no key at all, an alarm with the link's name."""
    network = start("two-data-centres", "--eavesdrop", "east-west=1", wait=False)
    status = wait_for(network, lambda one: one["links"][0]["failed_blocks"] >= 2)
    link = status["links"][0]
    assert link["blocks"] == 0
    assert link["stock_bits"] == 0
    assert link["state"] == "no-key"
    assert 0.22 < link["qber"] < 0.29
    assert [(alarm["element"], alarm["kind"]) for alarm in status["alarms"]] == [("east-west", "high-qber")]
    refused = network.qit("key", "get", "app-west", "--as", "app-east")
    assert refused.returncode == 11
    assert "insufficient key material" in refused.stderr


def test_quarter_intercept_resend_gives_no_key_either(start):
    """A quarter of the pulses attacked: QBER above 6 %, and the finite-key length says that nothing is left."""
    network = start("two-data-centres", "--eavesdrop", "east-west=0.25", wait=False)
    status = wait_for(network, lambda one: one["links"][0]["failed_blocks"] >= 2)
    link = status["links"][0]
    assert link["blocks"] == 0
    assert 0.06 < link["qber"] < 0.10
    assert [alarm["element"] for alarm in status["alarms"]] == ["east-west"]


def test_a_weak_attack_costs_key_as_predicted(start):
    """5 % attacked: the blocks still yield key, but much less than without an attack, and the QBER shows it."""
    network = start("two-data-centres", "--eavesdrop", "east-west=0.05")
    status = wait_for(network, lambda one: one["links"][0]["blocks"] >= 4)
    link = status["links"][0]
    assert link["qber"] > link["predicted_qber"] + 0.008
    assert link["secret_rate_bps"] < 0.8 * link["predicted_rate_bps"]
