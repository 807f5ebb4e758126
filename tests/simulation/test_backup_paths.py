"""A site takes its backup path by itself: no controller says anything after the first table."""

import pytest

from qit4n.keys.store import ChunkRecord
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site, Trust
from qit4n.refpoints import ck

ONE, TWO, THREE = ("A", "B", "D"), ("A", "C", "D"), ("A", "E", "D")
WITHIN_S = 0.9


def network(trust):
    """A and D with three ways between them."""
    return Network(
        qit4n=1,
        name="three-ways",
        sites=tuple(Site(id=site) for site in "ABCDE"),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(id=pair.lower(), ends=(pair[0], pair[1]), medium=Medium(length_km=10, loss_db=2.5), module="m")
            for pair in ("AB", "BD", "AC", "CD", "AE", "ED")
        ),
        applications=(Application(id="app-a", site="A"), Application(id="app-d", site="D")),
        demands=(Demand(between=("app-a", "app-d"), trust=trust),),
    )


def ordered(keynet, trust, paths, backups, with_key):
    net = keynet(network(trust))
    for _ in range(16):
        net.produce(links=with_key)
    pool = ck.PoolOrder(peer="D", paths=paths, target_bits=8 * 4096, trust=trust, backups=backups)
    net.do("A", net.managers["A"].order(ck.RelayTable(version=1, pools=(pool,)), net.now))
    net.settle()
    return net


def ways(net):
    return {path for chunk in net.stores["A"].load(ChunkRecord) for path in chunk.knowledge.paths}


@pytest.mark.parametrize("with_key", [["ab", "ac", "cd"], ["ac", "cd"]])
def test_within_a_second_key_goes_the_other_way(keynet, with_key):
    """Whether the hop without key is the first one or further on, where another site refuses."""
    net = ordered(keynet, Trust(), (ONE,), (TWO,), with_key)
    assert ways(net) == set()
    for _ in range(3):
        net.tick(WITHIN_S / 3)
    assert ways(net) == {TWO}
    assert net.managers["A"].pools.available_bytes("D", Trust()) > 0


def test_of_two_shares_only_the_one_that_fails_takes_the_backup(keynet):
    """And the two paths are disjoint still: who could know the key are sites of both."""
    trust = Trust(paths=2)
    net = ordered(keynet, trust, (ONE, TWO), (THREE,), ["ab", "ac", "cd", "ae", "ed"])
    for _ in range(3):
        net.tick(WITHIN_S / 3)
    assert ways(net) == {THREE, TWO}


def test_when_a_site_dies_its_neighbour_refuses_and_the_source_goes_around(keynet):
    """B has lost its connections: what A sends there is refused or never answered, and the backup is taken."""
    net = ordered(keynet, Trust(), (ONE,), (TWO,), ["ab", "bd", "ac", "cd"])
    assert ways(net) == {ONE}
    for other in "ACDE":
        net.do(other, net.managers[other].disconnected("B"))
    before = len(ways(net))
    held = net.managers["A"].pools
    cut, _, step = held.cut("D", held.available_bytes("D", Trust()), Trust())
    assert cut.spans
    net.do("A", step)
    for _ in range(3):
        net.tick(WITHIN_S / 3)
    assert before == 1
    assert TWO in ways(net)
