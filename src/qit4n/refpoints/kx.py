"""Kx: key manager to key manager (ITU-T Y.3802, Q.4163): slabs agreed, keys relayed, keys supplied.

KMA to KMA: :class:`OfferSlab` .. :class:`VoidSlabs` make a distilled block usable at both ends of a link;
:class:`Synchronise` .. :class:`Position` make both ends of all pools agree after a connection has opened;
:class:`RelayKey` .. :class:`RelayRefused` carry shares of chunks over trusted nodes under a one-time pad per hop;
:class:`ShareHeld` .. :class:`MissingChunks` let the two ends of an end-to-end pool make the same chunks of them.
KSA to KSA: :class:`NotifySupply` .. :class:`SupplyVoided` tell the slave's key manager which key was supplied;
:class:`JoinStream` .. :class:`RefuseChunk` give both ends of a key stream the same chunks by index.
Only :class:`RelayKey`, :class:`PadXor`, :class:`PadsCombined` and the mask of :class:`NotifySupply` carry key material,
under one-time pads; :class:`SecretCapsule` carries a secret under ML-KEM.
"""

from qit4n.network.model import Trust
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import Message, ak


class Span(Message, frozen=True, kw_only=True):
    """A stretch of bytes of a pool: ``length`` bytes of ``slab`` from ``offset``."""

    slab: str
    offset: int
    length: int


class OfferSlab(Message, frozen=True, kw_only=True):
    """The leading end of a link holds this block durably; ``owner`` is the site that may encrypt with it.

    ``digest`` is that of ``pools/digest.py``: the other end accepts only if its own block has the same.
    """

    link: str
    slab: str
    digest: bytes
    owner: str


class AcceptSlab(Message, frozen=True, kw_only=True):
    """The other end holds it durably too, and knows the owner."""

    link: str
    slab: str


class VoidSlabs(Message, frozen=True, kw_only=True):
    """These blocks are not held here (any more), or differ: forget them."""

    link: str
    slabs: tuple[str, ...]


class SkipSlabs(Message, frozen=True, kw_only=True):
    """What lies before these heads of slabs that the sender owns has left, though what it paid for never came."""

    link: str
    heads: dict[str, int]


class SlabState(Message, frozen=True, kw_only=True):
    """What one end holds of a slab: bytes that have left (``head``) and digest."""

    slab: str
    head: int
    digest: bytes


class Synchronise(Message, frozen=True, kw_only=True):
    """The way to you has opened: tell what you hold of the pools that I own. Until then I use nothing of them.

    ``session`` comes back with the answer; ``seen`` and ``tag`` are those of :class:`PoolStates`.
    """

    session: int
    seen: int = 0
    tag: bytes = b""


class StreamState(Message, frozen=True, kw_only=True):
    """What one end holds of a key stream: how many chunks it has had (``number``), and whether its end is ``open``.

    A stream that ``ended`` grows no more.

    ``stream`` has 24 bytes: the Key_stream_ID and 8 random bytes of the leading site, so that an id that is used again
    is another stream. An end that waits for :class:`StreamJoined` knows only the first 16.
    """

    stream: bytes
    number: int
    open: bool
    ended: bool = False


class PoolStates(Message, frozen=True, kw_only=True):
    """Answer to :class:`Synchronise`.

    Attributes:
        seen: the highest :class:`Position` that the sender has ever heard from the receiver, and its ``tag``. If the
            receiver's store does not know that it was told, that store is an old copy.
        links: per link the slabs that the receiver of this message owns.
        chunks: the chunks that the receiver of this message relayed.
        streams: the key streams of the two sites, led by either.
    """

    session: int
    seen: int
    tag: bytes = b""
    links: dict[str, tuple[SlabState, ...]]
    chunks: tuple[SlabState, ...]
    streams: tuple[StreamState, ...] = ()


class Position(Message, frozen=True, kw_only=True):
    """Remember this number, so that the sender's store cannot come back as an old copy unnoticed.

    It grows; the sender's store knew it before it was told. By the ``tag`` it knows its own word again.
    """

    position: int
    tag: bytes


class RelayKey(Message, frozen=True, kw_only=True):
    """One hop of a share of a chunk: ``ciphertext`` under a one-time pad, ``tag`` by a one-time Poly1305 key.

    The pad and the 32 bytes of tag key are cut at ``spans`` from the pool of ``link`` that the sender owns.
    ``path`` holds all sites from source to destination; ``share`` is its number, from 1.
    """

    chunk: str
    share: int
    path: tuple[str, ...]
    link: str
    spans: tuple[Span, ...]
    ciphertext: bytes
    tag: bytes


class RelayPads(Message, frozen=True, kw_only=True):
    """Schemes ``xor-at-destination`` and ``central``, along the path: cut a pad and a tag key at ``spans`` and go on.

    Every site before the destination sends a :class:`PadXor` to the site that collects: the ``centre``, or without one
    the destination. ``tag`` is by the one-time Poly1305 key, the last 32 bytes at ``spans``.
    """

    chunk: str
    share: int
    path: tuple[str, ...]
    centre: str | None
    link: str
    spans: tuple[Span, ...]
    tag: bytes


class PadXor(Message, frozen=True, kw_only=True):
    """Bits that tell nothing alone, from ``path[hop]`` to the collecting site.

    Of hop 0 they are the share XOR its pad, of a further hop its pad XOR that of the hop before.
    """

    chunk: str
    share: int
    path: tuple[str, ...]
    centre: str | None
    hop: int
    bits: bytes


class PadsCombined(Message, frozen=True, kw_only=True):
    """From the centre to the destination: the XOR of the :class:`PadXor` of all hops."""

    chunk: str
    share: int
    path: tuple[str, ...]
    centre: str
    bits: bytes


class RelayRefused(Message, frozen=True, kw_only=True):
    """A share goes no further: ``at`` which site of its path and why. Sent to the source."""

    chunk: str
    share: int
    path: tuple[str, ...]
    at: str
    reason: str


class ShareHeld(Message, frozen=True, kw_only=True):
    """A share has arrived over ``path``; ``digest`` lets the source see whether it is unaltered. Sent to the source."""

    chunk: str
    share: int
    path: tuple[str, ...]
    digest: bytes


class UseShares(Message, frozen=True, kw_only=True):
    """Make the chunk of these ``shares``, which are unaltered. ``knowledge`` holds the paths of all shares, in order.

    ``epoch`` names the ML-KEM secret that it is combined with; empty for none.
    """

    chunk: str
    shares: tuple[int, ...]
    trust: Trust
    knowledge: Knowledge
    epoch: str = ""


class RelayDone(Message, frozen=True, kw_only=True):
    """The destination holds the chunk durably. Sent to the source."""

    chunk: str


class ChunkRefused(Message, frozen=True, kw_only=True):
    """The destination cannot make the chunk. Sent to the source."""

    chunk: str
    reason: str


class OfferSecret(Message, frozen=True, kw_only=True):
    """The source of a pool wants an ML-KEM secret with its destination, to combine chunks with."""

    epoch: str
    public_key: bytes


class SecretCapsule(Message, frozen=True, kw_only=True):
    """Answer to :class:`OfferSecret`: the encapsulated secret; ``check`` shows that both have the same."""

    epoch: str
    ciphertext: bytes
    check: bytes


class DropChunk(Message, frozen=True, kw_only=True):
    """The source will never use what is left of these chunks."""

    chunks: tuple[str, ...]


class MissingChunks(Message, frozen=True, kw_only=True):
    """These chunks are not held at the destination any more."""

    chunks: tuple[str, ...]


class NotifySupply(Message, frozen=True, kw_only=True):
    """``master`` is about to be supplied with a batch of keys; keep it for ``slaves``, who are at your site.

    A batch has 12 bytes; one of 16 bytes is the id of a single key that another network has named.

    The keys, ``size`` bytes each, lie at ``spans`` in the pool from the sender, one after the other. ``mask`` is
    empty for the first slave site. For further slave sites the keys are the pool's bytes XOR ``mask``, a one-time
    pad, so that all slaves hold the same keys.
    """

    batch: bytes
    master: str
    slaves: tuple[str, ...]
    size: int
    spans: tuple[Span, ...]
    mask: bytes = b""


class SupplyHeld(Message, frozen=True, kw_only=True):
    """The slaves' copies are held durably."""

    batch: bytes


class SupplyRefused(Message, frozen=True, kw_only=True):
    """The slaves' copies could not be cut; ``chunks`` are not (or no longer) held here.

    The slaves in ``full`` have not fetched so much of this master's key that no more is held for them. With a
    ``reason`` another network has not taken them.
    """

    batch: bytes
    chunks: tuple[str, ...]
    full: tuple[str, ...] = ()
    reason: str = ""


class WithdrawSupply(Message, frozen=True, kw_only=True):
    """The master was refused this batch: erase the slaves' copies, nobody will ask for them."""

    batch: bytes


class VoidSupply(Message, frozen=True, kw_only=True):
    """``master``, of another network that hands keys over at your sender's site, wants keys back from ``slaves``.

    These ``key_ids``, or all of them, shall not be given to anybody any more. ``number`` comes back with the answer.
    """

    number: int
    master: str
    slaves: tuple[str, ...]
    key_ids: tuple[bytes, ...]
    all_of_them: bool = False


class SupplyVoided(Message, frozen=True, kw_only=True):
    """Answer to :class:`VoidSupply`: these no slave has had, or will have."""

    number: int
    key_ids: tuple[bytes, ...]


class JoinStream(Message, frozen=True, kw_only=True):
    """``application``, at your sender's site, opens its end of the stream with ``peer``; you lead the stream."""

    stream: bytes
    application: str
    peer: str
    qos: ak.StreamQoS


class StreamJoined(Message, frozen=True, kw_only=True):
    """Answer to :class:`JoinStream`; ``stream`` is the name of 24 bytes if it was opened."""

    stream: bytes
    status: ak.StreamStatus
    qos: ak.StreamQoS
    text: str = ""


class StreamEnd(Message, frozen=True, kw_only=True):
    """The sender's end of the stream has been opened, or closed: then the stream grows no more."""

    stream: bytes
    open: bool


class WantChunks(Message, frozen=True, kw_only=True):
    """Supply the chunks up to ``index`` within ``limit_ms``."""

    stream: bytes
    index: int
    limit_ms: int


class StreamShort(Message, frozen=True, kw_only=True):
    """The leading site has too little key for the next chunk now."""

    stream: bytes


class SupplyChunk(Message, frozen=True, kw_only=True):
    """The chunk at ``index`` lies at ``spans`` in the pool from the sender, one after the other.

    ``session`` is that of the last :class:`Synchronise` on which both agree: what was sent before is void. The key is
    ``age_ms`` old and went over ``hops`` links.
    """

    stream: bytes
    index: int
    spans: tuple[Span, ...]
    session: int
    age_ms: int
    hops: int


class ChunksHeld(Message, frozen=True, kw_only=True):
    """The chunks before ``number`` have been held durably; ``waiting`` of them are yet to be fetched."""

    stream: bytes
    number: int
    waiting: int
    session: int


class RefuseChunk(Message, frozen=True, kw_only=True):
    """A chunk was not taken: both must agree anew on what they hold."""

    stream: bytes
    session: int


StreamMessage = JoinStream | StreamJoined | StreamEnd | WantChunks | StreamShort | SupplyChunk | ChunksHeld

KxMessage = (
    OfferSlab
    | AcceptSlab
    | VoidSlabs
    | SkipSlabs
    | Synchronise
    | PoolStates
    | Position
    | RelayKey
    | RelayPads
    | PadXor
    | PadsCombined
    | RelayRefused
    | ShareHeld
    | UseShares
    | RelayDone
    | ChunkRefused
    | OfferSecret
    | SecretCapsule
    | DropChunk
    | MissingChunks
    | NotifySupply
    | SupplyHeld
    | SupplyRefused
    | WithdrawSupply
    | VoidSupply
    | SupplyVoided
    | JoinStream
    | StreamJoined
    | StreamEnd
    | WantChunks
    | StreamShort
    | SupplyChunk
    | ChunksHeld
    | RefuseChunk
)
