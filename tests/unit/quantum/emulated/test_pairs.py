"""The emulated source of pairs against its closed form, and as the transmitter's end of a link."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.errors import ProtocolError
from qit4n.physics import bbm92
from qit4n.physics.bbm92 import BBM92
from qit4n.quantum.emulated.light import BASIS, MOST_OTHERS, OTHERS_SHIFT, TEST_BASIS
from qit4n.quantum.emulated.pairs import EmulatedPairs
from qit4n.quantum.emulated.receiver import EmulatedReceiver

LINK = BBM92(
    pulse_rate_hz=1e8,
    pairs_per_pulse=0.08,
    losses_db=(0.5, 2.0),
    detector_efficiency=0.6,
    dark_count_probability=1e-5,
    misalignment=0.01,
    key_basis_probability=0.7,
)
PULSES = 3_000_000


def coincidences(link, seed, pulses=PULSES):
    """Of all pulses: bits here and there of those in which both ends clicked, in equal bases; all coincidences."""
    dice = default_rng(seed)
    pairs, receiver = EmulatedPairs(link, dice), EmulatedReceiver(link, dice)
    found = receiver.detect(pairs.emit(pulses))
    here = pairs.prepared(found.slots)
    equal = here.known & (here.bases == found.bases)
    return here, found, equal


def near(count, mean, sigmas=4.5):
    return abs(count - mean) < sigmas * math.sqrt(mean) + 1.0


@pytest.mark.parametrize(
    "link",
    [
        LINK,
        dataclasses.replace(LINK, pairs_per_pulse=0.6),  # many pulses of several pairs
        dataclasses.replace(LINK, losses_db=(0.5, 25.0), dark_count_probability=1e-3),  # mostly dark counts
        dataclasses.replace(LINK, misalignment=0.2, key_basis_probability=0.5),
        dataclasses.replace(LINK, losses_db=(0.5, 20.0), stray_probability=1e-3),  # in a fibre with neighbours
    ],
    ids=["usual", "several pairs", "dark", "misaligned", "stray light"],
)
def test_coincidences_and_errors_are_those_of_ma_fung_and_lo(link):
    """Gain, and error gain in equal bases, by the equations 9 and 10 of the paper: within 4.5 sigma."""
    here, found, equal = coincidences(link, 1)
    assert near(int(here.known.sum()), PULSES * bbm92.gain(link))
    matching = link.matching_bases(key=True) + link.matching_bases(key=False)
    assert near(int(equal.sum()), PULSES * bbm92.gain(link) * matching)
    wrong = int(np.count_nonzero(here.bits[equal] != found.bits[equal]))
    assert near(wrong, PULSES * bbm92.error_gain(link) * matching)


def test_the_line_can_change():
    """After 20 dB more there are as many coincidences as the closed form has there."""
    dice = default_rng(8)
    pairs, receiver, far = EmulatedPairs(LINK, dice), EmulatedReceiver(LINK, dice), LINK.through(20.0)
    pairs.emit(1000)
    pairs.retune(far)
    receiver.retune(far)
    here = pairs.prepared(receiver.detect(pairs.emit(PULSES)).slots)
    assert far.losses_db == (0.5, 20.5)
    assert near(int(here.known.sum()), PULSES * bbm92.gain(far))


def test_bits_and_bases_are_fair():
    """Both bits as often; the test basis with its probability at this end; neither knows of the other."""
    here, _, _ = coincidences(LINK, 2)
    bits, tests = here.bits[here.known], here.bases[here.known] == TEST_BASIS
    assert near(int(bits.sum()), bits.size / 2)
    assert near(int(tests.sum()), 0.3 * bits.size)
    assert near(int(bits[tests].sum()), tests.sum() / 2)


def test_slots_without_a_click_here_are_known_to_nobody():
    """What the receiver alone detected is not kept: with 25 dB here, nearly all of it."""
    here, _, _ = coincidences(dataclasses.replace(LINK, losses_db=(25.0, 0.0)), 3)
    assert here.known.mean() < 0.02


def test_the_channel_carries_no_bit_of_the_other_photon():
    """Opposite photons are carried as such: with bright pulses some have several, never more than their field holds."""
    light = EmulatedPairs(dataclasses.replace(LINK, pairs_per_pulse=1.0), default_rng(4)).emit(200_000)
    others = light.state_array() >> OTHERS_SHIFT
    assert 0 < others.max() <= MOST_OTHERS
    assert set(np.unique(light.state_array() & BASIS)) == {0, BASIS}


def test_what_is_not_open_is_refused():
    """Slots to come, slots that were asked for, slots that do not ascend; and segments of no pulses."""
    pairs = EmulatedPairs(LINK, default_rng(5))
    with pytest.raises(ValueError, match="1 to 2"):
        pairs.emit(0)
    pairs.emit(1000)
    with pytest.raises(ProtocolError, match="ascending"):
        pairs.prepared(np.array([5, 5]))
    pairs.prepared(np.array([100]))
    for slots in ([100], [1000]):
        with pytest.raises(ProtocolError, match="open"):
            pairs.prepared(np.array(slots))
