"""Fibre lines: attenuation by band, and what adds up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.physics.channels.budget import total_db
from qit4n.physics.channels.fibre import ATTENUATION, attenuation_db_per_km, band, fibre_items, splitter_db


@pytest.mark.parametrize("fibre", ["G.652.D", "G.654.E"])
def test_attenuation_passes_through_its_table(fibre):
    """At the wavelengths of the table the attenuation is that of the table."""
    table = ATTENUATION[fibre]
    assert attenuation_db_per_km(table.wavelengths_nm, fibre) == pytest.approx(table.db_per_km, rel=1e-12)


def test_rayleigh_scattering_between_the_rows():
    """From 1310 nm down the loss rises as 1/lambda^4: 1285 nm has (1310/1285)^4 of it, within 1 %."""
    ratio = attenuation_db_per_km(1285.0) / attenuation_db_per_km(1310.0)
    assert ratio == pytest.approx((1310 / 1285) ** 4, rel=0.01)


def test_wavelengths_outside_the_bands_are_refused():
    """850 nm is no wavelength of this fibre."""
    with pytest.raises(ValueError, match="1260 to 1625"):
        attenuation_db_per_km(850.0)


@pytest.mark.parametrize(
    ("wavelength", "letter"), [(1310, "O"), (1400, "E"), (1500, "S"), (1550, "C"), (1600, "L"), (850, "")]
)
def test_bands(wavelength, letter):
    """The bands are those of ITU-T."""
    assert band(wavelength) == letter


@pytest.mark.parametrize(("ways", "most"), [(2, 4.2), (4, 7.8), (8, 11.4), (16, 15.0), (32, 18.6)])
def test_splitters_within_the_limits_of_g671(ways, most):
    """Between the ideal 10 log10 n and the largest loss that ITU-T G.671 allows (1.5 dB over 1:2, ...; recalled)."""
    from math import log10

    assert 10 * log10(ways) < splitter_db(ways) <= most


def test_a_splitter_needs_a_way():
    """Zero ways are refused; one way loses nothing."""
    with pytest.raises(ValueError, match="0 ways"):
        splitter_db(0)
    assert splitter_db(1) == 0.0


@settings(derandomize=True)
@given(st.floats(0, 200), st.sampled_from([1310.0, 1550.0]))
def test_two_half_fibres_are_one_fibre(length, wavelength):
    """Without connectors and splices the loss of two halves is that of the whole."""
    whole = total_db(fibre_items(length, wavelength_nm=wavelength, connectors=0, splices=0))
    half = total_db(fibre_items(length / 2, wavelength_nm=wavelength, connectors=0, splices=0))
    assert 2 * half == pytest.approx(whole, abs=1e-9)


def test_a_line_names_each_of_its_parts():
    """A PON branch behind a switch lists fibre, splices, connectors, switch and splitter, and they add up."""
    items = fibre_items(20, switches=1, splitter_ways=8, connectors=4)
    assert [item.name.split()[-1] for item in items[1:]] == ["splices", "connectors", "switches", "1:8"]
    assert total_db(items) == pytest.approx(20 * 0.2 + 5 * 0.05 + 4 * 0.3 + 1.0 + splitter_db(8))
    assert all(item.source for item in items)
