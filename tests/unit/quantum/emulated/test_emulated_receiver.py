"""The emulated receiver: which detector fires, when it is dead, and what it says."""

import math

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.errors import ProtocolError
from qit4n.quantum.emulated.light import BASIS, Light
from qit4n.quantum.emulated.receiver import EmulatedReceiver


def _light(slots, states, photons=None, first_slot=0, pulses=None):
    return Light(
        first_slot=first_slot,
        pulses=pulses or int(slots[-1]) + 1,
        slots=np.asarray(slots, "<u4").tobytes(),
        photons=np.asarray([1] * len(slots) if photons is None else photons, np.uint8).tobytes(),
        states=np.asarray(states, np.uint8).tobytes(),
    )


@pytest.fixture
def receiver(link):
    """Makes a receiver with seeded dice."""
    return lambda seed=1, **changes: EmulatedReceiver(link(**changes), default_rng(seed))


def test_aligned_light_is_read_without_error(receiver):
    """Without misalignment and noise the right basis gives the bit that was sent, for any number of photons."""
    states = np.tile(np.arange(4, dtype=np.uint8), 5000)
    found = receiver(misalignment=0.0).detect(_light(np.arange(20_000), states, np.arange(20_000) % 7 + 1))
    assert found.slots.tolist() == list(range(20_000))
    same = found.bases == states // BASIS
    assert np.array_equal(found.bits[same], states[same] & 1)


@pytest.mark.parametrize("photons", [1, 2, 5])
def test_misaligned_photons_go_wrong_one_by_one(receiver, photons):
    """With n photons the bit is wrong if all of them are, and half of the time if some of them are."""
    found = receiver(misalignment=0.2).detect(
        _light(np.arange(100_000), np.zeros(100_000), np.full(100_000, photons, np.uint8))
    )
    bits = found.bits[found.bases == 0]
    wrong = 0.2**photons + (1 - 0.2**photons - 0.8**photons) / 2
    assert abs(np.count_nonzero(bits) - bits.size * wrong) < 4.5 * math.sqrt(bits.size * wrong)


def test_bases_are_chosen_by_the_receiver(receiver):
    """The receiver's basis has its own probability, whatever was sent."""
    found = receiver().detect(_light(np.arange(50_000), np.full(50_000, BASIS)))
    assert abs(np.count_nonzero(found.bases) - 15_000) < 4.5 * math.sqrt(50_000 * 0.3 * 0.7)


def test_dark_counts_come_in_both_detectors(receiver):
    """In the dark each detector counts with its probability per gate; both at once give a random bit."""
    found = receiver(dark_count_probability=0.1).detect(_light([], [], pulses=200_000))
    clicks = 200_000 * (1 - 0.9**2)
    assert abs(found.slots.size - clicks) < 4.5 * math.sqrt(clicks)
    assert abs(np.count_nonzero(found.bits) - found.slots.size / 2) < 4.5 * math.sqrt(found.slots.size) / 2


def test_dark_count_beside_light_is_a_double_click(receiver):
    """A dark count in the other detector makes an aligned bit random: errors of half the dark counts."""
    found = receiver(misalignment=0.0, dark_count_probability=0.1).detect(_light(np.arange(100_000), np.zeros(100_000)))
    bits = found.bits[found.bases == 0]
    assert abs(np.count_nonzero(bits) - bits.size * 0.05) < 4.5 * math.sqrt(bits.size * 0.05)


def test_dead_time_spans_segments(receiver):
    """A click late in one segment silences the beginning of the next."""
    detectors = receiver(dead_time_s=1e-7)  # ten gates
    assert detectors.detect(_light([95], [0], pulses=100)).slots.tolist() == [95]
    following = _light([0, 5, 6, 50], [0] * 4, first_slot=100, pulses=100)
    assert detectors.detect(following).slots.tolist() == [106, 150]


def test_afterpulse_spans_segments_and_is_random(receiver):
    """Near-certain afterpulses follow into the next segment, with random bits and bases."""
    detectors = receiver(afterpulse_probability=0.999999, trap_lifetime_s=0.0, dead_time_s=1e-8)
    detectors.detect(_light([99], [0], pulses=100))
    found = detectors.detect(_light([], [], first_slot=100, pulses=100_000))
    assert found.slots[:3].tolist() == [101, 103, 105]
    assert abs(np.count_nonzero(found.bits) - 25_000) < 4.5 * math.sqrt(50_000) / 2
    assert abs(np.count_nonzero(found.bases) - 15_000) < 4.5 * math.sqrt(50_000 * 0.3 * 0.7)


def test_afterpulse_together_with_light_is_a_double_click(receiver):
    """An afterpulse in a lit gate fires the other detector half of the time: a quarter of aligned bits are wrong."""
    detectors = receiver(misalignment=0.0, afterpulse_probability=0.999999, trap_lifetime_s=0.0)
    found = detectors.detect(_light(np.arange(100_000), np.zeros(100_000)))
    bits = found.bits[found.bases == 0]
    assert abs(np.count_nonzero(bits) - bits.size / 4) < 4.5 * math.sqrt(bits.size * 3 / 16)


def test_slots_beyond_32_bits(receiver):
    """Slots are 64-bit numbers at the receiver too."""
    found = receiver(misalignment=0.0).detect(_light([7], [1], first_slot=2**45, pulses=10))
    assert found.slots.dtype == np.int64
    assert found.slots.tolist() == [2**45 + 7]


def test_light_from_the_past_is_refused(receiver):
    """A segment that overlaps one already detected is refused."""
    detectors = receiver()
    detectors.detect(_light([1], [0], pulses=100))
    with pytest.raises(ProtocolError, match="slot 50 comes after slot 99"):
        detectors.detect(_light([1], [0], first_slot=50, pulses=100))


def test_types(receiver):
    """Columns have equal length and the announced types."""
    found = receiver(dark_count_probability=0.01).detect(_light([3], [0], pulses=1000))
    assert found.slots.size == found.bases.size == found.bits.size
    assert (found.slots.dtype, found.bases.dtype, found.bits.dtype) == (np.int64, np.uint8, np.uint8)
    assert set(found.bits.tolist()) <= {0, 1}
