"""How both ends of a key stream come to hold the same chunks by index (ETSI GS QKD 004 V2.1.1; ITU-T Y.3803 supply).

Rules it keeps:

- The leading site cuts chunks in order from its pool with the other site (for two applications of one site it draws
  them). Its copy, the head of the pool and the number of chunks are durable before the other site is told; the other
  site's copy is durable before it says so; the leading site gives no chunk before that.
- A chunk is taken only at the next index, and only in the session of the last synchronisation. Whatever else comes is
  refused, and the two agree anew: the leading site takes back the chunks that the other has never held, which nobody
  has got, and cuts fresh key for their indices. What was cut for them is wasted.
- If the other site has had more chunks than the leading one has cut, or lacks one that may have been given, one of the
  two stores has lost something: the stream ends. What is held of it can still be got.
- At most ``BACKLOG`` chunks wait at either site.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from qit4n.entropy import Entropy
from qit4n.keys.directory import Directory
from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.keys.step import Send, Step
from qit4n.keys.store import Erase, StreamChunkRecord, StreamRecord
from qit4n.keys.supply.access import Bucket
from qit4n.keys.supply.stream import ID_BYTES, Stream, loaded
from qit4n.network.model import Trust
from qit4n.refpoints import kx

BACKLOG = 256
PAUSE_S = 0.5


class StreamSupply:
    """All streams of one site, and their chunks."""

    def __init__(
        self,
        site: str,
        directory: Directory,
        pools: EndToEndPools,
        entropy: Entropy,
        *,
        agreed: AbstractSet[str],
        sessions: Mapping[str, int],
    ) -> None:
        """Start without streams. ``sessions`` are those in which this site's questions were answered, by peer."""
        self.site = site
        self.streams: dict[bytes, Stream] = {}
        self._directory = directory
        self._pools = pools
        self._entropy = entropy
        self._agreed = agreed
        self._sessions = sessions
        self._heard: dict[str, int] = {}
        self._buckets: dict[bytes, Bucket] = {}

    def load(self, streams: Iterable[StreamRecord], chunks: Iterable[StreamChunkRecord]) -> Step:
        """Take the streams of the store; the step erases those that no demand allows any more."""
        step = Step()
        for record in streams:
            if self._directory.allowed(*record.applications):
                stream = loaded(record, *self.place(*record.applications))
                self.streams[stream.id] = stream
            else:
                step.writes.append(Erase(record.kind, record.key))
        for held in chunks:
            found = self.streams.get(bytes.fromhex(held.stream)[:ID_BYTES])
            if found is None or found.name.hex() != held.stream or held.index >= found.number:
                step.writes.append(Erase(held.kind, held.key))
            else:
                found.take(held)
        return step

    def adopt(self) -> Step:
        """Forget the streams that no demand of a changed file allows."""
        step = Step()
        for stream in tuple(self.streams.values()):
            if not self._directory.allowed(*stream.applications):
                step.extend(self.erase(stream))
        return step

    def place(self, leader: str, other: str) -> tuple[tuple[str, ...], str, bool]:
        """Of two applications, the leading site's first: those here, the other site, whether this one leads."""
        sites = self._directory.sites
        own = tuple(one for one in (leader, other) if sites[one] == self.site)
        leads = sites[leader] == self.site
        return own, sites[other] if leads else sites[leader], leads

    def find(self, peer: str, name: bytes) -> Stream | None:
        """The stream with another site that a message names."""
        stream = self.streams.get(name[:ID_BYTES])
        fits = stream is not None and stream.peer == peer and not stream.local and name in {stream.name, stream.id}
        return stream if fits else None

    def erase(self, stream: Stream) -> Step:
        """Forget a stream."""
        del self.streams[stream.id]
        self._buckets.pop(stream.name, None)
        return stream.erase()

    def agrees(self, peer: str) -> bool:
        """Whether this site and another agree now on what both hold."""
        return peer in self._agreed

    def reachable(self, stream: Stream) -> bool:
        """Whether key may be cut now."""
        return stream.peer in self._agreed  # the site itself, of a local one: it goes with a store that is an old copy

    # the leading site

    def ask(self, stream: Stream, index: int, limit_s: float, now: float) -> Step:
        """An application of this site wants the chunks up to ``index``."""
        if stream.leads:
            return self._want(stream, index, now + limit_s, now)
        message = kx.WantChunks(stream=stream.name, index=index, limit_ms=int(limit_s * 1000))
        return Step(actions=[Send(stream.peer, message)])

    def want_chunks(self, peer: str, message: kx.WantChunks, now: float) -> Step:
        """An application at ``peer`` wants the chunks up to an index."""
        stream = self.find(peer, message.stream)
        if stream is None or not stream.leads:
            return Step(actions=[Send(peer, kx.StreamEnd(stream=message.stream, open=False))])
        limit_s = min(message.limit_ms, stream.qos.timeout) / 1000
        stream.short = False  # so that it is told again
        return self._want(stream, message.index, now + limit_s, now)

    def _want(self, stream: Stream, index: int, until: float, now: float) -> Step:
        stream.wanted = max(index, stream.wanted if stream.wanted_until > now else -1)
        stream.wanted = min(stream.wanted, stream.number + BACKLOG)
        stream.wanted_until = max(until, stream.wanted_until)
        return self.extend(stream, now)

    def extend(self, stream: Stream, now: float) -> Step:
        """Cut what is wanted and can be cut now."""
        step, size = Step(), stream.qos.key_chunk_size
        while self._may_cut(stream, now):
            if not stream.local and self._pools.available_bytes(stream.peer, self._trust(stream)) < size:
                if not stream.short:
                    step.actions.append(Send(stream.peer, kx.StreamShort(stream=stream.name)))
                stream.short = True
                break
            if not self._within_rate(stream, now):
                break
            stream.short = False
            step.extend(self._draw(stream, now) if stream.local else self._cut(stream, now))
        return step

    def _may_cut(self, stream: Stream, now: float) -> bool:
        return (
            stream.leads
            and stream.flows
            and stream.number <= stream.wanted
            and stream.not_before <= now <= stream.wanted_until
            and self.reachable(stream)
            and len(stream.chunks) < BACKLOG
            and stream.told + stream.number - stream.confirmed < BACKLOG
        )

    def _within_rate(self, stream: Stream, now: float) -> bool:
        rate, bits = stream.qos.max_bps, 8 * stream.qos.key_chunk_size
        bucket = self._buckets.setdefault(stream.name, Bucket(rate, max(rate, bits)))
        return not rate or bucket.take(bits, now)

    def _trust(self, stream: Stream) -> Trust:
        return self._directory.trust(*stream.applications)

    def _draw(self, stream: Stream, now: float) -> Step:
        size, index = stream.qos.key_chunk_size, stream.number
        step = stream.hold(self._entropy(size), now, 0, now)
        stream.confirmed = stream.number
        return step.tell("supplied", stream.subject(index), size, *stream.applications)

    def _cut(self, stream: Stream, now: float) -> Step:
        trust, size, index = self._trust(stream), stream.qos.key_chunk_size, stream.number
        ready = self._pools.outgoing[stream.peer, trust].ready
        made_at = ready.since(ready.slabs[0])
        cut, known, step = self._pools.cut(stream.peer, size, trust)
        hops = max(len(path) - 1 for one in known for path in one.paths)
        step.extend(stream.hold(cut.material, made_at, hops, now))
        step.tell("supplied", stream.subject(index), size, *stream.applications, note="; ".join(map(str, known)))
        message = kx.SupplyChunk(
            stream=stream.name,
            index=index,
            spans=tuple(kx.Span(slab=slab, offset=at, length=length) for slab, at, length in cut.spans),
            session=self._sessions[stream.peer],
            age_ms=max(0, int(1000 * (now - made_at))),
            hops=hops,
        )
        step.actions.append(Send(stream.peer, message))
        return step

    def chunks_held(self, peer: str, message: kx.ChunksHeld, now: float) -> Step:
        """The other site holds chunks durably: they may be given."""
        stream = self.find(peer, message.stream)
        if stream is None or not stream.leads or not self._in_session(peer, message.session):
            return Step()
        if stream.confirmed <= message.number <= stream.number:
            stream.confirmed, stream.told = message.number, max(0, message.waiting)
        return self.extend(stream, now)

    def chunk_refused(self, peer: str, message: kx.RefuseChunk, now: float) -> bool:
        """Whether the two sites must agree anew, because one of this session was refused."""
        stream = self.find(peer, message.stream)
        if stream is None or not stream.leads or not self._in_session(peer, message.session):
            return False
        stream.not_before = now + PAUSE_S
        return True

    def short(self, peer: str, message: kx.StreamShort) -> Step:
        """The leading site has too little key."""
        stream = self.find(peer, message.stream)
        if stream is not None:
            stream.short = True
        return Step()

    def _in_session(self, peer: str, session: int) -> bool:
        return peer in self._agreed and self._sessions.get(peer) == session

    # the other site

    def supply_chunk(self, peer: str, message: kx.SupplyChunk, now: float) -> Step:
        """Hold the copy of an application of this site, then say so."""
        stream = self.find(peer, message.stream)
        if stream is None or not self._acceptable(stream, message):
            return Step(actions=[Send(peer, kx.RefuseChunk(stream=message.stream, session=message.session))])
        value, step = self._pools.incoming.cut_at(peer, message.spans)
        step.extend(stream.hold(value, now - message.age_ms / 1000, message.hops, now))
        stream.confirmed, stream.short = stream.number, False
        step.tell("held", stream.subject(message.index), len(value), *stream.applications)
        step.actions.append(Send(peer, self.held_now(stream)))
        return step

    def _acceptable(self, stream: Stream, message: kx.SupplyChunk) -> bool:
        return (
            not stream.leads
            and not stream.ended
            and self._heard.get(stream.peer) == message.session
            and stream.peer in self._agreed
            and message.index == stream.number
            and sum(span.length for span in message.spans) == stream.qos.key_chunk_size
            and not self._pools.incoming.missing(stream.peer, tuple(span.slab for span in message.spans))
            and len(stream.chunks) < 2 * BACKLOG
        )

    def held_now(self, stream: Stream) -> kx.ChunksHeld:
        """What the leading site is to know."""
        stream.told = len(stream.chunks)
        return kx.ChunksHeld(
            stream=stream.name, number=stream.number, waiting=stream.told, session=self._heard.get(stream.peer, 0)
        )

    def room_again(self, stream: Stream) -> Step:
        """Tell the leading site that a chunk was fetched, if it may wait for that."""
        if stream.leads or stream.told < BACKLOG // 2:
            return Step()
        return Step(actions=[Send(stream.peer, self.held_now(stream))])

    # both: agreement after a connection has opened

    def states_for(self, peer: str, session: int) -> tuple[kx.StreamState, ...]:
        """What is held here of the streams with ``peer``, whose question opens ``session``."""
        self._heard[peer] = session
        return tuple(
            kx.StreamState(
                stream=stream.name,
                number=stream.number,
                open=not stream.open.isdisjoint(stream.own),
                ended=stream.ended,
            )
            for stream in self.streams.values()
            if stream.peer == peer and not stream.local
        )

    def reconcile(self, peer: str, theirs: tuple[kx.StreamState, ...], now: float) -> Step:
        """Agree with what the other site holds."""
        step, there = Step(), {state.stream: state for state in theirs}
        for stream in [one for one in self.streams.values() if one.peer == peer and not one.local]:
            state = there.pop(stream.name, None)
            if state is not None or stream.id not in there:  # else: it waits there for an answer to JoinStream
                step.extend(self._reconcile_one(stream, state, now))
        unknown = [name for name in there if len(name) > ID_BYTES and not there[name].ended]
        step.actions += [Send(peer, kx.StreamEnd(stream=name, open=False)) for name in unknown]
        return step

    def _reconcile_one(self, stream: Stream, state: kx.StreamState | None, now: float) -> Step:
        (other,) = set(stream.applications) - set(stream.own)
        was_open, is_open = other in stream.open, state is not None and state.open
        if state is None and not was_open and stream.leads:
            return Step()  # it has not been opened there
        if state is None or state.ended or (was_open and not is_open) or (stream.leads and is_open and not was_open):
            return self.other_closed(stream, now)
        if stream.leads:
            return self._agree(stream, state.number, now)
        if is_open:
            stream.open.add(other)
        return Step([stream.kept()])

    def _agree(self, stream: Stream, number: int, now: float) -> Step:
        if not stream.confirmed <= number <= stream.number or stream.may_have_given(number):
            step = self.other_closed(stream, now)
            step.actions.append(Send(stream.peer, kx.StreamEnd(stream=stream.name, open=False)))
            return step
        stream.told = 0
        step = stream.roll_back(number) if number < stream.number else Step()
        stream.confirmed = number
        step.extend(self.extend(stream, now))
        return step

    def other_closed(self, stream: Stream, now: float) -> Step:
        """The end at the other site is closed: the stream grows no more, and goes when nobody here needs it."""
        stream.open.intersection_update(stream.own)
        stream.end(now)
        return Step([stream.kept()]) if stream.open else self.erase(stream)

    def void_with(self, peer: str) -> Step:
        """This store is an old copy: what it holds of streams with ``peer`` may have been given."""
        step = Step()
        for stream in [one for one in self.streams.values() if one.peer == peer]:
            step.extend(self.erase(stream))
            if not stream.local:
                step.actions.append(Send(peer, kx.StreamEnd(stream=stream.name, open=False)))
        return step
