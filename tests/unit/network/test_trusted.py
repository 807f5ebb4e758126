"""Trust policies in a network file: what they mean, and what cannot be kept."""

import pytest

from qit4n.network.file import check, load, parse
from qit4n.network.model import Trust

RING = """\
qit4n: 1
name: ring
sites: [{id: a}, {id: b}, {id: c}, {id: d}]
modules: {m: {pulse_rate_hz: 1e8}}
links:
  - {id: ab, ends: [a, b], medium: {length_km: 20, loss_db: 4.6}, module: m}
  - {id: bc, ends: [b, c], medium: {length_km: 20, loss_db: 4.6}, module: m}
  - {id: cd, ends: [c, d], medium: {length_km: 20, loss_db: 4.6}, module: m}
  - {id: da, ends: [d, a], medium: {length_km: 20, loss_db: 4.6}, module: m}
applications: [{id: app-a, site: a}, {id: app-c, site: c}]
demands:
  - {between: [app-a, app-c], trust: {TRUST}}
"""


def problems(trust):
    return [(one.path, one.what, one.right) for one in check(RING.replace("TRUST", trust), "f.yaml")]


def test_without_a_word_about_trust_nothing_has_changed():
    """One path, hop by hop, and one share that is the key."""
    trust = parse(RING.replace("{TRUST}", "{}"), "f.yaml").demands[0].trust
    assert trust == Trust(scheme="hop-by-hop", centre=None, paths=1, threshold=0)
    assert trust.shares_needed == 1


@pytest.mark.parametrize(
    ("trust", "needed", "text"),
    [
        ("paths: 2", 2, "2 of 2 paths, hop-by-hop"),
        ("paths: 3, threshold: 2", 2, "2 of 3 paths, hop-by-hop"),
        ("scheme: xor-at-destination", 1, "1 path, xor-at-destination"),
        ("scheme: central, centre: d", 1, "1 path, central at d"),
        ("scheme: central, centre: d, paths: 2, threshold: 1", 1, "1 of 2 paths, central at d"),
    ],
)
def test_policies_that_the_ring_can_keep(trust, needed, text):
    """No problem, and what they say in a few words."""
    found = parse(RING.replace("TRUST", trust), "f.yaml").demands[0].trust
    assert (found.shares_needed, str(found)) == (needed, text)


@pytest.mark.parametrize(
    ("trust", "path", "what", "right"),
    [
        ("paths: 3", "", "the links give 2 node-disjoint paths from a to c", "3 are needed"),
        ("paths: 2, scheme: central, centre: b", "", "give 1 node-disjoint paths from a to c beside b", "2 are needed"),
        ("paths: 2, threshold: 3", ".threshold", "3 shares are needed and only 2 sent", "at most 2"),
        ("scheme: central", "", "no centre", "name a site"),
        ("centre: b", ".centre", "no use for a centre", "drop it"),
        ("scheme: central, centre: bb", ".centre", "there is no site 'bb'", "did you mean 'b'"),
        ("scheme: central, centre: a", ".centre", "a site of app-a itself", "not an end"),
        ("paths: 0", ".paths", "less than 1", "at least 1"),
        ("scheme: direct", ".scheme", "is not known here", "xor-at-destination"),
    ],
)
def test_policies_that_cannot_be_kept_are_named_before_anything_starts(trust, path, what, right):
    """Each at its place, with what would be right."""
    found = problems(trust)
    assert len(found) == 1, found
    assert found[0][0] == f"demands[0].trust{path}"
    assert what in found[0][1]
    assert right in found[0][2]


def test_the_shipped_ring_asks_for_two_paths():
    """The example shows a policy of two disjoint paths and a central site."""
    assert {str(demand.trust) for demand in load("trusted-ring").demands} == {
        "2 of 2 paths, hop-by-hop",
        "1 path, central at south",
    }
