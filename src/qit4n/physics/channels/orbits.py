"""Where a satellite is, and when a ground station sees it: SGP4 orbits, pass by pass.

Positions come from the package sgp4 (Vallado, Crawford, Hujsak, Kelso, AIAA 2006-6753), in its frame TEME; Greenwich
mean sidereal time (IAU 1982) turns it into the Earth's. Polar motion and the difference of UT1 and UTC are left out:
below 0.01 degrees at the antenna. Times are Julian dates of UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sgp4.api import WGS72, Satrec

from qit4n.physics.channels.fibre import Array
from qit4n.physics.channels.sky import sun_direction

EARTH_MU_KM3_S2 = 398_600.8  # WGS 72, as in SGP4
EARTH_RADIUS_KM = 6378.135
WGS84_A_KM, WGS84_F = 6378.137, 1.0 / 298.257223563
EPOCH_1949 = 2_433_281.5
DAY_S = 86_400.0
COARSE_S = 20.0
AIR_KM = 100.0


@dataclass(frozen=True, kw_only=True)
class Orbit:
    """A circular orbit: altitude over the equator, and where the satellite is at its epoch."""

    altitude_km: float
    inclination_deg: float
    node_deg: float
    phase_deg: float
    epoch: float

    @property
    def period_s(self) -> float:
        """Time of one revolution."""
        return float(2.0 * np.pi * np.sqrt((EARTH_RADIUS_KM + self.altitude_km) ** 3 / EARTH_MU_KM3_S2))


@dataclass(frozen=True, kw_only=True)
class Station:
    """A ground station: WGS 84 coordinates."""

    latitude_deg: float
    longitude_deg: float
    height_m: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass over a station: samples at equal steps (arrays of equal length), and whether it is dark there."""

    times: Array
    elevation_deg: Array
    range_km: Array
    step_s: float
    dark: bool

    @property
    def duration_s(self) -> float:
        """Time above the least elevation."""
        return self.step_s * self.times.size

    @property
    def highest_deg(self) -> float:
        """Highest elevation."""
        return float(self.elevation_deg.max())


def sun_synchronous_inclination_deg(altitude_km: float) -> float:
    """Inclination at which the orbit's plane turns with the Sun: ``cos i = -(a/12352 km)^(7/2)`` (J2 only)."""
    return float(np.degrees(np.arccos(-(((EARTH_RADIUS_KM + altitude_km) / 12_352.0) ** 3.5))))


def sun_synchronous_node_deg(epoch: float, local_time_h: float) -> float:
    """Right ascension of a node that is crossed at a local solar time."""
    sun = sun_direction(epoch)
    return float((np.degrees(np.arctan2(sun[1], sun[0])) + (local_time_h - 12.0) * 15.0) % 360.0)


def sidereal_angle(times: ArrayLike) -> Array:
    """Greenwich mean sidereal time in rad (IAU 1982)."""
    t = (np.asarray(times, np.float64) - 2_451_545.0) / 36_525.0
    seconds = 67_310.54841 + (876_600.0 * 3600.0 + 8_640_184.812866) * t + 0.093104 * t**2 - 6.2e-6 * t**3
    return np.asarray(np.radians(seconds / 240.0 % 360.0), np.float64)


def positions_km(orbit: Orbit, times: ArrayLike) -> Array:
    """Positions in TEME, shape (n, 3), without drag.

    Raises:
        ValueError: SGP4 refuses the orbit.
    """
    at = np.atleast_1d(np.asarray(times, np.float64))
    motion = 2.0 * np.pi / orbit.period_s * 60.0
    node, phase, inclination = np.radians([orbit.node_deg, orbit.phase_deg, orbit.inclination_deg])
    record = Satrec()
    record.sgp4init(WGS72, "i", 1, orbit.epoch - EPOCH_1949, 0.0, 0.0, 0.0, 1e-6, 0.0, inclination, phase, motion, node)
    whole = np.floor(at)
    errors, found, _ = record.sgp4_array(whole, at - whole)
    if errors.any():
        raise ValueError(f"there is no orbit at an altitude of {orbit.altitude_km:g} km (SGP4 error {errors.max()})")
    return np.asarray(found, np.float64)


def station_km(station: Station, times: ArrayLike) -> tuple[Array, Array]:
    """Position and vertical of a station in TEME, shapes (n, 3)."""
    latitude = np.radians(station.latitude_deg)
    longitude = np.radians(station.longitude_deg) + sidereal_angle(np.atleast_1d(np.asarray(times, np.float64)))
    squared = WGS84_F * (2.0 - WGS84_F)
    normal = WGS84_A_KM / np.sqrt(1.0 - squared * np.sin(latitude) ** 2)
    height = station.height_m / 1e3
    flat, up = (normal + height) * np.cos(latitude), (normal * (1.0 - squared) + height) * np.sin(latitude)
    east, north = np.cos(longitude), np.sin(longitude)
    place = np.stack([flat * east, flat * north, np.full_like(east, up)], axis=-1)
    vertical = np.stack(
        [np.cos(latitude) * east, np.cos(latitude) * north, np.full_like(east, np.sin(latitude))], axis=-1
    )
    return place, vertical


def view(orbit: Orbit, station: Station, times: ArrayLike) -> tuple[Array, Array]:
    """Elevation in degrees and distance in km of the satellite, seen from the station."""
    place, vertical = station_km(station, times)
    line = positions_km(orbit, times) - place
    distance = np.linalg.norm(line, axis=-1)
    return np.degrees(np.arcsin(np.sum(line * vertical, axis=-1) / distance)), distance


def sun_elevation_deg(station: Station, times: ArrayLike) -> Array:
    """Elevation of the Sun; parallax and refraction left out."""
    _, vertical = station_km(station, times)
    return np.asarray(np.degrees(np.arcsin(np.sum(vertical * sun_direction(np.atleast_1d(times)).T, axis=-1))))


def passes(
    orbit: Orbit,
    station: Station,
    *,
    days: float,
    start: float | None = None,
    least_elevation_deg: float = 10.0,
    step_s: float = 1.0,
    dark_below_deg: float = -6.0,
) -> Iterator[Pass]:
    """Passes that begin within ``days`` of ``start`` (the epoch); dark: the Sun stands below ``dark_below_deg``."""
    begin = orbit.epoch if start is None else start
    coarse = begin + np.arange(0.0, days * DAY_S + COARSE_S, COARSE_S) / DAY_S
    elevation, _ = view(orbit, station, coarse)
    for first, last in _runs(elevation > least_elevation_deg - 5.0):
        from_s, to_s = (first - 1) * COARSE_S, (last + 1) * COARSE_S
        times = begin + np.arange(max(0.0, from_s), to_s, step_s) / DAY_S
        seen, distance = view(orbit, station, times)
        above = seen >= least_elevation_deg
        if above.any():
            middle = times[above][above.sum() // 2]
            dark = bool(sun_elevation_deg(station, middle)[0] < dark_below_deg)
            yield Pass(
                times=times[above], elevation_deg=seen[above], range_km=distance[above], step_s=step_s, dark=dark
            )


def sightings(
    one: Orbit, other: Orbit, *, days: float, start: float | None = None, step_s: float = 10.0
) -> Iterator[Pass]:
    """Times at which two satellites see each other past the Earth and 100 km of air; elevations count as 90 degrees.

    The line between them is lowest at its foot point, if that lies between both.
    """
    begin = one.epoch if start is None else start
    times = begin + np.arange(0.0, days * DAY_S, step_s) / DAY_S
    here, there = positions_km(one, times), positions_km(other, times)
    line = there - here
    distance = np.linalg.norm(line, axis=-1)
    foot = np.clip(-np.sum(here * line, axis=-1) / np.maximum(distance, 1e-9) ** 2, 0.0, 1.0)
    lowest = np.linalg.norm(here + foot[:, np.newaxis] * line, axis=-1)
    for first, last in _runs(lowest > EARTH_RADIUS_KM + AIR_KM):
        seen = slice(first, last + 1)
        yield Pass(
            times=times[seen],
            elevation_deg=np.full(last + 1 - first, 90.0),
            range_km=np.maximum(distance[seen], 1e-3),
            step_s=step_s,
            dark=True,
        )


def _runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True)
