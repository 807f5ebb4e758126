"""Key combination between real key managers: who has one part has nothing."""

import pytest
from msgspec.structs import replace

from qit4n.keys.combination.combine import combine_with
from qit4n.keys.onetimepad import xor
from qit4n.keys.step import Step
from qit4n.keys.store import ChunkRecord
from qit4n.network.model import Policies, Trust
from qit4n.refpoints import ak, kx

FORTH = ("A", "B", "C", "D")


def chunks(net, site):
    return {one.chunk: one for one in net.stores[site].load(ChunkRecord)}


@pytest.fixture
def net(keynet):
    """A chain of which every message and every relayed share is noted."""
    net = keynet()
    net.sent, net.clear = [], {}
    deliver = net.do

    def do(site, step):
        net.sent += [action.message for action in step.actions if hasattr(action, "message")]
        deliver(site, step)

    net.do = do
    relay = net.managers["B"].relay
    original = relay._send_sealed

    def look(route, material):
        net.clear[route.chunk] = material[64:]
        return original(route, material)

    relay._send_sealed = look
    for _ in range(4):
        net.produce()
    net.order(FORTH)
    return net


def test_knowing_all_link_keys_is_not_enough(net):
    """What B sees of a chunk in clear, with all link keys, is not the key: it lacks the bytes of the ML-KEM secret."""
    root = net.managers["A"].epochs.sending("D", net.now).root
    for name, chunk in chunks(net, "D").items():
        assert chunk.material == chunks(net, "A")[name].material
        assert chunk.material != net.clear[name]
        assert chunk.material == combine_with(root, name, net.clear[name])
        assert chunk.knowledge.combined == "ML-KEM-768"
    assert chunks(net, "D")


def test_knowing_the_ml_kem_secret_is_not_enough(net):
    """The direct connection and the secret give bytes that are not the key: they lack the relayed part."""
    root = net.managers["A"].epochs.sending("D", net.now).root
    assert any(isinstance(message, kx.SecretCapsule) for message in net.sent)
    for name, chunk in chunks(net, "D").items():
        known = combine_with(root, name, bytes(len(chunk.material)))
        assert chunk.material != known
        missing = xor(chunk.material, known)
        assert missing == net.clear[name]
        assert not any(missing[64:96] in getattr(message, "ciphertext", b"") for message in net.sent)


def test_no_chunk_leaves_before_a_secret_is_agreed(net):
    """Deny by default: while the destination does not answer the offer, nothing is relayed."""
    net.do("A", net.managers["A"].disconnected("D"))
    net.do("A", net.managers["A"].connected("D", net.now))
    net.settle()
    net.managers["D"]._handlers[kx.OfferSecret] = lambda *_: Step()
    before = chunks(net, "A").keys()
    net.order(FORTH, target_bits=8 * 65536)
    net.tick()
    assert chunks(net, "A").keys() == before


def test_without_the_policy_keys_are_those_that_were_relayed(keynet):
    """``combine_ml_kem: false``: no exchange, and the record says so."""
    net = keynet(keynet.chain(policies=Policies(combine_ml_kem=False)))
    for _ in range(4):
        net.produce()
    net.order(FORTH)
    assert chunks(net, "D")
    assert all(chunk.knowledge.combined == "" for chunk in chunks(net, "D").values())
    assert net.managers["A"].epochs.sending("D", net.now) is None


def test_chunks_from_before_the_policy_are_given_up(keynet):
    """When the file begins to ask for combination, what was relayed without is erased at both ends."""
    net = keynet(keynet.chain(policies=Policies(combine_ml_kem=False)))
    for _ in range(4):
        net.produce()
    net.order(FORTH)
    old = chunks(net, "A").keys()
    net.network = replace(net.network, policies=Policies())
    for site in "ABCD":
        net.crash(site)
    net.tick()
    assert old
    assert not old & chunks(net, "A").keys()
    assert not old & chunks(net, "D").keys()
    assert net.managers["A"].pools.available_bytes("D", Trust()) == 0


def test_a_restart_of_either_end_makes_a_new_secret(net):
    """Secrets are not stored: after a crash the next chunks are combined with another one, and keys agree."""
    first = net.managers["A"].epochs.sending("D", net.now).root
    for site in "AD":
        net.crash(site)
        net.settle()
        for _ in range(4):
            net.produce()
        net.order(FORTH, target_bits=8 * 65536)
        net.tick()
        second = net.managers["A"].epochs.sending("D", net.now).root
        assert second != first
        first = second
        reply = net.get("app-a", "app-d")
        assert isinstance(reply, ak.SuppliedKeys)
        got = dict(reply.each())
        assert dict(net.fetch("app-d", "app-a", *got).each()) == got
