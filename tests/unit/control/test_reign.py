"""Two controllers: the later one rules, the other takes over when it is gone, sites never go back."""

import pytest

from control_networks import network_of, report
from qit4n.control.controller import Controller
from qit4n.control.reign import NUMBERS, Reign
from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.refpoints import ck

NETWORK = network_of("AB", "BC", "CD", "DA")


class Following:
    """Sites that follow tables by the rule of the key managers."""

    def __init__(self):
        self.follows = dict.fromkeys("ABCD", (0, 0))
        self.history = {site: [] for site in "ABCD"}

    def round(self, now, *controllers, hearing=None):
        for controller in controllers:
            for site in (hearing or {}).get(controller, "ABCD"):
                controller.receive(report(NETWORK, site, {}, self.follows[site]), now)
        sent = []
        for controller in controllers:
            tables = controller.tables(now)
            sent.append(len(tables))
            for site, table in tables.items():
                if (table.epoch, table.version) >= self.follows[site]:
                    self.follows[site] = (table.epoch, table.version)
                    self.history[site].append(self.follows[site])
        return sent


def controller(epoch):
    return Controller(NETWORK, {}, epoch=epoch * NUMBERS + epoch)


def test_the_later_controller_rules_and_the_earlier_takes_over_when_it_is_gone():
    """While both are there one is silent; afterwards it rules with a later epoch."""
    sites, early, late = Following(), controller(1), controller(2)
    for tick in range(8):
        sent = sites.round(tick / 4, early, late)
    assert sent == [0, 4]
    silent = [sites.round(2 + tick / 4, early)[0] for tick in range(40)]
    assert silent[0] == 0
    assert silent[-1] == 4
    assert all(epoch > 2 * NUMBERS + 2 for epoch, _ in sites.follows.values())


def test_a_site_never_goes_back_whatever_two_controllers_see():
    """A network in two halves with a controller each, then together: what each site follows only ever rises."""
    sites, one, other = Following(), controller(1), controller(2)
    halves = {one: "AB", other: "CD"}
    for tick in range(20):
        sites.round(tick / 4, one, other, hearing=halves)
    assert {epoch // NUMBERS for epoch, _ in sites.follows.values()} == {1, 2}
    for tick in range(20, 40):
        sent = sites.round(tick / 4, one, other)
    assert sent == [0, 4]
    for followed in sites.history.values():
        assert followed == sorted(followed)


def test_who_takes_over_at_once_with_another_has_another_epoch():
    """Their numbers differ."""
    one, other = Reign(3, 5.0), Reign(4, 5.0)
    for reign in (one, other):
        reign.hear((10 * NUMBERS, 1), 0.0)
        assert not reign.rules(5.0)
        assert reign.rules(5.1)
    assert one.epoch != other.epoch
    assert min(one.epoch, other.epoch) > 10 * NUMBERS


@pytest.mark.parametrize(("epoch", "version", "taken"), [(1, 9, False), (2, 4, False), (2, 5, True), (3, 1, True)])
def test_pools_follow_no_older_table(epoch, version, taken):
    """The key manager itself decides, not whoever sends."""
    pools = EndToEndPools("A", None, None, None, combine=False)
    order = ck.PoolOrder(peer="B", paths=(("A", "B"),), target_bits=8000)
    pools.order(ck.RelayTable(epoch=2, version=5, pools=(order,)))
    pools.order(ck.RelayTable(epoch=epoch, version=version, pools=()))
    (pool,) = pools.outgoing.values()
    assert pool.target_bytes == (0 if taken else 1000)
