"""Intercept and resend: what it costs, and that it shows."""

import math

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.physics.decoy_bb84 import clicks
from qit4n.quantum.emulated.eavesdropper import InterceptResend
from qit4n.quantum.emulated.light import BIT, KEY_BASIS, TEST_BASIS
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("basis", [KEY_BASIS, TEST_BASIS])
def test_error_rate_grows_by_a_quarter_of_the_fraction(link, emulate, fraction, basis):
    """In both bases the error rate is e + f (1/4 - e/2): the attack randomises half of the attacked bits."""
    physics = link(misalignment=0.01)
    attack = InterceptResend(fraction, default_rng(9))
    run = emulate(physics, 40_000_000, seed=5, attack=attack)
    sifted, errors = run.sifted(basis)
    expected = clicks(physics)
    rate = sum(expected.wrong) / expected.per_gate
    rate += fraction * (0.25 - rate / 2)
    assert abs(errors - sifted * rate) < 4.5 * math.sqrt(sifted * rate)


def test_gains_stay_as_they_are(link, emulate):
    """The attack is invisible in the number of detections."""
    physics = link()
    run = emulate(physics, 20_000_000, seed=6, attack=InterceptResend(1.0, default_rng(9)))
    expected = 20_000_000 * clicks(physics).per_gate
    assert abs(run.slots.size - expected) < 4.5 * math.sqrt(expected)


def test_only_the_states_are_touched(link):
    """Slots and photon numbers pass unchanged; with nothing attacked the light is the same, and the original stays."""
    light = EmulatedTransmitter(link(), default_rng(1)).emit(100_000)
    before = light.states
    attacked = InterceptResend(1.0, default_rng(2)).tamper(light)
    assert (attacked.first_slot, attacked.pulses) == (light.first_slot, light.pulses)
    assert (attacked.slots, attacked.photons) == (light.slots, light.photons)
    assert light.states == before != attacked.states
    assert InterceptResend(0.0, default_rng(2)).tamper(light) == light


def test_her_bits_in_the_right_basis_are_right(link):
    """Where her basis is the transmitter's the resent state is the prepared one."""
    light = EmulatedTransmitter(link(), default_rng(1)).emit(500_000)
    before = light.state_array()
    after = InterceptResend(1.0, default_rng(2)).tamper(light).state_array()
    same = before >> 1 == after >> 1
    assert np.array_equal(before[same], after[same])
    wrong = ((before ^ after) & BIT)[~same]
    assert abs(np.count_nonzero(wrong) - wrong.size / 2) < 4.5 * math.sqrt(wrong.size) / 2
