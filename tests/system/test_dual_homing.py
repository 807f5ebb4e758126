"""A bank served by two sites (``dual-homed``): no request of its applications fails when one of the two is lost."""

import contextlib
import os
import signal
import sys
import threading
import time

import pytest

from qit4n.errors import KeyRequestError, PeerUnreachableError

pytestmark = [pytest.mark.system, pytest.mark.long]

BANK, VAULT = "app-bank", "app-vault"
EAST, WEST = "bank-east", "bank-west"
WAIT_S = 30.0  # a copy at a site that was killed is there again when the site is
NUMBER = 2
PAUSE_S = 0.3  # slow enough that pools fill beside it
LITTLE_STOCK = "policies: {link_stock_bits: 65536}\n"  # else a link that is cut lasts for minutes


class Pair:
    """A master that gets keys all the time; its slave fetches them, and waits for a copy at a site that is away."""

    def __init__(self, network, master, slave):
        self.master, self.slave = network.client(master), network.client(slave)
        self.names, self.failed, self.waited_s, self.done = (master, slave), [], [], 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(PAUSE_S):
            try:
                got = self.master.get_keys(self.names[1], number=NUMBER)
            except (KeyRequestError, PeerUnreachableError) as error:
                self.failed.append(f"{self.names} get: {error}")
                continue
            began, found = time.monotonic(), None
            while found is None and time.monotonic() - began < WAIT_S:
                with contextlib.suppress(PeerUnreachableError, KeyRequestError):
                    found = self.slave.get_keys_by_id(self.names[0], [key.key_id for key in got])
                if found is None:
                    self.waited_s.append(time.monotonic() - began)
                    time.sleep(0.1)
            if found != got:
                self.failed.append(f"{self.names} fetch: {len(found or ())} of {len(got)} keys")
            self.done += 1

    def more(self, count):
        """Wait until so many more requests are done."""
        wanted, until = self.done + count, time.monotonic() + 120
        while self.done < wanted:
            assert time.monotonic() < until, (self.done, wanted, self.failed)
            time.sleep(0.05)

    def stop(self):
        self._stop.set()
        self._thread.join(WAIT_S + 20)


def full(status):
    """All four pools, and each way between the vault and either site of the bank among them."""
    ends = {(one["source"], one["destination"]) for one in status["pools"] if one["ready_bits"] > 8_000}
    return ends >= {(EAST, "vault"), ("vault", EAST), (WEST, "vault"), ("vault", WEST)}


def target(network):
    """The site of the bank to which keys of the vault go now."""
    return network.client(VAULT).status(BANK)["target_KME_ID"]


def test_no_request_fails_when_a_home_loses_its_link_or_dies(start, tmp_path, command):
    """A cut link: keys go to the other site when the pool is used up. kill -9: at once. Then all is as before."""
    file = tmp_path / "dual-homed.yaml"
    file.write_text(command("example", "dual-homed").stdout + LITTLE_STOCK, encoding="utf-8")
    network = start(file, limit_s=200)
    network.wait_for(full, "key with both sites of the bank", 120)
    assert network.applications[BANK]["kmes"][0] == network.applications[BANK]["kme"]
    assert len(network.applications[BANK]["kmes"]) == 2
    assert target(network) == EAST
    pairs = [Pair(network, BANK, VAULT), Pair(network, VAULT, BANK)]
    try:
        for one in pairs:
            one.more(5)
        assert network.qit("fault", "cut", "east-north").returncode == 0
        until = time.monotonic() + 120
        while target(network) != WEST and time.monotonic() < until:
            network.get(VAULT, BANK)  # one key: the pairs ask for two, and leave the last of a pool
            time.sleep(0.2)
        assert target(network) == WEST, [(one.done, one.failed) for one in pairs]
        for one in pairs:
            one.more(10)
        assert [one.waited_s for one in pairs] == [[], []], "no site was away"
        assert network.qit("fault", "heal", "east-north").returncode == 0
        network.wait_for(full, "key with both sites again", 120)
        os.kill(network.processes()[EAST], signal.SIGKILL)
        for one in pairs:
            one.more(15)
        network.wait_for(lambda one: full(one) and all(site["up"] for site in one["sites"]), "the killed site", 60)
        for one in pairs:
            one.more(5)
    finally:
        for one in pairs:
            one.stop()
    assert [one.failed for one in pairs] == [[], []]
    assert not pairs[0].waited_s, "the vault was never away"
    waited = max(pairs[1].waited_s, default=0.0)
    sys.stdout.write(f"{sum(one.done for one in pairs)} requests, none failed; waited {waited:.1f} s for a copy\n")
    assert network.stop() == 0
