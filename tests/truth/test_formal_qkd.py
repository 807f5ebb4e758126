"""Finite-key length against a formally verified program.

Provenance: github.com/adomasbaliuka/formal-qkd, README.md and test/ExampleValuesSKL.lean (values guarded there to
1e-8 by interval arithmetic proven in Lean). Its formulas are those of Rusca et al., APL 112, 171104 (2018), with
eps_sec 1e-9, eps_cor 1e-15, p_signal 0.7, intensities 0.51 and 0.15.
"""

import pytest

from qit4n.physics.finite_key import RUSCA_2018, BasisCounts, Counts, Intensities, finite_key

COUNTS = Counts(
    key=BasisCounts(detections=(8_875_913, 1_124_087), wrong=(185_856, 26_055)),
    test=BasisCounts(detections=(165_048, 20_902), wrong=(3_456, 484)),
)


@pytest.fixture
def key():
    """The block of the example."""
    return finite_key(
        COUNTS,
        Intensities(means=(0.51, 0.15), probabilities=(0.7, 0.3)),
        leaked_bits=1_776_924,
        epsilon_secrecy=1e-9,
        epsilon_correctness=1e-15,
        proof=RUSCA_2018,
    )


def test_length_to_the_bit(key):
    """The length is the published one, to the bit."""
    assert key.length_bits == 1_464_719


def test_bounds_to_thirteen_digits(key):
    """Vacuum, single-photon and phase-error bounds are the published ones."""
    assert key.vacuum_bound == 0.0
    assert key.single_photon_bound == pytest.approx(5.396516268816283e6, rel=1e-13)
    assert key.phase_error_bound == pytest.approx(0.07917365937798954, rel=1e-13)
