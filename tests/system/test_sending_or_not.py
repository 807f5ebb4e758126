"""Sending or not sending live: 300 km, and a middle that nobody trusts."""

import pytest

from qit4n.network.file import load
from qit4n.physics import bounds

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.xdist_group("measured")]

BLOCKS = 3


def test_who_sends_is_a_bit_that_no_protocol_without_a_middle_could_have_so_often(start):
    """Pairs, errors and key as predicted, by the proof named, more key than PLOB; keys are equal at both ends."""
    network = start("sending-or-not", limit_s=180)  # ready when the first key is there
    status = network.wait_for(lambda one: one["links"][0]["blocks"] >= BLOCKS, f"{BLOCKS} blocks", 400)
    link = status["links"][0]
    assert link["qber"] == pytest.approx(link["predicted_qber"], rel=0.15)  # of 800 errors a block
    assert link["secret_rate_bps"] == pytest.approx(link["predicted_rate_bps"], rel=0.15)
    module = load("sending-or-not").modules["lasers"]
    assert link["secret_rate_bps"] > float(bounds.plob(1e-6)) * module.pulse_rate_hz
    account = network.account("by-half-way")
    assert account.protocol == "SNS twin field, AOPP"
    assert not status["alarms"]
    got = network.get("app-east", "app-west")
    assert network.fetch("app-west", "app-east", *got) == got
