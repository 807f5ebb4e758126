"""Ak: cryptographic application to key supply agent (ITU-T Y.3802, Q.4161); realised by ETSI GS QKD 014 and 004.

Names are those of the ITU side: an application (its id is an SAE id) asks for KSA-keys for itself as *master*
and for the *slaves*; each slave then fetches its copies by key id.

A *key stream* is the same key for two applications as a sequence of chunks, which both get by index (ETSI GS QKD 004
V2.1.1); its messages are the last ones here.

The keys of one request are a *batch*. A key id is a UUID of version 8 (RFC 9562): 12 bytes, random but for
version and variant, name the batch, the last 4 are the key's place in it. It says nothing about the value.
"""

from enum import IntEnum

from qit4n.entropy import Entropy
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import Message, Sensitive


class GetStatus(Message, frozen=True, kw_only=True):
    """How much key can ``master`` get now for itself and ``slave``?"""

    master: str
    slave: str


class SupplyStatus(Message, frozen=True, kw_only=True):
    """Answer to :class:`GetStatus`; sizes in bits, counts in keys of ``key_size``; a period of 0 is none."""

    source_site: str
    target_site: str
    master: str
    slave: str
    key_size: int
    stored_key_count: int
    max_key_count: int
    max_key_per_request: int
    max_key_size: int
    min_key_size: int
    max_slaves: int
    crypto_period_s: float = 0.0


class GetKeys(Message, frozen=True, kw_only=True, cache_hash=True):
    """``master`` asks for ``number`` fresh keys of ``size`` bits, to be shared with ``slaves``.

    ``size`` 0 means the default size. ``slaves`` holds at least the slave of the 014 path. Fewer than
    ``disjoint_paths`` sites on the way must not be able to know the keys; ``tell_trusted`` asks who could.
    """

    master: str
    slaves: tuple[str, ...]
    number: int = 1
    size: int = 0
    disjoint_paths: int = 1
    tell_trusted: bool = False


class GetKeysByID(Message, frozen=True, kw_only=True):
    """``slave`` fetches its copies of the keys that ``master`` was supplied with. All or none."""

    slave: str
    master: str
    key_ids: tuple[bytes, ...]


class KSAKeys(Sensitive, frozen=True, kw_only=True):
    """Supplied keys of ``size`` bytes each, the same for the master and each slave; ``ids`` has 16 bytes per key."""

    ids: bytes
    values: bytes
    size: int

    def each(self) -> tuple[tuple[bytes, bytes], ...]:
        """Id and value of each key."""
        ids = (self.ids[at : at + 16] for at in range(0, len(self.ids), 16))
        values = (self.values[at : at + self.size] for at in range(0, len(self.values), self.size))
        return tuple(zip(ids, values, strict=True))


class SuppliedKeys(Message, frozen=True, kw_only=True):
    """Answer to :class:`GetKeys` and :class:`GetKeysByID`: all keys, in the order asked for.

    ``knowledge``, if it was asked for, is one entry for each way that part of the keys has come to a slave's site.
    """

    batches: tuple[KSAKeys, ...]
    knowledge: tuple[Knowledge, ...] | None = None

    def each(self) -> tuple[tuple[bytes, bytes], ...]:
        """Id and value of each key."""
        return tuple(pair for batch in self.batches for pair in batch.each())


class Refused(Message, frozen=True, kw_only=True):
    """The request was not met and nothing was consumed.

    ``reason`` is one of: ``"unknown-application"``, ``"not-allowed"``, ``"self-pair"``, ``"bad-request"``,
    ``"unknown-key"``, ``"no-key"``, ``"not-ready"``, ``"too-many-slaves"``, ``"too-few-paths"``,
    ``"too-many-requests"``.
    """

    reason: str
    text: str
    key_ids: tuple[bytes, ...] = ()


class StreamStatus(IntEnum):
    """Status of ETSI GS QKD 004 V2.1.1; the numbers are those of the document."""

    SUCCESS = 0
    PEER_NOT_CONNECTED = 1  # OPEN_CONNECT succeeded, the other application has not opened the stream yet
    INSUFFICIENT_KEY = 2
    NO_PEER_FOR_KEY = 3  # GET_KEY failed: the other application is not connected
    NO_QKD_CONNECTION = 4
    STREAM_IN_USE = 5
    TIMEOUT = 6
    QOS_NOT_MET = 7
    METADATA_TOO_SMALL = 8


class StreamQoS(Message, frozen=True, kw_only=True):
    """QoS of a key stream (ETSI GS QKD 004); 0 or an empty text leaves a member to the key manager.

    Attributes:
        key_chunk_size: bytes of a chunk.
        max_bps: no more than this is given, in bit/s; 0 is no limit.
        min_bps: least rate that is acceptable, in bit/s.
        jitter: largest deviation of the rate, in bit/s.
        priority: any number.
        timeout: milliseconds after which a call fails.
        ttl: seconds after which what nobody got is destroyed, and a stream that nobody uses ends.
        metadata_mimetype: only ``application/json`` is known.
    """

    key_chunk_size: int = 0
    max_bps: int = 0
    min_bps: int = 0
    jitter: int = 0
    priority: int = 0
    timeout: int = 0
    ttl: int = 0
    metadata_mimetype: str = ""


class OpenStream(Message, frozen=True, kw_only=True):
    """004 OPEN_CONNECT: ``application`` opens its end of a stream with ``peer``; an empty ``stream`` is given an id."""

    application: str
    peer: str
    stream: bytes = b""
    qos: StreamQoS = StreamQoS()


class GetChunk(Message, frozen=True, kw_only=True):
    """004 GET_KEY: the chunk at ``index``, or without one the next. ``metadata_size``: room for metadata, if wanted."""

    application: str
    stream: bytes
    index: int | None = None
    metadata_size: int | None = None


class CloseStream(Message, frozen=True, kw_only=True):
    """004 CLOSE: ``application`` closes its end."""

    application: str
    stream: bytes


class OpenedStream(Message, frozen=True, kw_only=True):
    """Answer to :class:`OpenStream`: the QoS that holds or, with ``QOS_NOT_MET``, the one that can be met."""

    status: StreamStatus
    stream: bytes = b""
    qos: StreamQoS = StreamQoS()
    text: str = ""


class SuppliedChunk(Sensitive, frozen=True, kw_only=True):
    """Answer to :class:`GetChunk`; ``metadata_size`` is what metadata needs."""

    status: StreamStatus
    index: int = 0
    chunk: bytes = b""
    metadata: str = ""
    metadata_size: int = 0
    text: str = ""


class ClosedStream(Message, frozen=True, kw_only=True):
    """Answer to :class:`CloseStream`."""

    status: StreamStatus
    text: str = ""


StreamRequest = OpenStream | GetChunk | CloseStream
StreamReply = OpenedStream | SuppliedChunk | ClosedStream
KeyRequest = GetStatus | GetKeys | GetKeysByID
Request = KeyRequest | StreamRequest
Reply = SupplyStatus | SuppliedKeys | Refused | StreamReply

BATCH_BYTES = 12
ID_BYTES = 16
_PLACES = tuple(place.to_bytes(4) for place in range(4096))


def new_batch(entropy: Entropy) -> bytes:
    """The name of a fresh batch, 12 bytes with the version and variant bits of a UUID version 8."""
    raw = bytearray(entropy(BATCH_BYTES))
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def key_ids(batch: bytes, number: int) -> bytes:
    """The ids of the first ``number`` keys of a batch (at most 4096), 16 bytes each."""
    return batch + batch.join(_PLACES[:number])


def split_ids(joined: bytes) -> tuple[bytes, ...]:
    """Key ids that were written one after another."""
    return tuple(joined[at : at + ID_BYTES] for at in range(0, len(joined), ID_BYTES))


def place_of(key_id: bytes) -> tuple[bytes, int]:
    """Batch and place of a key id."""
    return key_id[:BATCH_BYTES], int.from_bytes(key_id[BATCH_BYTES:])
