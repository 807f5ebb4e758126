"""A key pool: slabs of secret bytes of which each byte leaves once.

The two ends of a pool hold the same slabs. The *owner* end cuts from the front (:meth:`KeyPool.cut`) and tells
the other end which spans it used; the other end cuts at the same place (:meth:`KeyPool.cut_at`), refusing
anything at or before what was cut already. So both ends use the same bytes for the same purpose, a replayed or
reordered message finds nothing, and what is lost on the way is wasted, never repeated.
"""

from collections.abc import Iterable

import msgspec

from qit4n.errors import OutOfKeyError, ProtocolError
from qit4n.pools.digest import digest


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that have left the pool. ``spans`` are (slab, offset, length); the bytes are hidden from ``repr``."""

    material: bytes
    spans: tuple[tuple[str, int, int], ...]

    def __repr__(self) -> str:
        """Where the bytes came from, not what they are."""
        return f"Cut(<{len(self.material)} bytes>, spans={self.spans})"


class KeyPool:
    """Ordered slabs with a head each; ``head`` is the number of bytes of the slab that have left."""

    def __init__(self) -> None:
        """An empty pool."""
        self._slabs: dict[str, bytes] = {}
        self._heads: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._digests: dict[str, bytes] = {}
        self._available = 0

    @property
    def available_bytes(self) -> int:
        """Bytes that can still be cut."""
        return self._available

    @property
    def slabs(self) -> tuple[str, ...]:
        """Ids of the slabs held, oldest first."""
        return tuple(self._slabs)

    def __contains__(self, slab: str) -> bool:
        """Whether the slab is held."""
        return slab in self._slabs

    def add(self, slab: str, material: bytes, head: int = 0, at: float = 0.0) -> None:
        """Append a slab of which ``head`` bytes have left (all, if it is shorter); ``at`` is its time, in seconds."""
        if slab in self._slabs:
            raise ProtocolError(f"slab {slab} is in the pool already")
        head = min(head, len(material))
        self._slabs[slab] = material
        self._heads[slab] = head
        self._since[slab] = at
        self._available += len(material) - head

    def head(self, slab: str) -> int:
        """Bytes of ``slab`` that have left."""
        return self._heads[slab]

    def left(self, slab: str) -> int:
        """Bytes of ``slab`` that can still be cut; 0 if it is not held."""
        return len(self._slabs[slab]) - self._heads[slab] if slab in self._slabs else 0

    def digest(self, slab: str) -> bytes:
        """The slab's digest (``pools/digest.py``), computed once."""
        if slab not in self._digests:
            self._digests[slab] = digest(slab, self._slabs[slab])
        return self._digests[slab]

    def skip(self, slab: str, head: int) -> None:
        """Never cut what lies before ``head``: the other end has seen it used. Heads only move forward."""
        head = min(max(head, self._heads[slab]), len(self._slabs[slab]))
        self._available -= head - self._heads[slab]
        self._heads[slab] = head

    def older(self, than: float) -> tuple[str, ...]:
        """Slabs from before a time."""
        return tuple(slab for slab, at in self._since.items() if at < than)

    def since(self, slab: str) -> float:
        """The time of a slab, in seconds."""
        return self._since[slab]

    def remove(self, slab: str) -> None:
        """Forget a slab and what is left of it. No error if it is not held."""
        material = self._slabs.pop(slab, None)
        self._digests.pop(slab, None)
        self._since.pop(slab, None)
        if material is not None:
            self._available -= len(material) - self._heads.pop(slab)

    def cut(self, size: int) -> Cut:
        """Take ``size`` bytes from the front, over as many slabs as it takes.

        Raises:
            OutOfKeyError: the pool holds less; nothing was taken.
        """
        if size > self._available:
            raise OutOfKeyError(f"{size} bytes asked of a pool that holds {self._available}")
        spans = []
        for slab in self._slabs:
            if size == 0:
                break
            offset = self._heads[slab]
            length = min(size, len(self._slabs[slab]) - offset)
            if length:
                spans.append((slab, offset, length))
                size -= length
        return self._leave(spans)

    def cut_at(self, spans: Iterable[tuple[str, int, int]]) -> Cut:
        """Take the bytes at ``spans``; what lies before them in their slabs is skipped for good.

        Raises:
            ProtocolError: a span lies outside its slab, or was cut already; nothing was taken.
            OutOfKeyError: a slab is not held; nothing was taken.
        """
        spans = list(spans)
        heads: dict[str, int] = {}
        for slab, offset, length in spans:
            if slab not in self._slabs:
                raise OutOfKeyError(f"slab {slab} is not in the pool")
            head = heads.get(slab, self._heads[slab])
            if length < 0 or offset < head or offset + length > len(self._slabs[slab]):
                raise ProtocolError(
                    f"span {offset}+{length} of slab {slab} ({len(self._slabs[slab])} bytes) lies outside "
                    f"what is left of it from {head}"
                )
            heads[slab] = offset + length
        return self._leave(spans)

    def _leave(self, spans: list[tuple[str, int, int]]) -> Cut:
        pieces = [self._slabs[slab][offset : offset + length] for slab, offset, length in spans]
        for slab, offset, length in spans:
            self._available -= offset + length - self._heads[slab]
            self._heads[slab] = offset + length
        return Cut(material=pieces[0] if len(pieces) == 1 else b"".join(pieces), spans=tuple(spans))

    def spent(self, cut: Cut) -> tuple[str, ...]:
        """Slabs of ``cut`` that are used up; they are forgotten here, so that the store can erase them."""
        used_up: list[str] = []
        for slab, _, _ in cut.spans:
            if slab in self._slabs and self._heads[slab] == len(self._slabs[slab]):
                self.remove(slab)
                used_up.append(slab)
        return tuple(used_up)
