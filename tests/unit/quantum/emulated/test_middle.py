"""The emulated middle of MDI-QKD against its closed form, and as the receiver's end of a link."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.errors import ProtocolError
from qit4n.physics.finite_key import Intensities
from qit4n.physics.mdi import MDI
from qit4n.quantum.emulated.eavesdropper import InterceptResend
from qit4n.quantum.emulated.middle import EmulatedMiddle, arm
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter

LINK = MDI(
    pulse_rate_hz=1e8,
    source=Intensities(means=(0.46, 0.156, 0.01), probabilities=(0.31, 0.54, 0.15)),
    key_basis_probability=0.6,
    channel_losses_db=(1.0, 1.0),
    receiver_loss_db=0.2,
    detector_efficiency=0.8,
    dark_count_probability=1e-5,
    misalignment=0.01,
)
PULSES = 4_000_000


def run(link, seed, attack=None):
    """Counts (basis, events or errors, pair of intensities) of some segments."""
    first, middle = (
        EmulatedTransmitter(arm(link, 0), default_rng([seed, 1])),
        EmulatedMiddle(link, default_rng([seed, 2])),
    )
    counts = np.zeros((2, 2, 9))
    for _ in range(2):
        light = first.emit(PULSES // 2)
        found = middle.detect(attack.tamper(light) if attack else light)
        known = first.prepared(found.slots)
        for basis in (0, 1):
            equal = (known.bases == basis) & (found.bases == basis)
            pairs = known.intensities[equal] * 3 + found.intensities[equal]
            wrong = known.bits[equal] != found.bits[equal]
            counts[basis] += [np.bincount(pairs, minlength=9), np.bincount(pairs[wrong], minlength=9)]
    return counts


@pytest.mark.parametrize(
    "link",
    [
        LINK,
        dataclasses.replace(LINK, channel_losses_db=(15.0, 15.0), dark_count_probability=1e-3),  # mostly dark counts
        dataclasses.replace(LINK, channel_losses_db=(0.0, 0.0), detector_efficiency=1.0, misalignment=0.1),
        dataclasses.replace(LINK, channel_losses_db=(0.0, 9.0)),
        dataclasses.replace(LINK, channel_losses_db=(7.0, 0.5), dead_time_s=1.5e-7, dark_count_probability=1e-3),
    ],
    ids=["usual", "dark", "bright and misaligned", "unequal arms", "dead for fifteen gates"],
)
def test_events_and_errors_are_those_of_the_closed_form(link):
    """By basis and pair of intensities: events and errors of interfering waves, from photons, within 4.5 sigma."""
    counts = run(link, 1)
    for basis, key in ((0, True), (1, False)):
        expected = link.clicks(key=key)
        gates = PULSES * link.matching_bases(key=key)
        for found, mean in zip(counts[basis], (expected.detections, expected.wrong), strict=True):
            means = gates * np.array(mean)
            assert np.all(abs(found - means) < 4.5 * np.sqrt(means) + 2.0)


def test_an_eavesdropper_on_one_arm_shows():
    """Intercept-resend of the first end's pulses: a quarter of the pairs of single photons more are wrong, or so."""
    attacked = run(LINK, 2, InterceptResend(1.0, default_rng(3)))
    events, errors = attacked[0].sum(axis=1)
    assert errors / events > 0.2


def test_what_the_second_end_says_is_fair():
    """Both bits as often, the key basis with its share, intensities all there."""
    first, middle = EmulatedTransmitter(arm(LINK, 0), default_rng(4)), EmulatedMiddle(LINK, default_rng(5))
    found = middle.detect(first.emit(PULSES))
    assert np.all(np.diff(found.slots) > 0)
    key = found.bases == 0
    assert abs(found.bits[key].mean() - 0.5) < 4.5 / (2.0 * math.sqrt(key.sum()))
    assert set(np.unique(found.intensities)) == {0, 1, 2}


def test_segments_follow_each_other():
    """A segment that was there before, or one after a gap, is refused: the second end would send in other slots."""
    first, middle = EmulatedTransmitter(arm(LINK, 0), default_rng(6)), EmulatedMiddle(LINK, default_rng(7))
    light = first.emit(1000)
    middle.detect(light)
    with pytest.raises(ProtocolError, match="comes after"):
        middle.detect(light)
    first.emit(1000)
    with pytest.raises(ProtocolError, match="comes after"):
        middle.detect(first.emit(1000))


def test_the_line_can_change():
    """After 20 dB more there are as many events as over a line that always had them, less than a fiftieth."""
    near, far = LINK, LINK.through(11.0, 11.0)
    first, middle = EmulatedTransmitter(arm(near, 0), default_rng(8)), EmulatedMiddle(near, default_rng(9))
    before = middle.detect(first.emit(PULSES)).slots.size
    first.retune(arm(far, 0))
    middle.retune(far)
    after = middle.detect(first.emit(PULSES)).slots.size
    always = EmulatedMiddle(far, default_rng(10)).detect(EmulatedTransmitter(arm(far, 0), default_rng(11)).emit(PULSES))
    assert abs(after - always.slots.size) < 4.5 * math.sqrt(2.0 * after)
    assert after < before / 50
