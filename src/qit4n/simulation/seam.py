"""The one place that knows how keys, batches and their identifiers stand in the messages of Ak and Kx."""

from collections.abc import Iterable
from dataclasses import dataclass

from qit4n.keys.store import HeldKeysRecord
from qit4n.refpoints import ak, kx

IDENTIFIERS = frozenset({"batch", "batches", "ids", "key_ids"})
HELD = HeldKeysRecord
KeyId = bytes
ID_BYTES = 16
STRAY: KeyId = bytes(ID_BYTES)


@dataclass(frozen=True)
class Notice:
    """Keys of ``size`` bytes that lie one after the other at ``spans`` of chunks, under ``mask`` if there is one."""

    key_ids: tuple[KeyId, ...]
    size: int
    spans: tuple[tuple[str, int, int], ...]
    mask: bytes


def notice(message: kx.NotifySupply) -> Notice:
    """What a source tells the site of its slaves."""
    spans = tuple((span.slab, span.offset, span.length) for span in message.spans)
    number = sum(length for _, _, length in spans) // message.size
    return Notice(_split(ak.key_ids(message.batch, number), ID_BYTES), message.size, spans, message.mask)


def keys(reply: ak.SuppliedKeys) -> dict[KeyId, bytes]:
    """The keys of an answer by their ids."""
    return dict(reply.each())


def fetch(slave: str, master: str, key_ids: Iterable[KeyId]) -> ak.GetKeysByID:
    """A slave's request."""
    return ak.GetKeysByID(slave=slave, master=master, key_ids=tuple(key_ids))


def held_ids(record: HeldKeysRecord) -> tuple[KeyId, ...]:
    """The keys of a stored batch."""
    return _split(ak.key_ids(bytes.fromhex(record.key), len(record.values) // record.size), ID_BYTES)


def waiting(record: HeldKeysRecord, slave: str) -> tuple[KeyId, ...]:
    """The keys of a stored batch that a slave may still fetch."""
    masks = dict(zip(record.slaves, record.waiting, strict=True))
    mask = int.from_bytes(masks.get(slave, b""), "little")
    return tuple(key_id for place, key_id in enumerate(held_ids(record)) if mask >> place & 1)


def _split(text: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(text[at : at + size] for at in range(0, len(text), size))
