"""Options of Apache ECharts for what was measured over time."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qit4n.dashboard.mapoption import FONT, Option, var

Numbers = npt.NDArray[Any]
Point = tuple[float, float]
MOST_POINTS = 600
BLOT = 0.05  # of the points along a name may be under it, so that it does not jump about
LETTER, LETTER_HEIGHT = 0.024, 0.1  # of the width and height of a chart in a third of the page
UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def over_time(
    lines: Sequence[tuple[str, Numbers, Numbers]],
    unit: str,
    *,
    marks: Sequence[tuple[str, float]] = (),
    percent: bool = False,
) -> Option:
    """Lines over time (UTC), each ``(name, times in s, values)``, with ``marks``: levels to compare them with."""
    highest = max([0.0, *(_highest(values) for _, _, values in lines), *(level for _, level in marks)])
    factor, prefix = (100.0, "%") if percent else _scale(highest, unit)
    series = [
        _line(name, times, values, factor, colour)
        for (name, times, values), colour in zip(lines, ("first", "second", "third"), strict=False)
    ]
    axis = _nice(max(highest, 1e-12) * factor * 1.15)
    if series and marks:
        points = [point for one in series for point in _points(one["data"], axis["max"])]
        series[0]["markLine"] = _marks([(name, level * factor) for name, level in marks], points, axis["max"])
    return {
        "useUTC": True,
        "grid": {"left": 8, "right": 20, "top": 26, "bottom": 4, "containLabel": True},
        "xAxis": {"type": "time", **_axis(), "splitLine": {"show": False}, "splitNumber": 4},
        "yAxis": {"type": "value", "name": prefix, "min": 0, **axis, **_axis()},
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": var("surface"),
            "borderColor": var("line"),
            "textStyle": {"color": var("ink"), "fontFamily": FONT, "fontSize": 13},
        },
        "series": series,
    }


def _highest(values: Numbers) -> float:
    known = values[np.isfinite(values)] if len(values) else values
    return float(known.max()) if len(known) else 0.0


def _scale(highest: float, unit: str) -> tuple[float, str]:
    for limit, prefix in UNITS:
        if highest >= limit:
            return 1.0 / limit, f"{prefix}{unit}"
    return 1.0, unit


def _nice(value: float) -> Option:
    """The end of the axis, a round number not below ``value``, and the distance of its lines."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    ends = ((1.0, 0.25), (1.5, 0.5), (2.0, 0.5), (3.0, 1.0), (4.0, 1.0), (6.0, 2.0), (8.0, 2.0), (10.0, 2.5))
    end, step = next(pair for pair in ends if pair[0] * power >= value * (1 - 1e-9))
    return {"max": end * power, "interval": step * power}


def _axis() -> Option:
    label = {"color": var("quiet"), "fontFamily": FONT, "fontSize": 12, "hideOverlap": True}
    return {
        "axisLabel": label,
        "nameTextStyle": {"color": var("quiet"), "fontFamily": FONT, "fontSize": 12, "align": "left"},
        "axisLine": {"lineStyle": {"color": var("line")}},
        "axisTick": {"show": False},
        "splitLine": {"lineStyle": {"color": var("line"), "opacity": 0.6}},
    }


def _line(name: str, times: Numbers, values: Numbers, factor: float, colour: str) -> Option:
    step = max(1, math.ceil(len(times) / MOST_POINTS))
    points = [
        [round(float(at) * 1000), None if math.isnan(value) else float(f"{value * factor:.4g}")]
        for at, value in zip(times[::step], values[::step].tolist(), strict=True)
    ]
    return {
        "id": name,
        "name": name,
        "type": "line",
        "showSymbol": len(points) < 2,  # noqa: PLR2004 - a single point would not be seen
        "connectNulls": False,
        "data": points,
        "lineStyle": {"width": 2, "color": var(colour)},
        "itemStyle": {"color": var(colour)},
    }


def _points(data: Sequence[Sequence[float | None]], top: float) -> list[Point]:
    """Where a line runs, as shares of the width and of the height."""
    known = [(at, value) for at, value in data if at is not None and value is not None]
    if not known:
        return []
    first, width = known[0][0], max(1.0, known[-1][0] - known[0][0])
    return [((at - first) / width, value / top) for at, value in known]


def label_places(marks: Sequence[tuple[str, float]], points: Sequence[Point], top: float) -> list[str]:
    """Where the name of each mark stands: over or under its line, at the right or left, at the first free place.

    On another name or below the axis is worse than on a line that was measured.
    """
    names: list[Point] = []
    places = []
    for name, level in marks:
        width, height = LETTER * len(name), level / top
        boxes = {
            f"inside{side}{over}": (begin, begin + width, height + low, height + low + LETTER_HEIGHT)
            for side, begin in (("End", 1.0 - width), ("Start", 0.0))
            for over, low in (("Top", 0.0), ("Bottom", -LETTER_HEIGHT))
        }
        others = [(x / 20, other / top) for _, other in marks if other != level for x in range(21)]
        badness = {
            place: 2 * (_is_hit(box, names, 0.0) or box[2] < 0.0) + (_is_hit(box, [*points, *others], BLOT))
            for place, box in boxes.items()
        }
        place = min(badness, key=lambda one: badness[one])
        left, right, low, high = boxes[place]
        names += [(x, y) for x in (left, (left + right) / 2, right) for y in (low, (low + high) / 2, high)]
        places.append(place)
    return places


def _is_hit(box: tuple[float, float, float, float], points: Sequence[Point], share: float) -> bool:
    """Whether more than a share of the points in a box's width are in it."""
    left, right, low, high = box
    beside = [y for x, y in points if left <= x <= right]
    return sum(low <= y <= high for y in beside) > share * len(beside)


def _marks(marks: Sequence[tuple[str, float]], points: Sequence[Point], top: float) -> Option:
    places = label_places(marks, points, top)
    return {
        "silent": True,
        "symbol": "none",
        "data": [
            {"yAxis": level, "name": name, "label": {"position": place}}
            for (name, level), place in zip(marks, places, strict=True)
        ],
        "lineStyle": {"color": var("quiet"), "type": "dashed", "width": 1.2},
        "label": {
            "formatter": "{b}",
            "color": var("quiet"),
            "fontFamily": FONT,
            "fontSize": 12,
        },
    }
