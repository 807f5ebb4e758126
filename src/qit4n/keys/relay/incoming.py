"""End-to-end pools as their destination sees them: shares arrive, chunks are made of them, bytes are cut as told.

A share is held in memory and its digest goes to the source over the direct connection. When the source has seen
enough unaltered shares it says of which ones to make the chunk; only then is anything stored.
"""

from dataclasses import dataclass, field

from qit4n.errors import ProtocolError
from qit4n.keys.combination import combine
from qit4n.keys.combination.epochs import Epochs
from qit4n.keys.relay import sharing
from qit4n.keys.relay.transit import RELAY_LIMIT_S, Arrived
from qit4n.keys.spending import hold_chunk, spend, void
from qit4n.keys.step import Send, Step
from qit4n.keys.store import ChunkRecord, chunk_key
from qit4n.pools.digest import SALT_BYTES, digest
from qit4n.pools.keypool import KeyPool
from qit4n.refpoints import kx

MOST_CHUNKS_WAITING = 256
ShareName = tuple[int, tuple[str, ...]]


@dataclass
class Waiting:
    """Shares of a chunk, by number and path: what comes over another path is another share, whatever it is called."""

    since: float
    shares: dict[ShareName, bytes] = field(default_factory=dict)


def share_name(chunk: str, share: int) -> str:
    """What the digest of a share is bound to."""
    return f"{chunk}/{share}"


class IncomingPools:
    """All pools of which a site is the destination, by source."""

    def __init__(self, site: str, epochs: Epochs) -> None:
        """Hold nothing yet."""
        self._site = site
        self._epochs = epochs
        self._pools: dict[str, KeyPool] = {}
        self._waiting: dict[str, dict[str, Waiting]] = {}

    def pool(self, source: str) -> KeyPool:
        """What is held from ``source``."""
        found = self._pools.get(source)
        if found is None:
            found = self._pools[source] = KeyPool()
        return found

    def arrived(self, arrival: Arrived, now: float) -> Step:
        """Hold a share and tell the source its digest.

        Raises:
            ProtocolError: it is too short, or too many chunks of its source wait.
        """
        route, source = arrival.route, arrival.route.path[0]
        waiting = self._waiting.setdefault(source, {})
        if len(arrival.material) <= 2 * SALT_BYTES:
            raise ProtocolError(f"a share of {len(arrival.material)} bytes of chunk {route.chunk} holds no key")
        if route.chunk not in waiting and len(waiting) >= MOST_CHUNKS_WAITING:
            raise ProtocolError(f"{len(waiting)} chunks of {source} wait at {self._site} already")
        shares = waiting.setdefault(route.chunk, Waiting(now)).shares
        shares.setdefault((route.share, route.path), arrival.material)
        held = kx.ShareHeld(
            chunk=route.chunk,
            share=route.share,
            path=route.path,
            digest=digest(share_name(route.chunk, route.share), shares[route.share, route.path]),
        )
        return Step(actions=[Send(source, held)])

    def use(self, peer: str, message: kx.UseShares, now: float) -> Step:
        """Make a chunk of the shares that the source ``peer`` names, hold it, then say so."""
        done = Step(actions=[Send(peer, kx.RelayDone(chunk=message.chunk))])
        if message.chunk in self.pool(peer):
            return done
        try:
            material = self._make(peer, message)
        except ProtocolError as error:
            return Step(actions=[Send(peer, kx.ChunkRefused(chunk=message.chunk, reason=f"{self._site}: {error}"))])
        del self._waiting[peer][message.chunk]
        self.pool(peer).add(message.chunk, material, SALT_BYTES, now)
        record = ChunkRecord(
            key=chunk_key(peer, message.chunk),
            chunk=message.chunk,
            source=peer,
            destination=self._site,
            material=material,
            trust=message.trust,
            knowledge=message.knowledge,
            relayed_at=now,
        )
        step = Step(hold_chunk(record), done.actions)
        return step.tell("ready", message.chunk, len(material) - SALT_BYTES, peer, self._site, note=str(message.trust))

    def _make(self, peer: str, message: kx.UseShares) -> bytes:
        knowledge = message.knowledge
        if any(path[:1] != (peer,) or path[-1:] != (self._site,) for path in knowledge.paths):
            raise ProtocolError(f"chunk {message.chunk} of {peer} came over other paths")
        waiting = self._waiting.get(peer, {}).get(message.chunk)
        named = dict(enumerate(knowledge.paths, start=1))
        held = waiting.shares if waiting else {}
        shares = {share: held.get((share, named.get(share, ()))) for share in message.shares}
        bodies = {share: material[SALT_BYTES:] for share, material in shares.items() if material}
        if len(bodies) < len(message.shares):
            raise ProtocolError("shares are not held any more")
        material = sharing.combine(bodies, len(knowledge.paths), knowledge.threshold)
        if not knowledge.combined:
            return material
        return combine.combine_with(self._epochs.receiving(peer, message.epoch), message.chunk, material)

    def missing(self, peer: str, slabs: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``slabs`` that are not held from ``peer``."""
        return tuple(slab for slab in dict.fromkeys(slabs) if slab not in self.pool(peer))

    def cut_at(self, peer: str, spans: tuple[kx.Span, ...]) -> tuple[bytes, Step]:
        """Take the bytes that the source ``peer`` has cut; the step makes it durable."""
        pool = self.pool(peer)
        cut = pool.cut_at((span.slab, span.offset, span.length) for span in spans)
        return cut.material, spend(pool, cut, peer)

    def drop(self, peer: str, chunks: tuple[str, ...]) -> Step:
        """The source will not use what is left of these."""
        for chunk in chunks:
            self._waiting.get(peer, {}).pop(chunk, None)
        return void(self.pool(peer), chunks, peer, f"{peer} will not use it")

    def expire(self, now: float) -> None:
        """Forget shares of which no chunk was made in time."""
        for waiting in self._waiting.values():
            for chunk in [name for name, one in waiting.items() if now - one.since > RELAY_LIMIT_S]:
                del waiting[chunk]
