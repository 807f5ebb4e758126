"""``qit reserve`` with a live network, and a controller that dies."""

import json
import os
import signal
import time

import pytest

from qit4n.errors import PeerUnreachableError

pytestmark = [pytest.mark.system, pytest.mark.long]


def test_a_reservation_outlives_the_controller_and_too_much_gets_a_proposal(start):
    """Admitted, on the disk, there again when the controller has been killed; refused with what would be possible."""
    network = start("two-data-centres")
    wanted = ("reserve", "add", "app-west", "app-east")
    made = network.qit(*wanted, "--rate", "500", "--from", "+600", "--until", "+1200", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["admitted"]["id"] == "r1"
    os.kill(network.processes()["controller"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (listed := network.qit("reserve", "list", "--json")).returncode == PeerUnreachableError.exit_code:
        assert time.monotonic() < deadline, listed.stderr
        time.sleep(0.3)
    kept = json.loads(listed.stdout)["reservations"]
    assert [one["id"] for one in kept] == ["r1"]
    assert kept[0] == json.loads(made.stdout)["admitted"]
    network.wait_for(lambda status: all(site["up"] for site in status["sites"]), "the sites' reports", 60)
    refused = network.qit(*wanted, "--rate", "1e9", "--from", "+600", "--until", "+1200")
    assert refused.returncode == 21
    assert "possible: " in refused.stderr
    assert network.qit("reserve", "cancel", "r1").stdout.strip() == "no reservations"
