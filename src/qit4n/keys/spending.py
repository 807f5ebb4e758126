"""What becomes durable when bytes leave an end-to-end pool."""

from qit4n.keys.store import ChunkRecord, Erase, HeadRecord, Put, Write
from qit4n.pools.keypool import Cut, KeyPool


def spend(pool: KeyPool, cut: Cut) -> list[Write]:
    """Erase the chunks that a cut has used up, move the heads of the others."""
    used_up = pool.spent(cut)
    writes: list[Write] = [write for chunk in used_up for write in erase_chunk(chunk)]
    touched = dict.fromkeys(slab for slab, _, _ in cut.spans if slab not in used_up)
    return writes + [Put(HeadRecord(key=chunk, position=pool.head(chunk))) for chunk in touched]


def erase_chunk(chunk: str) -> list[Write]:
    """Erase a chunk and its head."""
    return [Erase(ChunkRecord.kind, chunk), Erase(HeadRecord.kind, chunk)]
