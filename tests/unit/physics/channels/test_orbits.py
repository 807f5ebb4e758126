"""Orbits, passes and the downlink budget against Skyfield and published budgets."""

import numpy as np
import pytest
from sgp4.api import WGS72, Satrec
from skyfield.api import EarthSatellite, load, wgs84

from qit4n.physics.channels import satellite
from qit4n.physics.channels.orbits import (
    Orbit,
    Station,
    passes,
    sun_elevation_deg,
    sun_synchronous_inclination_deg,
    sun_synchronous_node_deg,
    view,
)

EPOCH = 2461120.25
ORBIT = Orbit(altitude_km=500, inclination_deg=97.4, node_deg=50, phase_deg=10, epoch=EPOCH)
XINGLONG = Station(latitude_deg=40.39, longitude_deg=117.58, height_m=870)


def test_elevation_and_distance_are_those_of_skyfield():
    """Over three days to 0.01 degrees and 0.1 km, which Skyfield computes in a frame and with a rotation of its own."""
    record = Satrec()
    angles = np.radians([ORBIT.inclination_deg, ORBIT.phase_deg, ORBIT.node_deg])
    motion = 2 * np.pi / ORBIT.period_s * 60
    record.sgp4init(WGS72, "i", 1, EPOCH - 2433281.5, 0, 0, 0, 1e-6, 0, angles[0], angles[1], motion, angles[2])
    scale = load.timescale(builtin=True)
    times = EPOCH + np.linspace(0, 3, 400)
    place = wgs84.latlon(XINGLONG.latitude_deg, XINGLONG.longitude_deg, XINGLONG.height_m)
    seen = (EarthSatellite.from_satrec(record, scale) - place).at(scale.tt_jd(times + 69.184 / 86400)).altaz()
    elevation, distance = view(ORBIT, XINGLONG, times)
    assert elevation == pytest.approx(seen[0].degrees, abs=0.01)
    assert distance == pytest.approx(seen[2].km, abs=0.1)


def test_a_sun_synchronous_orbit_keeps_its_local_time():
    """Its plane turns once a year by the textbook's J2 precession; the inclinations are the known ones."""
    assert sun_synchronous_inclination_deg(500) == pytest.approx(97.40, abs=0.02)
    assert sun_synchronous_inclination_deg(800) == pytest.approx(98.60, abs=0.03)
    per_day = -9.9641 * (6378.137 / 6878.137) ** 3.5 * np.cos(np.radians(sun_synchronous_inclination_deg(500)))
    assert per_day * 365.2422 == pytest.approx(360, rel=5e-3)


def test_the_node_stands_where_the_local_time_says():
    """At an equinox the Sun stands at zero: a node at 22:30 is at 157.5 degrees, within a degree."""
    assert sun_synchronous_node_deg(2461120.1153, 22.5) == pytest.approx(157.5, abs=1)


def test_passes_are_all_there_and_nothing_else():
    """A fine search finds the same passes, and each sample is above the least elevation."""
    found = list(passes(ORBIT, XINGLONG, days=2, least_elevation_deg=10))
    times = EPOCH + np.arange(0, 2 * 86400, 5) / 86400
    above = view(ORBIT, XINGLONG, times)[0] >= 10
    assert len(found) == np.count_nonzero(np.diff(above.astype(int)) == 1) + int(above[0])
    assert all(one.elevation_deg.min() >= 10 for one in found)
    assert sum(one.duration_s for one in found) == pytest.approx(5 * above.sum(), rel=0.02)


def test_dark_is_when_the_sun_is_down():
    """At the equinox the Sun stands overhead at the equator at noon and is below at midnight."""
    equator = Station(latitude_deg=0, longitude_deg=0)
    noon, midnight = sun_elevation_deg(equator, [2461120.0 + 1.0, 2461120.5])
    assert noon > 87
    assert midnight < -87


def test_an_orbit_inside_the_earth_is_refused():
    """SGP4 has no orbit at minus 3000 km."""
    with pytest.raises(ValueError, match="altitude"):
        view(Orbit(altitude_km=-3000, inclination_deg=50, node_deg=0, phase_deg=0, epoch=EPOCH), XINGLONG, EPOCH + 1)


PUBLISHED = [
    (10, 1694.6, 21.59, 5.58),
    (20, 1192.8, 18.55, 2.83),
    (30, 909.4, 16.22, 1.94),
    (60, 570.5, 12.25, 1.12),
    (90, 500.0, 11.14, 0.97),
]


@pytest.mark.parametrize(("elevation", "distance", "diffraction", "air"), PUBLISHED)
def test_budget_of_a_downlink(elevation, distance, diffraction, air):
    """500 km, 10 urad, 1 m, zenith 0.8: a table computed independently, to its last digit."""
    optics = satellite.Optics(divergence_rad=10e-6, receiver_m=1.0, zenith_transmittance=0.8)
    found = satellite.slant_range_km(500, elevation)
    assert found == pytest.approx(distance, abs=0.06)
    losses = satellite.downlink_db(optics, found, elevation)
    assert losses["diffraction"] == pytest.approx(diffraction, abs=0.006)
    assert losses["atmosphere"] == pytest.approx(air, abs=0.006)


def test_diffraction_of_micius_with_a_full_width_at_half_maximum():
    """Liao et al. 2017 state 22 dB at 1200 km for 10 urad: 1/e2 gives 18.6 dB, and read as FWHM 23.1 dB."""
    for factor, expected in ((1.0, 18.6), (1 / 0.5887, 23.1)):
        optics = satellite.Optics(divergence_rad=10e-6 * factor, receiver_m=1.0)
        loss = float(satellite.between_satellites_db(optics, 1200)["diffraction"])
        assert loss == pytest.approx(expected, abs=0.1)
        assert loss == pytest.approx(22, abs=3.5)
