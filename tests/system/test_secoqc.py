"""SECOQC Vienna, live: eight links, every pair of its six sites."""

import itertools

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]


@pytest.mark.checklist("5b")
def test_every_pair_of_sites_gets_equal_keys_also_over_three_hops(start):
    """All eight links make key; every ordered pair of sites shares a key, the far ones over three hops."""
    network = start("secoqc", limit_s=150)
    names = list(network.applications)
    for master, slave in itertools.permutations(names, 2):
        got = network.get(master, slave)
        assert network.fetch(slave, master, *got) == got

    def far_pairs_have_paths(status):
        paths = {(pool["source"], pool["destination"]): pool["paths"] for pool in status["pools"]}
        return all(paths[pair] and len(paths[pair][0]) >= 4 for pair in (("FRM", "STP"), ("STP", "FRM")))

    network.wait_for(far_pairs_have_paths, "key on the three hops between Forum and St. Poelten")
    status = network.wait_for(lambda one: all(link["blocks"] >= 1 for link in one["links"]), "a block on each link")
    assert len(status["links"]) == 8
    assert all(site["memory_bytes"] < 400e6 for site in status["sites"])
