"""kill -9 of live processes at random moments under load: what was acknowledged stays, nothing is given twice.

``make kills KILLS=1000`` runs as many as wanted; the long tests run a few. Figures are printed with ``-s``.
"""

import os
import random
import signal
import statistics
import sys
import threading
import time
from pathlib import Path

import pytest

from qit4n.errors import KeyRequestError, PeerUnreachableError

pytestmark = [pytest.mark.system, pytest.mark.long]

KILLS = int(os.environ.get("KILLS", "25"))
SEED = int(os.environ.get("SEED", "1"))
RECOVERY_LIMIT_S = 30.0


class Traffic:
    """One thread that gets keys as a master; some are fetched at once, some twice, the rest is left for the end."""

    def __init__(self, network, master, slave, seed):
        self.master, self.slave = master, slave
        self.supplied, self.left, self.wrong = {}, {}, []
        self.begun_at, self.short = 0.0, 0
        self._values = set()
        self._dice = random.Random(seed)
        self._get, self._fetch = network.client(master), network.client(slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)  # a test that fails does not stop it
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.1):
            begun = time.monotonic()
            try:
                got = {key.key_id: key.value for key in self._get.get_keys(self.slave, number=2)}
            except (KeyRequestError, PeerUnreachableError) as error:
                if "insufficient key material" in str(error):  # it serves; the links have not made enough yet
                    self.begun_at, self.short = begun, self.short + 1
                continue
            new_values = set(got.values()) - self._values
            if self.supplied.keys() & got.keys() or len(new_values) < len(got):
                self.wrong.append("a key was given twice")
            self.supplied |= got
            self._values |= new_values
            self.begun_at = begun
            if self._dice.random() < 0.5:
                self.left |= got
            elif self.fetch(got) and self._dice.random() < 0.2 and self.fetch(got):
                self.wrong.append("a slave got its copy twice")

    def fetch(self, wanted):
        """Whether the slave got its copies; when the answer is lost on the way they are wasted."""
        try:
            found = {key.key_id: key.value for key in self._fetch.get_keys_by_id(self.master, list(wanted))}
        except (KeyRequestError, PeerUnreachableError):
            return False
        if found != wanted:
            self.wrong.append("two copies differ")
        return True

    def stop(self):
        self._stop.set()
        self._thread.join(30)


def processes(network):
    """Process ids by name, as the supervisor started them: a site, a replica of one, the controller, postgres."""
    found = {}
    for task in Path(f"/proc/{network.process.pid}/task").iterdir():
        for pid in (task / "children").read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "node" in words:
                replica = words[words.index("--replica") + 1] if "--replica" in words else ""
                found[words[words.index("node") + 1] + replica] = int(pid)
            elif "controller" in words or words[0].endswith("/postgres"):
                found["controller" if "controller" in words else "postgres"] = int(pid)
    return found


class Recovery:
    """How long it takes until keys flow again in every direction after something was done to the network."""

    def __init__(self, what):
        self._what, self.times = what, []

    def wait(self, traffic, done_to):
        since = time.monotonic()
        while any(one.begun_at < since for one in traffic):
            assert time.monotonic() - since < RECOVERY_LIMIT_S, f"no keys after it was done to {done_to}"
            time.sleep(0.02)
        self.times.append(time.monotonic() - since)

    def tell(self, traffic):
        times, supplied = sorted(self.times), sum(len(one.supplied) for one in traffic)
        short = sum(one.short for one in traffic)
        sys.stdout.write(
            f"{len(times)} {self._what}, {supplied} keys ({short} times short); "
            f"keys again after {statistics.median(times):.2f} s (median), "
            f"{times[int(len(times) * 0.99)]:.2f} s (99 %), {times[-1]:.2f} s (at most)\n"
        )
        sys.stdout.flush()


def begin(network):
    """Traffic over one and two hops, both ways."""
    pairs = (("app-a", "app-c"), ("app-c", "app-a"), ("app-a", "app-b"), ("app-b", "app-a"))
    return [Traffic(network, *pair, SEED + number) for number, pair in enumerate(pairs)]


def end(traffic):
    """Stop, and check every key that was acknowledged."""
    for one in traffic:
        one.stop()
        assert one.wrong == []
        assert len(one.left) > 2
        for key_id, value in one.left.items():
            assert one.fetch({key_id: value}), f"{one.master} was supplied with {key_id}, {one.slave} cannot fetch it"
        assert one.wrong == []


@pytest.mark.parametrize("options", [(), ("--replicas", "2")], ids=["sqlite", "replicas"])
def test_kills_under_load_lose_no_acknowledged_key(start, three_sites, options):
    """Any process, any moment: no key twice, no unequal copies, every acknowledged key is there afterwards."""
    network = start(three_sites, *options)
    victims = sorted(set(processes(network)) - {"postgres"})
    dice, recovery, traffic = random.Random(SEED), Recovery("kills"), begin(network)
    for kill in range(KILLS):
        time.sleep(dice.random() * 0.4)
        victim = dice.choice(victims)
        while victim not in (running := processes(network)):
            time.sleep(0.02)
        os.kill(running[victim], signal.SIGKILL)
        recovery.wait(traffic, victim)
        if (kill + 1) % 50 == 0 or kill + 1 == KILLS:
            recovery.tell(traffic)
    end(traffic)


def test_a_killed_supervisor_leaves_nothing_in_the_way(start, three_sites):
    """Its sites end, its database is taken over: the next ``qit up`` has every acknowledged key."""
    network = start(three_sites, "--replicas", "2")
    got = network.get("app-a", "app-c", number=3)
    sites = [pid for name, pid in processes(network).items() if name != "postgres"]
    network.process.kill()
    network.process.wait()
    deadline = time.monotonic() + RECOVERY_LIMIT_S
    while any(Path(f"/proc/{pid}").exists() for pid in sites):
        assert time.monotonic() < deadline, "a site goes on without its supervisor"
        time.sleep(0.1)
    again = start(three_sites, "--replicas", "2", state=network.state)
    assert again.fetch("app-c", "app-a", *got) == got


def test_stopped_replicas_and_a_killed_database_lose_no_acknowledged_key(start, three_sites):
    """An active replica that is stopped (not killed) is replaced; the database may be killed too."""
    network = start(three_sites, "--replicas", "2")
    traffic = begin(network)
    stopped, killed = Recovery("stopped replicas"), Recovery("kills of the database")
    for _ in range(2):
        for site in network.status()["sites"]:
            os.kill(site["pid"], signal.SIGSTOP)
            stopped.wait(traffic, site["site"])
        os.kill(processes(network)["postgres"], signal.SIGKILL)
        killed.wait(traffic, "postgres")
    stopped.tell(traffic)
    killed.tell(traffic)
    end(traffic)
