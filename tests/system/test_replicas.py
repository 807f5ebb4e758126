"""A site with replicas: one serves, another takes over at the same addresses, whatever happens to the first."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("SEED", "1"))


def serving(network):
    """The replica that serves each site: number and process, once every site has a standby."""
    status = network.wait_for(
        lambda status: all(site["up"] and site["standbys"] == 1 for site in status["sites"]), "a standby at each site"
    )
    return {site["site"]: (site["replica"], site["pid"]) for site in status["sites"]}


def stands_still(pid):
    """Whether a process is there and stopped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


def test_the_standby_takes_over_from_a_dead_or_stopped_replica(start, three_sites, load):
    """Another replica serves at the same addresses; keys that were acknowledged before can be fetched from it."""
    network = start(three_sites, "--replicas", "2")
    assert " 1 " in network.qit("status").stdout.split("stand by")[1]
    traffic = load(network, SEED)
    before = serving(network)
    os.kill(before["a"][1], signal.SIGKILL)
    traffic.wait("kills of the serving replica")
    os.kill(before["b"][1], signal.SIGSTOP)
    traffic.wait("stops of the serving replica")
    assert not stands_still(before["b"][1])
    after = serving(network)
    assert after["a"][0] == 3 - before["a"][0]
    assert after["b"][0] == 3 - before["b"][0]
    assert after["c"] == before["c"]
    traffic.tell()
    traffic.end()
    done = network.qit("audit", "verify")
    assert done.returncode == 0, done.stderr
    running = network.processes()
    assert network.stop() == 0
    assert [name for name, pid in running.items() if Path(f"/proc/{pid}").exists()] == []


def test_replicas_go_on_when_the_database_dies_under_them(start, three_sites, load):
    """Killed with everything well; killed while a replica is stopped, so that no session shows that it is there."""
    network = start(three_sites, "--replicas", "2")
    traffic = load(network, SEED)
    for _ in range(3):
        os.kill(network.processes()["postgres"], signal.SIGKILL)
        traffic.wait("kills of the database")
    stopped = serving(network)["a"][1]
    os.kill(stopped, signal.SIGSTOP)
    os.kill(network.processes()["postgres"], signal.SIGKILL)
    traffic.wait("kills of the database with a replica stopped")
    assert not stands_still(stopped)
    serving(network)
    traffic.tell()
    traffic.end()


def test_a_network_whose_supervisor_was_killed_starts_again_with_its_keys(start, three_sites):
    """The database server that it left behind is no obstacle, and nothing runs twice."""
    network = start(three_sites, "--replicas", "2")
    got = network.get("app-a", "app-c", number=3)
    network.process.kill()
    network.process.wait()
    again = start(three_sites, "--replicas", "2", state=network.state)
    assert again.fetch("app-c", "app-a", *got) == got


@pytest.mark.long
def test_kills_of_the_serving_replica_under_load(start, three_sites, load):
    """Many take-overs: no key twice, no unequal copies, every acknowledged key is there afterwards."""
    network = start(three_sites, "--replicas", "2")
    traffic, dice = load(network, SEED), random.Random(SEED)
    for kill in range(KILLS):
        replicas = serving(network)
        time.sleep(dice.random() * 0.4)
        os.kill(replicas[dice.choice("abc")][1], signal.SIGKILL)
        traffic.wait("kills of the serving replica")
        if (kill + 1) % 50 == 0 or kill + 1 == KILLS:
            traffic.tell()
    traffic.end()
