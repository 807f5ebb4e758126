"""The ring whose banks trust no single site, live."""

import pytest

pytestmark = pytest.mark.system


@pytest.mark.checklist("5b")
def test_keys_over_two_disjoint_paths_and_over_a_central_site(start):
    """Both policies give equal keys at both ends, each from its own pool, over the paths that the policy allows."""
    network = start("trusted-ring", limit_s=120)
    for master, slave in (("bank-west", "bank-east"), ("bank-east", "bank-west"), ("archive-west", "archive-east")):
        got = network.get(master, slave, number=2)
        assert len(got) == 2
        assert network.fetch(slave, master, *got) == got

    def paths_are_there(status):
        return all(pool["paths"] for pool in status["pools"])

    status = network.wait_for(paths_are_there, "paths for every pool")
    paths = {(pool["source"], pool["trust"]): sorted(pool["paths"]) for pool in status["pools"]}
    assert paths["west", "2 of 2 paths, hop-by-hop"] == [["west", "north", "east"], ["west", "south", "east"]]
    assert paths["west", "1 path, central at south"] == [["west", "north", "east"]]
