"""Finite-key length: constants, edges, and that it never promises what it cannot know."""

import dataclasses
import math

import pytest

from qit4n.physics.finite_key import (
    LIM_2014,
    RUSCA_2018,
    WIESEMANN_2026,
    BasisCounts,
    Counts,
    Intensities,
    finite_key,
)

SOURCE = Intensities(means=(0.51, 0.15), probabilities=(0.7, 0.3))
GOOD = Counts(
    key=BasisCounts(detections=(8_875_913, 1_124_087), wrong=(185_856, 26_055)),
    test=BasisCounts(detections=(165_048, 20_902), wrong=(3_456, 484)),
)


def _length(counts=GOOD, leaked=1_776_924, secrecy=1e-9, correctness=1e-15, proof=WIESEMANN_2026):
    return finite_key(
        counts,
        SOURCE,
        leaked_bits=leaked,
        epsilon_secrecy=secrecy,
        epsilon_correctness=correctness,
        proof=proof,
    )


def _changed(basis, name, intensity, change):
    counts = getattr(GOOD, basis)
    values = list(getattr(counts, name))
    values[intensity] = change(values[intensity])
    return dataclasses.replace(GOOD, **{basis: dataclasses.replace(counts, **{name: tuple(values)})})


def test_constants_of_wiesemann():
    """Secrecy costs 4 log2(15 / (eps 2^(1/4))) bits, in the newer proof; less than in the older one."""
    assert WIESEMANN_2026.secrecy_cost(1e-9) == pytest.approx(4 * math.log2(15 / (1e-9 * 2**0.25)), rel=1e-14)
    assert RUSCA_2018.secrecy_cost(1e-9) == pytest.approx(6 * math.log2(19 / 1e-9), rel=1e-14)


def test_newer_constants_give_slightly_more():
    """The same counts yield more by the newer proof, by far less than a percent."""
    older, newer = _length(proof=RUSCA_2018).length_bits, _length().length_bits
    assert older < newer < 1.01 * older


def test_every_leaked_bit_is_paid():
    """One more leaked bit is one key bit less; correctness costs log2(2/eps)."""
    key = _length()
    assert _length(leaked=1_776_925).length_bits == key.length_bits - 1
    assert _length(correctness=1e-15 / 1024).length_bits == key.length_bits - 10


def test_bounds_are_reported():
    """The bounds are those that the length is made of."""
    key = _length()
    phi = key.phase_error_bound
    entropy = -phi * math.log2(phi) - (1 - phi) * math.log2(1 - phi)
    length = key.vacuum_bound + key.single_photon_bound * (1 - entropy) - 1_776_924
    length -= math.log2(2 / 1e-15) + WIESEMANN_2026.secrecy_cost(1e-9)
    assert key.length_bits == math.floor(length)


@pytest.mark.parametrize("basis", ["key", "test"])
@pytest.mark.parametrize("intensity", [0, 1])
def test_more_errors_never_help(basis, intensity):
    """Doubling the errors of either intensity in either basis never lengthens the key."""
    worse = _changed(basis, "wrong", intensity, lambda count: 2 * count)
    if (basis, intensity) == ("test", 1):
        # Decoy errors say that errors come from empty pulses; the single photons are better than they seemed.
        assert _length(worse).phase_error_bound < _length().phase_error_bound
    else:
        assert _length(worse).length_bits < _length().length_bits


@pytest.mark.parametrize("intensity", [0, 1])
@pytest.mark.parametrize("name", ["detections", "wrong"])
@pytest.mark.parametrize("basis", ["key", "test"])
def test_zero_counts_are_no_accident(basis, name, intensity):
    """Any count may be zero: the answer is a length of at least zero and finite bounds, without a warning."""
    key = _length(_changed(basis, name, intensity, lambda _: 0))
    assert key.length_bits >= 0
    assert 0 <= key.phase_error_bound <= 0.5
    assert math.isfinite(key.single_photon_bound)
    assert math.isfinite(key.vacuum_bound)


def test_nothing_gives_nothing():
    """An empty block has no key, and its phase error could be anything."""
    nothing = BasisCounts(detections=(0, 0), wrong=(0, 0))
    key = _length(Counts(key=nothing, test=nothing), leaked=0)
    assert (key.length_bits, key.single_photon_bound, key.vacuum_bound, key.phase_error_bound) == (0, 0, 0, 0.5)


def test_no_test_counts_no_key():
    """Without the test basis nothing is known of the phase error, so there is no key."""
    nothing = BasisCounts(detections=(0, 0), wrong=(0, 0))
    assert _length(dataclasses.replace(GOOD, test=nothing)).length_bits == 0


def test_no_errors_still_leave_a_doubt():
    """Without a single error seen the phase error bound is small, but not zero."""
    clean = dataclasses.replace(
        GOOD,
        key=dataclasses.replace(GOOD.key, wrong=(0, 0)),
        test=dataclasses.replace(GOOD.test, wrong=(0, 0)),
    )
    key = _length(clean)
    assert 0 < key.phase_error_bound < 0.01
    assert key.length_bits > _length().length_bits


def test_leak_above_everything_is_no_negative_length():
    """A leakage of more than the key gives zero bits."""
    assert _length(leaked=10**9).length_bits == 0


@pytest.mark.parametrize(
    "means", [(0.5, 0.5), (0.1, 0.5), (0.5, 0.0), (0.5, 0.1, 0.1), (0.5, 0.4, 0.1), (0.5, 0.1, -0.1)]
)
def test_decoys_must_be_weaker_than_the_signal(means):
    """Intensities from which no yield can be estimated are refused with their figures."""
    with pytest.raises(ValueError, match=r"decoy intensity -?\d.*signal intensity 0\.\d"):
        Intensities(means=means, probabilities=(0.5, 0.3, 0.2) if means[2:] else (0.5, 0.5))


@pytest.mark.parametrize("probabilities", [(0.5, 0.4), (1.0, 0.0), (0.5, 0.3, 0.2), (1.2, -0.2)])
def test_probabilities_are_those_of_the_intensities(probabilities):
    """As many probabilities as intensities, each positive, sum 1."""
    with pytest.raises(ValueError, match="probabilities"):
        Intensities(means=(0.5, 0.1), probabilities=probabilities)


def test_a_proof_is_for_its_number_of_decoys():
    """The default proof is the one for the source; another number of intensities is refused."""
    assert (SOURCE.proof, _length(proof=None).proof) == (WIESEMANN_2026, WIESEMANN_2026)
    with pytest.raises(ValueError, match="two-decoy"):
        _length(proof=LIM_2014)
