"""Filling of end-to-end pools between real key managers: fast, and without starving others."""

from qit4n.network.model import Policies, Trust
from qit4n.refpoints import ck

TO_D, TO_C, TO_B = ("A", "B", "C", "D"), ("A", "B", "C"), ("A", "B")


def ready(net, peer):
    return net.managers["A"].pools.available_bytes(peer, Trust())


def orders(net, **targets):
    """Targets in bytes by destination."""
    paths = {"B": TO_B, "C": TO_C, "D": TO_D}
    pools = tuple(ck.PoolOrder(peer=peer, paths=(paths[peer],), target_bits=8 * size) for peer, size in targets.items())
    net.do("A", net.managers["A"].order(ck.RelayTable(version=1, pools=pools), net.now))
    net.settle()


def test_a_pool_of_several_megabits_is_filled_with_few_chunks(keynet):
    """8 Mbit over three hops without a tick of the clock; chunks have grown to 64 KiB, so that there are few."""
    net = keynet()
    for _ in range(10):
        net.produce(1 << 19)
    orders(net, D=1 << 20)
    assert ready(net, "D") >= 1 << 20
    chunks = [record for (kind, _), record in net.stores["D"].records.items() if kind == "chunk"]
    assert max(len(chunk.material) for chunk in chunks) == 64 + 65_536
    assert len(chunks) < 120


def test_a_drained_pool_refills_at_once(keynet):
    """What was taken comes back with the next order, in chunks as large as before."""
    net = keynet()
    for _ in range(10):
        net.produce(1 << 19)
    orders(net, D=1 << 19)
    taken = ready(net, "D")
    net.managers["A"].pools.cut("D", taken, Trust())
    orders(net, D=1 << 19)
    assert ready(net, "D") >= 1 << 19


def test_a_large_pool_does_not_starve_small_ones(keynet):
    """With too little key for all, each pool gets at least half as much as any other, whatever their targets."""
    net = keynet(keynet.chain(policies=Policies(combine_ml_kem=False)))  # so that all begin at once
    net.produce(6_000)
    orders(net, D=1_000_000, C=4_000, B=4_000)
    assert ready(net, "D") > 0
    assert min(ready(net, "B"), ready(net, "C")) >= 0.5 * ready(net, "D")


def test_large_pools_get_what_small_ones_leave(keynet):
    """Small pools are full, and the large one goes on."""
    net = keynet()
    net.produce(60_000)
    orders(net, D=1_000_000, C=1_000, B=1_000)
    for _ in range(10):
        net.tick()
    assert ready(net, "B") >= 1_000
    assert ready(net, "C") >= 1_000
    assert ready(net, "D") > 8_000
