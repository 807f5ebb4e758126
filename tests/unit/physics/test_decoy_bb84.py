"""Decoy-state BB84: the record, its closed forms, its prediction."""

import dataclasses
import math

import pytest

from qit4n.physics import rates
from qit4n.physics.decoy_bb84 import (
    DecoyBB84,
    asymptotic_rate,
    click_probability,
    clicks,
    expected_counts,
    predict,
)
from qit4n.physics.finite_key import RUSCA_2018, Intensities, finite_key

LINK = DecoyBB84(
    pulse_rate_hz=1e8,
    source=Intensities(means=(0.5, 0.15), probabilities=(0.7, 0.3)),
    key_basis_probability=0.7,
    channel_loss_db=10.0,
    receiver_loss_db=1.0,
    detector_efficiency=0.2,
    dark_count_probability=1e-6,
    misalignment=0.01,
    dead_time_s=0.0,
    afterpulse_probability=0.0,
)


def _with(**changes):
    return dataclasses.replace(LINK, **changes)


def _predict(link, block_bits=1_000_000):
    return predict(
        link,
        block_bits=block_bits,
        epsilon_secrecy=1e-9,
        epsilon_correctness=1e-15,
        reconciliation_efficiency=1.05,
    )


def test_losses_and_efficiency_multiply():
    """11 dB of loss and 20 % efficiency leave 1.6 % of the photons."""
    assert LINK.transmittance == pytest.approx(0.2 * 10**-1.1, rel=1e-12)
    assert LINK.gain(0.5) == pytest.approx(float(rates.gain(0.5, LINK.transmittance, 1e-6)))
    assert LINK.error_gain(0.5) == pytest.approx(float(rates.error_gain(0.5, LINK.transmittance, 1e-6, 0.01)))


@pytest.mark.parametrize(("dead_time_s", "gates"), [(0.0, 0), (1e-6, 100), (1.0001e-6, 101), (1e-9, 1)])
def test_dead_time_in_whole_gates(dead_time_s, gates):
    """Dead time is rounded up to whole gates, and a whole number of gates stays as it is."""
    assert _with(dead_time_s=dead_time_s).dead_gates == gates


@pytest.mark.parametrize("rate", [1e6, 1e8, 1.25e9, 3.3e9])
def test_rounding_of_floats_adds_no_dead_gate(rate):
    """Ten thousand gates of any pulse rate are ten thousand gates."""
    assert _with(pulse_rate_hz=rate, dead_time_s=10_000 / rate).dead_gates == 10_000


def test_release_of_traps():
    """A trap lifetime of 100 gates releases in 1 % of them; none releases at once."""
    assert _with(trap_lifetime_s=1e-6).release_probability == pytest.approx(0.00995, rel=1e-3)
    assert _with(trap_lifetime_s=0.0).release_probability == 1.0


def test_ideal_detectors_click_by_the_gain():
    """Without dead time and afterpulses detections and errors are the gains, weighted with the intensities."""
    found = clicks(LINK)
    assert found.per_gate == pytest.approx(click_probability(LINK), rel=1e-12)
    assert found.detections[0] == pytest.approx(0.7 * LINK.gain(0.5), rel=1e-12)
    assert found.wrong[1] == pytest.approx(0.3 * LINK.error_gain(0.15), rel=1e-12)


def test_dead_time_scales_everything_alike():
    """Dead time takes the same share of signals, decoys and errors; it saturates at one click per dead time."""
    ideal, dead = clicks(LINK), clicks(_with(dead_time_s=1e-5))
    live = 1 / (1 + 1000 * ideal.per_gate)
    assert dead.detections == pytest.approx([live * one for one in ideal.detections], rel=1e-12)
    assert dead.wrong == pytest.approx([live * one for one in ideal.wrong], rel=1e-12)
    assert clicks(_with(channel_loss_db=0.0, dead_time_s=1e-3)).per_gate == pytest.approx(1e-5, rel=1e-3)


def test_afterpulses_are_half_wrong():
    """At a low click rate a afterpulses per click add a/2 errors, shared as the intensities are sent."""
    ideal = clicks(_with(channel_loss_db=40.0, dark_count_probability=0.0))
    link = _with(channel_loss_db=40.0, dark_count_probability=0.0, afterpulse_probability=0.1)
    found = clicks(link)
    stray = found.per_gate - ideal.per_gate
    assert stray == pytest.approx(0.1 * found.per_gate, rel=1e-3)
    errors = sum(found.wrong) - sum(ideal.wrong)
    assert errors == pytest.approx(stray / 2, rel=1e-3)
    assert found.detections[1] - ideal.detections[1] == pytest.approx(0.3 * stray, rel=1e-3)


def test_expected_counts_have_the_sifted_bits():
    """The key basis holds the asked bits, the test basis its share by the basis probabilities."""
    counts = expected_counts(LINK, 1_000_000)
    assert counts.key.total == pytest.approx(1_000_000, rel=1e-12)
    assert counts.test.total == pytest.approx(1_000_000 * 0.3**2 / 0.7**2, rel=1e-12)
    assert counts.test.error_rate == pytest.approx(counts.key.error_rate, rel=1e-12)


def test_prediction_is_made_of_its_parts():
    """Rate, block and duration fit together, and the length is that of the expected counts."""
    found = _predict(LINK)
    assert found.sifted_rate_bps == pytest.approx(1e8 * click_probability(LINK) * 0.49, rel=1e-12)
    assert found.block_duration_s == pytest.approx(1_000_000 / found.sifted_rate_bps, rel=1e-12)
    assert found.secret_rate_bps == pytest.approx(found.key_bits_per_block / found.block_duration_s, rel=1e-12)
    leaked = 1.05 * 1_000_000 * float(rates.binary_entropy(found.qber))
    key = finite_key(
        expected_counts(LINK, 1_000_000),
        LINK.source,
        leaked_bits=leaked,
        epsilon_secrecy=1e-9,
        epsilon_correctness=1e-15,
    )
    assert found.key_bits_per_block == key.length_bits > 0


def test_prediction_takes_the_proof():
    """The older proof predicts less."""
    assert _predict(_with(proof=RUSCA_2018)).secret_rate_bps < _predict(LINK).secret_rate_bps


def test_no_light_no_dark_counts_no_key():
    """A link that never clicks predicts zero rates, an endless block, and has no counts to expect."""
    dead = _with(channel_loss_db=1e6, dark_count_probability=0.0)
    found = _predict(dead)
    assert (found.secret_rate_bps, found.sifted_rate_bps, found.block_duration_s) == (0.0, 0.0, math.inf)
    with pytest.raises(ValueError, match="no detections"):
        expected_counts(dead, 1000)


def test_dark_counts_alone_are_half_wrong_and_no_key():
    """In the dark the error rate is one half and nothing is secret."""
    found = _predict(_with(channel_loss_db=1e6))
    assert found.qber == pytest.approx(0.5)
    assert found.secret_rate_bps == 0.0


def test_finite_blocks_approach_the_limit_from_below():
    """Ever larger blocks make ever more key per pulse, up to the asymptotic rate but for the single decoy."""
    link = _with(dark_count_probability=1e-8, key_basis_probability=0.5)
    limit = asymptotic_rate(link, reconciliation_efficiency=1.05)
    made = [_predict(link, block_bits=bits).secret_rate_bps / 1e8 for bits in (10**5, 10**6, 10**8, 10**12)]
    assert made == sorted(made)
    assert 0.8 * limit < made[-1] < limit


@pytest.mark.parametrize("block_bits", [10**4, 10**6, 10**8, 10**12])
def test_bounds_lie_on_the_safe_side_of_the_truth(block_bits):
    """Vacuum and single-photon detections are bounded from below, phase errors from above, closer in larger blocks."""
    source = Intensities(means=(0.3, 0.02), probabilities=(0.7, 0.3))
    link = _with(channel_loss_db=20.0, dark_count_probability=1e-4, source=source)
    key = finite_key(
        expected_counts(link, block_bits), link.source, leaked_bits=0, epsilon_secrecy=1e-9, epsilon_correctness=1e-15
    )
    eta, dark, per_sifted = link.transmittance, link.dark_count_probability, block_bits / click_probability(link)
    vacuum = per_sifted * link.source.tau(0) * float(rates.single_photon_yield(0.0, dark))
    single = per_sifted * link.source.tau(1) * float(rates.single_photon_yield(eta, dark))
    phase = float(rates.single_photon_error_yield(eta, dark, link.misalignment) / rates.single_photon_yield(eta, dark))
    assert key.vacuum_bound <= vacuum
    assert key.single_photon_bound <= single
    assert phase <= key.phase_error_bound
    if block_bits == 10**12:
        assert key.vacuum_bound > 0.9 * vacuum
        assert key.single_photon_bound > 0.7 * single


def test_dark_counts_may_exceed_eleven_percent():
    """Errors of empty pulses do not count against single photons: decoys tell them apart, so 12 % may leave key.

    The limit of 11 % is one for errors of single photons (misalignment, an eavesdropper); a policy may be stricter.
    """
    noisy = _with(
        channel_loss_db=20.0,
        detector_efficiency=0.5,
        dark_count_probability=8e-5,
        misalignment=0.0,
        source=Intensities(means=(0.12, 0.03), probabilities=(0.7, 0.3)),
    )
    found = _predict(noisy, block_bits=10**10)
    assert found.qber > 0.12
    assert found.secret_rate_bps > 0
    assert _predict(dataclasses.replace(noisy, misalignment=0.11), block_bits=10**10).secret_rate_bps == 0.0
