"""Truth: closed forms beside tables of other packages, models beside published experiments.

``python -m benchmarks truth`` prints the figures; ``python -m benchmarks.truth > docs/reference/truth.md`` the page.
"""

import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Result
from benchmarks.experiments import EXPERIMENTS, QUOTED
from qit4n.physics import rates
from qit4n.physics.bbm92 import BBM92, error_gain, gain
from qit4n.physics.channels import raman
from qit4n.physics.protocols import gaussian

DATA = Path(__file__).parent / "data"
LIMITS = {"BB84_single_photon": 1e-9, "BB84_infinite_decoy": 1e-9, "BBM92_fixed_mu": 1e-5, "cv": 1e-9}
SOURCES = {
    "BB84_single_photon": "tno-quantum-communication-qkd-key-rate 2.0.4",
    "BB84_infinite_decoy": "tno-quantum-communication-qkd-key-rate 2.0.4",
    "BBM92_fixed_mu": "tno-quantum-communication-qkd-key-rate 2.0.4, source in the middle, no sifting",
    "cv": "qosst-skr 0.10.0, trusted detectors",
}
PROVENANCE = (
    "*Paper*, *abstract*: read there. *Quoted*: the paper's own figure, as the source named below gives it. *Listed*:",
    "in the list of experiments we began with, not read again. *Follows*: computed from figures of the paper.",
    "*Recalled*: from memory of the paper. *Assumed*: ours. Intensities and shares of which nothing is said are at",
    "their best.",
)


def truth(_seed: int, _size: int | None) -> Iterator[Result]:
    """Largest relative difference to each table; model and published figure of each experiment."""
    for name, (_, difference) in tables().items():
        yield Result(name=f"truth: {name}", value=difference, unit="relative", limit=LIMITS[name])
    for one in EXPERIMENTS:
        found = one.model()
        mark = "" if one.inside(found) else " MISS"
        yield Result(
            name=f"truth: {one.name}{mark}", value=found, unit=one.unit, peer="published", peer_value=one.published
        )


def tables() -> dict[str, tuple[int, float]]:
    """Rows and largest relative difference of each table."""
    found: dict[str, tuple[int, float]] = {}
    for row in _rows("tno_keyrates.csv"):
        name = str(row["protocol"])
        values = {key: float(value) for key, value in row.items() if key != "protocol"}
        _add(found, name, _tno(name, values), values["rate"])
    for row in _rows("cv_keyrates.csv"):
        ours = gaussian.rate(
            10 ** (-0.02 * float(row["distance_km"])),
            **{key: float(row[key]) for key in ("variance", "excess", "efficiency", "electronic", "reconciliation")},
            detection="homodyne" if row["detection"] == "homodyne" else "heterodyne",
        )
        _add(found, "cv", float(ours), float(row["rate"]))
    return found


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (DATA / name).open(newline="") as file:
        yield from csv.DictReader(file)


def _add(found: dict[str, tuple[int, float]], name: str, ours: float, theirs: float) -> None:
    count, worst = found.get(name, (0, 0.0))
    found[name] = count + 1, max(worst, abs(ours - theirs) / abs(theirs) if theirs else abs(ours))


def _tno(name: str, row: dict[str, float]) -> float:
    eta = row["efficiency"] * 10 ** (-row["loss_db"] / 10)
    dark, misalignment = row["dark_probability"], row["misalignment"]
    if name == "BB84_single_photon":
        return float(rates.single_photon_rate(eta, dark, misalignment))
    if name == "BB84_infinite_decoy":
        return float(rates.decoy_rate([(1.0, row["mean_photons"])], eta, dark, misalignment))
    link = BBM92(
        pulse_rate_hz=1.0,
        pairs_per_pulse=row["mean_photons"],
        losses_db=(row["loss_db"] / 2, row["loss_db"] / 2),
        detector_efficiency=row["efficiency"],
        dark_count_probability=1 - math.sqrt(1 - dark),  # their figure is per side
        misalignment=misalignment,
        key_basis_probability=0.5,
    )
    clicks = gain(link)
    return clicks * (1 - 2 * float(rates.binary_entropy(error_gain(link) / clicks)))


def page() -> str:
    """The page of the documentation."""
    lines = [
        "# Truth: our figures beside others'",
        "",
        "Made by `python -m benchmarks.truth`; a test compares. `python -m benchmarks truth` prints the same figures.",
        "",
        "## Closed forms beside other packages",
        "",
        "| table | rows | largest relative difference | limit | computed with |",
        "|---|---|---|---|---|",
    ]
    for name, (rows, difference) in tables().items():
        shown = f"{LIMITS[name]:g}" if difference <= LIMITS[name] else f"{LIMITS[name]:g}, MISSED"
        lines.append(f"| {name} | {rows} | {_power(difference)} | {shown} | {SOURCES[name]} |")
    ratio = float(raman.coefficient(1550.12, 1530.0) / raman.coefficient(1550.12, 1310.0))
    lines += [
        "",
        f"Raman noise of a channel at 1550 nm: {ratio:.0f} times more at 1530 nm than at 1310 nm.",
    ]
    return "\n".join([*lines, "", *_experiments(), "", (DATA / "notes.md").read_text("utf-8")])


def _experiments() -> list[str]:
    """The table of experiments, then a line for each: misses, inputs, where quoted figures are from."""
    found = [(one, one.model()) for one in EXPERIMENTS]
    missed = [one for one, value in found if not one.inside(value)]
    lines = [
        "## Models beside published experiments",
        "",
        (
            f"{len(found)} compared, {len(found) - len(missed)} within their factor, {len(missed)} missed. "
            "A ratio within the factor says that the model"
        ),
        "is of the right size for such inputs, not that the paper was reproduced.",
        "",
        "| experiment | published | model | ratio | factor |",
        "|---|---|---|---|---|",
    ]
    for one, value in found:
        within = f"**{one.factor:g}: missed**" if one in missed else f"{one.factor:g}"
        lines.append(
            f"| {one.name}: {one.what} | {one.published:.3g} {one.unit} | {value:.2g} {one.unit} | "
            f"{value / one.published:.2g} | {within} |"
        )
    lines += ["", "What to know of them:", "", *(f"- {one.name}: {one.comment}." for one, _ in found if one.comment)]
    lines += ["", "### Inputs", "", *PROVENANCE, ""]
    for reference in dict.fromkeys(one.reference for one, _ in found):
        lines += [
            f"- {reference}",
            *(f"  - {one.name}: {one.inputs}." for one, _ in found if one.reference == reference),
        ]
    return [*lines, "", "Quoted by:", "", *(f"- {name}: {source}." for name, source in QUOTED.items())]


def _power(difference: float) -> str:
    """Up to the next power of ten: rounding differs between machines."""
    return f"below 1e{math.ceil(math.log10(max(difference, 1e-16)))}"


if __name__ == "__main__":
    sys.stdout.write(page())
