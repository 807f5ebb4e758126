"""Min-entropy of quantum entropy sources against published numbers and against their distributions."""

import numpy as np
import pytest
from scipy.stats import norm

from qit4n.physics.randomness import beam_splitter, best_half_range, photon_arrival, vacuum_fluctuations


@pytest.mark.parametrize(("adc_bits", "half_range", "min_entropy"), [(8, 2.45, 7.03), (16, 3.90, 14.36)])
def test_without_classical_noise_the_published_optimum_comes_out(adc_bits, half_range, min_entropy):
    """Range and min-entropy of 8 and 16 bits without classical noise are those of Haw et al., table I."""
    best = best_half_range(adc_bits, np.inf)
    assert round(best, 2) == half_range
    assert round(float(vacuum_fluctuations(adc_bits, best, np.inf)), 2) == min_entropy


@pytest.mark.parametrize("qcnr_db", [0.0, 10.0, 20.0])
def test_classical_noise_counts_at_its_worst(qcnr_db):
    """The bound is the likeliest bin of the converter over all classical offsets within five deviations."""
    adc_bits, half = 6, best_half_range(6, qcnr_db)
    width = half / 2 ** (adc_bits - 1)
    edges = np.concatenate(([-np.inf], -half + width * (np.arange(1, 2**adc_bits) - 0.5), [np.inf]))
    excursion = 5.0 * 10 ** (-qcnr_db / 20)
    offsets = np.linspace(-excursion, excursion, 4001)
    likeliest = max(np.diff(norm.cdf(edges - offset)).max() for offset in offsets)
    assert float(vacuum_fluctuations(adc_bits, half, qcnr_db)) == pytest.approx(-np.log2(likeliest), abs=1e-6)


def test_another_range_gives_less():
    """The best range is best: a narrower and a wider one give less."""
    best = best_half_range(8, 20.0)
    found = vacuum_fluctuations(8, np.array([0.9 * best, best, 1.1 * best]), 20.0)
    assert found[1] > max(found[0], found[2])


def test_the_arrival_of_a_photon_follows_the_exponential_distribution():
    """The bound is the first bin's share of a truncated exponential distribution; weak light makes it uniform."""
    mean, bins = 1.7, 50
    shares = np.diff(-np.expm1(-mean * np.linspace(0, 1, bins + 1))) / -np.expm1(-mean)
    assert float(photon_arrival(mean, bins)) == pytest.approx(-np.log2(shares.max()), rel=1e-12)
    assert float(photon_arrival(1e-9, 256)) == pytest.approx(8.0, abs=1e-6)


def test_a_beam_splitter_gives_a_bit_if_all_is_even():
    """Equal arms give one bit; the bias of unequal detectors costs what Born's rule says."""
    assert float(beam_splitter()) == 1.0
    assert float(beam_splitter(0.5, 0.2, 0.1)) == pytest.approx(-np.log2(2 / 3))
    assert float(beam_splitter(1.0)) == 0.0
