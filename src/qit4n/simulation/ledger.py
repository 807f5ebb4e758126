"""The account of every byte: what each slab and chunk was used for, who could know it, and where it was seen.

The ledger sees all sites at once. It decrypts relays with the slabs that the modules made, so it knows each chunk and
each key without asking the key managers, and compares.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from qit4n.errors import InvariantViolatedError
from qit4n.keys.audit import AuditEvent
from qit4n.keys.onetimepad import TAG_KEY_BYTES, xor
from qit4n.keys.store import ChunkRecord
from qit4n.keys.supply.stream import ID_BYTES
from qit4n.network.model import Network
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import kq1, kx
from qit4n.simulation import seam
from qit4n.simulation.watcher import Records, Watcher

Spans = Iterable[tuple[str, int, int]]


@dataclass
class Material:
    """Bytes of a slab or chunk and which of them have been used, for a pad or a key."""

    content: bytes
    used: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        """Nothing is used yet."""
        self.used = bytearray(len(self.content))

    def use(self, offset: int, length: int) -> bool:
        """Mark bytes as used; False if one of them was already."""
        fresh = self.used.find(1, offset, offset + length) < 0
        self.used[offset : offset + length] = b"\x01" * length
        return fresh


@dataclass
class Chunk(Material):
    """A chunk that two sites have stored, and who could know it by the records of both."""

    knowledge: set[Knowledge] = field(default_factory=set)

    @property
    def sites(self) -> set[str]:
        """All sites that had a part in it."""
        return {site for known in self.knowledge for path in known.paths for site in path}


@dataclass(frozen=True)
class Supply:
    """What a source has told the sites of the slaves about one key."""

    value: bytes
    master: str
    slaves: tuple[str, ...]
    chunks: tuple[str, ...]


class Ledger(Watcher):
    """Books of a run. ``liars`` are the sites that may say anything: their own words prove nothing."""

    def __init__(self, network: Network, liars: frozenset[str]) -> None:
        """Empty books."""
        self.liars = liars
        self._ends = {link.id: link.ends for link in network.links}
        self.slabs: dict[tuple[str, str], Material] = {}
        self.chunks: dict[str, Chunk] = {}
        self.supplies: dict[seam.KeyId, Supply] = {}
        self.streamed: dict[tuple[bytes, int], set[str]] = {}
        self.seen: dict[str, bytearray] = {}
        self._passed: set[tuple[str, str, int]] = set()
        self._shares: dict[tuple[str, int], bytes] = {}
        self.readers: dict[tuple[str, int], set[str]] = {}
        self.audited = bytearray()
        self._said: dict[tuple[str, str, int], kx.RelayKey | kx.RelayPads] = {}
        self._encode = msgspec.msgpack.Encoder().encode

    # what happens

    def distilled(self, key: kq1.QKDKey) -> None:
        """Two slabs of a link."""
        half = len(key.material) // 2
        self.slabs[key.link, f"{key.block}a"] = Material(key.material[:half])
        self.slabs[key.link, f"{key.block}b"] = Material(key.material[half:])

    def sent(self, site: str, peer: str, message: kx.KxMessage) -> None:
        """Bytes have been used."""
        if isinstance(message, kx.RelayKey | kx.RelayPads):
            self._relayed(site, peer, message)
            self._once(site, message)
        elif isinstance(message, kx.NotifySupply) and site not in self.liars:
            self._noticed(message, seam.notice(message))
        elif isinstance(message, kx.SupplyChunk) and site not in self.liars:
            for span in message.spans:
                self._spend(span.slab, span.offset, span.length)
            names = self.streamed.setdefault((message.stream[:ID_BYTES], message.index), set())
            names.update(span.slab for span in message.spans)

    def received(self, site: str, peer: str, message: kx.KxMessage) -> None:
        """A site has seen bytes."""
        del peer
        self._blob(site).extend(self._encode(message))

    def committed(self, site: str, records: Records, events: Sequence[AuditEvent]) -> None:
        """A site has stored bytes; a chunk must be stored as it was drawn."""
        for record in records.values():
            if record is not None:
                self._blob(site).extend(self._encode(record))
                if isinstance(record, ChunkRecord):
                    self._stored(site, record)
        for event in events:
            self.audited.extend(self._encode(event))

    def _blob(self, site: str) -> bytearray:
        return self.seen.setdefault(site, bytearray())

    def _stored(self, site: str, record: ChunkRecord) -> None:
        chunk = self.chunks.setdefault(record.chunk, Chunk(record.material))
        chunk.knowledge.add(record.knowledge)
        ends = (record.source, record.destination)
        if len(chunk.knowledge) > 1 and self.liars.isdisjoint(ends):
            raise InvariantViolatedError(
                "only the ends and the recorded trusted sites know a key",
                f"{site} records other sites for chunk {record.chunk[:8]} than the other end",
            )
        if record.material != chunk.content and self.liars.isdisjoint(ends):
            raise InvariantViolatedError("both copies are equal", f"chunk {record.chunk[:8]} at {site} differs")

    # relay

    def _relayed(self, site: str, peer: str, message: kx.RelayKey | kx.RelayPads) -> None:
        if not message.spans or self._repeated(message):
            return
        pad = b"".join(self._take(site, message.link, span) for span in message.spans)
        if isinstance(message, kx.RelayPads):
            return
        size = len(message.ciphertext)
        if len(pad) != size + TAG_KEY_BYTES:
            raise InvariantViolatedError(
                "a hop is paid in full", f"{site} sent {size} bytes to {peer} with a pad of {len(pad)} bytes"
            )
        content, name = xor(message.ciphertext, pad[:size]), (message.chunk, message.share)
        self.readers.setdefault(name, set()).update((site, peer))
        if content != self._shares.setdefault(name, content) and not self.liars.intersection(message.path):
            raise InvariantViolatedError("both copies are equal", f"a share of {name[0][:8]} was changed at {site}")

    def _once(self, site: str, message: kx.RelayKey | kx.RelayPads) -> None:
        """Each share goes on once: what comes a second time finds its pad gone."""
        place = (site, message.chunk, message.share)
        if place in self._passed and not self.liars.intersection(message.path):
            raise InvariantViolatedError("a repeated message finds nothing", f"{site} took {message.chunk[:8]} twice")
        self._passed.add(place)

    def _repeated(self, message: kx.RelayKey | kx.RelayPads) -> bool:
        """The same message once more gives nothing away."""
        first = message.spans[0]
        place = (message.link, first.slab, first.offset)
        return self._said.setdefault(place, message) is not message and self._said[place] == message

    def _take(self, site: str, link: str, span: kx.Span) -> bytes:
        slab = self.slabs[link, span.slab]
        if not slab.use(span.offset, span.length) and not self.of_a_liar(link):
            raise InvariantViolatedError(
                "no byte of a pad is used twice",
                f"{site} encrypts with bytes {span.offset}+{span.length} of slab {span.slab} of link {link} again",
            )
        return slab.content[span.offset : span.offset + span.length]

    def of_a_liar(self, link: str) -> bool:
        """Whether a link ends at a Byzantine site."""
        return not self.liars.isdisjoint(self._ends[link])

    # supply

    def _noticed(self, message: kx.NotifySupply, notice: seam.Notice) -> None:
        known = self.supplies.get(notice.key_ids[0])
        value = b"".join(self._spend(slab, offset, length) for slab, offset, length in notice.spans)
        value = xor(value, notice.mask) if notice.mask else value
        chunks = tuple(dict.fromkeys(slab for slab, _, _ in notice.spans)) + (known.chunks if known else ())
        slaves = message.slaves + (known.slaves if known else ())
        for place, key_id in enumerate(notice.key_ids):
            one = value[place * notice.size : (place + 1) * notice.size]
            other = self.supplies.get(key_id)
            if other is not None and other.value != one and self.liars.isdisjoint(self._sites_of(other)):
                raise InvariantViolatedError(
                    "both copies are equal", f"key {key_id.hex()} differs between slaves' sites"
                )
            self.supplies[key_id] = Supply(one, message.master, slaves, chunks)

    def _spend(self, name: str, offset: int, length: int) -> bytes:
        chunk = self.chunks[name]
        if not chunk.use(offset, length):
            raise InvariantViolatedError(
                "no byte of a pool is used twice", f"bytes {offset}+{length} of chunk {name[:8]} are supplied again"
            )
        return chunk.content[offset : offset + length]

    # questions

    def _sites_of(self, supply: Supply) -> set[str]:
        return {site for name in supply.chunks for site in self.chunks[name].sites}

    def through_a_liar(self, key_id: seam.KeyId) -> bool:
        """Whether a Byzantine site could have changed this key on its way."""
        supply = self.supplies.get(key_id)
        return supply is not None and any(self.liars.intersection(self.chunks[name].sites) for name in supply.chunks)

    def chunk_through_a_liar(self, stream: bytes, index: int) -> bool:
        """Whether a Byzantine site could have changed this chunk of a key stream, or led the stream."""
        names = self.streamed.get((stream, index))
        return bool(self.liars) and (names is None or any(self.liars & self.chunks[name].sites for name in names))

    def may_know(self, key_id: seam.KeyId) -> set[str]:
        """The sites that the records name as trusted with this key."""
        supply = self.supplies.get(key_id)
        if supply is None:
            return set()
        known = {one for name in supply.chunks for one in self.chunks[name].knowledge}
        return {site for one in known for path in one.paths for site in path if one.known_to([site])}

    def could_read(self, key_id: seam.KeyId) -> set[str]:
        """The sites that had the means to read a chunk of this key."""
        supply = self.supplies.get(key_id)
        if supply is None:
            return set()
        found: set[str] = set()
        for name in supply.chunks:
            needed = max(known.threshold for known in self.chunks[name].knowledge)
            held = [sites for (chunk, _), sites in self.readers.items() if chunk == name]
            found |= {site for sites in held for site in sites if sum(site in other for other in held) >= needed}
        return found
