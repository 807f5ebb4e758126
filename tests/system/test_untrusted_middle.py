"""MDI-QKD live: two senders and a middle that nobody trusts."""

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]


def test_two_senders_make_key_by_a_middle(start):
    """First blocks: predicted error rate and amount of key, by the proof named; keys are equal at both ends."""
    network = start("untrusted-middle", limit_s=120)  # ready when the first key is there
    status = network.status()
    link = status["links"][0]
    assert link["blocks"] >= 1
    assert link["qber"] == pytest.approx(link["predicted_qber"], rel=0.1)
    assert 0.5 < link["secret_rate_bps"] / link["predicted_rate_bps"] < 1.3
    account = network.account("by-middle")
    assert "Curty 2014" in account.proof
    assert account.protocol.startswith("MDI")
    got = network.get("app-bank", "app-vault")
    assert network.fetch("app-vault", "app-bank", *got) == got
