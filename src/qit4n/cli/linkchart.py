"""The picture of ``qit link plot``: rate and error rate against distance, and what cannot be exceeded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from qit4n.units import rate_text

Array = NDArray[np.float64]

COLOURS = (
    "#0b6e99",
    "#d1495b",
    "#2e933c",
    "#edae49",
    "#6a4c93",
    "#17becf",
    "#c77dff",
    "#b5651d",
    "#556b2f",
    "#e377c2",
    "#222831",
)
GREY = "#8a8f98"
LOWEST_BPS = 1e-2
INSIDE = 5


@dataclass(frozen=True, kw_only=True)
class Series:
    """One protocol: bits per second (0: none) and error rate (nan: has none) at each distance."""

    name: str
    title: str
    rate: Array
    qber: Array


def draw(file: Path, km: Array, series: Sequence[Series], bound: Mapping[str, Array], title: str) -> None:
    """Write the picture; the kind by the name's ending (.png or .svg)."""
    figure = Figure(figsize=(8.5 if len(series) <= INSIDE else 11.0, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.15))
    for style, (name, values) in zip(("--", ":", "-."), bound.items(), strict=False):
        finite = np.where(np.isfinite(values), values, np.nan)
        upper.semilogy(km, finite, style, color=GREY, linewidth=1.4, label=name)
    top = LOWEST_BPS * 10
    for colour, one in zip(COLOURS * 2, series, strict=False):
        positive = np.where(one.rate > 0, one.rate, np.nan)
        if np.isnan(positive).all():
            upper.plot([], [], color=colour, linewidth=2.0, label=f"{one.title}: no key")
            continue
        upper.semilogy(km, positive, color=colour, linewidth=2.0, label=one.title)
        lower.plot(km, 100.0 * np.where(one.rate > 0, one.qber, np.nan), color=colour, linewidth=1.6)
        top = max(top, float(np.nanmax(positive)))
    upper.set_ylim(LOWEST_BPS, top * 30)
    upper.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rate_text(value)))
    upper.set_ylabel("secret key rate")
    lower.set_ylabel("error rate, %")
    lower.set_ylim(bottom=0.0)
    lower.set_xlabel("fibre between the ends, km")
    lower.set_xlim(float(km[0]), float(km[-1]))
    upper.set_title(title, loc="left", fontsize=11)
    if len(series) > INSIDE:
        figure.legend(frameon=False, fontsize=9, loc="outside right upper")
    else:
        upper.legend(frameon=False, fontsize=9, loc="upper right")
    for axes in (upper, lower):
        axes.grid(visible=True, color="#e4e6ea", linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.savefig(file, dpi=150)
