"""Who could know a relayed key."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from qit4n.pools.knowledge import Knowledge


def test_it_says_itself_in_a_few_words():
    """As the audit trail has it with each batch of keys."""
    known = Knowledge(paths=(("A", "B", "D"), ("A", "C", "D")), threshold=2, combined="ML-KEM-768")
    assert str(known) == "2 of A-B-D, A-C-D, ML-KEM-768"


def test_on_one_path_every_site_could_know_it():
    """The ends and each site on the way, and nobody else."""
    known = Knowledge(paths=(("A", "B", "C", "D"),), threshold=1)
    assert [site for site in "ABCDE" if known.known_to(site)] == ["A", "B", "C", "D"]
    assert set(known.smallest_coalitions()) == {frozenset(site) for site in "ABCD"}


def test_over_two_disjoint_paths_it_takes_a_site_of_each():
    """One path broken tells nothing."""
    known = Knowledge(paths=(("A", "B", "C", "D"), ("A", "E", "D")), threshold=2)
    assert not known.known_to("BC")
    assert not known.known_to("E")
    assert known.known_to("BE")
    assert set(known.smallest_coalitions()[2:]) == {frozenset("BE"), frozenset("CE")}


def test_a_direct_path_is_known_to_the_ends_alone():
    """A share over a link between the ends can be lost to nobody, so nobody else can have enough."""
    known = Knowledge(paths=(("A", "D"), ("A", "E", "D")), threshold=2)
    assert not known.known_to("BCE")
    assert known.smallest_coalitions() == (frozenset("A"), frozenset("D"))


def test_the_centre_alone_learns_nothing():
    """A centre that is on no path is not counted, alone or with others that have too little."""
    known = Knowledge(paths=(("A", "B", "D"), ("A", "E", "D")), threshold=2, scheme="central", centre="Z")
    assert not known.known_to("Z")
    assert not known.known_to("ZB")
    assert known.known_to("BE")


@given(st.lists(st.sets(st.sampled_from("BCDEFG"), max_size=2), min_size=1, max_size=4), st.data())
def test_smallest_coalitions_are_those_that_know_and_can_spare_nobody(shares, data):
    """The same as by trying every coalition, also where paths have a site in common."""
    threshold = data.draw(st.integers(1, len(shares)))
    known = Knowledge(paths=tuple(("A", *sorted(share), "Z") for share in shares), threshold=threshold)
    sites = "ABCDEFGZ"
    every = [frozenset(one) for size in range(len(sites) + 1) for one in itertools.combinations(sites, size)]
    knowing = {one for one in every if known.known_to(one)}
    least = {one for one in knowing if not any(one - {site} in knowing for site in one)}
    assert set(known.smallest_coalitions()) == least
