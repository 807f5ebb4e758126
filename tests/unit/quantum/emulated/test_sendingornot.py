"""Emulated sending or not sending: clicks by the choices of both ends against the closed forms of the plan."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.physics.finite_key import Intensities
from qit4n.physics.protocols.twinfield import random_phase_gain
from qit4n.physics.sendingornot import PHASES, SendingOrNot
from qit4n.quantum.distillation import pairing
from qit4n.quantum.emulated.eavesdropper import CountedPhotons
from qit4n.quantum.emulated.light import KIND_SHIFT
from qit4n.quantum.emulated.twinfield import EmulatedPhases, EmulatedTwinMiddle

LINK = SendingOrNot(
    pulse_rate_hz=1e9,
    source=Intensities(means=(0.4, 0.1, 0.0), probabilities=(0.2, 0.4, 0.4)),
    key_basis_probability=0.6,
    channel_losses_db=(7.0, 7.0),
    receiver_loss_db=0.2,
    detector_efficiency=0.8,
    dark_count_probability=1e-5,
    misalignment=0.03,
)
PULSES = 3_000_000
LINKS = [
    LINK,
    LINK.through(6.0, 9.0),  # the middle is not half way
    dataclasses.replace(LINK, channel_losses_db=(30.0, 30.0), dark_count_probability=1e-3),  # mostly dark counts
    dataclasses.replace(LINK, channel_losses_db=(0.0, 0.0), misalignment=0.1, dark_count_probability=0.05),
]
NAMES = ["usual", "uneven", "dark", "bright, dark and misaligned"]


def clicks(link, seed, attack=None):
    """What either end knows of the clicks of some segments: (prepared, detections)."""
    first, middle = EmulatedPhases(link, default_rng([seed, 1])), EmulatedTwinMiddle(link, default_rng([seed, 2]))
    light = first.emit(PULSES)
    found = middle.detect(attack.tamper(light) if attack else light)
    return first.prepared(found.slots), found


def near(found, mean):
    """Within 4.5 sigma of a Poissonian count."""
    return abs(found - mean) < 4.5 * math.sqrt(mean) + 2.0


@pytest.mark.parametrize("link", LINKS, ids=NAMES)
def test_clicks_are_those_of_the_closed_form(link):
    """Of each pair of pulses (nothing, signal, decoy at either end) as many as random phases make."""
    own, theirs = clicks(link, 1)
    here = np.where(own.bases == 1, 2, own.bits)
    there = np.where(theirs.bases == 1, 2, 1 - theirs.bits)
    one, other = link.transmittances
    for i, (share, mean) in enumerate(link.pulses):
        for j, (chance, photons) in enumerate(link.pulses):
            gain = random_phase_gain(mean * one, photons * other, link.dark_count_probability, link.misalignment)
            assert near(np.count_nonzero((here == i) & (there == j)), PULSES * share * chance * float(gain))


@pytest.mark.parametrize("link", LINKS, ids=NAMES)
def test_counts_of_the_proof_are_those_of_the_plan(link):
    """As both ends sift them: empty, weak, strong and wrong clicks, those in the slices, zeros and ones."""
    own, theirs = clicks(link, 2)
    at_first = pairing.choices_of_transmitter(own, theirs.bases, theirs.intensities)
    kinds = at_first >> 3
    at_second = pairing.choices_of_receiver(theirs, kinds)
    differ = (at_first ^ at_second) & 1 == 1
    key, sent = kinds == pairing.KEYS, own.bits == 1
    zeros = key & (theirs.bits == 0)
    expected = link.expected_counts(PULSES / link.pulse_rate_hz)
    windows = expected.windows
    for found, mean in (
        (key & ~zeros & ~sent, windows.empty),
        ((kinds == pairing.FIRST) & ~differ, windows.weak[0]),
        ((kinds == pairing.SECOND) & ~differ, windows.weak[1]),
        (key & ~zeros & sent, windows.strong[0]),
        (zeros & ~sent, windows.strong[1]),
        ((kinds == pairing.SLICED) & differ, windows.wrong),
        (kinds == pairing.SLICED, expected.test.total),
        (zeros, windows.zeros),
        (key & ~zeros, windows.ones),
    ):
        assert near(np.count_nonzero(found), mean)
    assert near(kinds.size, PULSES / (link.pulse_rate_hz * link.block_duration_s(1)))
    assert not differ[kinds == pairing.REST].any()


def test_pulses_have_their_shares_and_any_phase():
    """Nothing, signal and decoy with their chances, each with all 32 phases alike; those of decoys are told."""
    first = EmulatedPhases(LINK, default_rng(4))
    first.emit(1_000_000)
    slots = np.arange(1_000_000)
    states = first.states(slots)
    for kind, (share, _) in enumerate(LINK.pulses):
        phases = states[states >> KIND_SHIFT == kind] & (PHASES - 1)
        assert near(phases.size, share * 1e6)
        counts = np.bincount(phases, minlength=PHASES)
        assert np.all(abs(counts - phases.size / PHASES) < 4.5 * np.sqrt(counts))
    known = first.prepared(slots)
    assert np.array_equal(known.bases, states >> KIND_SHIFT == 2)
    assert np.array_equal(known.bits, states >> KIND_SHIFT == 1)
    assert np.array_equal(known.intensities, np.where(known.bases == 1, states & (PHASES - 1), 0))


def test_an_eavesdropper_who_counts_photons_shows_in_the_phases_alone():
    """Half of the pulses have any phase: a quarter more of the decoys in slices is wrong, no other count changes."""
    (own, theirs), (own_2, theirs_2) = clicks(LINK, 5), clicks(LINK, 5, CountedPhotons(0.5, default_rng(6)))
    sifted = [
        pairing.choices_of_transmitter(one, other.bases, other.intensities)
        for one, other in ((own, theirs), (own_2, theirs_2))
    ]
    clean, attacked = ([np.count_nonzero(one >> 3 == kind) for kind in range(5)] for one in sifted)
    for before, after in zip(clean, attacked, strict=True):
        assert abs(after - before) < 4.5 * math.sqrt(2 * before)
    rates = [np.mean(one[one >> 3 == pairing.SLICED] & 1) for one in sifted]
    usual = LINK.expected_counts(1.0).test.error_rate
    assert rates[0] == pytest.approx(usual, abs=4.5 * math.sqrt(usual / clean[3]))
    assert rates[1] == pytest.approx(usual / 2 + 0.25, abs=4.5 * math.sqrt(0.25 / clean[3]))
