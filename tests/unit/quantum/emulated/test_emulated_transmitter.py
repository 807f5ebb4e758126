"""The emulated transmitter: its light, its memory, and its answers for slots that were dark."""

import math

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.errors import ProtocolError
from qit4n.physics.finite_key import Intensities
from qit4n.physics.single_photons import SinglePhotons
from qit4n.quantum.emulated.light import BASIS, BIT
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter


@pytest.fixture
def transmitter(link):
    """Makes a transmitter with seeded dice."""
    return lambda seed=1, **changes: EmulatedTransmitter(link(**changes), default_rng(seed))


def _slots(*values):
    return np.array(values, np.int64)


def test_light_and_record_agree(transmitter):
    """Asked for all the light it emitted, it answers with the states that it emitted."""
    laser = transmitter()
    light = laser.emit(1_000_000)
    known = laser.prepared(light.slot_array())
    assert np.array_equal(known.bits, light.state_array() & BIT)
    assert np.array_equal(known.bases, (light.state_array() & BASIS) // BASIS)


def test_segments_follow_each_other(transmitter):
    """Slots count on from segment to segment, and one question may span several."""
    laser = transmitter()
    lights = [laser.emit(100_000) for _ in range(3)]
    assert [light.first_slot for light in lights] == [0, 100_000, 200_000]
    known = laser.prepared(np.concatenate([light.slot_array() for light in lights]))
    assert np.array_equal(known.bits, np.concatenate([light.state_array() for light in lights]) & BIT)


def test_slots_beyond_32_bits(transmitter):
    """After more than 2^32 pulses the record still answers for the right slots."""
    laser = transmitter(channel_loss_db=60.0)
    laser.emit(2**32)
    laser.emit(2**32)
    light = laser.emit(2**32)
    assert light.first_slot == 2**33
    assert light.slot_array()[0] >= 2**33
    assert np.array_equal(laser.prepared(light.slot_array()).bits, light.state_array() & BIT)


def test_photons_that_would_be_detected(transmitter, link):
    """Pulses and photons on the channel are as many as the thinned Poissonian source makes."""
    physics = link(channel_loss_db=0.0, detector_efficiency=0.8)
    light = transmitter(channel_loss_db=0.0, detector_efficiency=0.8).emit(1_000_000)
    eta = physics.transmittance
    lit = sum(p * -math.expm1(-mu * eta) for p, mu in physics.intensities)
    photons = sum(p * mu * eta for p, mu in physics.intensities)
    assert abs(len(light.photons) - 1e6 * lit) < 4.5 * math.sqrt(1e6 * lit)
    assert abs(int(light.photon_array().sum()) - 1e6 * photons) < 4.5 * math.sqrt(1e6 * photons * (1 + 0.5 * eta))


def test_dark_slots_follow_the_posterior(transmitter):
    """A slot without detectable photon was a decoy with p e^(-mu eta), normalised, and any bit."""
    source = Intensities(means=(1.5, 0.15), probabilities=(0.6, 0.4))
    laser = transmitter(channel_loss_db=0.0, detector_efficiency=0.9, source=source)
    light = laser.emit(1_000_000)
    dark = np.setdiff1d(np.arange(1_000_000), light.slot_array())
    known = laser.prepared(dark)
    eta = laser._link.transmittance
    decoy, signal = 0.4 * math.exp(-0.15 * eta), 0.6 * math.exp(-1.5 * eta)
    expected = dark.size * decoy / (decoy + signal)
    assert abs(np.count_nonzero(known.intensities == 1) - expected) < 4.5 * math.sqrt(expected)
    assert abs(np.count_nonzero(known.bits) - dark.size / 2) < 4.5 * math.sqrt(dark.size) / 2
    assert abs(np.count_nonzero(known.bases) - 0.3 * dark.size) < 4.5 * math.sqrt(0.3 * dark.size)


def test_all_slots_together_are_the_source(transmitter):
    """Lit and dark slots together hold decoys as often as the source sends them."""
    laser = transmitter(channel_loss_db=0.0, detector_efficiency=0.9)
    laser.emit(500_000)
    known = laser.prepared(np.arange(500_000))
    assert abs(np.count_nonzero(known.intensities == 1) - 200_000) < 4.5 * math.sqrt(500_000 * 0.4 * 0.6)


def test_a_slot_is_told_once(transmitter):
    """Whoever asks again, for a slot told or passed over, is refused: a dark slot would be drawn anew."""
    laser = transmitter()
    laser.emit(1000)
    laser.prepared(_slots(10, 20))
    for again in (_slots(20), _slots(15), _slots(5, 30)):
        with pytest.raises(ProtocolError, match="21 to 999 are open"):
            laser.prepared(again)
    assert laser.prepared(_slots(21)).bits.size == 1


def test_slots_of_the_future_are_refused(transmitter):
    """A slot that was not emitted yet cannot have been detected."""
    laser = transmitter()
    laser.emit(1000)
    with pytest.raises(ProtocolError, match="0 to 999 are open"):
        laser.prepared(_slots(5, 1000))


@pytest.mark.parametrize("slots", [(20, 10), (10, 10), (5, 30, 7, 40)])
def test_slots_out_of_order_are_refused(transmitter, slots):
    """Announced slots ascend strictly."""
    laser = transmitter()
    laser.emit(1000)
    with pytest.raises(ProtocolError, match="strictly ascending"):
        laser.prepared(_slots(*slots))


def test_nothing_announced_is_nothing_told(transmitter):
    """An empty announcement is answered with nothing and forgets nothing."""
    laser = transmitter()
    light = laser.emit(100_000)
    assert laser.prepared(_slots()).bits.size == 0
    assert np.array_equal(laser.prepared(light.slot_array()).bits, light.state_array() & BIT)


def test_memory_is_given_back(transmitter):
    """Segments that were asked for, or told to forget, are kept no longer."""
    laser = transmitter()
    for _ in range(5):
        laser.emit(10_000)
    laser.forget_before(20_000)
    assert len(laser._emitted) == 3
    laser.prepared(_slots(40_000))
    assert len(laser._emitted) == 1
    with pytest.raises(ProtocolError):
        laser.prepared(_slots(30_000))


@pytest.mark.parametrize("pulses", [0, -1, 2**32 + 1])
def test_size_of_a_segment(transmitter, pulses):
    """A segment has at least one pulse and at most as many as offsets can count."""
    with pytest.raises(ValueError, match="1 to 2"):
        transmitter().emit(pulses)


def test_opaque_channel(transmitter):
    """Without any light to detect nothing is sent, and dark slots are answered like the source."""
    laser = transmitter(channel_loss_db=1e6)
    assert laser.emit(1_000_000).slots == b""
    assert abs(np.count_nonzero(laser.prepared(np.arange(10_000)).intensities) - 4000) < 4.5 * math.sqrt(2400)


def test_a_source_that_leaves_no_slot_dark(transmitter):
    """Thousands of photons in each pulse: all pulses carry light, of both intensities, and count as 255 photons."""
    bright = Intensities(means=(1e5, 5e4), probabilities=(0.6, 0.4))
    laser = transmitter(channel_loss_db=0.0, source=bright)
    light = laser.emit(10_000)
    assert light.photon_array().tolist() == [255] * 10_000
    decoys = np.count_nonzero(laser.prepared(light.slot_array()).intensities)
    assert abs(decoys - 4000) < 4.5 * math.sqrt(2400)


def test_single_photons_come_in_the_numbers_of_their_source(link):
    """Behind no loss and behind 10 dB: one or two, as often as brightness and g2 say; g2 stays the same."""
    for loss_db in (0.0, 10.0):
        physics = link(
            source=SinglePhotons(brightness=0.8, g2=0.3),
            channel_loss_db=loss_db,
            receiver_loss_db=0.0,
            detector_efficiency=1.0,
        )
        pulses = 1_000_000
        photons = EmulatedTransmitter(physics, default_rng(11)).emit(pulses).photon_array()
        mean = 0.8 * physics.transmittance
        chances = {1: mean - 0.3 * mean**2, 2: 0.3 * mean**2 / 2}
        assert set(np.unique(photons)) == set(chances)
        for number, chance in chances.items():
            assert abs(np.count_nonzero(photons == number) - pulses * chance) < 4.5 * np.sqrt(pulses * chance)
