"""Each site decides for itself: news reach all over whatever neighbours there are, old news change nothing."""

import random

import msgspec
import pytest

from control_networks import RATE, network_of, report
from qit4n.control.controller import Controller, Prediction
from qit4n.control.distributed import SiteControl

NETWORK = network_of("AB", "BC", "CD", "DA", "CE")
PREDICTED = {link.id: Prediction(RATE, 0.01) for link in NETWORK.links}


class Flooded:
    """Sites whose news cross in any order; some get lost."""

    def __init__(self, seed=1, lost=0.0):
        self.sites = {site.id: SiteControl(NETWORK, site.id, PREDICTED) for site in NETWORK.sites}
        self.dice, self.lost, self.now = random.Random(seed), lost, 100.0

    def round(self, silent=(), **stock):
        """All tell their news."""
        self.now += 0.5
        wire = [
            (name, to, news)
            for name, site in self.sites.items()
            if name not in silent
            for to, news in site.tell(report(NETWORK, name, stock), self.now)
        ]
        crossed = 0
        while wire:
            source, to, news = wire.pop(self.dice.randrange(len(wire)))
            crossed += 1
            if to not in silent and self.dice.random() >= self.lost:
                wire += [(to, other, more) for other, more in self.sites[to].receive(source, news, self.now)]
        return crossed

    def paths(self, site):
        return {order.peer: order.paths for order in self.sites[site].table(self.now).pools}


def test_every_site_orders_what_a_central_controller_would():
    """After one round all know the same, whatever the order in which news came."""
    central = Controller(NETWORK, PREDICTED)
    for site in NETWORK.sites:
        central.receive(report(NETWORK, site.id, {}), 100.5)
    for seed in range(5):
        flooded = Flooded(seed)
        flooded.round()
        for name, table in central.tables(100.5).items():
            own = flooded.sites[name].table(flooded.now)
            assert msgspec.structs.replace(own, version=0) == msgspec.structs.replace(table, version=0)


def test_news_cross_each_link_at_most_twice_and_come_to_rest():
    """Flooding ends: 5 sites' news over 5 links, each at most once in each direction."""
    assert Flooded().round() <= 5 * 2 * 5


def test_lost_news_are_made_good_by_the_next():
    """With a third of all messages lost, after some rounds everybody has a path to everybody."""
    flooded = Flooded(seed=3, lost=0.3)
    for _ in range(12):
        flooded.round()
    assert all(all(flooded.paths(name).values()) for name in flooded.sites)


def test_a_site_that_falls_silent_is_gone_around():
    """B is silent for as long as a controller would wait: A and C relay over D, without anybody telling them."""
    flooded = Flooded()
    flooded.round()
    for _ in range(10):
        flooded.round(silent=("B",))
    assert flooded.paths("A")["C"] == (("A", "D", "C"),)


def test_old_news_and_news_of_strangers_change_nothing():
    """An older state is not passed on, nor one about the site itself or about a site that is not in the file."""
    one = SiteControl(NETWORK, "A", PREDICTED)
    (_, first), *_ = SiteControl(NETWORK, "B", PREDICTED).tell(report(NETWORK, "B", {}), 0.0)
    assert [to for to, _ in one.receive("B", first, 0.0)] == ["D"]
    assert one.receive("D", first, 0.0) == []
    newer = msgspec.structs.replace(first, number=5)
    assert one.receive("B", newer, 0.0)
    assert one.receive("B", msgspec.structs.replace(first, number=4), 0.0) == []
    for name in ("A", "X"):
        strange = msgspec.structs.replace(first.report, site=name)
        assert one.receive("B", msgspec.structs.replace(first, report=strange), 0.0) == []


@pytest.mark.parametrize("restart", [True, False])
def test_a_process_that_has_started_again_counts_anew(restart):
    """Its later start says that its low number is news."""
    one = SiteControl(NETWORK, "A", PREDICTED)
    (_, first), *_ = SiteControl(NETWORK, "B", PREDICTED).tell(report(NETWORK, "B", {}), 0.0)
    assert one.receive("B", msgspec.structs.replace(first, number=9), 0.0)
    again = msgspec.structs.replace(first.report, started_at=50.0 if restart else 0.0)
    assert bool(one.receive("B", msgspec.structs.replace(first, report=again), 0.0)) is restart


def test_a_changed_file_is_followed_at_once_with_what_was_heard():
    """E's only link goes and one to A comes: before anybody tells news, A has its old paths and none to E."""
    flooded = Flooded()
    flooded.round()
    one, before = flooded.sites["A"], flooded.paths("A")
    changed = network_of("AB", "BC", "CD", "DA", "EA")
    one.adopt(changed, {link.id: Prediction(RATE, 0.01) for link in changed.links})
    after = flooded.paths("A")
    assert before["E"]
    assert not after["E"]
    assert {name: paths for name, paths in after.items() if name != "E"} == {
        name: paths for name, paths in before.items() if name != "E"
    }
    (_, news), *_ = SiteControl(changed, "E", {}).tell(
        msgspec.structs.replace(report(changed, "E", {}), started_at=1.0), flooded.now
    )
    one.receive("E", news, flooded.now)
    one.tell(report(changed, "A", {}), flooded.now + 0.5)
    assert flooded.paths("A")["E"] == (("A", "E"),)
    assert {to for to, _ in one.tell(report(changed, "A", {}), flooded.now + 1)} == {"B", "D", "E"}
