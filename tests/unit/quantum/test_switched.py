"""What an optical switch does to a link: its loss, its share of the time, and how that is measured."""

import msgspec
import pytest

from qit4n.network.file import load
from qit4n.quantum.link import physics_of, planned_shares, planned_slots, predict, predict_lit
from qit4n.quantum.switched import LitShare

NETWORK = load("switched-star")


def test_the_switch_loses_light_and_time():
    """Its decibels come on top of the medium's; the rate is that of the light times the planned share."""
    link = NETWORK.links[0]
    assert physics_of(NETWORK, link).channel_loss_db == link.medium.loss_db + 1.0
    direct = msgspec.structs.replace(NETWORK, switches=())
    assert physics_of(direct, link).channel_loss_db == link.medium.loss_db
    share = planned_shares(NETWORK, NETWORK.switches[0])[link.id]
    assert predict(NETWORK, link).secret_rate_bps == pytest.approx(share * predict_lit(NETWORK, link).secret_rate_bps)
    assert predict(NETWORK, link).block_duration_s == pytest.approx(predict_lit(NETWORK, link).block_duration_s / share)


def test_eight_links_have_the_same_rate_whatever_their_loss():
    """Max-min: the near ones have less time."""
    rates = [predict(NETWORK, link).secret_rate_bps for link in NETWORK.links]
    assert rates == pytest.approx([rates[0]] * 8)
    lengths = [slot.closes_s - slot.opens_s for slot in planned_slots(NETWORK, NETWORK.switches[0])]
    by_loss = sorted(zip((link.medium.loss_db for link in NETWORK.links), lengths, strict=True))
    assert [length for _, length in by_loss] == sorted(lengths)


def test_the_share_of_light_is_that_of_whole_rounds():
    """The first round and the one under way are cut short; a round in which nothing was seen is nobody's."""
    lit = LitShare(10.0)
    assert lit.share is None
    for at, seconds in ((3.0, 0.5), (12.0, 1.0), (13.0, 1.0), (22.0, 4.0), (32.0, 0.1)):
        lit.lit(at, seconds)
    assert lit.share == pytest.approx((2.0 + 4.0) / 20.0)
