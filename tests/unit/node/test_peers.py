"""What waits for a peer that cannot be reached."""

import pytest

from qit4n.network.file import load
from qit4n.node import peers
from qit4n.node.peers import Peer
from qit4n.refpoints import kx


@pytest.fixture
def peer():
    """The way to west, never opened."""
    return Peer(load("two-data-centres"), "west", None, print, print)


def test_what_waits_for_a_peer_is_bounded_in_bytes(peer):
    """Shares of 64 KiB: far fewer wait than messages may; the rest is dropped, as when a connection breaks."""
    share = kx.PadXor(chunk="c", share=1, path=("east", "west"), centre=None, hop=0, bits=bytes(1 << 16))
    for _ in range(peers.QUEUE_LIMIT):
        peer.send(share)
    assert peer._queue.qsize() <= peers.FEW + peers.QUEUE_BYTES // (1 << 16)


def test_small_messages_are_bounded_in_number(peer):
    """As many as the limit says wait, no more."""
    for number in range(peers.QUEUE_LIMIT + 5):
        peer.send(kx.Synchronise(session=number))
    assert peer._queue.qsize() == peers.QUEUE_LIMIT
