"""Bounds of the lossy channel against each other."""

import itertools
import math

import numpy as np
import pytest

from qit4n.physics import bounds
from qit4n.physics.bounds import plob, repeater_chain, tgw


def test_order_of_the_bounds():
    """At every loss: capacity below the squashed-entanglement bound, and a repeater helps."""
    eta = 10.0 ** -np.linspace(0.01, 20, 200)
    assert np.all(plob(eta) < tgw(eta))
    assert np.all(plob(eta) < repeater_chain(eta, 1))
    assert np.all(repeater_chain(eta, 1) < repeater_chain(eta, 2))


def test_three_decibels_carry_one_bit():
    """A half-transparent channel has capacity 1; in the limit of loss it is 1.44 eta."""
    assert plob(0.5) == pytest.approx(1.0, rel=1e-15)
    assert plob(1e-18) == pytest.approx(1.442695e-18, rel=1e-6)


def test_lossless_and_opaque():
    """Without loss there is no limit, without light no key; neither warns."""
    assert plob([0.0, 1.0]).tolist() == [0.0, np.inf]
    assert tgw([0.0, 1.0]).tolist() == [0.0, np.inf]


@pytest.mark.parametrize("bound", [plob, tgw])
@pytest.mark.parametrize("eta", [-0.1, 1.1, np.nan])
def test_no_transmittance(bound, eta):
    """What is no transmittance is refused."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        bound(eta)


def test_repeaters_are_counted():
    """No repeater is the channel itself; a negative number is refused."""
    assert repeater_chain(0.01, 0) == plob(0.01)
    with pytest.raises(ValueError, match="-1 repeaters"):
        repeater_chain(0.01, -1)


def _cuts(edges, capacities, source, target):
    """The least cut of a small network, by trying all."""
    nodes = sorted({node for edge in edges for node in edge})
    best = math.inf
    for choice in itertools.product((False, True), repeat=len(nodes)):
        side = dict(zip(nodes, choice, strict=True))
        if side[source] and not side[target]:
            cut = sum(c for (a, b), c in zip(edges, capacities, strict=True) if side[a] != side[b])
            best = min(best, cut)
    return best


@pytest.mark.parametrize("seed", range(6))
def test_flooding_is_the_least_cut_and_at_least_the_widest_path(seed):
    """Random networks of six nodes: max-flow is the least of all cuts, and no less than the best path."""
    dice = np.random.default_rng(seed)
    edges = [pair for pair in itertools.combinations(range(6), 2) if dice.random() < 0.6]
    edges += [(0, 1), (1, 5)]
    capacities = dice.uniform(1e-6, 1e-3, len(edges))
    flow = bounds.flooding(edges, capacities, 0, 5)
    assert flow == pytest.approx(_cuts(edges, capacities, 0, 5), rel=1e-6)
    assert bounds.widest_path(edges, capacities, 0, 5) <= flow * (1 + 1e-9)


def test_the_widest_path_is_the_best_of_all_paths():
    """Two ways, narrowest links 3 and 2: three; without a way nothing."""
    edges = [(0, 1), (1, 2), (0, 3), (3, 2)]
    assert bounds.widest_path(edges, [5.0, 3.0, 9.0, 2.0], 0, 2) == 3.0
    assert bounds.flooding(edges, [5.0, 3.0, 9.0, 2.0], 0, 2) == pytest.approx(5.0)
    assert bounds.widest_path([(0, 1)], [1.0], 0, 2) == 0.0
    assert bounds.flooding([(0, 1)], [1.0], 0, 2) == pytest.approx(0.0)


@pytest.mark.parametrize("eta", [0.01, 0.3, 0.9])
def test_thermal_bounds(eta):
    """Without noise both are PLOB; noise lowers them; the lower one stays below; too much leaves nothing."""
    assert bounds.thermal_upper(eta, 0.0) == pytest.approx(float(bounds.plob(eta)))
    assert bounds.thermal_lower(eta, 0.0) == pytest.approx(float(bounds.plob(eta)))
    noise = np.linspace(0.0, 1.2 * eta / (1 - eta), 40)
    upper, lower = bounds.thermal_upper(eta, noise), bounds.thermal_lower(eta, noise)
    assert np.all(np.diff(upper) <= 1e-12)
    assert np.all(lower <= upper + 1e-12)
    assert upper[-1] == 0.0
