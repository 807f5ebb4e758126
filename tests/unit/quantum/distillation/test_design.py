"""Density evolution against known thresholds; base graphs against their profile."""

import numpy as np
import pytest

from qit4n.physics.rates import binary_entropy
from qit4n.quantum.distillation.design import (
    BASE_COLUMNS,
    CONVERGED,
    DEGREES,
    Ensemble,
    base_graph,
    evolve,
    qber_at,
)


def threshold(degree, check_degree):
    """The largest error rate at which a regular ensemble converges, by bisection to 0.0005."""
    ensemble = Ensemble(degrees=np.array([degree]), shares=np.ones(1), leak=degree / check_degree)
    low, high = 0.0, 0.5
    while high - low > 5e-4:
        middle = (low + high) / 2
        converges = evolve(ensemble, middle, 500)[-1] < CONVERGED
        low, high = (middle, high) if converges else (low, middle)
    return low


@pytest.mark.parametrize(
    ("degrees", "sum_product"), [((3, 6), 0.084), ((4, 8), 0.076), ((3, 5), 0.113), ((3, 4), 0.167)]
)
def test_thresholds_of_regular_codes(degrees, sum_product):
    """Normalised min-sum comes within 5 % of the sum-product threshold (Richardson and Urbanke 2001), not above."""
    assert 0.95 * sum_product <= threshold(*degrees) <= sum_product


def test_qber_is_the_inverse_of_entropy():
    assert qber_at(binary_entropy(0.03)) == pytest.approx(0.03)


def test_base_graph_has_its_profile_from_every_prefix():
    """Columns of 3 and 12 edges, rows met once each and alike in number."""
    shares = np.where(DEGREES == 3, 0.75, np.where(DEGREES == 12, 0.25, 0.0))
    columns = base_graph(shares, 40, np.random.default_rng(1))
    degrees = np.array([len(column) for column in columns])
    assert degrees.size == BASE_COLUMNS
    for prefix in (BASE_COLUMNS // 2, BASE_COLUMNS):
        assert abs(np.count_nonzero(degrees[:prefix] == 12) - prefix / 4) <= 1
        rows = [edge // 512 for column in columns[:prefix] for edge in column]
        load = np.bincount(rows, minlength=40)
        assert load.max() - load.min() <= 1
    assert all(len({edge // 512 for edge in column}) == len(column) for column in columns)
