"""Twin fields against waves: every pulse of a dense simulation, with polarisations, on a beam splitter."""

import numpy as np
import pytest

from qit4n.physics.finite_key import Intensities
from qit4n.physics.twinfield import TwinField

PULSES = 2_000_000
LINK = TwinField(
    pulse_rate_hz=1e9,
    source=Intensities(means=(0.5, 0.15, 0.0), probabilities=(0.4, 0.4, 0.2)),
    key_intensity=0.1,
    key_basis_probability=0.5,
    channel_losses_db=(1.0, 2.5),
    receiver_loss_db=0.0,
    detector_efficiency=0.7,
    dark_count_probability=1e-3,
    misalignment=0.04,
)


def _waves(link, dice, bases, end):
    """Complex amplitudes behind the arm, bits and intensities of one end."""
    chosen = dice.choice(3, PULSES, p=link.source.probabilities)
    bits = dice.integers(0, 2, PULSES)
    phases = np.where(bases == 0, np.pi * bits, dice.uniform(0.0, 2.0 * np.pi, PULSES))
    means = np.where(bases == 0, link.key_intensity, np.array(link.source.means)[chosen])
    return np.sqrt(means * link.transmittances[end]) * np.exp(1j * phases), bits, chosen


def test_gains_and_errors_are_those_of_waves():
    """Polarisations of overlap 1 - 2e bring light to the wrong port: gains by pair, errors of the key."""
    dice = np.random.default_rng(20)
    bases = dice.integers(0, 2, PULSES)
    (one, bit, first), (other, turned, second) = (_waves(LINK, dice, bases, end) for end in (0, 1))
    overlap = 1.0 - 2.0 * LINK.misalignment
    along, across = overlap * other, np.sqrt(1.0 - overlap**2) * other
    ports = [(abs(one + sign * along) ** 2 + abs(across) ** 2) / 2.0 for sign in (1, -1)]
    c, d = (dice.poisson(light) + (dice.random(PULSES) < LINK.dark_count_probability) > 0 for light in ports)
    alone = c ^ d
    key = alone & (bases == 0)
    wrong = key & ((bit ^ turned ^ d) == 1)
    expected = LINK.clicks(key=True)
    gates = np.count_nonzero(bases == 0)
    assert key.sum() == pytest.approx(gates * expected.per_gate, abs=4.5 * np.sqrt(key.sum()))
    assert wrong.sum() == pytest.approx(gates * sum(expected.wrong), abs=4.5 * np.sqrt(wrong.sum()))
    found = np.bincount((first * 3 + second)[alone & (bases == 1)], minlength=9)
    means = np.count_nonzero(bases == 1) * np.array(LINK.clicks(key=False).detections)
    assert np.all(abs(found - means) < 4.5 * np.sqrt(means))


def test_counts_that_floats_do_not_hold_make_no_key():
    """A test hardly brighter than the key, and few counts: the search overflows, so there is no bound, and no key."""
    link = TwinField(
        pulse_rate_hz=1e9,
        source=Intensities(means=(0.02, 0.0002, 0.0), probabilities=(0.2, 0.3, 0.5)),
        key_intensity=0.016,
        key_basis_probability=0.7,
        channel_losses_db=(30.0, 30.0),
        receiver_loss_db=0.0,
        detector_efficiency=0.8,
        dark_count_probability=1e-8,
        misalignment=0.03,
    )
    counts = link.expected_counts(10_000 / link.sifted_rate_bps)
    found = link.key_length(counts, leaked_bits=0.0, epsilon_secrecy=1e-9, epsilon_correctness=1e-15)
    assert (found.length_bits, found.phase_error_bound) == (0, 0.5)
