"""Fading against simulations of what makes it, and against its own closed forms."""

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.physics.channels import freespace
from qit4n.physics.channels.fading import STRONG, Fading
from qit4n.physics.channels.satellite import Optics, fading_of_downlink
from qit4n.physics.channels.turbulence import gamma_gamma_shapes, scintillation_index

CASES = [
    Fading(pointing=4.3),
    Fading(rytov=0.2, averaging=0.4),
    Fading(rytov=3.0, averaging=0.7),
    Fading(rytov=0.2, averaging=0.4, pointing=2.0),
    fading_of_downlink(Optics(divergence_rad=10e-6, receiver_m=0.2, jitter_rad=1e-6), 20.0),
    fading_of_downlink(Optics(divergence_rad=10e-6, receiver_m=0.2), 12.0),
]
NAMES = ["pointing", "weak", "strong", "both", "downlink", "low downlink"]


@pytest.mark.parametrize("fading", CASES, ids=NAMES)
def test_factors_have_mean_one_and_the_index(fading):
    """Mean within 4.5 sigma, variance within 5 %."""
    found = fading.draw(400_000, default_rng(1))
    assert abs(found.mean() - 1.0) < 4.5 * np.sqrt(fading.index / found.size)
    assert found.var() == pytest.approx(fading.index, rel=0.05)
    assert np.all(found >= 0.0)


def test_pointing_is_that_of_a_beam_that_shakes():
    """Angles from a normal distribution on a Gaussian beam: the same quantiles, and the mean of the budget."""
    jitter, divergence = 1.2, 10.0
    angles = default_rng(2).normal(0.0, jitter, (2, 300_000))
    share = np.exp(-2.0 * (angles**2).sum(axis=0) / (divergence / 2.0) ** 2)
    mean = float(freespace.pointing(jitter, divergence))
    assert share.mean() == pytest.approx(mean, rel=3e-3)
    k = (divergence / 2.0) ** 2 / (4.0 * jitter**2)
    assert k / (k + 1.0) == pytest.approx(mean)
    drawn = Fading(pointing=k).draw(300_000, default_rng(3)) * mean
    marks = [0.05, 0.25, 0.5, 0.75, 0.95]
    assert np.quantile(drawn, marks) == pytest.approx(np.quantile(share, marks), rel=0.02)


def test_a_point_in_strong_turbulence_has_the_scintillation_index():
    """Without averaging the variance is that of the gamma-gamma distribution, and fades go deep."""
    strong = Fading(rytov=4.0)
    large, small = gamma_gamma_shapes(4.0)
    dice = default_rng(4)
    other = dice.gamma(large, 1 / large, 200_000) * dice.gamma(small, 1 / small, 200_000)
    drawn = strong.draw(200_000, default_rng(5))
    assert strong.index == pytest.approx(float(scintillation_index(4.0)))
    marks = [0.01, 0.1, 0.5, 0.9]
    assert np.quantile(drawn, marks) == pytest.approx(np.quantile(other, marks), rel=0.03)


@pytest.mark.parametrize("count", [8, 16, 256])
@pytest.mark.parametrize("fading", CASES, ids=NAMES)
def test_nodes_stand_for_the_distribution(fading, count):
    """Nodes have mean 1 and give the mean of a saturating rate within one percent, that of the square within six."""
    nodes, drawn = fading.nodes(count), fading.draw(400_000, default_rng(6))
    assert nodes.mean() == pytest.approx(1.0)
    assert (nodes / (1.0 + nodes)).mean() == pytest.approx((drawn / (1.0 + drawn)).mean(), rel=0.01)
    assert (nodes**2).mean() == pytest.approx(1.0 + fading.index, rel=0.06)


def test_weak_and_strong_turbulence_meet():
    """Where the distribution changes its shape the index does not jump, and more turbulence is never less of it."""
    indices = [Fading(rytov=rytov, averaging=0.1).index for rytov in np.linspace(0.5, 1.5, 101) * STRONG]
    assert np.all(np.diff(indices) > 0.0)
    assert max(np.diff(indices)) < 0.02 * indices[50]
    assert Fading(rytov=1e-3, averaging=0.3).index == pytest.approx(3e-4, rel=0.01)


def test_still_air_and_a_steady_hand_do_not_fade():
    """No turbulence, no jitter: always 1."""
    assert np.all(Fading().draw(10, default_rng(7)) == 1.0)
    assert Fading().index == 0.0
