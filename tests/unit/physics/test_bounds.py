"""Bounds of the lossy channel against each other."""

import numpy as np
import pytest

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
