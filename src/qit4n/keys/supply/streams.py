"""Key streams at Ak: OPEN_CONNECT, GET_KEY and CLOSE of ETSI GS QKD 004 V2.1.1.

Decisions where the document leaves room, or its text was not at hand (``tests/simulation/test_etsi004.py``):

- An end is open from OPEN_CONNECT until CLOSE, also over a lost connection and a restart of the key manager. Opening
  it again, or an id in use by others, is status 5. The second application may ask only for what the stream has, else 7.
- OPEN_CONNECT before the other application is a success with status 1. GET_KEY waits for the other application, for key
  and for the other site up to ``timeout``; then its status says what was missing: 3, 2, 4 or, where nothing is known
  but the time, 6. A chunk that is gone (got or destroyed) is 2 at once, a stream that the other end has closed 3.
- A pair that no demand allows, or a Key_stream_ID without an open end of the caller, is status 4.
- CLOSE destroys what waits for the caller. The other end keeps what it holds until ``ttl``; the stream grows no more.
- After ``ttl`` seconds chunks that nobody got are destroyed. An end that makes no call for so long is closed.
- Each chunk counts as key of the application that gets it, by the limits of the network file.
"""

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from qit4n.entropy import Entropy
from qit4n.keys.directory import Directory
from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.keys.step import Answer, Send, Step
from qit4n.keys.store import StreamChunkRecord, StreamRecord
from qit4n.keys.supply.access import Access
from qit4n.keys.supply.stream import Stream
from qit4n.keys.supply.streamopening import StreamOpening
from qit4n.keys.supply.streamsupply import StreamSupply
from qit4n.refpoints import ak, kx
from qit4n.refpoints.ak import StreamStatus

WINDOW = 128
AGREEMENT_LIMIT_S = 10.0


@dataclass(frozen=True)
class Getting:
    """A GET_KEY that waits."""

    number: int
    request: ak.GetChunk
    index: int
    deadline: float
    bits: int


class KeyStreams:
    """The key streams of one site."""

    def __init__(
        self,
        site: str,
        directory: Directory,
        access: Access,
        pools: EndToEndPools,
        entropy: Entropy,
        *,
        agreed: AbstractSet[str],
        sessions: Mapping[str, int],
    ) -> None:
        """Start without streams; ``access`` is that of the KSA, so that limits hold over all interfaces."""
        self._access = access
        self._supply = StreamSupply(site, directory, pools, entropy, agreed=agreed, sessions=sessions)
        self._opening = StreamOpening(directory, access, pools, entropy, self._supply)
        self._getting: list[Getting] = []
        self._started_at: float | None = None

    def load(self, streams: Iterable[StreamRecord], chunks: Iterable[StreamChunkRecord]) -> Step:
        """Take what the store holds."""
        return self._supply.load(streams, chunks)

    @property
    def led(self) -> tuple[Stream, ...]:
        """The streams that this site leads."""
        return tuple(stream for stream in self._supply.streams.values() if stream.leads)

    # Ak

    def request(self, number: int, request: ak.StreamRequest, now: float) -> Step:
        """Answer an application, now or later."""
        refused = self._access.refuse_rate(request.application, now)
        if refused:
            return Step(actions=[Answer(number, refused)])
        if isinstance(request, ak.OpenStream):
            return self._opening.open(number, request, now)
        stream = self._supply.streams.get(request.stream)
        if stream is None or request.application not in stream.open or request.application not in stream.own:
            text = f"{request.application} has no open end of this stream"
            return Step(actions=[Answer(number, _failed(request, StreamStatus.NO_QKD_CONNECTION, text))])
        stream.used[request.application] = now
        if isinstance(request, ak.CloseStream):
            step = self._close(stream, request.application, "by its application", now)
            step.actions.append(Answer(number, ak.ClosedStream(status=StreamStatus.SUCCESS)))
            return step
        return self._get(number, request, stream, now)

    def _get(self, number: int, request: ak.GetChunk, stream: Stream, now: float) -> Step:
        index = self._next(stream, request.application) if request.index is None else request.index
        bits = 8 * stream.qos.key_chunk_size
        text = ""
        if index < stream.number and not self._waits(stream, index, request.application):
            text = f"chunk {index} was got already, or is destroyed"
        elif index >= stream.number + WINDOW:
            text = f"{stream.number} chunks so far; at most {WINDOW - 1} may be left out"
        else:
            refused = self._access.refuse_quota(request.application, bits, now)
            text = refused.text if refused else ""
        if text:
            return Step(actions=[Answer(number, _failed(request, StreamStatus.INSUFFICIENT_KEY, text, index))])
        limit_s = stream.qos.timeout / 1000
        self._getting.append(Getting(number, request, index, now + limit_s, bits))
        step = self._supply.ask(stream, index, limit_s, now) if index >= stream.number else Step()
        step.extend(self._serve(now))
        return step

    def _next(self, stream: Stream, application: str) -> int:
        """The lowest index that an application may still get and has not asked for."""
        asked = {
            one.index
            for one in self._getting
            if (one.request.stream, one.request.application) == (stream.id, application)
        }
        index = stream.next_for(application)
        while index in asked or (index < stream.number and not self._waits(stream, index, application)):
            index += 1
        return index

    @staticmethod
    def _waits(stream: Stream, index: int, application: str) -> bool:
        return index in stream.chunks and application in stream.chunks[index].waiting

    def _serve(self, now: float) -> Step:
        """Answer all GET_KEY that can be answered."""
        step, left = Step(), list[Getting]()
        for one in self._getting:
            stream = self._supply.streams.get(one.request.stream)
            if stream is None or one.request.application not in stream.open:
                step.actions.append(self._fail(one, StreamStatus.NO_QKD_CONNECTION, "the stream is closed"))
            elif one.index < stream.number and not self._waits(stream, one.index, one.request.application):
                step.actions.append(self._fail(one, StreamStatus.INSUFFICIENT_KEY, f"chunk {one.index} is gone"))
            elif one.index < stream.confirmed and self._is_no_old_copy(stream, now):
                step.extend(self._give(one, stream, now))
            elif one.index >= stream.number and stream.ended:
                step.actions.append(self._fail(one, StreamStatus.NO_PEER_FOR_KEY, "the other end is closed"))
            else:
                left.append(one)
        self._getting = left
        return step

    def _is_no_old_copy(self, stream: Stream, now: float) -> bool:
        """Soon after a start nothing is given before the other sites had time to show that it is an old copy."""
        started = self._started_at if self._started_at is not None else now
        return self._supply.agrees(stream.peer) or now - started > AGREEMENT_LIMIT_S

    def _give(self, one: Getting, stream: Stream, now: float) -> Step:
        chunk, room = stream.chunks[one.index], one.request.metadata_size
        needed = len(chunk.metadata(math.inf))  # age grows: what is enough now shall be enough later
        if room is not None and room < needed:
            self._access.give_back(one.request.application, one.bits)
            text = f"metadata may have {needed} bytes"
            small = StreamStatus.METADATA_TOO_SMALL
            reply = ak.SuppliedChunk(status=small, index=one.index, metadata_size=needed, text=text)
            return Step(actions=[Answer(one.number, reply)])
        value, step = stream.give(one.index, one.request.application)
        step.extend(self._supply.room_again(stream))
        metadata = "" if room is None else chunk.metadata(now)
        supplied = ak.SuppliedChunk(
            status=StreamStatus.SUCCESS, index=one.index, chunk=value, metadata=metadata, metadata_size=len(metadata)
        )
        step.actions.append(Answer(one.number, supplied))
        return step

    def _fail(self, one: Getting, status: StreamStatus, text: str) -> Answer:
        self._access.give_back(one.request.application, one.bits)
        return Answer(one.number, _failed(one.request, status, text, one.index))

    def _close(self, stream: Stream, application: str, why: str, now: float) -> Step:
        """Close an end of this site; the stream goes when no end is left here that needs it."""
        stream.open.discard(application)
        step = stream.drop_copies_of(application).tell("closed", stream.subject(), 0, application, note=why)
        stream.end(now)
        if not stream.local:
            step.actions.append(Send(stream.peer, kx.StreamEnd(stream=stream.name, open=False)))
        step.extend(self._supply.erase(stream) if self._is_over(stream) else Step([stream.kept()]))
        step.extend(self._serve(now))
        return step

    @staticmethod
    def _is_over(stream: Stream) -> bool:
        """Whether nobody needs it here: the leading site remembers the id until both ends are closed."""
        return not stream.open if stream.leads else stream.open.isdisjoint(stream.own)

    # Kx

    def receive(self, peer: str, message: kx.StreamMessage, now: float) -> Step:
        """A message of another key manager; :class:`~qit4n.refpoints.kx.RefuseChunk` is the key manager's."""
        supply = self._supply
        match message:
            case kx.JoinStream():
                step = self._opening.join(peer, message, now)
            case kx.StreamJoined():
                step = self._opening.joined(peer, message, now)
            case kx.StreamEnd():
                step = self._end(peer, message, now)
            case kx.WantChunks():
                step = supply.want_chunks(peer, message, now)
            case kx.StreamShort():
                step = supply.short(peer, message)
            case kx.SupplyChunk():
                step = supply.supply_chunk(peer, message, now)
            case kx.ChunksHeld():
                step = supply.chunks_held(peer, message, now)
        step.extend(self._serve(now))
        return step

    def refused(self, peer: str, message: kx.RefuseChunk, now: float) -> bool:
        """Whether the two sites must agree anew."""
        return self._supply.chunk_refused(peer, message, now)

    def _end(self, peer: str, message: kx.StreamEnd, now: float) -> Step:
        stream = self._supply.find(peer, message.stream)
        if stream is None:
            return Step()
        if not message.open:
            was_open = not stream.leads or not stream.open.issubset(stream.own)
            return self._supply.other_closed(stream, now) if was_open else Step()
        if stream.leads or stream.ended:
            return Step()
        stream.open.update(stream.applications)
        return Step([stream.kept()])

    def states_for(self, peer: str, session: int) -> tuple[kx.StreamState, ...]:
        """What is held here of the streams with ``peer``, and for which this site waits."""
        waiting = (stream for stream, one in self._opening.joining.items() if one.site == peer)
        joining = (kx.StreamState(stream=stream, number=0, open=True) for stream in waiting)
        return (*self._supply.states_for(peer, session), *joining)

    def reconcile(self, peer: str, theirs: tuple[kx.StreamState, ...], now: float) -> Step:
        """Agree with what the other site holds, and ask again for what is waited for."""
        step = self._supply.reconcile(peer, theirs, now)
        step.extend(self._serve(now))
        for one in self._getting:
            stream = self._supply.streams[one.request.stream]
            if stream.peer == peer and one.index >= stream.number:
                step.extend(self._supply.ask(stream, one.index, max(0.0, one.deadline - now), now))
        return step

    def void_with(self, peer: str) -> Step:
        """This store is an old copy."""
        return self._supply.void_with(peer)

    def lost(self, peer: str) -> Step:
        """No connection to ``peer`` any more."""
        return self._opening.lost(peer)

    def adopt(self) -> Step:
        """Take what has changed in the directory."""
        return self._supply.adopt()

    def timer(self, now: float) -> Step:
        """Go on cutting, destroy what is too old, close what is not used, answer who has waited long enough."""
        self._started_at = now if self._started_at is None else self._started_at
        step = self._opening.timer(now)
        for stream in list(self._supply.streams.values()):
            step.extend(self._supply.extend(stream, now))
            step.extend(self._expire(stream, now))
        step.extend(self._serve(now))
        late = [one for one in self._getting if now > one.deadline]
        self._getting = [one for one in self._getting if now <= one.deadline]
        step.actions += [self._fail(one, *self._missing(one)) for one in late]
        return step

    def _missing(self, one: Getting) -> tuple[StreamStatus, str]:
        """Why a GET_KEY was not met in time."""
        stream = self._supply.streams[one.request.stream]
        if not self._supply.reachable(stream):
            return StreamStatus.NO_QKD_CONNECTION, f"no connection to site {stream.peer} now"
        if not stream.flows:
            return StreamStatus.NO_PEER_FOR_KEY, "the other application has not opened the stream"
        if stream.short:
            return StreamStatus.INSUFFICIENT_KEY, f"too little key with site {stream.peer}"
        return StreamStatus.TIMEOUT, f"no chunk within {stream.qos.timeout} ms"

    def _expire(self, stream: Stream, now: float) -> Step:
        step, ttl = stream.expire(now), stream.qos.ttl
        waiting = {(one.request.stream, one.request.application) for one in self._getting}
        for application in [one for one in stream.own if one in stream.open]:
            used = stream.used.setdefault(application, now)
            if (stream.id, application) in waiting:
                stream.used[application] = now
            elif now - used > ttl:
                step.extend(self._close(stream, application, "no call within its TTL", now))
        if stream.ended:
            stream.end(now)
            if stream.id in self._supply.streams and now - (stream.ended_at or now) > ttl:
                step.extend(self._supply.erase(stream))
        return step


def _failed(request: ak.GetChunk | ak.CloseStream, status: StreamStatus, text: str, index: int = 0) -> ak.StreamReply:
    if isinstance(request, ak.CloseStream):
        return ak.ClosedStream(status=status, text=text)
    return ak.SuppliedChunk(status=status, index=index or request.index or 0, text=text)
