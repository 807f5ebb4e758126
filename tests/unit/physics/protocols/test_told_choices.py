"""What a relay gains that knows earlier choices: bounds of counts whose means depend on what was seen before."""

import math

import numpy as np
import pytest
from scipy.stats import poisson

from qit4n.physics.pairdecoys import chernoff_lower, chernoff_upper, draws_lower, draws_upper
from qit4n.physics.protocols.sendingornot import TOLD

T = np.geomspace(1e-6, 300.0, 3000)
COUNTS = np.unique(np.round(np.geomspace(1.0, 1e8, 1500)))


def exponents(bound, epsilon):
    """(t, counts): exponent of the supermartingale for each t, where the bound just fails."""
    edge, t = np.array([bound(float(one), epsilon) for one in COUNTS]), T[:, None]
    found = {
        chernoff_upper: -t * COUNTS - np.expm1(-t) * edge,
        chernoff_lower: t * COUNTS - np.expm1(t) * edge,
        draws_lower: -t * edge - np.expm1(-t) * COUNTS,
        draws_upper: t * edge - np.expm1(t) * COUNTS,
    }[bound]
    return np.where(edge > 0.0, found, np.inf)  # at least none: cannot fail


def needed(reached):
    """How many rows do it so that each column is true in one of them: always the one that goes on longest."""
    first = rows = 0
    while first < reached.shape[1]:
        rest = reached[:, first:]
        first += int(np.max(np.where(rest.all(axis=1), rest.shape[1], np.argmin(rest, axis=1))))
        rows += 1
    return rows


@pytest.mark.parametrize("epsilon", [1e-12, 7e-23, 1e-35])
@pytest.mark.parametrize("bound", [chernoff_upper, chernoff_lower, draws_lower, draws_upper])
def test_few_values_of_t_serve_all_counts(bound, epsilon):
    """``K e^d`` is below the factor that is paid, and not by far."""
    found = exponents(bound, epsilon) - math.log(1.0 / epsilon)
    cheapest = min(needed(found >= -lost) * math.exp(lost) for lost in (0.3, 0.4, 0.5, 0.6))
    assert cheapest <= TOLD
    assert cheapest >= TOLD / 5.0


@pytest.mark.parametrize("most", [100, 1500])
def test_a_relay_that_stops_when_it_likes_gains_more_than_epsilon_and_less_than_is_paid(most):
    """Exact: clicks of a Poisson process, ended as soon as Chernoff's bound from below is above its mean."""
    epsilon = 1e-9
    edges = [chernoff_lower(float(count), epsilon) for count in range(1, most + 1)]
    going, failed, before = np.ones(1), 0.0, 0.0  # chances of 0, 1, ... clicks, no bound having failed
    for count, edge in enumerate(edges, start=1):
        more = poisson.pmf(np.arange(count + 40), edge - before)
        going = np.convolve(going, more)
        failed += float(going[count:].sum())
        going, before = going[:count], edge
    assert 3.0 * epsilon < failed < TOLD * epsilon
