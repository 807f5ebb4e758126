"""The key manager of a site: KMA, relay, end-to-end pools and KSA as one machine (ITU-T Y.3802).

Every input returns a :class:`~qit4n.keys.step.Step`. A message that breaks the rules raises ProtocolError or
AuthenticationError and changes nothing but, at worst, wasted bits; the driver logs it and goes on.
"""

from collections.abc import Callable
from typing import Any

from qit4n.entropy import Entropy
from qit4n.errors import AuthenticationError, OutOfKeyError, ProtocolError
from qit4n.keys.directory import Directory
from qit4n.keys.endtoend import EndToEndPools
from qit4n.keys.kma import KMA, LinkStock
from qit4n.keys.ksa import KSA
from qit4n.keys.relay import Relay
from qit4n.keys.step import Step
from qit4n.keys.store import ChunkRecord, HeadRecord, HeldKeysRecord, LinkAccountRecord, SlabRecord, Store
from qit4n.network.model import Network
from qit4n.refpoints import ak, ck, kq1, kx

Handler = Callable[[str, Any, float], Step]


class KeyManager:
    """One site's key management, built from the network file and what its store holds."""

    def __init__(self, network: Network, site: str, entropy: Entropy, store: Store) -> None:
        """Load the store; nothing is sent before the first input."""
        heads = {record.key: record.position for record in store.load(HeadRecord)}
        accounts = {record.key: record.account for record in store.load(LinkAccountRecord)}
        stocks = [
            LinkStock(
                account=accounts.get(link.id, kq1.LinkAccount()),
                link=link.id,
                peer=link.ends[1] if link.ends[0] == site else link.ends[0],
                leads=link.ends[0] == site,
            )
            for link in network.links_of(site)
        ]
        self.site = site
        self._sites = frozenset(one.id for one in network.sites)
        self.kma = KMA(site, stocks, network.policies.link_stock_bits // 8, store.load(SlabRecord), heads)
        self.relay = Relay(self.kma)
        self.pools = EndToEndPools(site, self.relay, entropy, tuple(store.load(ChunkRecord)), heads)
        self.ksa = KSA(site, Directory.of(network), self.pools, entropy, store.load(HeldKeysRecord))
        self._handlers = self._table()

    def receive_qkd_key(self, key: kq1.QKDKey, now: float) -> Step:
        """Kq-1: a distilled block."""
        return self.kma.receive_qkd_key(key, now)

    def request(self, number: int, request: ak.Request, now: float) -> Step:
        """Ak: a request of an application; the answer carries ``number``."""
        return self.ksa.request(number, request, now)

    def order(self, table: ck.RelayTable, now: float) -> Step:
        """Ck: new paths and targets."""
        self.pools.order(table)
        return self.pools.fill(now)

    def connected(self, peer: str) -> Step:
        """The way to another key manager has opened: tell it which chunks there are for it."""
        self.ksa.reachable.add(peer)
        return self.pools.inventory(peer)

    def disconnected(self, peer: str) -> Step:
        """The way to another key manager has closed: requests that wait for it are refused, none is begun."""
        return self.ksa.lost(peer)

    def timer(self, now: float) -> Step:
        """To be called a few times a second."""
        step = self.kma.timer(now)
        step.extend(self.pools.expire(now))
        step.extend(self.ksa.timer(now))
        step.extend(self.pools.fill(now))
        return step

    def receive(self, peer: str, message: kx.KxMessage, now: float) -> Step:
        """Kx: a message of another key manager."""
        return self._handlers[type(message)](peer, message, now)

    def _table(self) -> dict[type[kx.KxMessage], Handler]:
        """Which part of the key manager answers which message of Kx."""
        return {
            kx.OfferSlab: lambda peer, message, _: self.kma.receive(peer, message),
            kx.AcceptSlab: lambda peer, message, _: self.kma.receive(peer, message),
            kx.VoidSlab: lambda peer, message, _: self.kma.receive(peer, message),
            kx.RelayKey: self._relay,
            kx.RelayDone: self._relay_done,
            kx.RelayRefused: lambda _, message, now: self.pools.relay_refused(message, now),
            kx.DropChunk: lambda peer, message, _: self.pools.drop(peer, message.chunks),
            kx.Inventory: lambda peer, message, _: self.pools.check_inventory(peer, message),
            kx.MissingChunks: lambda peer, message, _: self.pools.lose(peer, message.chunks),
            kx.NotifySupply: self.ksa.notify_supply,
            kx.SupplyHeld: lambda peer, message, _: self.ksa.supply_held(peer, message),
            kx.SupplyRefused: lambda peer, message, _: self.ksa.supply_refused(peer, message),
            kx.WithdrawSupply: lambda peer, message, _: self.ksa.withdraw_supply(peer, message),
        }

    def _relay_done(self, peer: str, message: kx.RelayDone, now: float) -> Step:
        step = self.pools.relay_done(peer, message, now)
        step.extend(self.pools.fill(now))
        return step

    def _relay(self, peer: str, message: kx.RelayKey, now: float) -> Step:
        if not self._sites.issuperset(message.path):
            raise ProtocolError(f"site {peer} relays over a path with unknown sites")
        self.relay.check_path(peer, message)
        try:
            step, arrived = self.relay.receive(peer, message)
        except OutOfKeyError as error:
            step = self.relay.refuse(message, str(error))
            step.extend(self.kma.void_missing(message.link, peer, message.spans))
            return step
        except (AuthenticationError, ProtocolError) as error:  # a pad that was used, or not the peer's message
            return self.relay.refuse(message, str(error))
        if arrived is not None:
            step.extend(self.pools.arrived(arrived, now))
        return step
