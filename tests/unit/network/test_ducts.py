"""Ducts of the network file: what is refused, what is asked about, what a cut takes."""

import pytest
from msgspec.structs import replace

from qit4n.network.ducts import cut_with, ducts_of_pairs
from qit4n.network.file import examine, examples, load
from qit4n.network.model import Link, Medium

TWO_WAYS = """
qit4n: 1
name: two-ways
sites: [{id: A}, {id: B}, {id: C}, {id: D}]
modules: {m: {pulse_rate_hz: 1.0e+8}}
links:
  - {id: ab, ends: [A, B], medium: {length_km: 10, loss_db: 2.5}, module: m, ducts: [bridge]}
  - {id: bd, ends: [B, D], medium: {length_km: 10, loss_db: 2.5}, module: m}
  - {id: ac, ends: [A, C], medium: {length_km: 10, loss_db: 2.5}, module: m, ducts: [DUCTS]}
  - {id: cd, ends: [C, D], medium: {length_km: 10, loss_db: 2.5}, module: m}
applications: [{id: app-a, site: A}, {id: app-d, site: D}]
demands: [{between: [app-a, app-d], trust: {paths: 2}}]
"""


def told(ducts):
    """Path, sentence and advice of each problem or warning when link ac runs through these ducts."""
    found = examine(TWO_WAYS.replace("DUCTS", ducts), "file")
    return [(one.path, one.what, one.right) for one in (*found.problems, *found.warnings)]


@pytest.mark.parametrize(
    ("ducts", "path", "what"),
    [
        ("bridge, bridge", "links[2].ducts[1]", "runs through 'bridge' already"),
        ("bd", "links[2].ducts[0]", "'bd' is an id of the links already"),
        ("C", "links[2].ducts[0]", "'C' is an id of the sites already"),
        ("a b", "links[2].ducts[0]", "has a form that is not allowed"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_its_place(ducts, path, what):
    """A cut is asked for by name, so a duct has one that no link or site has."""
    assert any(one == path and what in text for one, text, _ in told(ducts))


def test_only_fibre_lies_in_ducts():
    text = TWO_WAYS.replace("ducts: [DUCTS]", "ducts: [bridge]").replace(
        "ends: [A, C], medium: {length_km: 10", "ends: [A, C], medium: {kind: free-space, length_km: 10"
    )
    (problem,) = examine(text, "file").problems
    assert (problem.path, problem.what) == ("links[2].ducts", "a link over free-space runs through no duct")


def test_a_duct_of_one_link_may_be_misspelt():
    """The name that was meant is proposed."""
    warnings = told("brigde")
    assert [one for one, _, _ in warnings] == ["links[0].ducts[0]", "links[2].ducts[0]"]
    assert warnings[1][1:] == ("only link 'ac' runs through 'brigde'", "did you mean 'bridge'?")


def test_a_demand_for_disjoint_paths_hears_that_they_share_a_duct():
    """Both paths cross the bridge; the warning says from where to where, and which duct."""
    ((path, what, _),) = told("bridge")
    assert path == "demands[0].trust"
    assert what == "node-disjoint paths from A to D share duct bridge"
    assert "demands[0].trust" not in [one for one, _, _ in told("")]


def test_a_pair_of_sites_is_lost_with_a_duct_only_if_all_of_its_links_are_in_it():
    fibre = Medium(length_km=1, loss_db=1)
    one = Link(id="one", ends=("B", "A"), medium=fibre, module="m", ducts=("x", "y"))
    two = Link(id="two", ends=("A", "B"), medium=fibre, module="m", ducts=("y", "z"))
    assert ducts_of_pairs([one]) == {("A", "B"): {"x", "y"}}
    assert ducts_of_pairs([one, two]) == {("A", "B"): {"y"}}


def test_a_cut_takes_the_links_of_a_duct_or_one_link():
    """Of the shipped example; of the rest of the network nothing."""
    metro = load("metro")
    assert metro.ducts == {"river-crossing": ("east-southeast", "southeast-south")}
    assert [link.id for link in cut_with(metro, "river-crossing")] == ["east-southeast", "southeast-south"]
    assert [link.id for link in cut_with(metro, "north-east")] == ["north-east"]
    assert cut_with(metro, "north") == ()
    bare = replace(metro, links=tuple(replace(link, ducts=()) for link in metro.links))
    assert bare.ducts == {}


def test_the_shipped_examples_have_no_odd_ducts():
    for name, text in examples().items():
        assert not [one for one in examine(text, name).warnings if "duct" in one.what], name
