"""Kx: key manager to key manager (ITU-T Y.3802, Q.4163): slabs agreed, keys relayed, keys supplied.

KMA to KMA: :class:`OfferSlab` .. :class:`VoidSlabs` make a distilled block usable at both ends of a link;
:class:`Synchronise` .. :class:`Position` make both ends of all pools agree after a connection has opened;
:class:`RelayKey` .. :class:`DropChunk` carry key material over trusted nodes under a one-time pad per hop.
KSA to KSA: :class:`NotifySupply` .. :class:`WithdrawSupply` tell the slave's key manager which key was supplied.
Only :class:`RelayKey` and the mask of :class:`NotifySupply` carry key material, under a one-time pad.
"""

from qit4n.refpoints import Message


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


class SlabState(Message, frozen=True, kw_only=True):
    """What one end holds of a slab: bytes that have left (``head``) and digest."""

    slab: str
    head: int
    digest: bytes


class Synchronise(Message, frozen=True, kw_only=True):
    """The way to you has opened: tell what you hold of the pools that I own. Until then I use nothing of them.

    ``session`` comes back with the answer. ``position`` counts the commits of the sender's store.
    """

    session: int
    position: int


class PoolStates(Message, frozen=True, kw_only=True):
    """Answer to :class:`Synchronise`.

    Attributes:
        seen: the highest ``position`` that the sender has ever heard from the receiver. If it is higher than the
            receiver's own, the receiver's store is an old copy.
        links: per link the slabs that the receiver of this message owns.
        chunks: the chunks that the receiver of this message relayed.
    """

    session: int
    seen: int
    links: dict[str, tuple[SlabState, ...]]
    chunks: tuple[SlabState, ...]


class Position(Message, frozen=True, kw_only=True):
    """Remember how far the sender's store is, so that it cannot come back as an old copy unnoticed."""

    position: int


class RelayKey(Message, frozen=True, kw_only=True):
    """One hop of a key relay: ``ciphertext`` under a one-time pad, ``tag`` by a one-time Poly1305 key.

    The pad and the 32 bytes of tag key are cut at ``spans`` from the pool of ``link`` that the sender owns.
    ``path`` holds all sites from source to destination.
    """

    chunk: str
    path: tuple[str, ...]
    link: str
    spans: tuple[Span, ...]
    ciphertext: bytes
    tag: bytes


class RelayDone(Message, frozen=True, kw_only=True):
    """The destination holds the relayed chunk durably. Sent to the source."""

    chunk: str


class RelayRefused(Message, frozen=True, kw_only=True):
    """A node on the path could not forward: ``at`` which site and why. Sent to the source."""

    chunk: str
    at: str
    reason: str


class DropChunk(Message, frozen=True, kw_only=True):
    """The source will never use what is left of these chunks."""

    chunks: tuple[str, ...]


class MissingChunks(Message, frozen=True, kw_only=True):
    """These chunks are not held at the destination any more."""

    chunks: tuple[str, ...]


class NotifySupply(Message, frozen=True, kw_only=True):
    """``master`` is about to be supplied with a batch of keys; keep it for ``slaves``, who are at your site.

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
    """The slaves' copies could not be cut; ``chunks`` are not (or no longer) held here."""

    batch: bytes
    chunks: tuple[str, ...]


class WithdrawSupply(Message, frozen=True, kw_only=True):
    """The master was refused this batch: erase the slaves' copies, nobody will ask for them."""

    batch: bytes


KxMessage = (
    OfferSlab
    | AcceptSlab
    | VoidSlabs
    | Synchronise
    | PoolStates
    | Position
    | RelayKey
    | RelayDone
    | RelayRefused
    | DropChunk
    | MissingChunks
    | NotifySupply
    | SupplyHeld
    | SupplyRefused
    | WithdrawSupply
)
