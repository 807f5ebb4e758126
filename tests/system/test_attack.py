"""An intercept-resend eavesdropper on the emulated quantum channel."""

import json

import pytest

pytestmark = pytest.mark.system


def link_of(status):
    return status["links"][0]


def test_full_intercept_resend_gives_no_key_and_names_the_link(start):
    """100 % of the pulses measured and resent: QBER of a quarter, no key at all, an alarm with the link's name."""
    network = start("two-data-centres", "--eavesdrop", "east-west=1.0", wait=False)
    status = network.wait_for_up = None
    status = wait_for(network, lambda one: link_of(one).get("failed_blocks", 0) >= 2)
    link = link_of(status)
    assert link.get("blocks", 0) == 0
    assert link["stock_bits"] == 0
    assert link["state"] == "no-key"
    assert 0.2 < link["qber"] < 0.3
    assert [alarm["element"] for alarm in status["alarms"]] == [link["link"]]
    assert status["alarms"][0]["kind"] == "high-qber"
    refused = network.qit("key", "get", "app-west", "--as", "app-east", "--json")
    assert refused.returncode == 11


def wait_for(network, condition, limit_s=90):
    import time

    deadline = time.monotonic() + limit_s
    while True:
        done = network.qit("status", "--json")
        if done.returncode == 0:
            status = json.loads(done.stdout)
            if condition(status):
                return status
        assert time.monotonic() < deadline, done.stderr or done.stdout
        time.sleep(0.3)
