"""What becomes durable when bytes leave an end-to-end pool."""

from collections.abc import Iterable

from qit4n.keys.step import Step
from qit4n.keys.store import ChunkRecord, Erase, HeadRecord, Put, Write, chunk_key
from qit4n.pools.digest import SALT_BYTES
from qit4n.pools.keypool import Cut, KeyPool


def spend(pool: KeyPool, cut: Cut, source: str) -> Step:
    """Erase the chunks that a cut has used up, move the heads of the others."""
    step, used_up = Step(), pool.spent(cut)
    for chunk in used_up:
        step.writes += erase_chunk(source, chunk)
        step.tell("erased", chunk, 0, note="used up")
    for chunk, _, _ in cut.spans:
        if chunk not in used_up:
            step.writes.append(Put(HeadRecord(key=chunk_key(source, chunk), position=pool.head(chunk))))
    return step


def void(pool: KeyPool, chunks: Iterable[str], source: str, why: str) -> Step:
    """Forget chunks and what is left of them; those that are not held do not matter."""
    step = Step()
    for chunk in [one for one in chunks if one in pool]:
        step.tell("voided", chunk, pool.left(chunk), note=why)
        pool.remove(chunk)
        step.writes += erase_chunk(source, chunk)
    return step


def hold_chunk(record: ChunkRecord) -> list[Write]:
    """Store a chunk with its head: one without a readable head counts as lost."""
    return [Put(record), Put(HeadRecord(key=record.key, position=SALT_BYTES))]


def erase_chunk(source: str, chunk: str) -> list[Write]:
    """Erase a chunk and its head."""
    key = chunk_key(source, chunk)
    return [Erase(ChunkRecord.kind, key), Erase(HeadRecord.kind, key)]
