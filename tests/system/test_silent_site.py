"""A site that is there and says nothing: every call between key managers ends, and nobody else waits for it."""

import os
import signal
import threading
import time

import pytest

from qit4n.errors import KeyRequestError

pytestmark = pytest.mark.system

LIMIT_S = 8.0  # the key manager gives up after 5 s; the rest is for a busy machine


@pytest.mark.checklist("12h")
def test_a_stopped_site_makes_a_refusal_in_bounded_time_and_no_other_request_waits(start, three_sites):
    """While c stands still, keys with it are 503 in seconds, b is served as ever; afterwards c gives keys again."""
    network = start(three_sites)
    network.wait_for(lambda status: all(pool["ready_bits"] > 20_000 for pool in status["pools"]), "full pools")
    refused, silent = [], network.processes()["c"]

    def ask():
        began = time.monotonic()
        with pytest.raises(KeyRequestError) as error:
            network.get("app-a", "app-c")
        refused.append((error.value.status, time.monotonic() - began))

    os.kill(silent, signal.SIGSTOP)
    try:
        waiting = [threading.Thread(target=ask) for _ in range(8)]
        for one in waiting:
            one.start()
        slowest = 0.0
        while any(one.is_alive() for one in waiting):
            began = time.monotonic()
            got = network.get("app-a", "app-b")
            assert network.fetch("app-b", "app-a", *got) == got
            network.client("app-a").status("app-c")
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.1)
    finally:
        os.kill(silent, signal.SIGCONT)
    assert [status for status, _ in refused] == [503] * 8
    assert max(seconds for _, seconds in refused) < LIMIT_S
    assert slowest < 2.0
    network.wait_for(lambda status: all(site["up"] for site in status["sites"]), "site c")
    deadline = time.monotonic() + 30
    while True:
        try:
            got = network.get("app-a", "app-c")
            break
        except KeyRequestError:
            assert time.monotonic() < deadline, "no keys after the site went on"
            time.sleep(0.2)
    assert network.fetch("app-c", "app-a", *got) == got
