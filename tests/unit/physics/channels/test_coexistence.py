"""Noise of classical neighbours: Raman, mixing, leakage, against independent tables and hand calculation."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.physics.channels import fourwave, raman
from qit4n.physics.channels.coexistence import Neighbour, SharedFibre, candidates, dwdm_nm, noise

with (Path(__file__).parents[3] / "truth" / "data" / "raman_coefficients.csv").open(newline="") as file:
    RAMAN = [
        {key: float(row[key]) for key in ("pump_nm", "signal_nm", "rho_per_km_nm")} for row in csv.DictReader(file)
    ]


def test_raman_coefficient_against_an_independent_table():
    """All of 243 pairs of wavelengths, but for the area: that table takes 80 um2, GNPy's gain belongs to 75.75 um2."""
    for row in RAMAN:
        ours = float(raman.coefficient(row["pump_nm"], row["signal_nm"], calibration=1.0)) * 75.74659 / 80.0
        assert ours == pytest.approx(row["rho_per_km_nm"], rel=1e-3), row


def test_the_o_band_is_three_orders_of_magnitude_quieter():
    """A quantum channel at 1310 nm beside data at 1550 nm has 1500 to 5000 times less noise than at 1530 nm."""
    ratio = float(raman.coefficient(1550.12, 1530.0) / raman.coefficient(1550.12, 1310.0))
    assert 1500 < ratio < 5000


def test_the_coefficient_in_the_c_band_is_the_measured_one():
    """With the calibration of one half: 1.5e-9 to 4e-9 per km and nm (Eraerds 2010; Kumar 2015: 3e-9)."""
    for signal in (1530.0, 1540.0, 1548.0, 1549.32):
        assert 1.5e-9 < float(raman.coefficient(1550.12, signal)) < 4e-9


def test_forward_and_backward_light_is_the_integral_along_the_fibre():
    """Each piece of the fibre scatters its share, which is then attenuated: the sum over 20,000 pieces."""
    length, pump, signal, rho = 50.0, 0.19, 0.33, 3e-9
    z = (np.arange(20_000) + 0.5) * length / 20_000
    watts = 1e-3 * rho * 0.5 * length / 20_000
    energy = 6.62607015e-34 * 299792458 / 1310e-9
    common = {
        "pump_nm": 1550,
        "signal_nm": 1310,
        "length_km": length,
        "pump_db_per_km": pump,
        "signal_db_per_km": signal,
        "filter_nm": 0.5,
        "rho": rho,
    }
    forward = np.sum(10 ** (-(pump * z + signal * (length - z)) / 10)) * watts / energy
    backward = np.sum(10 ** (-(pump + signal) * z / 10)) * watts / energy
    assert raman.photons_per_s(0.0, **common) == pytest.approx(forward, rel=1e-6)
    assert raman.photons_per_s(0.0, counter=True, **common) == pytest.approx(backward, rel=1e-6)


def test_equal_attenuation_is_no_singularity():
    """The limit of equal losses is P rho L e^(-a L)."""
    common = {
        "pump_nm": 1550.12,
        "signal_nm": 1548,
        "length_km": 50.0,
        "signal_db_per_km": 0.2,
        "filter_nm": 0.16,
        "rho": 4e-9,
    }
    exact, near = (float(raman.photons_per_s(0.0, pump_db_per_km=loss, **common)) for loss in (0.2, 0.2 + 1e-7))
    assert exact == pytest.approx(near, rel=1e-5)


def test_mixing_hits_where_the_frequencies_say():
    """Three channels 100 GHz apart mix into the fourth place; a place that no product reaches stays dark."""
    channels = [(float(raman.frequency_thz(193.1 + n / 10)), 0.0) for n in range(3)]
    shared = {"length_km": 20.0, "db_per_km": 0.2, "filter_thz": 0.05}
    hit = fourwave.mixing_photons_per_s(channels, float(raman.frequency_thz(193.4)), **shared)
    missed = fourwave.mixing_photons_per_s(channels, float(raman.frequency_thz(193.45)), **shared)
    assert hit > 1e3
    assert missed == 0.0


def test_mixing_grows_with_the_cube_of_the_power():
    """3 dB more in each of the channels are 9 dB more."""
    nine_db = []
    for dbm in (0.0, 10 * np.log10(2)):
        channels = [(float(raman.frequency_thz(193.1 + n / 10)), dbm) for n in range(3)]
        signal = float(raman.frequency_thz(193.4))
        nine_db.append(fourwave.mixing_photons_per_s(channels, signal, length_km=20.0, db_per_km=0.2, filter_thz=0.05))
    assert nine_db[1] / nine_db[0] == pytest.approx(8.0)


def test_leakage_by_hand():
    """0 dBm behind 110 dB is 1e-14 W: 78,000 photons per second at 1550 nm."""
    assert fourwave.leakage_photons_per_s(0.0, 110.0, 1550.0) == pytest.approx(78_030, rel=1e-3)


@settings(derandomize=True, deadline=None)
@given(st.floats(-20, 10), st.floats(1540, 1560), st.booleans(), st.floats(1, 100))
def test_a_neighbour_never_helps(dbm, wavelength, counter, length):
    """One channel more, more noise, of each cause."""
    line, first = SharedFibre(length_km=length), Neighbour(wavelength_nm=1533.47, launch_dbm=0.0)
    alone = noise(line, 1310.0, [first])
    both = noise(line, 1310.0, [first, Neighbour(wavelength_nm=wavelength, launch_dbm=dbm, counter=counter)])
    assert both.raman_forward >= alone.raman_forward
    assert both.raman_backward >= alone.raman_backward
    assert both.total > alone.total


def test_the_grid_and_the_guard():
    """193.1 THz is on the grid; a quantum channel is never nearer to a neighbour than the guard."""
    assert any(abs(float(raman.frequency_thz(one)) - 193.1) < 1e-9 for one in dwdm_nm(193.0, 193.2))
    neighbour = Neighbour(wavelength_nm=float(raman.frequency_thz(193.1)), launch_dbm=0)
    gaps = [abs(float(raman.frequency_thz(one)) - 193.1) for one in candidates([neighbour], guard_ghz=200.0)]
    assert min(gaps) == pytest.approx(0.2)
