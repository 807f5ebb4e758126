"""Capacities of the lossy channel against figures computed independently in arbitrary precision.

Provenance: evaluated with 40 decimal digits from the formulas of Pirandola, Laurenza, Ottaviani, Banchi, Nature
Communications 8, 15043 (2017), equation 19; Takeoka, Guha, Wilde, Nature Communications 5, 5235 (2014), equation 1;
Pirandola, Communications Physics 2, 51 (2019), equation 20 for one repeater; and compared with a second table of
seven digits.
"""

import pytest

from qit4n.physics.bounds import plob, repeater_chain, tgw

TABLE = [
    (1, 2.281584341338432e00, 3.125028166542084e00, 3.200925139413262e00),
    (3, 1.003429705608047e00, 1.589533632053395e00, 1.775691885577252e00),
    (10, 1.520030934450500e-01, 2.895066171949849e-01, 5.484122546081638e-01),
    (20, 1.449956969511508e-02, 2.885486267218512e-02, 1.520030934450500e-01),
    (50, 1.442702254412258e-05, 2.885390081874107e-05, 4.569431016943176e-03),
    (100, 1.442695040961098e-10, 2.885390081777927e-10, 1.442702254412258e-05),
    (150, 1.442695040888964e-15, 2.885390081777927e-15, 4.562202370373629e-08),
    (190, 1.442695040888964e-19, 2.885390081777927e-19, 4.562202298960223e-10),
]


@pytest.mark.parametrize(("loss_db", "capacity", "squashed", "repeater"), TABLE)
def test_capacities(loss_db, capacity, squashed, repeater):
    """Capacity, squashed-entanglement bound and capacity with one repeater, from 1 to 190 dB."""
    eta = 10 ** (-loss_db / 10)
    assert plob(eta) == pytest.approx(capacity, rel=1e-12)
    assert tgw(eta) == pytest.approx(squashed, rel=1e-12)
    assert repeater_chain(eta, 1) == pytest.approx(repeater, rel=1e-12)
