"""Finite-key formulas beside tables of experiments."""

import pytest
from benchmarks.experiments.bb84 import lucamarini
from benchmarks.experiments.continuous import zhang

from qit4n.physics import pairdecoys
from qit4n.physics.finite_key import Intensities

# Zhang et al., PRL 125, 010502 (2020), Table I: loss, beta, frames kept, V_A, xi, v_el; the rate in bit/s.
# Symbols: 1e11 is quoted of 27 km by Jain et al. 2022; all follow from the table's xi in the worst case.
ZHANG = [
    (4.36, 0.95, 0.5, 14.37, 0.0015, 0.1216, 1e11, 2.78e5),
    (8.29, 0.95, 0.5, 14.14, 0.0033, 0.1881, 1e11, 0.62e5),
    (11.68, 0.96, 0.9, 14.12, 0.0049, 0.2411, 1e11, 4.28e4),
    (15.89, 0.96, 0.9, 14.53, 0.0063, 0.1893, 1e11, 1.18e4),
    (23.46, 0.96, 0.9, 14.23, 0.0086, 0.2717, 1e11, 318.85),
    (32.45, 0.98, 0.1, 7.65, 0.0081, 0.1523, 1e12, 6.214),
]


@pytest.mark.parametrize("row", ZHANG, ids=lambda row: f"{row[0]} dB")
def test_gaussian_blocks_give_the_rates_of_a_table(row):
    """Leverrier 2010 with trusted detector, over 28 dB and five orders of magnitude of rate, within 7 %."""
    *inputs, published = row
    assert zhang(*inputs)() == pytest.approx(published, rel=0.07)


@pytest.mark.parametrize(("loss_db", "published"), [(7.0, 2.20e6), (10.0, 1.09e6), (13.0, 0.40e6), (16.0, 0.12e6)])
def test_decoys_bounded_one_by_one_give_the_rates_of_t12(loss_db, published):
    """Lucamarini et al. 2013 with its own intensities, shares and detectors: at most a factor of two below."""
    assert published / 2.0 < lucamarini(loss_db)() < published


def test_counts_of_an_experiment_give_its_yield_and_error():
    """Wei et al., PRX 10, 031030 (2020), Table II, 36 dB: Y11 is 2.43e-5, e11 is 8.9 %, from joint bounds there.

    The column of 28 dB is not taken: as we read it, its counts of (mu, 0) do not fit those of (nu, 0).
    """
    shares, pulses, epsilon = (0.038, 0.350, 0.124), 4.5e13, 1e-10 / pairdecoys.CURTY_2014.parts
    tested = sum(shares)
    source = Intensities(means=(0.188, 0.036, 0.0), probabilities=tuple(one / tested for one in shares))
    counts = (115_035.0, 0.0, 138_680.0, 0.0, 388_040.0, 26_574.0, 87_576.0, 44_947.0, 0.0)
    wrong = (0.0, 0.0, 0.0, 0.0, 104_895.0, 13_227.0, 0.0, 22_647.0, 0.0)
    single = pairdecoys.single_pairs_lower(counts, source, epsilon)
    assert single / (pulses * (tested * source.tau(1)) ** 2) == pytest.approx(2.43e-5, rel=0.02)
    assert pairdecoys.single_errors_upper(wrong, source, epsilon) / single == pytest.approx(0.089, rel=0.05)
