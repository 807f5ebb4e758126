"""Emulated twin fields against their closed forms, and as both ends of a link."""

import dataclasses
import math

import msgspec
import numpy as np
import pytest
from numpy.random import default_rng
from scipy.special import i0
from scipy.stats import poisson

from qit4n.errors import ProtocolError
from qit4n.physics.finite_key import Intensities
from qit4n.physics.sendingornot import PHASES
from qit4n.physics.twinfield import TwinField
from qit4n.quantum.emulated.eavesdropper import GuessedPhase
from qit4n.quantum.emulated.light import KIND_SHIFT
from qit4n.quantum.emulated.twinfield import EmulatedPhases, EmulatedTwinMiddle, candidates_mean

LINK = TwinField(
    pulse_rate_hz=1e9,
    source=Intensities(means=(0.4, 0.1, 0.01), probabilities=(0.3, 0.45, 0.25)),
    key_intensity=0.03,
    key_basis_probability=0.5,
    channel_losses_db=(7.0, 9.0),
    receiver_loss_db=0.2,
    detector_efficiency=0.8,
    dark_count_probability=1e-6,
    misalignment=0.03,
)
PULSES = 8_000_000


def run(link, seed, attack=None):
    """Counts (basis, events or errors, pair of intensities) of some segments."""
    first, middle = EmulatedPhases(link, default_rng([seed, 1])), EmulatedTwinMiddle(link, default_rng([seed, 2]))
    counts = np.zeros((2, 2, 9))
    for _ in range(2):
        light = first.emit(PULSES // 2)
        found = middle.detect(attack.tamper(light) if attack else light)
        assert np.all(np.diff(found.slots) > 0)
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
        dataclasses.replace(LINK, channel_losses_db=(30.0, 30.0), dark_count_probability=1e-3),  # mostly dark counts
        dataclasses.replace(
            LINK, channel_losses_db=(0.0, 0.0), misalignment=0.1, key_intensity=0.3, dark_count_probability=0.1
        ),
    ],
    ids=["usual", "dark", "bright, dark and misaligned"],
)
def test_events_and_errors_are_those_of_the_closed_form(link):
    """By basis and pair of intensities: events of one detector alone, and wrong ones of the key, within 4.5 sigma."""
    counts = run(link, 1)
    for basis, key in ((0, True), (1, False)):
        expected = link.clicks(key=key)
        gates = PULSES * link.matching_bases(key=key)
        for found, mean in zip(counts[basis], (expected.detections, expected.wrong), strict=True):
            means = gates * np.array(mean)
            assert np.all(abs(found - means) < 4.5 * np.sqrt(means) + 2.0)


def test_candidates_know_nothing_of_the_pulses():
    """Their numbers are Poissonian of the brightest two pulses, and the same of any kind of pulse."""
    first = EmulatedPhases(LINK, default_rng(3))
    light = first.emit(PULSES)
    numbers, kinds = light.photon_array(), light.state_array() >> KIND_SHIFT
    shares = [0.5, 0.15, 0.225, 0.125]
    means = np.outer(shares, PULSES * poisson.pmf(np.arange(1, 5), candidates_mean(LINK)))
    found = np.array([[np.count_nonzero(numbers[kinds == kind] == n) for n in range(1, 5)] for kind in range(4)])
    assert np.all(abs(found - means) < 4.5 * np.sqrt(means) + 2.0)


def test_a_pulse_is_what_its_slot_says():
    """With or without candidates: kinds with their shares, two phases in the key basis, all 32 in the test basis."""
    first = EmulatedPhases(LINK, default_rng(4))
    light = first.emit(1_000_000)
    assert np.array_equal(first.states(light.slot_array()), light.state_array())
    slots = np.arange(1_000_000)
    states = first.states(slots)
    kinds, phases = states >> KIND_SHIFT, states & (PHASES - 1)
    for kind, share in enumerate((0.5, 0.15, 0.225, 0.125)):
        chosen = phases[kinds == kind]
        assert abs(chosen.size - share * 1e6) < 4.5 * math.sqrt(share * 1e6)
        found, counts = np.unique(chosen, return_counts=True)
        assert found.tolist() == ([0, PHASES // 2] if kind == 0 else list(range(PHASES)))
        assert np.all(abs(counts - chosen.size / found.size) < 4.5 * np.sqrt(counts))
    known = first.prepared(slots)
    assert np.array_equal(known.bases, kinds > 0)
    assert np.array_equal(known.bits, (kinds == 0) & (phases == PHASES // 2))
    assert np.array_equal(known.intensities, np.where(kinds > 0, kinds - 1, 0))


def test_the_steps_of_a_phase_are_as_good_as_any_phase():
    """Silence holds the mean of exp(x cos D): over the steps the Bessel function, up to x = 2 to the last digit."""
    steps = np.cos(2.0 * np.pi / PHASES * np.arange(PHASES))
    for x in (1e-3, 0.1, 1.0, 2.0):
        assert np.mean(np.exp(x * steps)) == pytest.approx(float(i0(x)), rel=1e-15, abs=0.0)


def test_what_the_second_end_says_is_fair():
    """Both bits as often, no bit in the test basis, intensities all there."""
    first, middle = EmulatedPhases(LINK, default_rng(5)), EmulatedTwinMiddle(LINK, default_rng(6))
    found = middle.detect(first.emit(PULSES))
    key = found.bases == 0
    assert abs(found.bits[key].mean() - 0.5) < 4.5 / (2.0 * math.sqrt(key.sum()))
    assert not found.bits[~key].any()
    assert set(np.unique(found.intensities[~key])) == {0, 1, 2}
    assert not found.intensities[key].any()


def test_an_eavesdropper_who_guesses_phases_shows():
    """Of 0.03 photons she is wrong a third of the time: so much more is wrong at the ends, of the share she attacks."""
    clean, attacked = run(LINK, 7), run(LINK, 7, GuessedPhase(0.5, LINK.key_intensity, default_rng(8)))
    events, errors = attacked[0].sum(axis=1)
    helstrom = (1.0 - math.sqrt(1.0 - math.exp(-0.12))) / 2.0
    usual = LINK.key_error_rate(None)
    added = 0.5 * helstrom * (1.0 - 2.0 * usual)
    assert errors / events == pytest.approx(usual + added, abs=4.5 * math.sqrt(added / events))
    assert attacked[1][0].sum() == pytest.approx(clean[1][0].sum(), rel=0.02)


def test_segments_follow_each_other():
    """A segment that was there before is refused, as are slots asked for twice; one that was lost is not missed."""
    first, middle = EmulatedPhases(LINK, default_rng(9)), EmulatedTwinMiddle(LINK, default_rng(10))
    light = first.emit(100_000)
    slots = middle.detect(light).slots
    with pytest.raises(ProtocolError, match="comes after"):
        middle.detect(light)
    first.prepared(slots)
    with pytest.raises(ProtocolError, match="are open to announcement"):
        first.prepared(slots)
    first.emit(1000)
    middle.detect(first.emit(1000))
    first.forget_before(102_000)
    with pytest.raises(ProtocolError, match="101999 are announced"):
        first.prepared(np.array([101_999]))


def test_any_state_byte_is_a_pulse():
    """Light from elsewhere with bits that mean nothing is taken as some pulse or other, not as an error."""
    light = EmulatedPhases(LINK, default_rng(11)).emit(100_000)
    wild = msgspec.structs.replace(light, states=b"\xff" * len(light.states), photons=b"\xff" * len(light.photons))
    assert EmulatedTwinMiddle(LINK, default_rng(12)).detect(wild).slots.size


def test_dark_counts_can_change():
    """Neighbours light up in the fibre: as many events more as the dark counts of both detectors."""
    first, middle = EmulatedPhases(LINK, default_rng(13)), EmulatedTwinMiddle(LINK, default_rng(14))
    far = LINK.through(50.0, 50.0)
    first.retune(far)
    middle.retune(far)
    before = middle.detect(first.emit(PULSES)).slots.size
    middle.retune(dataclasses.replace(far, dark_count_probability=1e-3))
    after = middle.detect(first.emit(PULSES)).slots.size
    assert abs(after - before - 2e-3 * PULSES) < 4.5 * math.sqrt(2e-3 * PULSES) + 100
