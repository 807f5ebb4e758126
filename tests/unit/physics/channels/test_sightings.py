"""Two satellites that see each other: geometry that can be computed by hand."""

import numpy as np
import pytest

from qit4n.physics.channels.orbits import AIR_KM, EARTH_RADIUS_KM, Orbit, sightings

EPOCH = 2461119.5
FIRST = Orbit(altitude_km=550.0, inclination_deg=53.0, node_deg=10.0, phase_deg=0.0, epoch=EPOCH)
RADIUS = EARTH_RADIUS_KM + 550.0


def _behind(degrees, **changes):
    values = {"altitude_km": 550.0, "inclination_deg": 53.0, "node_deg": 10.0, "phase_deg": degrees, "epoch": EPOCH}
    return Orbit(**(values | changes))


def test_neighbours_in_one_orbit_see_each_other_always():
    """Twenty degrees apart: one long sighting at the length of the chord, within the wobble of SGP4."""
    (whole,) = sightings(FIRST, _behind(20.0), days=0.2)
    assert whole.duration_s == pytest.approx(0.2 * 86400, abs=11)
    assert whole.range_km == pytest.approx(
        np.full(whole.range_km.size, 2 * RADIUS * np.sin(np.radians(10.0))), rel=0.01
    )


def test_the_earth_and_its_air_are_in_the_way():
    """The widest angle past 100 km of air: twice arccos((R + 100)/r); two degrees less is seen, two more is not."""
    widest = 2.0 * np.degrees(np.arccos((EARTH_RADIUS_KM + AIR_KM) / RADIUS))
    assert list(sightings(FIRST, _behind(widest - 2.0), days=0.1))
    assert not list(sightings(FIRST, _behind(widest + 2.0), days=0.1))
    assert not list(sightings(FIRST, _behind(180.0), days=0.1))


def test_crossing_orbits_meet_again_and_again():
    """Planes at right angles: some sightings a day, each of some minutes, of all distances up to the grazing one."""
    found = list(sightings(FIRST, _behind(0.0, node_deg=100.0, altitude_km=600.0), days=1.0))
    longest = 2.0 * np.sqrt((EARTH_RADIUS_KM + 600.0) ** 2 - (EARTH_RADIUS_KM + AIR_KM) ** 2)
    assert len(found) >= 10
    for one in found:
        assert 0 < one.range_km.min() <= one.range_km.max() < longest * 1.01
