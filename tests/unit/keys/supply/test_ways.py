"""Who could know a key that crosses to another network."""

import pytest

from qit4n.keys.supply.ways import abroad_ways, beyond
from qit4n.pools.knowledge import Knowledge

ABROAD = {"far": "south"}


def way(*path):
    return Knowledge(paths=(path,), threshold=1)


@pytest.mark.parametrize(
    ("master", "slaves", "ways"),
    [
        ("here", ("near",), [("A", "m", "B")]),
        ("here", ("far",), [("A", "m", "B", "network south", "far")]),
        ("here", ("near", "far"), [("A", "m", "B"), ("A", "m", "B", "network south", "far")]),
        ("far", ("near",), [("far", "network south", "A", "m", "B")]),
    ],
)
def test_a_way_is_continued_for_who_is_abroad_and_for_nobody_else(master, slaves, ways):
    """One way for all slaves here, one for each that is abroad; the other network counts as one party."""
    assert beyond([way("A", "m", "B")], master, slaves, ABROAD) == tuple(way(*one) for one in ways)


def test_ways_at_the_interworking_site_itself():
    """Only who is abroad has one; between applications of the site nobody else could know the key."""
    assert abroad_ways("A", "here", ("near",), ABROAD) == []
    assert abroad_ways("A", "here", ("near", "far"), ABROAD) == [way("A", "network south", "far")]
    assert abroad_ways("A", "far", ("near",), ABROAD) == [way("far", "network south", "A")]
