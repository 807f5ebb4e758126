"""The key manager of a site: KMA, relay, end-to-end pools and KSA as one machine (ITU-T Y.3802).

Every input returns a :class:`~qit4n.keys.step.Step`. A message that breaks the rules raises ProtocolError or
AuthenticationError and changes nothing but, at worst, wasted bits; the driver logs it and goes on.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from qit4n.entropy import Entropy
from qit4n.keys.combination.encapsulation import MLKEM768, Encapsulation
from qit4n.keys.combination.epochs import Epochs
from qit4n.keys.directory import Directory
from qit4n.keys.interworking.gateway import Gateway
from qit4n.keys.kma import KMA, LinkStock
from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.keys.relay.forwarding import Relay, Relayed
from qit4n.keys.step import Send, Step
from qit4n.keys.store import (
    Append,
    ChunkRecord,
    Erase,
    HandoverRecord,
    HeadRecord,
    HeldKeysRecord,
    LinkAccountRecord,
    PositionRecord,
    SlabRecord,
    Store,
    StreamChunkRecord,
    StreamRecord,
    TakeoverRecord,
    WitnessKeyRecord,
    Write,
)
from qit4n.keys.supply.ksa import KSA
from qit4n.keys.supply.streams import KeyStreams
from qit4n.keys.synchronise import Synchroniser
from qit4n.keys.witness import Witness
from qit4n.network.model import Network
from qit4n.network.neighbours import callback_of
from qit4n.refpoints import ak, ck, interworking, kq1, kx

KINDS = frozenset(
    kind.kind
    for kind in (
        ChunkRecord,
        HandoverRecord,
        HeadRecord,
        HeldKeysRecord,
        LinkAccountRecord,
        PositionRecord,
        SlabRecord,
        StreamChunkRecord,
        StreamRecord,
        TakeoverRecord,
        WitnessKeyRecord,
    )
)
Handler = Callable[[str, Any, float], Step]


class KeyManager:
    """One site's key management, built from the network file and what its store holds."""

    def __init__(
        self,
        network: Network,
        site: str,
        entropy: Entropy,
        store: Store,
        *,
        witnessed: int = 0,
        encapsulation: Encapsulation | None = None,
        identifiers: Entropy | None = None,
    ) -> None:
        """Load the store; nothing is sent before the first input. Without ``encapsulation`` it is ML-KEM-768.

        ``identifiers``, if it is not ``entropy`` too, gives what is no key of anybody and is needed at once.
        ``witnessed`` is the highest position of the store that is known from outside it (0: nothing is known).
        """
        slabs, chunks, heads, lost = _intact(store)
        accounts = {record.key: record.account for record in store.load(LinkAccountRecord)}
        self.site = site
        self._sites = {one.id for one in network.sites}
        system = identifiers or entropy
        witness = Witness(store.load(WitnessKeyRecord), system)
        self._synchroniser = Synchroniser(site, self._sites, store.load(PositionRecord), witness, system)
        agreed = self._synchroniser.agreed
        policies = network.policies
        self.kma = KMA(
            site,
            _stocks(network, site, accounts),
            stock_bytes=policies.link_stock_bits // 8,
            max_age_s=policies.max_key_age_s,
            agreed=agreed,
            slabs=slabs,
            heads=heads,
        )
        self.relay = Relay(self.kma, self._sites)
        self.epochs = Epochs(site, encapsulation or MLKEM768(entropy), entropy, policies.ml_kem_period_s)
        self.pools = EndToEndPools(
            site,
            self.relay,
            entropy,
            self.epochs,
            combine=policies.combine_ml_kem,
            max_age_s=policies.max_key_age_s,
            chunks=chunks,
            heads=heads,
        )
        held = store.load(HeldKeysRecord)
        directory = self._directory = Directory.of(network)
        sessions = self._synchroniser.sessions
        self.ksa = KSA(site, directory, self.pools, entropy, agreed=agreed, held=held)
        common = (site, directory, self.ksa.access, self.pools, entropy)
        self.streams = KeyStreams(*common, agreed=agreed, sessions=sessions)
        self.gateway = Gateway(
            directory,
            network.neighbours_of(site),
            self.ksa,
            entropy,
            callback=callback_of(network, site),
            handovers=store.load(HandoverRecord),
            takeovers=store.load(TakeoverRecord),
        )
        self._handlers = self._table()
        self._now = 0.0
        streams = self.streams.load(store.load(StreamRecord), store.load(StreamChunkRecord))
        self._first: Step | None = Step(lost)
        self._first.extend(_cleared(store))
        self._first.extend(self._synchroniser.mend())
        self._first.extend(self.gateway.begin())
        self._first.extend(streams)
        self.is_old_copy = False
        if self._synchroniser.position < witnessed:
            self._first.extend(self._void_all(self._synchroniser.given_up(witnessed=witnessed)))

    def adopt(self, network: Network, now: float) -> Step:
        """Take a changed network file while keys flow: sites, links, applications, demands; not its policies.

        Key of removed links and with removed sites is given up; all other key, and what waits for a slave, stays.
        """
        gone = self._sites - {one.id for one in network.sites}
        self._sites.clear()
        self._sites.update(one.id for one in network.sites)
        self._directory.adopt(network)
        self.ksa.access.adopt()
        step = self.streams.adopt()
        step.extend(self.kma.adopt(_stocks(network, self.site, {})))
        for site in sorted(gone):
            step.extend(self.pools.void_with(site))
        return self._finish(step, now)

    @property
    def position(self) -> int:
        """How many commits the store has seen, with those of the steps that are under way."""
        return self._synchroniser.position

    def agrees_with(self, peer: str) -> bool:
        """Whether key may be cut now from the pools with another site."""
        return peer in self._synchroniser.agreed

    def receive_qkd_key(self, key: kq1.QKDKey, now: float) -> Step:
        """Kq-1: a distilled block."""
        return self._finish(self.kma.receive_qkd_key(key, now), now)

    def request(self, number: int, request: ak.Request, now: float) -> Step:
        """Ak: a request of an application; the answer carries ``number``."""
        self._synchroniser.settle(now)
        if isinstance(request, ak.StreamRequest):
            return self._finish(self.streams.request(number, request, now), now)
        return self._finish(self.ksa.request(number, request, now), now)

    def foreign(self, number: int, neighbour: str, request: interworking.Request, now: float) -> Step:
        """A key manager of another network asks; the answer carries ``number``."""
        return self._finish(self.gateway.request(number, neighbour, request, now), now)

    def called(self, call: int, outcome: interworking.Outcome, now: float) -> Step:
        """What became of a call to a key manager of another network."""
        return self._finish(self.gateway.called(call, outcome, now), now)

    def order(self, table: ck.RelayTable, now: float) -> Step:
        """Ck: new paths and targets."""
        self.pools.order(table)
        return self._finish(self.pools.fill(now), now)

    def connected(self, peer: str, now: float) -> Step:
        """The way to another key manager has opened: agree on what both hold, later on a new secret."""
        self.epochs.forget(peer)
        return self._finish(self._synchroniser.open(peer, now), now)

    def disconnected(self, peer: str) -> Step:
        """The way to another key manager has closed: requests that wait for it are refused, none is begun."""
        self._synchroniser.close(peer)
        step = self.ksa.lost(peer, self._now)
        step.extend(self.streams.lost(peer))
        return self._finish(step, self._now)

    def timer(self, now: float) -> Step:
        """To be called a few times a second."""
        step = self.kma.timer(now)
        step.extend(self.pools.expire(now))
        step.extend(self.ksa.timer(now))
        step.extend(self.gateway.timer(now))
        step.extend(self.streams.timer(now))
        step.extend(self._synchroniser.timer(now))
        step.extend(self.pools.fill(now))
        return self._finish(step, now)

    def receive(self, peer: str, message: kx.KxMessage, now: float) -> Step:
        """Kx: a message of another key manager."""
        return self._finish(self._handlers[type(message)](peer, message, now), now)

    def _finish(self, step: Step, now: float) -> Step:
        """Put before it what the start left to do; give the audit trail its time; count it."""
        self._now = now
        first = step
        if self._first is not None:
            first, self._first = self._first, None
            first.extend(step)
        for event in first.happened:
            event.at = now
            first.writes.append(Append(event))
        first.happened.clear()
        return self._synchroniser.count(first)

    # synchronisation

    def _synchronise(self, peer: str, message: kx.Synchronise, now: float) -> Step:
        step = self._give_up_if_old(peer, message, now)
        seen, tag = self._synchroniser.seen(peer)
        answer = kx.PoolStates(
            session=message.session,
            seen=seen,
            tag=tag,
            links=self.kma.states_for(peer),
            chunks=self.pools.states_for(peer),
            streams=self.streams.states_for(peer, message.session),
        )
        step.actions.append(Send(peer, answer))
        return step

    def _pool_states(self, peer: str, message: kx.PoolStates, now: float) -> Step:
        step = self._give_up_if_old(peer, message, now)
        if not self._synchroniser.expected(peer, message):
            return step
        step.extend(self.kma.reconcile(peer, message.links))
        step.extend(self.pools.reconcile(peer, message.chunks))
        self._synchroniser.meet(peer, now)
        step.extend(self.streams.reconcile(peer, message.streams, now))
        step.extend(self.pools.fill(now))
        return step

    def _give_up_if_old(self, peer: str, message: kx.Synchronise | kx.PoolStates, now: float) -> Step:
        """If a peer shows that this store is an old copy, give up what it holds, and ask the peer again."""
        if not self._synchroniser.is_outrun(peer, message.seen):
            return Step()
        if self._synchroniser.is_proven(peer, message):
            leap = self._synchroniser.given_up(seen=message.seen)
            step = leap if self.is_old_copy else self._void_all(leap)
        else:
            step = self._void_with(peer)
            step.extend(self._synchroniser.catch_up(peer, message.seen))
        step.extend(self._synchroniser.open(peer, now))  # what the peer said of its pools is out of date
        return step

    def _void_all(self, step: Step) -> Step:
        """The store is an old copy: give up everything in it. What a process holds after that is new."""
        self.is_old_copy = True
        for site in sorted(self._sites):
            step.extend(self._void_with(site))
        return step

    def _void_with(self, peer: str) -> Step:
        """Give up what is shared with ``peer``, or between applications of this site: it may have been used."""
        if peer == self.site:
            step = self.ksa.void_with(peer)
            step.extend(self.streams.void_with(peer))
            return step
        step = self.kma.void_with(peer)
        step.extend(self.pools.void_with(peer))
        step.extend(self.ksa.void_with(peer))
        step.extend(self.streams.void_with(peer))
        return step

    def _table(self) -> dict[type[kx.KxMessage], Handler]:
        """Which part of the key manager answers which message of Kx."""
        return {
            kx.OfferSlab: lambda peer, message, _: self.kma.receive(peer, message),
            kx.AcceptSlab: lambda peer, message, _: self.kma.receive(peer, message),
            kx.VoidSlabs: lambda peer, message, _: self.kma.receive(peer, message),
            kx.SkipSlabs: lambda peer, message, _: self.kma.receive(peer, message),
            kx.RelayKey: self._relay,
            kx.RelayPads: self._relay,
            kx.PadXor: self._relay,
            kx.PadsCombined: self._relay,
            kx.RelayRefused: self.pools.relay_refused,
            kx.ShareHeld: self.pools.share_held,
            kx.UseShares: self.pools.incoming.use,
            kx.RelayDone: self._relay_done,
            kx.ChunkRefused: self.pools.chunk_refused,
            kx.OfferSecret: lambda peer, message, _: self.epochs.offered(peer, message),
            kx.SecretCapsule: self._secret_agreed,
            kx.DropChunk: lambda peer, message, _: self.pools.incoming.drop(peer, message.chunks),
            kx.Synchronise: self._synchronise,
            kx.PoolStates: self._pool_states,
            kx.Position: lambda peer, message, _: self._synchroniser.heard(peer, message),
            kx.MissingChunks: lambda peer, message, _: self.pools.lose(peer, message.chunks),
            kx.NotifySupply: self.ksa.notify_supply,
            kx.SupplyHeld: lambda peer, message, _: self.ksa.supply_held(peer, message),
            kx.SupplyRefused: self.ksa.supply_refused,
            kx.WithdrawSupply: self.ksa.withdraw_supply,
            kx.VoidSupply: lambda peer, message, _: self.ksa.void_supply(peer, message),
            kx.SupplyVoided: self.gateway.supply_voided,
            **dict.fromkeys(get_args(kx.StreamMessage), self.streams.receive),
            kx.RefuseChunk: self._chunk_refused,
        }

    def _chunk_refused(self, peer: str, message: kx.RefuseChunk, now: float) -> Step:
        return self._synchroniser.open(peer, now) if self.streams.refused(peer, message, now) else Step()

    def _secret_agreed(self, peer: str, message: kx.SecretCapsule, now: float) -> Step:
        step = self.epochs.answered(peer, message, now)
        step.extend(self.pools.fill(now))
        return step

    def _relay_done(self, peer: str, message: kx.RelayDone, now: float) -> Step:
        step = self.pools.relay_done(peer, message, now)
        step.extend(self.pools.fill(now))
        return step

    def _relay(self, peer: str, message: Relayed, now: float) -> Step:
        step, arrived = self.relay.receive(peer, message, now)
        if arrived is not None:
            step.extend(self.pools.incoming.arrived(arrived, now))
        return step


def _stocks(network: Network, site: str, accounts: Mapping[str, kq1.LinkAccount]) -> list[LinkStock]:
    """The links that end at a site, without key yet."""
    return [
        LinkStock(
            account=accounts.get(link.id, kq1.LinkAccount()),
            link=link.id,
            peer=link.ends[1] if link.ends[0] == site else link.ends[0],
            leads=link.ends[0] == site,
        )
        for link in network.links_of(site)
    ]


def _cleared(store: Store) -> Step:
    """Erase the records that cannot be read, so that the next start does not find them again; the audit trail knows.

    To be called when all kinds are loaded, before what writes some of them anew.
    """
    step = Step()
    for kind, key in sorted(store.damaged):
        if kind in KINDS:
            step.writes.append(Erase(kind, key))
            step.tell("erased", key, 0, note=f"damaged record: {kind}")
    return step


def _intact(store: Store) -> tuple[list[SlabRecord], tuple[ChunkRecord, ...], dict[str, int], list[Write]]:
    """Slabs, chunks, heads, and writes that erase what has no readable head: nobody knows what of it has been used."""
    heads = {record.key: record.position for record in store.load(HeadRecord)}
    slabs, chunks, lost = [], [], list[Write]()
    for slab in store.load(SlabRecord):
        if slab.key in heads or not slab.confirmed:
            slabs.append(slab)
        else:
            lost.append(Erase(slab.kind, slab.key))
    for chunk in store.load(ChunkRecord):
        if chunk.key in heads:
            chunks.append(chunk)
        else:
            lost.append(Erase(chunk.kind, chunk.key))
    return slabs, tuple(chunks), heads, lost
