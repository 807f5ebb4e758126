"""Curves of blocks: below those of infinitely many pulses, the longer the block the closer, choices at their best."""

import numpy as np
import pytest

from qit4n.physics import blocks, optimise
from qit4n.physics.decoy_bb84 import DecoyBB84, predict
from qit4n.physics.finite_key import Intensities
from qit4n.physics.protocols.record import EPSILON_CORRECTNESS, EPSILON_SECRECY, Setup
from qit4n.physics.protocols.registry import PROTOCOLS

SETUP = Setup(dark=1e-7)
LOSSES = np.array([0.0, 7.0, 22.0])
EPSILONS = {"epsilon_secrecy": EPSILON_SECRECY, "epsilon_correctness": EPSILON_CORRECTNESS}


@pytest.mark.parametrize("name", blocks.FINITE_CURVES)
def test_longer_blocks_come_closer_to_infinitely_many_pulses(name, monkeypatch):
    """At every loss; of 1e16 pulses 40 % and more is left, and 1e3 pulses make no key."""
    losses, record = LOSSES, PROTOCOLS[name]
    if name == "tf-npp":  # each choice that is tried costs 30 ms: not quite at their best
        monkeypatch.setattr(blocks, "FIRST_STEPS", 8)
        monkeypatch.setattr(blocks, "NEXT_STEPS", 3)
        losses = LOSSES[:1]
    short, middle, long = (blocks.FINITE_CURVES[name](losses, SETUP, pulses).rate for pulses in (1e3, 1e12, 1e16))
    most = record.curve(losses, SETUP).rate
    assert np.all(short == 0.0)
    assert np.all(middle > 0.0)
    assert np.all((middle < long) & (long < most))
    assert np.all(long > 0.4 * most)


def test_no_other_choice_yields_more():
    """BB84 with one decoy over 22 dB: another search, from other starts, finds no more than 1 % beyond the curve."""
    pulses, loss = 1e12, 22.0
    rate = float(blocks.one_decoy(np.array([loss]), SETUP, pulses).rate[0])
    link = DecoyBB84(
        pulse_rate_hz=1.0,
        source=Intensities(means=(0.5, 0.15), probabilities=(0.7, 0.3)),
        key_basis_probability=0.9,
        channel_loss_db=loss,
        receiver_loss_db=SETUP.receiver_loss_db,
        detector_efficiency=SETUP.efficiency,
        dark_count_probability=SETUP.dark,
        misalignment=SETUP.misalignment,
        dead_time_s=0.0,
        afterpulse_probability=0.0,
    )
    given = {**EPSILONS, "reconciliation_efficiency": SETUP.reconciliation}
    for _ in range(3):  # until the bits of a block are those of so many pulses
        bits = int(pulses * predict(link, block_bits=10**6, **given).sifted_rate_bps)
        link = optimise.finite_decoy(link, block_bits=bits, **given)
    other = predict(link, block_bits=int(pulses * predict(link, block_bits=bits, **given).sifted_rate_bps), **given)
    assert 0.99 * other.secret_rate_bps < rate
