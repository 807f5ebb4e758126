"""Finite SNS with pairing beside what its authors state in their abstracts, over fibre of 0.2 dB/km.

Detectors of 30 % (as the ratio of the two bounds in the second abstract says), 1e-8 dark counts, 3 % misalignment and
f = 1.1 are recalled from their tables.
"""

import numpy as np
import pytest

from qit4n.physics import bounds
from qit4n.physics.protocols.curves import sns_finite
from qit4n.physics.protocols.record import Setup

SETUP = Setup(efficiency=0.3, dark=1e-8, misalignment=0.03, phase_noise=0.0, reconciliation=1.1)
LOSS_DB = 0.2 * np.arange(200.0, 500.0, 10.0)
ABSOLUTE, PRACTICAL = (bounds.plob(efficiency * 10 ** (-LOSS_DB / 10)) for efficiency in (1.0, 0.3))


def test_ten_to_the_eleven_pulses_exceed_the_repeaterless_bound():
    """Xu et al., PRA 101, 042330 (2020), arXiv:1904.06331: whatever the efficiency, with 1e11 pulses."""
    assert (sns_finite(LOSS_DB, SETUP, 1e11).rate / ABSOLUTE).max() > 1.5


def test_ten_to_the_twelve_pulses_exceed_it_as_far_as_published():
    """Jiang et al., NJP 22, 053048 (2020): more than 13 times it, 40 times that of the detectors' efficiency."""
    rate = sns_finite(LOSS_DB, SETUP, 1e12).rate
    assert (rate / ABSOLUTE).max() == pytest.approx(13.0, rel=0.2)
    assert (rate / PRACTICAL).max() == pytest.approx(40.0, rel=0.2)
