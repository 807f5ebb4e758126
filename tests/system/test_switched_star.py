"""One receiver that serves eight transmitters, live."""

import pytest

from qit4n.network.file import load

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.xdist_group("measured")]

BLOCKS = 6


def test_the_schedule_feeds_every_pool_and_the_rates_are_the_predicted_ones(start):
    """Every link makes key in its slots at the predicted rate within 15 %, all pools fill, keys are equal at both ends.

    The rate of one block scatters by 9 %, so that it is the mean of at least six that is compared, and all light
    of a round is counted against the whole round.
    """
    network = start("switched-star", limit_s=180)
    status = network.wait_for(lambda found: min(link["blocks"] for link in found["links"]) >= BLOCKS, "blocks", 180)
    ratios = {link["link"]: link["secret_rate_bps"] / link["predicted_rate_bps"] for link in status["links"]}
    assert len(ratios) == 8
    assert all(0.85 < ratio < 1.15 for ratio in ratios.values()), ratios
    assert all(pool["ready_bits"] > 0 for pool in status["pools"]), status["pools"]
    (switch,) = status["switches"]
    lost = 8 * (0.02 + 0.1) / 4.0
    assert sum(switch["lit_shares"].values()) == pytest.approx(1 - lost, rel=1e-3)
    for demand in load("switched-star").demands[-2:]:
        got = network.get(*demand.between)
        assert network.fetch(demand.between[1], demand.between[0], *got) == got
