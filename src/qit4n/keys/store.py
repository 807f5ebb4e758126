"""The store port of the key management layer: records, and the writes a machine asks for.

A machine changes its own state in memory and lists the writes; the driver makes them durable before any
action of the same step is carried out (*durable before visible*). The store encrypts whole records.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol, TypeVar

import msgspec

from qit4n.keys.audit import AuditEvent
from qit4n.network.model import Trust
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import Sensitive, kq1
from qit4n.refpoints.ak import StreamQoS


class Record(Sensitive, frozen=True, kw_only=True):
    """Base of what is stored. ``key`` is unique within its kind; ``secret`` kinds hold key material."""

    key: str

    kind: ClassVar[str] = ""
    secret: ClassVar[bool] = False


class SlabRecord(Record, frozen=True, kw_only=True):
    """KMA-key of a link: one distilled block. ``owner`` is empty until both ends have agreed on it."""

    kind: ClassVar[str] = "slab"
    secret: ClassVar[bool] = True

    link: str
    slab: str
    material: bytes
    owner: str = ""
    confirmed: bool = False
    received_at: float = 0.0


class ChunkRecord(Record, frozen=True, kw_only=True):
    """End-to-end key from ``source`` to ``destination``, made under a ``trust`` policy; who could know it.

    ``material`` begins with a salt (``pools/digest.py``).
    """

    kind: ClassVar[str] = "chunk"
    secret: ClassVar[bool] = True

    chunk: str
    source: str
    destination: str
    material: bytes
    trust: Trust
    knowledge: Knowledge
    relayed_at: float = 0.0


def chunk_key(source: str, chunk: str) -> str:
    """Key of a chunk's records: the name that ``source`` gave it can meet neither a slab nor another source's chunk."""
    return f"chunk/{source}/{chunk}"


class LinkAccountRecord(Record, frozen=True, kw_only=True):
    """The security account of all blocks of a link; ``key`` is the link."""

    kind: ClassVar[str] = "link-account"

    account: kq1.LinkAccount


class HeadRecord(Record, frozen=True, kw_only=True):
    """How many bytes of a slab or chunk have left; ``key`` is that of the slab or chunk record."""

    kind: ClassVar[str] = "head"

    position: int


class HeldKeysRecord(Record, frozen=True, kw_only=True):
    """A batch of KSA-keys that slaves have yet to fetch; ``key`` is the batch in hexadecimal.

    ``waiting`` has one bit mask per slave, little-endian: bit i is set while that slave may fetch key i. The bytes
    of a key that no slave waits for are zero.
    """

    kind: ClassVar[str] = "held-keys"
    secret: ClassVar[bool] = True

    values: bytes
    size: int
    master: str
    slaves: tuple[str, ...]
    waiting: tuple[bytes, ...]
    supplied_at: float = 0.0


class HandoverRecord(Record, frozen=True, kw_only=True):
    """Keys that this site has handed to another network, or may have; ``key`` is ``batch/neighbour``."""

    kind: ClassVar[str] = "handover"

    batch: bytes
    neighbour: str
    number: int
    origin: str
    master: str
    slaves: tuple[str, ...]
    state: str
    at: float


class TakeoverRecord(Record, frozen=True, kw_only=True):
    """Keys that another network has handed to this site: never their values, only a salted digest of them.

    ``result`` is what was, or will be, told of them; ``ids`` has 16 bytes per key. ``key`` is a random name.
    """

    kind: ClassVar[str] = "takeover"
    secret: ClassVar[bool] = True

    neighbour: str
    ids: bytes
    batches: tuple[bytes, ...]
    salt: bytes
    digest: bytes
    initiator: str
    targets: tuple[str, ...]
    callback: str
    state: str
    result: str
    text: str
    at: float


class StreamRecord(Record, frozen=True, kw_only=True):
    """A key stream; ``key`` is its name of 24 bytes in hexadecimal.

    The site of ``applications[0]`` leads: it cuts the chunks. ``number`` is how many it has cut, at the other site how
    many that has held. ``open`` are the applications whose end is known to be open.
    """

    kind: ClassVar[str] = "stream"

    applications: tuple[str, str]
    qos: StreamQoS
    number: int
    open: tuple[str, ...]
    ended: bool = False


class StreamChunkRecord(Record, frozen=True, kw_only=True):
    """A chunk of a stream that ``waiting``, applications of this site, have yet to get; ``key`` is ``stream/index``."""

    kind: ClassVar[str] = "stream-chunk"
    secret: ClassVar[bool] = True

    stream: str
    index: int
    value: bytes
    waiting: tuple[str, ...]
    held_at: float
    made_at: float
    hops: int


class PositionRecord(Record, frozen=True, kw_only=True):
    """By which an old copy of a store is known, see ``keys/synchronise.py``; ``tag`` is kept for a peer."""

    kind: ClassVar[str] = "position"

    position: int
    tag: bytes = b""


class WitnessKeyRecord(Record, frozen=True, kw_only=True):
    """The key of the tags that this site gives its peers to keep, see ``keys/witness.py``."""

    kind: ClassVar[str] = "witness-key"
    secret: ClassVar[bool] = True

    material: bytes


class AuthenticationKeyRecord(Record, frozen=True, kw_only=True):
    """A one-time key of a QKD link's classical channel; ``key`` is ``link/id``."""

    kind: ClassVar[str] = "authentication-key"
    secret: ClassVar[bool] = True

    link: str
    name: str
    material: bytes


class Put(msgspec.Struct, frozen=True):
    """Insert or replace a record."""

    record: Record


class Erase(msgspec.Struct, frozen=True):
    """Remove a record for good."""

    kind: str
    key: str


class Append(msgspec.Struct, frozen=True):
    """Add an event to the audit trail."""

    event: AuditEvent


class AuditHeadRecord(Record, frozen=True, kw_only=True):
    """Number and hash of the last row of the audit trail; kept by the store itself."""

    kind: ClassVar[str] = "audit-head"

    number: int
    hash: bytes


Write = Put | Erase | Append
RecordType = TypeVar("RecordType", bound=Record)


class Store(Protocol):
    """Durable records. All writes of one call become durable together, or none does.

    ``damaged`` has kind and key of the records that the last :meth:`load` of their kind found altered and left out.
    """

    damaged: set[tuple[str, str]]

    def load(self, kind: type[RecordType]) -> Iterable[RecordType]:
        """All records of a kind, in the order in which they were first put."""
        ...

    def commit(self, writes: Iterable[Write]) -> None:
        """Make the writes durable.

        Raises:
            StoreFullError: no space; nothing of this call was written.
            StoreError: any other failure; nothing of this call was written.
        """
        ...


def settle(writes: Iterable[Write]) -> tuple[dict[tuple[str, str], Record | None], list[AuditEvent]]:
    """What one commit comes to: per record its last state (None: erased), and the events in order."""
    records: dict[tuple[str, str], Record | None] = {}
    events = []
    for write in writes:
        if isinstance(write, Put):
            records[write.record.kind, write.record.key] = write.record
        elif isinstance(write, Erase):
            records[write.kind, write.key] = None
        else:
            events.append(write.event)
    return records, events


def position_of(writes: Sequence[Write], site: str) -> int:
    """How far these writes bring the store of a site; 0 if they do not tell."""
    for write in reversed(writes):
        if isinstance(write, Put) and isinstance(write.record, PositionRecord) and write.record.key == site:
            return write.record.position
    return 0
