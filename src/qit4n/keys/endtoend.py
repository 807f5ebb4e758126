"""End-to-end pools: key that two sites share, filled by relay before an application asks.

Each pool has a source, which draws the key, relays it and cuts from it, and a destination, which follows. A
chunk counts as ready only when the destination holds it durably. When a connection opens, both agree on what they
hold (``keys/synchronise.py``), and both forget what the other does not know.
"""

from dataclasses import dataclass, field

from qit4n.entropy import Entropy, new_id
from qit4n.errors import OutOfKeyError
from qit4n.keys.relay import Arrived, Relay
from qit4n.keys.step import Send, Step
from qit4n.keys.store import ChunkRecord, Erase, HeadRecord, Put, Write
from qit4n.keys.synchronise import compare, states
from qit4n.pools.keypool import Cut, KeyPool
from qit4n.refpoints import ck, kx

SMALLEST_CHUNK_BYTES, LARGEST_CHUNK_BYTES = 128, 1024
CHUNKS_IN_FLIGHT = 8
RELAY_LIMIT_S = 10.0
BACK_OFF_S = 0.5


@dataclass
class Flight:
    """A chunk on its way."""

    material: bytes
    path: tuple[str, ...]
    sent_at: float


@dataclass
class OutgoingPool:
    """A pool of which this site is the source."""

    peer: str
    ready: KeyPool = field(default_factory=KeyPool)
    in_flight: dict[str, Flight] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    target_bytes: int = 0
    not_before: float = 0.0
    last_refusal: str = ""
    relayed_bytes: int = 0
    supplied_bytes: int = 0

    @property
    def coming_bytes(self) -> int:
        """Bytes that are ready or on their way."""
        return self.ready.available_bytes + sum(len(flight.material) for flight in self.in_flight.values())

    @property
    def chunk_bytes(self) -> int:
        """Size of the next chunk: small while the pool is empty, so that the first keys come soon."""
        wanted = max(self.ready.available_bytes, SMALLEST_CHUNK_BYTES) // 32 * 32
        return min(wanted, LARGEST_CHUNK_BYTES)


class EndToEndPools:
    """All pools of one site, as source and as destination."""

    def __init__(
        self,
        site: str,
        relay: Relay,
        entropy: Entropy,
        chunks: tuple[ChunkRecord, ...] = (),
        heads: dict[str, int] | None = None,
    ) -> None:
        """Start with the chunks and heads of the store."""
        self.site = site
        self._relay = relay
        self._entropy = entropy
        self.outgoing: dict[str, OutgoingPool] = {}
        self._incoming: dict[str, KeyPool] = {}
        for chunk in chunks:
            mine = chunk.source == site
            pool = self._out(chunk.destination).ready if mine else self._in(chunk.source)
            pool.add(chunk.chunk, chunk.material, (heads or {}).get(chunk.key, 0))

    def _out(self, peer: str) -> OutgoingPool:
        return self.outgoing.setdefault(peer, OutgoingPool(peer))

    def _in(self, peer: str) -> KeyPool:
        return self._incoming.setdefault(peer, KeyPool())

    def order(self, table: ck.RelayTable) -> None:
        """Take the controller's paths and targets; pools without an order keep their stock, unfilled."""
        for pool in self.outgoing.values():
            pool.path, pool.target_bytes = (), 0
        for order in table.pools:
            pool = self._out(order.peer)
            pool.path, pool.target_bytes = order.path, order.target_bits // 8

    # the source's side

    def available_bytes(self, peer: str) -> int:
        """Bytes ready for keys with applications at ``peer``."""
        return self._out(peer).ready.available_bytes

    def cut(self, peer: str, size: int) -> tuple[Cut, list[Write]]:
        """Take ``size`` ready bytes; the writes make it durable.

        Raises:
            OutOfKeyError: the pool holds less.
        """
        pool = self._out(peer)
        cut = pool.ready.cut(size)
        pool.supplied_bytes += size
        return cut, _spend(pool.ready, cut)

    def fill(self, now: float) -> Step:
        """Send chunks where pools are below target, one at a time to the pool that has the least."""
        step = Step()
        open_ = [pool for pool in self.outgoing.values() if pool.path and now >= pool.not_before]
        while open_:
            pool = min(open_, key=lambda one: one.coming_bytes / max(one.target_bytes, 1))
            may = pool.coming_bytes < pool.target_bytes and len(pool.in_flight) < CHUNKS_IN_FLIGHT
            if not may or not self._send_chunk(pool, now, step):
                open_.remove(pool)
        return step

    def _send_chunk(self, pool: OutgoingPool, now: float, step: Step) -> bool:
        chunk, material = new_id(self._entropy), self._entropy(pool.chunk_bytes)
        try:
            step.extend(self._relay.send(chunk, pool.path, material))
        except OutOfKeyError as error:
            self._back_off(pool, str(error), now)
            return False
        pool.in_flight[chunk] = Flight(material, pool.path, now)
        return True

    @staticmethod
    def _back_off(pool: OutgoingPool, reason: str, now: float) -> None:
        pool.last_refusal = reason
        pool.not_before = now + BACK_OFF_S

    def relay_done(self, peer: str, message: kx.RelayDone, now: float) -> Step:
        """The destination holds a chunk: it is ready."""
        pool = self._out(peer)
        flight = pool.in_flight.pop(message.chunk, None)
        if flight is None:
            known = message.chunk in pool.ready
            return Step() if known else Step(actions=[Send(peer, kx.DropChunk(chunks=(message.chunk,)))])
        pool.ready.add(message.chunk, flight.material)
        pool.relayed_bytes += len(flight.material)
        pool.last_refusal = ""
        return Step(writes=[Put(_record(message.chunk, flight.path, flight.material, now))])

    def relay_refused(self, message: kx.RelayRefused, now: float) -> Step:
        """A node on the path had no key: try again later, with a new chunk."""
        for pool in self.outgoing.values():
            if pool.in_flight.pop(message.chunk, None) is not None:
                self._back_off(pool, f"{message.at}: {message.reason}", now)
        return Step()

    def expire(self, now: float) -> Step:
        """Give up chunks that nobody answered for."""
        step = Step()
        for pool in self.outgoing.values():
            late = [chunk for chunk, flight in pool.in_flight.items() if now - flight.sent_at > RELAY_LIMIT_S]
            for chunk in late:
                del pool.in_flight[chunk]
                self._back_off(pool, f"no answer from {pool.peer} within {RELAY_LIMIT_S:.0f} s", now)
            if late:
                step.actions.append(Send(pool.peer, kx.DropChunk(chunks=tuple(late))))
        return step

    def reconcile(self, peer: str, theirs: tuple[kx.SlabState, ...]) -> Step:
        """Agree with what the destination holds of this site's chunks."""
        pool = self._out(peer)
        found = compare([pool.ready], theirs)
        step = self.lose(peer, found.void_here)
        there = tuple(chunk for chunk in found.void_there if chunk not in pool.in_flight)
        if there or found.void_here:
            step.actions.append(Send(peer, kx.DropChunk(chunks=(*found.void_here, *there))))
        step.writes += [Put(HeadRecord(key=chunk, position=pool.ready.head(chunk))) for chunk in found.moved]
        return step

    def lose(self, peer: str, chunks: tuple[str, ...]) -> Step:
        """The destination does not hold these: nor do we any more."""
        pool = self._out(peer).ready
        lost = [chunk for chunk in chunks if chunk in pool]
        for chunk in lost:
            pool.remove(chunk)
        return Step(writes=[write for chunk in lost for write in _erase(chunk)])

    # the destination's side

    def arrived(self, arrival: Arrived, now: float) -> Step:
        """Hold a relayed chunk, then tell its source."""
        source = arrival.path[0]
        done = Send(source, kx.RelayDone(chunk=arrival.chunk))
        if arrival.chunk in self._in(source):
            return Step(actions=[done])
        self._in(source).add(arrival.chunk, arrival.material)
        record = _record(arrival.chunk, arrival.path, arrival.material, now)
        return Step(writes=[Put(record)], actions=[done])

    def missing(self, peer: str, slabs: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``slabs`` that are not held from ``peer``."""
        return tuple(slab for slab in dict.fromkeys(slabs) if slab not in self._in(peer))

    def cut_at(self, peer: str, spans: tuple[kx.Span, ...]) -> tuple[bytes, list[Write]]:
        """Take the bytes that the source ``peer`` has cut; the writes make it durable."""
        pool = self._in(peer)
        cut = pool.cut_at((span.slab, span.offset, span.length) for span in spans)
        return cut.material, _spend(pool, cut)

    def states_for(self, peer: str) -> tuple[kx.SlabState, ...]:
        """What is held here of the chunks that ``peer`` relayed."""
        return states(self._in(peer))

    def void_with(self, peer: str) -> Step:
        """Forget all chunks from and to ``peer``: what this site holds of them may have been used."""
        coming, going = self._in(peer).slabs, self._out(peer).ready.slabs
        step = self.drop(peer, coming)
        step.extend(self.lose(peer, going))
        step.actions = [Send(peer, kx.MissingChunks(chunks=coming)), Send(peer, kx.DropChunk(chunks=going))]
        return step

    def drop(self, peer: str, chunks: tuple[str, ...]) -> Step:
        """The source will not use what is left of these."""
        pool = self._in(peer)
        held = [chunk for chunk in chunks if chunk in pool]
        for chunk in held:
            pool.remove(chunk)
        return Step(writes=[write for chunk in held for write in _erase(chunk)])


def _record(chunk: str, path: tuple[str, ...], material: bytes, now: float) -> ChunkRecord:
    return ChunkRecord(
        key=chunk,
        chunk=chunk,
        source=path[0],
        destination=path[-1],
        material=material,
        trusted=path[1:-1],
        relayed_at=now,
    )


def _spend(pool: KeyPool, cut: Cut) -> list[Write]:
    used_up = pool.spent(cut)
    writes: list[Write] = [write for chunk in used_up for write in _erase(chunk)]
    touched = dict.fromkeys(slab for slab, _, _ in cut.spans if slab not in used_up)
    return writes + [Put(HeadRecord(key=chunk, position=pool.head(chunk))) for chunk in touched]


def _erase(chunk: str) -> list[Write]:
    return [Erase(ChunkRecord.kind, chunk), Erase(HeadRecord.kind, chunk)]
