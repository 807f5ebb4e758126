"""Filling of end-to-end pools between real key managers: fast, and without starving others."""

from qit4n.keys.step import Control
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


def test_key_piled_up_in_one_direction_does_not_rest_the_modules(keynet):
    """One direction holds nearly the whole stock, the other nothing: the modules run until the other has its half."""
    net = keynet(keynet.chain("AB", policies=Policies(link_stock_bits=8 * 8192, combine_ml_kem=False)))
    modules = []
    carry_out = net.do

    def watched(site, step):
        modules.extend(action.order.run for action in step.actions if site == "A" and isinstance(action, Control))
        carry_out(site, step)

    net.do = watched
    stock = net.managers["A"].kma.stocks["ab"]
    for _ in range(20):
        while not modules or modules[-1]:
            net.produce(1024, links=["ab"])
        net.managers["A"].kma.pad(stock, stock.send.available_bytes)
        net.tick()
    assert stock.receive.available_bytes >= 4096
    assert modules[-1], "the direction of A has nothing"
    while modules[-1]:
        net.produce(1024, links=["ab"])
    assert 4096 <= stock.send.available_bytes <= 4096 + 1024
    assert stock.receive.available_bytes <= 4096 + 1024
