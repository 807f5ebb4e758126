"""Two pulses at a beam splitter: known interference, other closed forms, and a simulation of waves."""

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.physics.interference import MINUS, PLUS, bell, coherent_clicks, fock_clicks, gain_and_errors
from qit4n.physics.protocols import mdi


def test_chances_are_chances():
    """Whatever comes in, one of the sixteen masks clicks."""
    assert fock_clicks(5).sum(axis=-1) == pytest.approx(np.ones((6, 6, 4, 4)))
    assert coherent_clicks([0.0, 1e-6, 0.3, 5.0], 0.2, 1e-4).sum(axis=-1) == pytest.approx(np.ones((4, 4, 4)))


def test_two_equal_photons_leave_by_one_port():
    """Hong, Ou, Mandel (PRL 59, 2044 (1987)): one photon each in one state never fires both ports."""
    single = fock_clicks(2)[1, 1]
    apart = [mask for mask in range(16) if mask & 3 and mask & 12]
    for state in range(4):
        assert single[state, state, apart] == pytest.approx(0.0, abs=1e-15)


def test_single_photons_project_on_bell_states():
    """Opposite bits in the key basis: psi+ and psi- a half each; in the test basis one of them alone, by the bits."""
    plus, minus = bell(fock_clicks(1)[1, 1])
    assert (plus[0, 1], minus[0, 1]) == pytest.approx((0.5, 0.5))
    assert (plus[0, 0], minus[0, 0]) == pytest.approx((0.0, 0.0))
    assert (plus[2, 2], minus[2, 2]) == pytest.approx((0.5, 0.0))
    assert (plus[2, 3], minus[2, 3]) == pytest.approx((0.0, 0.5))


@pytest.mark.parametrize("dark", [0.0, 1e-6, 1e-3])
def test_the_key_basis_is_that_of_ma_and_razavi(dark):
    """Gain and errors of their closed form (PRA 86, 062319 (2012)) over arms of 0 to 30 dB."""
    for one, other in ((1.0, 1.0), (0.3, 0.1), (0.01, 0.03), (1e-3, 1e-3)):
        found = gain_and_errors(one * 0.4, other * 0.3, dark, 0.02, key=True)
        expected = mdi.gain_and_errors(one, other, (0.4, 0.3), dark, 0.02)
        assert list(map(float, found)) == pytest.approx(list(map(float, expected)), rel=1e-6, abs=1e-15)


def test_a_simulation_of_waves_agrees():
    """Amplitudes with random phases, detectors firing by their intensities: both bases within 4.5 sigma."""
    dice, pulses, light = default_rng(5), 1_000_000, (0.5, 0.3)
    root = np.sqrt(0.5)
    for basis in (0, 1):
        bits = dice.integers(0, 2, (2, pulses))
        first = np.where(bits == 0, 1.0, 0.0) if basis == 0 else np.full((2, pulses), root)
        second = np.where(bits == 0, 0.0, 1.0) if basis == 0 else np.where(bits == 0, root, -root)
        phases = np.exp(2j * np.pi * dice.random((2, pulses)))
        fields = [np.sqrt(mean) * phase for mean, phase in zip(light, phases, strict=True)]
        ports = [fields[0] * mode[0] + sign * fields[1] * mode[1] for sign in (1.0, -1.0) for mode in (first, second)]
        powers = [abs(field) ** 2 / 2 for field in ports]
        fired = [dice.random(pulses) < 1.0 - (1.0 - 1e-3) * np.exp(-power) for power in powers]
        masks = sum(one.astype(int) << place for place, one in enumerate(fired))
        plus, minus = np.isin(masks, PLUS), np.isin(masks, MINUS)
        equal = bits[0] == bits[1]
        wrong = (minus & equal) | (plus & (equal if basis == 0 else ~equal))
        q, errors = gain_and_errors(*light, 1e-3, 0.0, key=basis == 0)
        for count, mean in (((plus | minus).sum(), q * pulses), (wrong.sum(), errors * pulses)):
            assert abs(count - mean) < 4.5 * np.sqrt(mean)


def test_misalignment_turns_right_into_wrong():
    """At one half nothing is known; at one all bits are turned."""
    q, wrong = gain_and_errors(0.1, 0.1, 1e-6, 0.0, key=False)
    assert gain_and_errors(0.1, 0.1, 1e-6, 1.0, key=False)[1] == pytest.approx(q - wrong)
    assert gain_and_errors(0.1, 0.1, 1e-6, 0.5, key=False)[1] == pytest.approx(q / 2)
    assert wrong / q == pytest.approx(0.25, abs=0.01)  # two photons of one pulse, half of the time at random


def test_single_photon_yield_is_that_of_the_record():
    """One photon on either side, perfect detectors: half of the pairs are told, as by Y11 of Ma and Razavi."""
    plus, minus = bell(fock_clicks(1)[1, 1])
    for basis in (slice(0, 2), slice(2, 4)):
        assert (plus + minus)[basis, basis].mean() == pytest.approx(float(mdi.single_photon_yield(1.0, 1.0, 0.0)))
