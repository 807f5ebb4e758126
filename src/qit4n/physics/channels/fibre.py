"""Fibre and what stands in its way: attenuation by band, splices, connectors, splitters, switches.

The attenuation of each kind of fibre is given at a few wavelengths. Between them it is interpolated in ``1/lambda^4``,
the law of Rayleigh scattering, which is exact where scattering is all there is (1260 to 1330 and 1450 to 1580 nm).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qit4n.physics.channels.budget import Item

Array = NDArray[np.float64]
Fibre = Literal["G.652.D", "G.654.E"]

SHORTEST_NM, LONGEST_NM = 1260.0, 1625.0


@dataclass(frozen=True, kw_only=True)
class Attenuation:
    """dB/km of a kind of fibre at some wavelengths, and where the figures come from."""

    wavelengths_nm: tuple[float, ...]
    db_per_km: tuple[float, ...]
    source: str


ATTENUATION: dict[Fibre, Attenuation] = {
    "G.652.D": Attenuation(
        wavelengths_nm=(1260.0, 1310.0, 1383.0, 1490.0, 1550.0, 1580.0, 1625.0),
        db_per_km=(0.386, 0.33, 0.31, 0.235, 0.20, 0.20, 0.22),
        source="installed ITU-T G.652.D: 0.19 to 0.22 at 1550 nm, 0.32 to 0.36 at 1310 nm; 1260 nm by 1/lambda^4",
    ),
    "G.654.E": Attenuation(
        wavelengths_nm=(1260.0, 1310.0, 1383.0, 1490.0, 1550.0, 1580.0, 1625.0),
        db_per_km=(0.36, 0.31, 0.29, 0.20, 0.165, 0.165, 0.185),
        source="pure silica core, ITU-T G.654.E: 0.157 to 0.17 at 1550 nm; single-mode above 1520 nm only",
    ),
}

BANDS_NM = {
    "O": (1260.0, 1360.0),
    "E": (1360.0, 1460.0),
    "S": (1460.0, 1530.0),
    "C": (1530.0, 1565.0),
    "L": (1565.0, 1625.0),
}
"""ITU-T Series G Supplement 39."""

SPLICE_DB = 0.05
CONNECTOR_DB = 0.3
SPLICE_EVERY_KM = 4.0
SWITCH_DB = 1.0
"""Optical switches lose 0.5 to 1.5 dB and switch in milliseconds (MEMS and beam-steering classes)."""
SPLITTER_EXCESS_DB_PER_STAGE = 0.5


def band(wavelength_nm: float) -> str:
    """The ITU-T band, a letter; empty outside of all."""
    return next((name for name, (low, high) in BANDS_NM.items() if low <= wavelength_nm < high), "")


def attenuation_db_per_km(wavelength_nm: ArrayLike, fibre: Fibre = "G.652.D") -> Array:
    """dB/km at wavelengths of 1260 to 1625 nm.

    Raises:
        ValueError: a wavelength lies outside.
    """
    wavelength = np.asarray(wavelength_nm, np.float64)
    if not np.all((wavelength >= SHORTEST_NM) & (wavelength <= LONGEST_NM)):
        raise ValueError(f"attenuation is known from {SHORTEST_NM:g} to {LONGEST_NM:g} nm")
    table = ATTENUATION[fibre]
    at, known = wavelength**-4.0, np.asarray(table.wavelengths_nm) ** -4.0
    return np.asarray(np.interp(-at, -known, table.db_per_km), np.float64)


def splitter_db(ways: int) -> float:
    """Loss of a passive splitter into so many equal ways: ``10 log10 n`` and 0.5 dB per stage of two.

    A splitter of 1:32 has 17.5 dB, as the power splitters of passive optical networks do (ITU-T G.671 allows 18.3).

    Raises:
        ValueError: fewer than one way.
    """
    if ways < 1:
        raise ValueError(f"a splitter cannot have {ways} ways")
    return float(10.0 * np.log10(ways) + SPLITTER_EXCESS_DB_PER_STAGE * np.ceil(np.log2(ways)))


def fibre_items(
    length_km: float,
    *,
    wavelength_nm: float = 1550.0,
    fibre: Fibre = "G.652.D",
    connectors: int = 2,
    splices: int | None = None,
    switches: int = 0,
    splitter_ways: int = 1,
) -> list[Item]:
    """Budget of a fibre line; without a number of splices there is one every 4 km.

    A bypassed node is two connectors more and, if it can be switched, one switch: nothing there measures or is trusted.
    """
    splices = round(length_km / SPLICE_EVERY_KM) if splices is None else splices
    per_km = float(attenuation_db_per_km(wavelength_nm, fibre))
    items = [
        Item(
            name=f"{length_km:g} km of {fibre} at {wavelength_nm:g} nm ({per_km:.3f} dB/km)",
            loss_db=length_km * per_km,
            source=ATTENUATION[fibre].source,
        )
    ]
    if splices:
        items.append(Item(name=f"{splices} splices", loss_db=splices * SPLICE_DB, source="0.05 dB each, usual"))
    if connectors:
        source = "0.3 dB each (IEC 61300-3-34, grade B/C)"
        items.append(Item(name=f"{connectors} connectors", loss_db=connectors * CONNECTOR_DB, source=source))
    if switches:
        items.append(Item(name=f"{switches} optical switches", loss_db=switches * SWITCH_DB, source="1 dB each, usual"))
    return items + passive_items((splitter_ways,) if splitter_ways > 1 else (), 0)


def passive_items(splitters: Sequence[int], bypasses: int) -> list[Item]:
    """Lines of splitters with so many ways, and of sites that are bypassed: a switch and two connectors each."""
    source = "10 log10 n, 0.5 dB excess per stage"
    items = [Item(name=f"splitter 1:{ways}", loss_db=splitter_db(ways), source=source) for ways in splitters]
    if bypasses:
        each = SWITCH_DB + 2 * CONNECTOR_DB
        what = "1 bypassed site" if bypasses == 1 else f"{bypasses} bypassed sites"
        items.append(Item(name=what, loss_db=bypasses * each, source="switch of 1 dB, two connectors of 0.3 dB"))
    return items
