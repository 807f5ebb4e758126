"""Every shipped example, live, against its prediction: minutes rather than seconds."""

import math

import pytest
from msgspec import structs

from qit4n.network.file import load
from qit4n.network.generate import to_yaml

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.xdist_group("measured")]

BLOCKS = 10


@pytest.mark.parametrize(
    "name", ["two-data-centres", "secoqc", "metro", "beijing-shanghai", "entangled-pair", "quantum-dot"]
)
def test_measured_rate_of_every_link_is_the_predicted_one(start, name):
    """Over at least ten blocks: secret rate within 10 % of the formula, QBER of the last block within 5 sigma.

    The formula is of Cascade. Where messages are slow, as on a busy machine, links take LDPC codes, which cost more.
    """
    network = start(name, limit_s=300)
    by_codes = set()

    def enough(status):
        links = [link["link"] for link in status["links"]]
        by_codes.update(link for link in links if "LDPC" in network.reconciliation(link))
        return all(link["blocks"] >= BLOCKS for link in status["links"])

    status = network.wait_for(enough, f"{BLOCKS} blocks on each link", 400)
    for link in status["links"]:
        least = 0.75 if link["link"] in by_codes else 0.9
        assert least < link["secret_rate_bps"] / link["predicted_rate_bps"] < 1.1, link["link"]
        assert abs(link["qber"] - link["predicted_qber"]) < 5 * math.sqrt(link["predicted_qber"] / 50_000), link["link"]
    assert not status["alarms"]


def test_a_link_of_record_distils_at_its_rate(start, tmp_path):
    """Blocks of 1e7 bits at the parameters of Li et al. 2023: above 100 Mbit/s of emulated time, as predicted."""
    both = load("record-links")
    one = structs.replace(
        both, sites=both.sites[:2], links=both.links[:1], applications=both.applications[:2], demands=both.demands[:1]
    )
    file = tmp_path / "li-2023.yaml"
    file.write_text(to_yaml(one))
    network = start(file, limit_s=300)
    status = network.wait_for(lambda one: one["links"][0]["blocks"] >= 3, "three blocks", 300)
    link = status["links"][0]
    assert link["secret_rate_bps"] == pytest.approx(link["predicted_rate_bps"], rel=0.05)
    assert link["secret_rate_bps"] > 100e6
    got = network.get("app-hefei-a", "app-hefei-b")
    assert network.fetch("app-hefei-b", "app-hefei-a", *got) == got


def test_a_key_crosses_all_relays_from_beijing_to_shanghai(start):
    """Thirty trusted sites between the ends: equal keys in both directions, memory per site known and bounded."""
    network = start("beijing-shanghai", limit_s=300)
    for master, slave in (("app-beijing", "app-shanghai"), ("app-shanghai", "app-beijing")):
        got = network.get(master, slave)
        assert network.fetch(slave, master, *got) == got
    memory = [site["memory_bytes"] for site in network.status()["sites"]]
    print(f"memory per site: {max(memory) / 1e6:.0f} MB at most, {sum(memory) / 1e9:.2f} GB in all")  # noqa: T201
    assert sum(memory) < 12e9
