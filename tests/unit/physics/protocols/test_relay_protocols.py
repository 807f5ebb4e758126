"""MDI and twin field: closed forms against sums over photon numbers and a Monte Carlo of the light."""

import math

import numpy as np
import pytest

from qit4n.physics.protocols import mdi, twinfield


def _lossy_hom(photons, arms):
    """Chance of (c, d) photons behind a beam splitter, from number states that each lost photons on the way."""
    found = {}
    for a in range(photons[0] + 1):
        for b in range(photons[1] + 1):
            kept = math.prod(
                math.comb(n, k) * arm**k * (1 - arm) ** (n - k) for n, k, arm in zip(photons, (a, b), arms, strict=True)
            )
            for c in range(a + b + 1):
                # amplitude of |c, a+b-c> from (c+d)^a (c-d)^b / sqrt(2^(a+b) a! b!)
                terms = (
                    math.comb(a, i) * math.comb(b, c - i) * (-1) ** (b - c + i)
                    for i in range(c + 1)
                    if 0 <= c - i <= b and i <= a
                )
                amplitude = sum(terms) * math.sqrt(math.factorial(c) * math.factorial(a + b - c))
                amplitude /= math.sqrt(2 ** (a + b) * math.factorial(a) * math.factorial(b))
                found[c, a + b - c] = found.get((c, a + b - c), 0.0) + kept * amplitude**2
    return found


@pytest.mark.parametrize("photons", [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 3), (4, 2)])
@pytest.mark.parametrize("arms", [(0.05, 0.05), (0.4, 0.4), (1.0, 1.0), (0.4, 0.1)])
def test_yields_of_number_states_are_those_of_quantum_mechanics(photons, arms):
    """Photons lost one by one, then a beam splitter by its amplitudes: the permanent's closed form."""
    dark = 1e-3
    expected = 0.0
    for (c, d), chance in _lossy_hom(photons, arms).items():
        clicks = [1.0 - (1.0 - dark) * (n == 0) for n in (c, d)]
        expected += chance * clicks[0] * (1.0 - clicks[1])
    assert twinfield.fock_yield(photons, arms[0], dark, arms[1]) == pytest.approx(expected, rel=1e-12)


def test_sns_gains_are_the_sums_over_photon_numbers():
    """Random phases make Poissonian numbers: the Bessel function is the sum over them."""
    arm, mu, dark = 0.1, 0.4, 1e-4
    poisson = [math.exp(-mu) * mu**n / math.factorial(n) for n in range(14)]
    one = 2 * sum(poisson[n] * float(twinfield.fock_yield((n, 0), arm, dark)) for n in range(14))
    both = 2 * sum(
        poisson[n] * poisson[m] * float(twinfield.fock_yield((n, m), arm, dark)) for n in range(14) for m in range(14)
    )
    found = twinfield.sns_gains(arm, mu, dark)
    assert found[0] == pytest.approx(one, rel=1e-9)
    assert found[1] == pytest.approx(both, rel=1e-9)
    assert found[2] == pytest.approx(2 * dark * (1 - dark))


def test_twin_field_clicks_by_monte_carlo():
    """Two coherent states with a noisy phase on a beam splitter: gain and errors are those counted."""
    dice = np.random.default_rng(5)
    arm, mu, dark, noise, pulses = 0.3, 0.2, 1e-3, 0.3, 1_500_000
    phase = dice.normal(0.0, noise, pulses)
    light = 2 * arm * mu
    right = dice.random(pulses) < 1 - (1 - dark) * np.exp(-light * (1 + np.cos(phase)) / 2)
    wrong = dice.random(pulses) < 1 - (1 - dark) * np.exp(-light * (1 - np.cos(phase)) / 2)
    gain, errors = twinfield.npp_gain_and_errors(arm, mu, dark, twinfield.optical_error(0.0, noise))
    assert np.mean(right ^ wrong) == pytest.approx(float(gain), rel=0.01)
    assert np.mean(wrong & ~right) == pytest.approx(float(errors), rel=0.08)


@pytest.mark.parametrize(
    ("here", "there", "error"), [(0.4, 0.1, 0.0), (0.3, 0.3, 0.08), (0.5, 0.0, 0.03), (0.0, 0.0, 0.5)]
)
def test_random_phases_are_the_mean_over_their_difference(here, there, error):
    """Unequal pulses, light at the wrong port: the Bessel function is the mean over all phase differences."""
    dark, phase = 1e-3, np.arange(720) * 2 * np.pi / 720
    one, other = ((here + there) / 2 + sign * math.sqrt(here * there) * np.cos(phase) for sign in (1, -1))
    c, d = (1 - error) * one + error * other, error * one + (1 - error) * other
    silent = [(1 - dark) * np.exp(-light) for light in (c, d)]
    expected = np.mean((1 - silent[0]) * silent[1] + silent[0] * (1 - silent[1]))
    assert twinfield.random_phase_gain(here, there, dark, error) == pytest.approx(expected, rel=1e-12)


def test_mdi_gain_by_monte_carlo():
    """Time bins, key basis: two pulses in two bins or in one, random phases, four detector events."""
    dice = np.random.default_rng(6)
    one, other, mu, dark, pulses = 0.3, 0.2, 0.5, 2e-3, 1_000_000
    phase = dice.uniform(0, 2 * np.pi, pulses)
    bits = dice.integers(0, 2, (2, pulses))
    a, b = (math.sqrt(mu * eta) for eta in (one, other))
    fires = []
    for bin_ in (0, 1):
        here = [bits[0] == bin_, bits[1] == bin_]
        cross = 2 * a * b * np.cos(phase) * (here[0] & here[1])
        total = a**2 * here[0] + b**2 * here[1]
        fires += [dice.random(pulses) < 1 - (1 - dark) * np.exp(-(total + sign * cross) / 2) for sign in (1, -1)]
    early, late = fires[0].astype(int) + fires[1], fires[2].astype(int) + fires[3]
    success = (early == 1) & (late == 1)
    gain, errors = mdi.gain_and_errors(one, other, (mu, mu), dark, 0.0)
    assert np.mean(success) == pytest.approx(float(gain), rel=0.02)
    assert np.mean(success & (bits[0] == bits[1])) == pytest.approx(float(errors), rel=0.05)


def test_mdi_single_photons_by_hand():
    """Without dark counts Y11 is ab/2 and the errors are the misalignment; with dark counts alone it is one half."""
    assert mdi.single_photon_yield(0.1, 0.2, 0.0) == pytest.approx(0.01)
    assert mdi.single_photon_error(0.1, 0.2, 0.0, 0.03) == pytest.approx(0.03)
    assert mdi.single_photon_error(1e-12, 1e-12, 1e-5, 0.03) == pytest.approx(0.5, abs=1e-6)


def test_pairing_turns_twin_field_errors_into_pairs():
    """AOPP keeps a rate where plain SNS has no key left, at 500 km of good fibre; at short range it costs."""
    arm = math.sqrt(10 ** (-8.5)) * 0.6
    given = {"mean_photons": 0.45, "dark": 1e-10, "misalignment": 0.04, "phase_noise": 0.3, "efficiency": 1.16}
    paired = max(float(twinfield.sns_rate(arm, sending=p, **given)) for p in np.linspace(0.05, 0.5, 10))
    plain = max(float(twinfield.sns_rate(arm, sending=p, pairing=False, **given)) for p in np.linspace(0.01, 0.3, 30))
    assert paired > 1.5 * plain > 0
