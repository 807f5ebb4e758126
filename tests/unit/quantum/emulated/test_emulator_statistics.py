"""The emulator against the closed form: gains, errors, rates, and the prediction of the whole link."""

import math

import pytest

from qit4n.physics.decoy_bb84 import clicks, predict
from qit4n.physics.finite_key import BasisCounts, Counts, Intensities
from qit4n.physics.rates import binary_entropy
from qit4n.physics.single_photons import SinglePhotons
from qit4n.quantum.emulated.light import KEY_BASIS, TEST_BASIS

SIGMAS = 4.5
BRIGHT = Intensities(means=(1.8, 0.15), probabilities=(0.6, 0.4))
TWO_DECOYS = Intensities(means=(0.5, 0.15, 0.01), probabilities=(0.6, 0.25, 0.15))

DOT = SinglePhotons(brightness=0.6, g2=0.05)

DETECTORS = {
    "ideal": {},
    "dark counts": {"dark_count_probability": 1e-3},
    "bright, many photons": {"channel_loss_db": 0.0, "detector_efficiency": 0.9, "source": BRIGHT},
    "two decoys": {"source": TWO_DECOYS, "dark_count_probability": 1e-4},
    "single photons": {"source": DOT, "dark_count_probability": 1e-4},
    "one photon or two, all detected": {
        "source": SinglePhotons(brightness=0.9, g2=0.8),
        "channel_loss_db": 0.0,
        "receiver_loss_db": 0.0,
        "detector_efficiency": 1.0,
        "dark_count_probability": 1e-2,
        "dead_time_s": 1e-7,
        "afterpulse_probability": 0.1,
        "trap_lifetime_s": 3e-7,
    },
    "dead time": {"dead_time_s": 5e-7},
    "afterpulses": {"afterpulse_probability": 0.2},
    "afterpulses at once": {"afterpulse_probability": 0.2, "trap_lifetime_s": 0.0, "dead_time_s": 2e-7},
    "traps outlive the dead time": {"afterpulse_probability": 0.3, "dead_time_s": 2e-7, "trap_lifetime_s": 2e-6},
    "afterpulses on bright light": {
        "channel_loss_db": 0.0,
        "detector_efficiency": 0.9,
        "source": BRIGHT,
        "afterpulse_probability": 0.5,
        "trap_lifetime_s": 0.0,
    },
    "everything": {
        "channel_loss_db": 1.0,
        "dark_count_probability": 2e-3,
        "dead_time_s": 1e-7,
        "afterpulse_probability": 0.1,
        "trap_lifetime_s": 3e-7,
        "misalignment": 0.05,
    },
}


def _close(found, expected, overdispersion=1.0):
    """Within so many standard deviations of a Poissonian count (dead time makes it narrower, afterpulses wider)."""
    assert abs(found - expected) < SIGMAS * math.sqrt(overdispersion * expected) + 1e-9, (found, expected)


@pytest.mark.parametrize("name", DETECTORS)
def test_counts_follow_the_closed_form(link, emulate, name):
    """Detections and errors of each intensity in each basis are those of the closed form, whatever the detectors do."""
    physics = link(**DETECTORS[name])
    expected = clicks(physics)
    run = emulate(physics, int(200_000 / expected.per_gate), seed=1)
    spread = 1 / (1 - physics.afterpulse_probability) ** 2
    _close(run.slots.size, run.pulses * expected.per_gate, spread)
    for basis, key in ((KEY_BASIS, True), (TEST_BASIS, False)):
        gates = run.pulses * physics.matching_bases(key=key)
        for intensity, (counts, errors) in enumerate(zip(expected.detections, expected.wrong, strict=True)):
            found, wrong = run.sifted(basis, intensity)
            _close(found, gates * counts, spread)
            _close(wrong, gates * errors, spread)


def test_wrong_basis_knows_nothing(link, emulate):
    """Where the bases differ, half of the bits are wrong, and there are as many as the basis choices say."""
    physics = link()
    run = emulate(physics, 20_000_000, seed=2)
    crossed = run.bases != run.prepared_bases
    total = int(crossed.sum())
    wrong = int((run.bits != run.prepared_bits)[crossed].sum())
    _close(total, run.slots.size * 2 * 0.7 * 0.3)
    assert abs(wrong - total / 2) < SIGMAS * math.sqrt(total) / 2


def test_key_bits_are_balanced(link, emulate):
    """Zeros and ones come equally often at both ends, also with double clicks and afterpulses."""
    run = emulate(link(**DETECTORS["everything"]), 2_000_000, seed=3)
    for bits in (run.bits, run.prepared_bits):
        assert abs(int(bits.sum()) - bits.size / 2) < SIGMAS * math.sqrt(bits.size) / 2


LINKS = {
    "short, saturated by dead time": {
        "channel_loss_db": 2.0,
        "dead_time_s": 1e-6,
        "afterpulse_probability": 0.03,
        "dark_count_probability": 1e-6,
    },
    "metropolitan": {
        "channel_loss_db": 6.0,
        "dead_time_s": 1e-6,
        "afterpulse_probability": 0.01,
        "dark_count_probability": 1e-6,
    },
    "long, limited by dark counts": {
        "channel_loss_db": 30.0,
        "dark_count_probability": 4e-7,
        "detector_efficiency": 0.5,
        "misalignment": 0.005,
    },
    "two decoys": {"channel_loss_db": 6.0, "dark_count_probability": 1e-6, "source": TWO_DECOYS},
    "single photons": {"channel_loss_db": 3.0, "dark_count_probability": 1e-6, "source": DOT},
    "without key": {"channel_loss_db": 40.0, "dark_count_probability": 5e-6},
}


def _basis(run, basis, kinds):
    detections, wrong = zip(*(run.sifted(basis, intensity) for intensity in range(kinds)), strict=True)
    return BasisCounts(detections=detections, wrong=wrong)


def _counted_key(run, physics, options):
    kinds = len(physics.intensities)
    key, test = (_basis(run, basis, kinds) for basis in (KEY_BASIS, TEST_BASIS))
    counts = Counts(key=key, test=test, pulses=run.pulses)
    leaked = 1.05 * counts.key.total * float(binary_entropy(counts.key.error_rate))
    return physics.key_length(counts, leaked_bits=leaked, **options).length_bits


@pytest.mark.parametrize("name", LINKS)
def test_prediction_is_what_the_emulator_does(link, emulate, name):
    """Sifted bits and errors of four blocks within statistics; mean key within 10 % (its spread is 2 %), or none."""
    physics = link(**LINKS[name], key_basis_probability=0.5)
    options = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15}
    found = predict(physics, block_bits=200_000, reconciliation_efficiency=1.05, **options)
    pulses = int(found.block_duration_s * physics.pulse_rate_hz)
    runs = [emulate(physics, pulses, seed=seed, segments=16) for seed in range(4)]
    sifted, errors = (sum(column) for column in zip(*(run.sifted(KEY_BASIS) for run in runs), strict=True))
    _close(sifted, 800_000, 1 / (1 - physics.afterpulse_probability) ** 2)
    _close(errors, sifted * found.qber)

    keys = [_counted_key(run, physics, options) for run in runs]
    assert (found.key_bits_per_block > 0) == (name != "without key")
    assert sum(keys) / 4 == pytest.approx(found.key_bits_per_block, rel=0.1)
