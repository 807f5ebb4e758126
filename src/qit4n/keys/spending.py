"""What becomes durable when bytes leave an end-to-end pool."""

from collections.abc import Iterable

from qit4n.keys.step import Step
from qit4n.keys.store import ChunkRecord, Erase, HeadRecord, Put, Write
from qit4n.pools.keypool import Cut, KeyPool


def spend(pool: KeyPool, cut: Cut) -> Step:
    """Erase the chunks that a cut has used up, move the heads of the others."""
    step, used_up = Step(), pool.spent(cut)
    for chunk in used_up:
        step.writes += erase_chunk(chunk)
        step.tell("erased", chunk, 0, note="used up")
    touched = dict.fromkeys(slab for slab, _, _ in cut.spans if slab not in used_up)
    step.writes += [Put(HeadRecord(key=chunk, position=pool.head(chunk))) for chunk in touched]
    return step


def void(pool: KeyPool, chunks: Iterable[str], why: str) -> Step:
    """Forget chunks and what is left of them; those that are not held do not matter."""
    step = Step()
    for chunk in [one for one in chunks if one in pool]:
        step.tell("voided", chunk, pool.left(chunk), note=why)
        pool.remove(chunk)
        step.writes += erase_chunk(chunk)
    return step


def erase_chunk(chunk: str) -> list[Write]:
    """Erase a chunk and its head."""
    return [Erase(ChunkRecord.kind, chunk), Erase(HeadRecord.kind, chunk)]
