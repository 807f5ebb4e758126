"""What waits for a peer that cannot be reached."""

import asyncio
import shutil
import socket

import pytest
from msgspec.structs import replace

from qit4n.adapters.certificates import issue_all
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Hello
from qit4n.adapters.tls import Identity
from qit4n.errors import CertificateError
from qit4n.network.file import load
from qit4n.node import peers
from qit4n.node.listener import listening
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
    assert len(peer._queue) <= peers.FEW + peers.QUEUE_BYTES // (1 << 16)


def test_small_messages_are_bounded_in_number(peer):
    """As many as the limit says wait, no more."""
    for number in range(peers.QUEUE_LIMIT + 5):
        peer.send(kx.Synchronise(session=number))
    assert len(peer._queue) == peers.QUEUE_LIMIT


async def test_a_site_of_another_network_is_no_peer(tmp_path):
    """Equal site ids, one authority, one address: who connects compares the network's name too."""
    network = load("two-data-centres")
    other = replace(network, name="elsewhere")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    issue_all(network, ours)
    shutil.copytree(ours / "ca", theirs / "ca")
    issue_all(other, theirs)
    credentials, west = Credentials(ours / "sites" / "east"), Identity(network.name, "site", "west")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = free.getsockname()

    async def call():
        return await peers.connect(*place, credentials, expected=west, hello=Hello(purpose="kx"))

    async with listening(*place, Credentials(ours / "sites" / "west"), print, who="west"):
        await (await call()).close()
    async with listening(*place, Credentials(theirs / "sites" / "west"), print, who="west"):
        with pytest.raises(CertificateError, match=r"west of network elsewhere, expected .* two-data-centres"):
            await call()


async def test_a_peer_that_shows_up_is_called_at_once(peer, monkeypatch):
    """A way that waits for its next try tries now when the peer has connected to us; one that is open does nothing."""
    tries = asyncio.Queue()

    async def refused():
        tries.put_nowait("tried")
        raise OSError

    monkeypatch.setattr(peers, "RETRY_S", 3600)
    monkeypatch.setattr(peer, "_serve", refused)
    way = asyncio.create_task(peer.run())
    for _ in range(3):
        await tries.get()
        peer.stir()
    peer.up = True
    await tries.get()
    peer.stir()
    assert not peer._stirs.is_set()
    way.cancel()
