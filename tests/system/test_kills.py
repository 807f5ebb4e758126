"""kill -9 of live processes at random moments under load: what was acknowledged stays, nothing is given twice.

``make kills KILLS=1000`` runs as many as wanted; the long tests run a few. Figures are printed with ``-s``.
"""

import os
import random
import signal
import time

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]

KILLS = int(os.environ.get("KILLS", "25"))
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize("options", [(), ("--replicas", "2")], ids=["sqlite", "replicas"])
def test_kills_under_load_lose_no_acknowledged_key(start, three_sites, load, options):
    """Any process, any moment: no key twice, no unequal copies, every acknowledged key is there afterwards."""
    network = start(three_sites, *options)
    victims = sorted(set(network.processes()) - {"postgres"})
    dice, traffic = random.Random(SEED), load(network, SEED)
    for kill in range(KILLS):
        time.sleep(dice.random() * 0.4)
        victim = dice.choice(victims)
        while victim not in (running := network.processes()):
            time.sleep(0.02)
        os.kill(running[victim], signal.SIGKILL)
        traffic.wait(f"kills of {victim}")
        if (kill + 1) % 50 == 0 or kill + 1 == KILLS:
            traffic.tell()
    traffic.end()
