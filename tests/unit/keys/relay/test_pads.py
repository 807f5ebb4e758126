"""What the collected XORs of pads can hold at a site."""

from types import SimpleNamespace

import pytest

from qit4n.errors import ProtocolError
from qit4n.keys.relay import pads
from qit4n.keys.relay.pads import PadRelay
from qit4n.refpoints import kx


@pytest.fixture
def relay():
    """Of site D; no pad of its own is cut here."""
    return PadRelay(SimpleNamespace(site="D"))


def pad_xor(number, *, path=("A", "B", "D"), hop=0, centre=None, size=160):
    return kx.PadXor(chunk=f"c{number}", share=1, path=path, centre=centre, hop=hop, bits=bytes(size))


def test_one_peer_cannot_take_all_the_room(relay):
    """Who begins more than its part of the collections is refused; another site still relays."""
    for number in range(pads.MOST_OF_A_PEER):
        relay.collect("A", pad_xor(number), 0.0)
    with pytest.raises(ProtocolError, match="A has"):
        relay.collect("A", pad_xor("more"), 0.0)
    relay.collect("B", pad_xor("other", path=("B", "C", "D")), 0.0)
    relay.expire(1e6)
    relay.collect("A", pad_xor("later"), 1e6)


def test_more_bits_than_a_share_has_are_refused(relay):
    """Before anything is kept."""
    with pytest.raises(ProtocolError, match="bytes"):
        relay.collect("A", pad_xor(1, size=pads.MOST_SHARE_BYTES + 1), 0.0)


@pytest.mark.parametrize("centre", ["D", "B"])
def test_a_centre_on_the_path_is_refused(relay, centre):
    """It could know the share; the destination as its own centre is no place to forward to."""
    message = pad_xor(1, path=("A", "D") if centre == "D" else ("A", "B", "D"), centre=centre)
    with pytest.raises(ProtocolError, match="centre"):
        relay.collect("A", message, 0.0)
    order = kx.RelayPads(chunk="c", share=1, path=message.path, centre=centre, link="l", spans=(), tag=b"")
    with pytest.raises(ProtocolError, match="centre"):
        relay.hop(order, bytes(64), 0.0)
