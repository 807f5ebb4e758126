"""Distributed control, live: no controller orders anything."""

import time

import pytest

from qit4n.errors import KeyRequestError

pytestmark = [pytest.mark.system, pytest.mark.long]


def test_sites_fill_their_pools_without_a_controller(start, three_sites):
    """The controller sends no table in this configuration; keys over two hops come all the same, equal at both ends."""
    text = three_sites.read_text(encoding="utf-8").replace(
        "name: three-sites", "name: three-sites\ncontrol: distributed"
    )
    three_sites.write_text(text, encoding="utf-8")
    network = start(three_sites)
    for master, slave in (("app-a", "app-c"), ("app-c", "app-a"), ("app-a", "app-b")):
        got = network.get(master, slave, number=2)
        assert len(got) == 2
        assert network.fetch(slave, master, *got) == got


def test_sites_take_a_changed_file(start, three_sites):
    """A link from a to c takes the place of the one from b: more keys than ever were in the pool come over it."""
    text = three_sites.read_text(encoding="utf-8")
    three_sites.write_text(
        text := text.replace("name: three-sites", "name: three-sites\ncontrol: distributed"), "utf-8"
    )
    network = start(three_sites)
    pool_bits = 262_144
    network.wait_for(lambda status: all(pool["ready_bits"] > 4096 for pool in status["pools"]), "keys")
    three_sites.write_text(text.replace("{id: bc, ends: [b, c]", "{id: ac, ends: [a, c]"), "utf-8")
    applied = network.qit("apply", three_sites, "--yes", timeout=120)
    assert applied.returncode == 0, applied.stderr
    assert len({network.status()["file"], *(site["file"] for site in network.status()["sites"])}) == 1
    given, deadline = 0, time.monotonic() + 90
    while given < 3 * pool_bits:
        try:
            given += 256 * len(network.get("app-a", "app-c", number=64))
        except KeyRequestError:
            assert time.monotonic() < deadline, f"{given} bits, and no more"
            time.sleep(0.2)
    got = network.get("app-a", "app-c")
    assert network.fetch("app-c", "app-a", *got) == got
