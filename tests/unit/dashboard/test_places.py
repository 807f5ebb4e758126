import itertools

import numpy as np
import pytest

from qit4n.dashboard.coastlines import Box, geography
from qit4n.dashboard.places import has_coordinates, layout, map_of, scheme_of
from qit4n.network.file import load
from unit.dashboard.worlds import network

RING = [(f"s{number}", f"s{(number + 1) % 6}") for number in range(6)]


def crosses(one, other):
    """Whether two lines cross, by the side of each on which the ends of the other lie."""

    def side(line, point):
        (ax, ay), (bx, by) = line
        return np.sign((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax))

    return side(one, other[0]) != side(one, other[1]) and side(other, one[0]) != side(other, one[1])


def test_a_scheme_shows_a_ring_as_a_ring():
    """No two links of a ring cross in its scheme, all have about the same length, and a second run gives the same."""
    plan = scheme_of([f"s{number}" for number in range(6)], RING)
    lines = [(plan.places[one], plan.places[other]) for one, other in RING]
    apart = [(one, other) for one, other in itertools.combinations(lines, 2) if not set(one) & set(other)]
    assert not any(crosses(one, other) for one, other in apart)
    lengths = [np.linalg.norm(np.subtract(*line)) for line in lines]
    assert max(lengths) < 1.3 * min(lengths)
    assert plan == scheme_of([f"s{number}" for number in range(6)], RING)


def test_what_hangs_on_one_site_is_drawn_apart():
    """The eight users of a star lie apart from each other, though all have the same distances to all sites."""
    places = layout(9, [(0, user) for user in range(1, 9)])
    assert min(np.linalg.norm(places[one] - places[other]) for one, other in itertools.combinations(range(9), 2)) > 0.5


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_smallest_networks_have_a_scheme(count):
    """A single site, a pair, and a pair with a site that has no link are drawn inside the box."""
    plan = scheme_of([f"s{number}" for number in range(count)], [("s0", "s1")] if count > 1 else [])
    for x, y in plan.places.values():
        assert plan.box.west < x < plan.box.east
        assert plan.box.south < y < plan.box.north


def test_a_map_holds_all_its_sites():
    """All sites of SECOQC lie well inside the box of its map; a network of which one site has no place has no map."""
    secoqc = load("secoqc")
    assert has_coordinates(secoqc)
    box = map_of(secoqc).box
    assert all(box.west < site.longitude_deg < box.east for site in secoqc.sites)
    assert all(box.south < site.latitude_deg < box.north for site in secoqc.sites)
    assert not has_coordinates(network(["ab"]))


def inside(point, ring):
    """Whether a point is in a polygon, by counting the sides that a ray crosses."""
    x, y = point
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return sum((ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax for (ax, ay), (bx, by) in pairs) % 2


def on_land(place, found):
    shapes = [one["geometry"]["coordinates"] for one in found["features"] if one["properties"]["name"] == "land"]
    return any(inside(place, polygon[0]) for shape in shapes for polygon in shape)


@pytest.mark.parametrize("size", [3.0, 20.0, 60.0])
def test_coasts_are_where_they_are(size):
    """Vienna and Hamburg are land, the North Sea and the Adriatic are not, at each of the three resolutions."""
    box = Box(west=11 - size, south=50 - size / 2, east=11 + size, north=50 + size / 2)
    found = geography(box)
    places = {(16.37, 48.21): 1, (10.0, 53.4): 1, (5.0, 55.0): 0, (15.0, 43.2): 0}
    for (x, y), land in places.items():
        if box.west < x < box.east and box.south < y < box.north:
            assert on_land((x, y), found) == land
    assert len(str(found)) < 400_000


def test_a_map_beyond_the_date_line_has_land():
    """Fiji's main island is land whether its longitude is written 178 or -182."""
    for turn in (0.0, -360.0):
        box = Box(west=176 + turn, south=-19, east=180 + turn, north=-16)
        assert on_land((178.0 + turn, -17.8), geography(box))
