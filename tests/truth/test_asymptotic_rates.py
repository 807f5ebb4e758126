"""Gains, error rates and asymptotic rates against an independent package.

Provenance of the tables in ``data/``: the Python package tno-quantum-communication-qkd-key-rate 2.0.4 (TNO, Apache
2.0). ``tno_bb84_infinite_decoy.csv`` is what its ``BB84FullyAsymptoticKeyRateEstimate`` and
``compute_gain_and_error_rate`` return (f = 1, no sifting; misalignment e enters as polarisation drift
arcsin(sqrt(e))); ``tno_bb84_single_photon.csv`` what its single-photon estimate returns. Rates below zero mean no key.
"""

import csv
from pathlib import Path

import pytest

from qit4n.physics import rates

DATA = Path(__file__).parent / "data"


def _rows(name):
    with (DATA / name).open(newline="") as file:
        return [{key: float(value) for key, value in row.items() if key != "detector"} for row in csv.DictReader(file)]


DECOY = _rows("tno_bb84_infinite_decoy.csv")
SINGLE = _rows("tno_bb84_single_photon.csv")


def _channel(row):
    eta = row["efficiency"] * 10 ** (-row["loss_db"] / 10)
    return eta, row["dark_count_probability"], row["misalignment"]


@pytest.mark.parametrize("row", DECOY)
def test_gain_and_qber(row):
    """Gain and errors of a pulse are those of the package; its rounding is 1e-16 per pulse."""
    eta, dark, misalignment = _channel(row)
    found = rates.gain(row["mean_photons"], eta, dark)
    assert found == pytest.approx(row["gain"], rel=1e-9)
    errors = rates.error_gain(row["mean_photons"], eta, dark, misalignment)
    assert errors == pytest.approx(row["gain"] * row["qber"], rel=1e-9, abs=1e-16)


@pytest.mark.parametrize("row", DECOY)
def test_infinite_decoy_rate(row):
    """The rate with perfectly known yields is that of the package, with and without key, to 1e-9."""
    rate = rates.decoy_rate([(1.0, row["mean_photons"])], *_channel(row))
    assert rate == pytest.approx(row["rate"], rel=1e-9)


@pytest.mark.parametrize("row", SINGLE)
def test_single_photon_rate(row):
    """The rate of a perfect single-photon source is that of the package, to 1e-9."""
    assert rates.single_photon_rate(*_channel(row)) == pytest.approx(row["rate"], rel=1e-9)


def test_tables_are_there():
    """Both tables hold links with and without key, from 0 dB on."""
    for table in (DECOY, SINGLE):
        assert len(table) >= 14
        assert min(row["rate"] for row in table) < 0 < max(row["rate"] for row in table)
