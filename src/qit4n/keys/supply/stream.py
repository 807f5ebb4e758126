"""What a site knows of one key stream (ETSI GS QKD 004 V2.1.1), and the records of it.

A stream is bound to two applications. The site of the one whose id sorts first *leads*: it cuts the chunks, whoever
opened the stream and whoever asks for a chunk first. Its name between key managers is the Key_stream_ID and 8 random
bytes, so that an id that is used again later is another stream.
"""

from dataclasses import dataclass, field

import msgspec

from qit4n.keys.step import Step
from qit4n.keys.store import Erase, Put, StreamChunkRecord, StreamRecord
from qit4n.refpoints import ak

ID_BYTES = 16
NAME_BYTES = 24
MOST_UINT32 = 2**32 - 1
JSON = msgspec.json.Encoder()


@dataclass
class Chunk:
    """A chunk that ``waiting``, applications of this site, have yet to get. ``repr`` hides the value."""

    value: bytearray
    waiting: list[str]
    held_at: float
    made_at: float
    hops: int

    def __repr__(self) -> str:
        """Without the value."""
        return f"Chunk(<{len(self.value)} bytes>, {self.waiting})"

    def metadata(self, now: float) -> str:
        """As JSON (004 Table 3): its age in milliseconds, and over how many links it went."""
        age_ms = int(min(max(0.0, 1000 * (now - self.made_at)), MOST_UINT32))
        return JSON.encode({"age": age_ms, "hops": self.hops}).decode()


@dataclass
class Stream:
    """A stream at one site.

    Attributes:
        name: 24 bytes.
        applications: the leading site's first.
        own: those of them at this site.
        peer: the other site, or this one when both applications are here.
        leads: whether this site cuts.
        number: chunks cut or, where the other site leads, held so far: the next index.
        confirmed: how many of them are known to be held at both sites. After a start nothing is, where this site leads.
        told: how many chunks wait at the other site, as it said last.
        wanted: the leading site cuts up to this index, until ``wanted_until``.
        short: there was too little key for the next chunk.
        used: when each application of this site last called.
    """

    name: bytes
    applications: tuple[str, str]
    own: tuple[str, ...]
    peer: str
    leads: bool
    qos: ak.StreamQoS
    open: set[str]
    number: int = 0
    confirmed: int = 0
    ended: bool = False
    ended_at: float | None = None
    told: int = 0
    wanted: int = -1
    wanted_until: float = 0.0
    not_before: float = 0.0
    short: bool = False
    chunks: dict[int, Chunk] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)

    @property
    def id(self) -> bytes:
        """Key_stream_ID."""
        return self.name[:ID_BYTES]

    @property
    def local(self) -> bool:
        """Whether both applications are at this site."""
        return len(self.own) > 1

    @property
    def flows(self) -> bool:
        """Whether both ends are open: only then the stream grows."""
        return len(self.open) > 1 and not self.ended

    def subject(self, index: int | None = None) -> str:
        """What the audit trail calls the stream, or a chunk of it."""
        return self.id.hex() if index is None else f"{self.id.hex()}/{index}"

    def next_for(self, application: str) -> int:
        """The lowest index that ``application`` may still get."""
        waiting = (index for index, chunk in self.chunks.items() if application in chunk.waiting)
        return min(waiting, default=self.number)

    def kept(self) -> Put:
        """The write that keeps everything but the chunks."""
        record = StreamRecord(
            key=self.name.hex(),
            applications=self.applications,
            qos=self.qos,
            number=self.number,
            open=tuple(sorted(self.open)),
            ended=self.ended,
        )
        return Put(record)

    def hold(self, value: bytes, made_at: float, hops: int, now: float) -> Step:
        """Add the next chunk for the applications of this site whose end is open; the step makes it durable."""
        index, self.number = self.number, self.number + 1
        waiting = [one for one in self.own if one in self.open]
        self.chunks[index] = Chunk(bytearray(value), waiting, now, made_at, hops)
        return Step([self._kept_chunk(index), self.kept()])

    def _kept_chunk(self, index: int) -> Put:
        chunk = self.chunks[index]
        record = StreamChunkRecord(
            key=self._chunk_key(index),
            stream=self.name.hex(),
            index=index,
            value=bytes(chunk.value),
            waiting=tuple(chunk.waiting),
            held_at=chunk.held_at,
            made_at=chunk.made_at,
            hops=chunk.hops,
        )
        return Put(record)

    def _chunk_key(self, index: int) -> str:
        return f"{self.name.hex()}/{index}"

    def give(self, index: int, application: str) -> tuple[bytes, Step]:
        """The chunk for an application, once; it is erased with the step when nobody waits for it any more."""
        chunk = self.chunks[index]
        value = bytes(chunk.value)
        chunk.waiting.remove(application)
        step = Step([self._kept_chunk(index)]) if chunk.waiting else self.forget(index)
        return value, step.tell("fetched", self.subject(index), len(value), application)

    def forget(self, index: int) -> Step:
        """Overwrite and erase a chunk."""
        chunk = self.chunks.pop(index)
        chunk.value[:] = bytes(len(chunk.value))
        return Step([Erase(StreamChunkRecord.kind, self._chunk_key(index))])

    def destroy(self, index: int, why: str) -> Step:
        """Erase a chunk that somebody waited for."""
        size = len(self.chunks[index].value)
        return self.forget(index).tell("expired", self.subject(index), size, note=why)

    def expire(self, now: float) -> Step:
        """Destroy the chunks whose time is over; they lie in no order of time, the clock may be set back."""
        step = Step()
        for index in [one for one, chunk in self.chunks.items() if now - chunk.held_at > self.qos.ttl]:
            step.extend(self.destroy(index, "nobody got it within its TTL"))
        return step

    def may_have_given(self, number: int) -> bool:
        """Whether a chunk from ``number`` on is not here any more."""
        left = range(number, self.number)
        return len(left) > len(self.chunks) or any(index not in self.chunks for index in left)

    def drop_copies_of(self, application: str) -> Step:
        """An application has closed its end: what waits for it alone is erased."""
        step = Step()
        for index, chunk in list(self.chunks.items()):
            if application in chunk.waiting:
                chunk.waiting.remove(application)
                step.extend(Step([self._kept_chunk(index)]) if chunk.waiting else self.destroy(index, "closed"))
        return step

    def take(self, record: StreamChunkRecord) -> None:
        """Take a chunk of the store."""
        self.chunks[record.index] = Chunk(
            bytearray(record.value), list(record.waiting), record.held_at, record.made_at, record.hops
        )

    def end(self, now: float | None) -> None:
        """The stream grows no more."""
        self.ended = True
        self.ended_at = self.ended_at or now

    def roll_back(self, number: int) -> Step:
        """Take back the chunks from ``number`` on, which the other site has not and nobody has got."""
        step = Step()
        for index in range(number, self.number):
            size = len(self.chunks[index].value)
            step.extend(self.forget(index).tell("voided", self.subject(index), size, note="the other site has it not"))
        self.number = self.confirmed = number
        step.writes.append(self.kept())
        return step

    def erase(self) -> Step:
        """Forget everything."""
        step = Step()
        for index in list(self.chunks):
            step.extend(self.destroy(index, "the stream has ended"))
        step.writes.append(Erase(StreamRecord.kind, self.name.hex()))
        return step


def loaded(record: StreamRecord, own: tuple[str, ...], peer: str, site_leads: bool) -> Stream:
    """A stream of the store."""
    return Stream(
        name=bytes.fromhex(record.key),
        applications=record.applications,
        own=own,
        peer=peer,
        leads=site_leads,
        qos=record.qos,
        open=set(record.open),
        number=record.number,
        confirmed=0 if site_leads and len(own) == 1 else record.number,
        ended=record.ended,
    )
