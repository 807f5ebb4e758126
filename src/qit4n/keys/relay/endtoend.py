"""End-to-end pools: key that two sites share, filled by relay before an application asks.

Each pool has a source, which draws the key and cuts from it, a destination, which follows, and a trust policy. The way
of a chunk: the source splits it into shares and relays one over each disjoint path; the destination holds them and says
their digests (``incoming.py``); when enough are unaltered the source says of which to make the chunk; it is ready when
the destination holds it durably. Both ends XOR it with bytes of an ML-KEM secret (``keys/combination/combine.py``).

When a connection opens, both agree on what they hold (``keys/synchronise.py``), and both forget what the other does not
know. For that a chunk begins with a salt of its own, which is never used as key.
"""

import hmac

from qit4n.entropy import Entropy, new_id
from qit4n.keys.combination import combine
from qit4n.keys.combination.epochs import Epoch, Epochs
from qit4n.keys.relay import sharing
from qit4n.keys.relay.forwarding import Relay
from qit4n.keys.relay.incoming import IncomingPools, share_name
from qit4n.keys.relay.outgoing import SALTS_BYTES, Flight, OutgoingPool, Path
from qit4n.keys.relay.transit import RELAY_LIMIT_S, Route
from qit4n.keys.spending import erase_chunk, hold_chunk, spend, void
from qit4n.keys.step import Send, Step
from qit4n.keys.store import ChunkRecord, HeadRecord, Put, chunk_key
from qit4n.keys.synchronise import compare, states
from qit4n.network.model import Trust
from qit4n.pools.digest import SALT_BYTES, digest
from qit4n.pools.keypool import Cut
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import ck, kx


class EndToEndPools:
    """All pools of one site, as source and (:attr:`incoming`) as destination."""

    def __init__(
        self,
        site: str,
        relay: Relay,
        entropy: Entropy,
        epochs: Epochs,
        *,
        combine: bool,
        max_age_s: float = 0.0,
        chunks: tuple[ChunkRecord, ...] = (),
        heads: dict[str, int] | None = None,
    ) -> None:
        """Start with the chunks and heads of the store; ``combine`` chunks with ML-KEM secrets, or not at all."""
        self.site = site
        self.incoming = IncomingPools(site, epochs)
        self._relay = relay
        self._entropy = entropy
        self._epochs = epochs
        self._combine = combine
        self._max_age_s = max_age_s
        self.outgoing: dict[tuple[str, Trust], OutgoingPool] = {}
        self.follows = (0, 0)
        self._uncombined: list[str] = []
        self.resting = False
        for chunk in chunks:
            self._load(chunk, (heads or {})[chunk.key])

    def _load(self, chunk: ChunkRecord, head: int) -> None:
        """Chunks from before the policy asked for combination are not used any more."""
        if chunk.source != self.site:
            self.incoming.pool(chunk.source).add(chunk.chunk, chunk.material, head, chunk.relayed_at)
        elif self._combine and not chunk.knowledge.combined:
            self._uncombined.append(chunk.chunk)
        else:
            pool = self._out(chunk.destination, chunk.trust)
            pool.ready.add(chunk.chunk, chunk.material, head, chunk.relayed_at)
            pool.knowledge[chunk.chunk] = chunk.knowledge

    def _out(self, peer: str, trust: Trust) -> OutgoingPool:
        found = self.outgoing.get((peer, trust))
        if found is None:
            found = self.outgoing[peer, trust] = OutgoingPool(peer, trust)
        return found

    def _to(self, peer: str) -> list[OutgoingPool]:
        return [pool for pool in self.outgoing.values() if pool.peer == peer]

    def order(self, table: ck.RelayTable) -> None:
        """Take the controller's paths and targets; pools without an order keep their stock, unfilled.

        A table that is older than the last one changes nothing: another controller may not know what has changed.
        """
        if (table.epoch, table.version) < self.follows:
            return
        self.follows = (table.epoch, table.version)
        orders = {(order.peer, order.trust): order for order in table.pools}
        for key in (*orders, *(pool for pool in self.outgoing if pool not in orders)):
            self._out(*key).order(orders.get(key), self.site)

    # taking

    def available_bytes(self, peer: str, trust: Trust) -> int:
        """Bytes ready for keys with applications at ``peer``."""
        return self._out(peer, trust).ready.available_bytes

    def target_bytes(self, peer: str, trust: Trust) -> int:
        """Bytes that the controller wants ready."""
        return self._out(peer, trust).target_bytes

    def cut(self, peer: str, size: int, trust: Trust) -> tuple[Cut, tuple[Knowledge, ...], Step]:
        """Take ``size`` ready bytes; who could know them; the step makes it durable.

        Raises:
            OutOfKeyError: the pool holds less.
        """
        pool = self._out(peer, trust)
        cut = pool.ready.cut(size)
        pool.supplied_bytes += size
        known = tuple([pool.knowledge[chunk] for chunk, _, _ in cut.spans])
        known = known if len(known) == 1 else tuple(dict.fromkeys(known))
        step = spend(pool.ready, cut, self.site)
        for chunk, _, _ in cut.spans:
            if chunk not in pool.ready:
                pool.knowledge.pop(chunk, None)
        return cut, known, step

    # filling

    def fill(self, now: float) -> Step:
        """Send chunks where pools are below target, one at a time to the pool that has the least.

        In bytes, not in shares of the target: scarce key goes to all alike, large pools get what small ones leave.
        """
        step = Step()
        if self.resting:  # there is nothing to draw key from
            return step
        open_ = [pool for pool in self.outgoing.values() if pool.ordered and now >= pool.not_before]
        while open_:
            pool = min(open_, key=lambda one: one.coming_bytes)
            if not pool.wants_more or not self._send_chunk(pool, now, step):
                open_.remove(pool)
        return step

    def _send_chunk(self, pool: OutgoingPool, now: float, step: Step) -> bool:
        """Send one chunk; False if that cannot be now."""
        epoch = self._epochs.sending(pool.peer, now) if self._combine else None
        if self._combine and epoch is None:
            step.extend(self._epochs.want(pool.peer, now))
            return False
        stock = {path: self._relay.sendable_bytes(path) for path in pool.paths(now)}
        size = pool.within_rate(pool.chunk_bytes(min(stock.values())), now)
        if not size:
            return False
        paths = tuple(path for path in stock if stock[path] >= size + SALTS_BYTES)
        if len(paths) < len(stock):
            pool.avoid(tuple(path for path in stock if path not in paths), now)
        if len(paths) < pool.trust.shares_needed:
            needed, bytes_ = pool.trust.shares_needed, size + SALTS_BYTES
            pool.back_off(f"{self.site}: {len(paths)} of {needed} paths have {bytes_} bytes of key for a share", now)
            return False
        pool.allowance -= size
        key = self._entropy(SALT_BYTES + size)
        step.extend(self._send_shares(pool, paths, key, epoch, now))
        return True

    def _send_shares(
        self, pool: OutgoingPool, paths: tuple[Path, ...], key: bytes, epoch: Epoch | None, now: float
    ) -> Step:
        trust, chunk, step = pool.trust, new_id(self._entropy), Step()
        bodies = sharing.split(key, len(paths), trust.shares_needed, self._entropy)
        shares = {number: self._entropy(SALT_BYTES) + body for number, body in enumerate(bodies, start=1)}
        for (number, share), path in zip(shares.items(), paths, strict=True):
            step.extend(self._relay.send(Route(chunk, number, path, trust.scheme, trust.centre), share))
        pool.in_flight[chunk] = Flight(
            material=combine.combine_with(epoch.root, chunk, key) if epoch else key,
            digests={number: digest(share_name(chunk, number), share) for number, share in shares.items()},
            knowledge=Knowledge(
                paths=paths,
                threshold=trust.shares_needed,
                scheme=trust.scheme,
                centre=trust.centre,
                combined=combine.NAME if epoch else "",
            ),
            epoch=epoch.name if epoch else "",
            sent_at=now,
        )
        return step

    # answers to chunks on their way

    def share_held(self, peer: str, message: kx.ShareHeld, now: float) -> Step:
        """The destination holds a share: when enough are unaltered, ask it to make the chunk."""
        found = self._flight(peer, message.chunk)
        if found is None:
            return self._unknown(peer, message.chunk)
        pool, flight = found
        paths = flight.knowledge.paths
        if not 1 <= message.share <= len(paths) or message.path != paths[message.share - 1]:
            return Step()  # not a share that was sent: somebody on the way plays another's part
        if message.share in flight.good or message.share in flight.failed:
            return Step()
        pool.compared_shares += 1
        if not hmac.compare_digest(message.digest, flight.digests[message.share]):
            pool.altered[message.path] = pool.altered.get(message.path, 0) + 1
            return self._fail(pool, message.chunk, message.share, f"share altered on {'-'.join(message.path)}", now)
        flight.good.append(message.share)
        if flight.asked or len(flight.good) < flight.knowledge.threshold:
            return Step()
        flight.asked = True
        use = kx.UseShares(
            chunk=message.chunk,
            shares=tuple(flight.good),
            trust=pool.trust,
            knowledge=flight.knowledge,
            epoch=flight.epoch,
        )
        return Step(actions=[Send(peer, use)])

    def _flight(self, peer: str, chunk: str) -> tuple[OutgoingPool, Flight] | None:
        return next(((pool, pool.in_flight[chunk]) for pool in self._to(peer) if chunk in pool.in_flight), None)

    def _unknown(self, peer: str, chunk: str) -> Step:
        known = any(chunk in pool.ready for pool in self._to(peer))
        return Step() if known else Step(actions=[Send(peer, kx.DropChunk(chunks=(chunk,)))])

    def relay_done(self, peer: str, message: kx.RelayDone, now: float) -> Step:
        """The destination holds a chunk: it is ready."""
        found = self._flight(peer, message.chunk)
        if found is None or not found[1].asked:
            return self._unknown(peer, message.chunk)
        pool, flight = found
        del pool.in_flight[message.chunk]
        pool.ready.add(message.chunk, flight.material, SALT_BYTES, now)
        pool.knowledge[message.chunk] = flight.knowledge
        pool.relayed_bytes += flight.key_bytes
        pool.succeed()
        record = ChunkRecord(
            key=chunk_key(self.site, message.chunk),
            chunk=message.chunk,
            source=self.site,
            destination=peer,
            material=flight.material,
            trust=pool.trust,
            knowledge=flight.knowledge,
            relayed_at=now,
        )
        step = Step(writes=hold_chunk(record))
        return step.tell("ready", message.chunk, flight.key_bytes, self.site, peer, note=str(pool.trust))

    def relay_refused(self, peer: str, message: kx.RelayRefused, now: float) -> Step:
        """A site on the path of a share had no key; a site that is not on it has no say."""
        for pool in self.outgoing.values():
            flight = pool.in_flight.get(message.chunk)
            named = dict(enumerate(flight.knowledge.paths, start=1)) if flight else {}
            if peer in named.get(message.share, ()) and message.path == named[message.share]:
                return self._fail(pool, message.chunk, message.share, f"{message.at}: {message.reason}", now)
        return Step()

    def chunk_refused(self, peer: str, message: kx.ChunkRefused, now: float) -> Step:
        """The destination could not make a chunk; perhaps it has started again and lost the secret with this site."""
        found = self._flight(peer, message.chunk)
        if found:
            self._epochs.forget(peer)
        return self._give_up(found[0], (message.chunk,), message.reason, now) if found else Step()

    def _fail(self, pool: OutgoingPool, chunk: str, share: int, reason: str, now: float) -> Step:
        flight = pool.in_flight[chunk]
        if share in flight.good or flight.asked:
            return Step()
        flight.failed[share] = reason
        pool.avoid((flight.knowledge.paths[share - 1],), now)
        return self._give_up(pool, (chunk,), reason, now) if flight.hopeless else Step()

    @staticmethod
    def _give_up(pool: OutgoingPool, chunks: tuple[str, ...], reason: str, now: float) -> Step:
        for chunk in chunks:
            del pool.in_flight[chunk]
        pool.back_off(reason, now)
        return Step(actions=[Send(pool.peer, kx.DropChunk(chunks=chunks))])

    def expire(self, now: float) -> Step:
        """Give up chunks that nobody answered for, and those that are too old."""
        step = Step(writes=[write for chunk in self._uncombined for write in erase_chunk(self.site, chunk)])
        self._uncombined = []
        for pool in self.outgoing.values():
            late = tuple(chunk for chunk, flight in pool.in_flight.items() if now - flight.sent_at > RELAY_LIMIT_S)
            if late:
                step.extend(self._give_up(pool, late, f"no answer from {pool.peer} within {RELAY_LIMIT_S:.0f} s", now))
            old = pool.ready.older(now - self._max_age_s) if self._max_age_s else ()
            if old:
                step.extend(self.lose(pool.peer, old, "it is too old"))
                step.actions.append(Send(pool.peer, kx.DropChunk(chunks=old)))
        self.incoming.expire(now)
        self._relay.expire(now)
        return step

    # agreement after a connection has opened

    def states_for(self, peer: str) -> tuple[kx.SlabState, ...]:
        """What is held here of the chunks that ``peer`` relayed."""
        return states(self.incoming.pool(peer))

    def reconcile(self, peer: str, theirs: tuple[kx.SlabState, ...]) -> Step:
        """Agree with what the destination holds of this site's chunks."""
        pools = self._to(peer)
        found = compare([pool.ready for pool in pools], theirs)
        step = self.lose(peer, found.void_here)
        flying = {chunk for pool in pools for chunk in pool.in_flight}
        there = tuple(chunk for chunk in found.void_there if chunk not in flying)
        if there or found.void_here:
            step.actions.append(Send(peer, kx.DropChunk(chunks=(*found.void_here, *there))))
        heads = {chunk: pool.ready.head(chunk) for pool in pools for chunk in found.moved if chunk in pool.ready}
        step.writes += [
            Put(HeadRecord(key=chunk_key(self.site, chunk), position=head)) for chunk, head in heads.items()
        ]
        return step

    def void_with(self, peer: str) -> Step:
        """Forget all chunks from and to ``peer``: what this site holds of them may have been used."""
        coming = self.incoming.pool(peer).slabs
        going = tuple(chunk for pool in self._to(peer) for chunk in pool.ready.slabs)
        step = self.incoming.drop(peer, coming)
        step.extend(self.lose(peer, going))
        step.actions = [Send(peer, kx.MissingChunks(chunks=coming)), Send(peer, kx.DropChunk(chunks=going))]
        return step

    def lose(self, peer: str, chunks: tuple[str, ...], why: str = "the destination does not hold it") -> Step:
        """The destination does not hold these: nor do we any more."""
        step = Step()
        for pool in self._to(peer):
            step.extend(void(pool.ready, chunks, self.site, why))
            for chunk in chunks:
                pool.knowledge.pop(chunk, None)
        return step
