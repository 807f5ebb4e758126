"""Distributed control, live: no controller orders anything."""

import pytest

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
