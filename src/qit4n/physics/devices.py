"""Detectors as data: ``devices.csv``, one row each with its source. Figures are of classes of devices."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, kw_only=True)
class Detector:
    """One row of the table."""

    name: str
    title: str
    efficiency: float
    dark_counts_hz: float
    dead_time_s: float
    afterpulse_probability: float
    jitter_fwhm_s: float
    wavelength_nm: float
    source: str

    def dark_count_probability(self, gate_s: float) -> float:
        """Per gate."""
        return min(self.dark_counts_hz * gate_s, 0.5)


@cache
def detectors() -> dict[str, Detector]:
    """All detectors by name."""
    text = resources.files("qit4n.physics").joinpath("devices.csv").read_text("utf-8")
    words = {"name", "title", "source"}
    rows = csv.DictReader(text.splitlines())
    found = (
        Detector(**{key: value if key in words else float(value) for key, value in row.items()})  # type: ignore[arg-type]
        for row in rows
    )
    return {one.name: one for one in found}
