"""Beams, turbulence and sky against figures of the literature and against sums."""

import numpy as np
import pytest
from scipy.special import j1

from qit4n.physics.channels import freespace, sky, turbulence


def test_collected_light_is_the_integral_over_the_aperture():
    """The closed form is the numerical integral of a Gaussian spot over the aperture."""
    spot, aperture = 0.7, 1.0
    r = np.linspace(0, aperture / 2, 20001)
    density = 2 / (np.pi * spot**2) * np.exp(-2 * r**2 / spot**2)
    assert freespace.collected(spot, aperture) == pytest.approx(np.trapezoid(density * 2 * np.pi * r, r), rel=1e-8)


def test_pointing_is_the_mean_over_the_jitter():
    """Of a small aperture: the mean of the far field over a two-dimensional Gaussian jitter, by Monte Carlo."""
    dice = np.random.default_rng(1)
    divergence, jitter = 10e-6, 2e-6
    angles = dice.normal(0, jitter, (2, 400_000))
    mean = np.mean(np.exp(-2 * (angles**2).sum(axis=0) / (divergence / 2) ** 2))
    assert freespace.pointing(jitter, divergence) == pytest.approx(mean, rel=5e-3)


def test_full_width_at_half_maximum():
    """At half of the stated share of the full angle the far field is at one half."""
    half_angle = freespace.FWHM_PER_FULL_ANGLE / 2
    assert np.exp(-2 * half_angle**2 / 0.5**2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("visibility", "wavelength", "lowest", "highest"),
    [(23, 1550, 0.1, 0.3), (23, 850, 0.3, 0.6), (2, 850, 5.0, 8.0), (0.2, 1550, 80, 90)],
)
def test_haze(visibility, wavelength, lowest, highest):
    """Clear air at 1550 nm loses about 0.2 dB/km, haze of 2 km 7 dB/km at 850 nm, fog of 200 m 85 dB/km at any."""
    assert lowest < freespace.haze_db_per_km(visibility, wavelength) < highest


KIM = [
    (0.05, 340.0, 340.0, 1.0),
    (0.2, 85.0, 85.0, 0.5),
    (0.5, 34.0, 34.0, 0.5),
    (1.0, 14.0, 10.0, 0.5),
    (2.0, 7.0, 4.0, 0.5),
    (4.0, 3.0, 2.0, 0.5),
    (10.0, 1.0, 0.4, 0.1),
    (23.0, 0.5, 0.2, 0.05),
]


@pytest.mark.parametrize(("visibility", "near", "far", "digit"), KIM)
def test_fog_and_haze_are_those_of_kims_table(visibility, near, far, digit):
    """dB/km at 785 and 1550 nm from dense fog to clear air, as printed there (recalled), to the last digit."""
    assert freespace.haze_db_per_km(visibility, [785.0, 1550.0]) == pytest.approx([near, far], abs=digit)


@pytest.mark.parametrize("wavelength", [550.0, 850.0, 1550.0])
def test_thicker_fog_never_loses_less(wavelength):
    """From 50 m to 300 km of visibility, across all steps of the law."""
    assert np.all(np.diff(freespace.haze_db_per_km(np.geomspace(0.05, 300.0, 2000), wavelength)) < 0)


def test_hufnagel_valley_5_7():
    """The model bears its name: at 0.5 um a Fried length of 5 cm and an isoplanatic angle of 7 urad."""
    assert turbulence.fried_length_m(500.0) == pytest.approx(0.05, rel=0.02)
    assert turbulence.isoplanatic_angle_rad(500.0) == pytest.approx(7e-6, rel=0.03)


def test_scintillation_weak_and_saturated():
    """Weak turbulence: the index is the Rytov variance; strong: it tends to one from above (Andrews and Phillips)."""
    assert turbulence.scintillation_index(1e-3) == pytest.approx(1e-3, rel=0.01)
    strong = turbulence.scintillation_index(np.array([5.0, 50.0, 500.0]))
    assert np.all(strong > 1.0)
    assert strong[2] < strong[1]


def test_aperture_averaging_evens_out():
    """A point receives all of the flicker; the larger the aperture the less."""
    factors = turbulence.aperture_averaging(np.array([0.0, 0.1, 0.5]), 850.0, 20_000.0)
    assert factors[0] == 1.0
    assert np.all(np.diff(factors) < 0)


def test_slant_turbulence_grows_towards_the_horizon():
    """A downlink of 850 nm is weakly turbulent at the zenith and six times as much at 22 degrees (sec^(11/6))."""
    zenith, low = turbulence.rytov_variance_downlink(850.0, np.array([90.0, 22.0]))
    assert 0.02 < zenith < 0.5
    assert low / zenith == pytest.approx(np.sin(np.radians(22)) ** (-11 / 6))


def _filtered_index(aperture, wavelength_nm, elevation):
    """Rytov's integral over heights and the Kolmogorov spectrum, through the Airy filter of a round aperture."""
    k, secant = 2.0 * np.pi / (wavelength_nm * 1e-9), 1.0 / np.sin(np.radians(elevation))
    heights, kappa = np.geomspace(1.0, 30e3, 250), np.geomspace(1e-2, 1e4, 4000)
    airy = (2.0 * j1(kappa * aperture / 2.0) / (kappa * aperture / 2.0)) ** 2
    waves = 0.033 * kappa ** (-11 / 3) * (1.0 - np.cos(kappa**2 * heights[:, np.newaxis] * secant / k)) * airy
    spectra = np.trapezoid(waves * kappa**2, np.log(kappa), axis=1)
    strength = turbulence.hufnagel_valley(heights)
    return 8.0 * np.pi**2 * k**2 * secant * np.trapezoid(strength * spectra * heights, np.log(heights))


@pytest.mark.parametrize("elevation", [90.0, 30.0])
@pytest.mark.parametrize("aperture", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("wavelength", [850.0, 1550.0])
def test_an_aperture_evens_out_a_downlink_as_its_filter_says(aperture, elevation, wavelength):
    """The closed form takes a Gaussian for the aperture's disc: within 16 % of the integral with the disc itself."""
    averaged = turbulence.aperture_averaging_downlink(aperture, wavelength, elevation)
    index = averaged * turbulence.rytov_variance_downlink(wavelength, elevation)
    assert index == pytest.approx(_filtered_index(aperture, wavelength, elevation), rel=0.16)


def test_a_point_below_a_downlink_has_all_of_its_flicker():
    """Without aperture the integral is Rytov's variance: 8.70 cos(75 degrees) is 2.25."""
    assert turbulence.aperture_averaging_downlink(1e-4, 850.0, 30.0) == pytest.approx(1.0, abs=2e-3)


def test_a_large_telescope_twinkles_as_astronomers_say():
    """``17.34 D^(-7/3) sec^3 integral Cn2 h^2``, of any colour (Roddier 1981, Kornilov 2012; recalled): within 15 %."""
    heights = np.linspace(0.0, 30e3, 30_001)
    moment = np.trapezoid(turbulence.hufnagel_valley(heights) * heights**2, heights)
    for wavelength, elevation in ((850.0, 90.0), (1550.0, 50.0)):
        expected = 17.34 * 4.0 ** (-7 / 3) * np.sin(np.radians(elevation)) ** -3 * moment
        averaged = turbulence.aperture_averaging_downlink(4.0, wavelength, elevation)
        assert averaged * turbulence.rytov_variance_downlink(wavelength, elevation) == pytest.approx(expected, rel=0.15)


def test_the_night_sky_is_as_bright_as_astronomers_measure():
    """In the I band (806 nm) 19.7 mag per square arc second without a moon, 18 at 45 degrees from a full one.

    ESO's sky model SkyCalc; magnitude 0 is 1.13e-8 W/(m2 um) (Bessell 1998, recalled). The table is of that order
    without a moon, and on the safe side of a full one.
    """
    arc_second = np.radians(1.0 / 3600.0) ** 2
    dark, moonlit = (1.13e-8 * 10.0 ** (-0.4 * magnitude) / arc_second for magnitude in (19.74, 18.03))
    assert dark / 3 < sky.RADIANCE["night, new moon"] < dark * 3
    assert moonlit < sky.RADIANCE["night, full moon"]


def test_sky_light_by_hand():
    """1 W/(m2 sr um) on 1 m2, 1 sr and 1 um is a watt of photons: 4.28e18 per second at 850 nm."""
    side = 2 / np.sqrt(np.pi)
    photons = sky.sky_photons_per_s(1.0, wavelength_nm=850, filter_nm=1000, aperture_m=side, field_of_view_rad=side)
    assert photons == pytest.approx(1 / (6.62607015e-34 * 299792458 / 850e-9))


def test_the_sun_at_equinox_and_solstice():
    """Declination: zero at the equinox of 2026 (March 20, 14:46 UTC), 23.44 degrees at the solstice of June 21."""
    for julian, declination in ((2461120.1153, 0.0), (2461212.8507, 23.436)):
        assert np.degrees(np.arcsin(sky.sun_direction(julian)[2])) == pytest.approx(declination, abs=0.02)
