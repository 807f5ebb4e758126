"""Twin-field QKD live: two lasers in phase, 250 km, and a middle that nobody trusts."""

import pytest

from qit4n.network.file import load
from qit4n.physics import bounds

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.xdist_group("measured")]

BLOCKS = 3


def test_two_lasers_make_more_key_than_any_protocol_without_a_middle(start):
    """Errors and key as predicted, by the proof named, more key than PLOB; keys are equal at both ends."""
    network = start("twin-field", limit_s=180)  # ready when the first key is there
    status = network.wait_for(lambda one: one["links"][0]["blocks"] >= BLOCKS, f"{BLOCKS} blocks", 300)
    link = status["links"][0]
    assert link["qber"] == pytest.approx(link["predicted_qber"], rel=0.05)
    assert link["secret_rate_bps"] == pytest.approx(link["predicted_rate_bps"], rel=0.15)
    module = load("twin-field").modules["lasers"]
    assert link["secret_rate_bps"] > float(bounds.plob(1e-5)) * module.pulse_rate_hz
    account = network.account("by-half-way")
    assert "Curty 2019" in account.proof
    assert account.protocol.startswith("twin field")
    assert not status["alarms"]
    got = network.get("app-north", "app-south")
    assert network.fetch("app-south", "app-north", *got) == got
