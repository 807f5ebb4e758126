"""What all key stores share, whichever database keeps the rows: sealing, rotation, the audit trail, damage."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qit4n.adapters.sealing import Sealing
from qit4n.entropy import Entropy
from qit4n.errors import AuditError, StoreDamagedError
from qit4n.keys import audit
from qit4n.keys.store import AuditHeadRecord, RecordType, Write, settle

AT_ONCE = 4096
FORMAT = 2
"""Of tables and records, whichever database keeps them; a store of another format is refused."""
HEAD, ORIGIN = "head", "origin"
"""Two records of the trail: its present end, and the last row that was let go (at first none)."""

Row = tuple[str, bytes, bytes | None]
Wrapping = tuple[str, str, bytes]
Trail = tuple[Iterator[audit.AuditRow], audit.End | None, audit.End | None]
"""Rows of an audit trail; its last row and the last one let go as the store key protects them, None if altered."""


@dataclass
class Changes:
    """What one commit writes: sealed bodies and wrappings as (kind, key, bytes), erased (kind, key), a trail row.

    Rows of the trail up to ``dropped`` go.
    """

    bodies: list[tuple[str, str, bytes]] = field(default_factory=list)
    wrappings: list[Wrapping] = field(default_factory=list)
    erased: list[tuple[str, str]] = field(default_factory=list)
    row: audit.AuditRow | None = None
    dropped: int = 0


class SealedStore(ABC):
    """A :class:`qit4n.keys.store.Store` over rows. Not shared between threads at the same time."""

    def __init__(self, where: str, sealing: Sealing) -> None:
        """Find the end of the trail and renew the wrapping key; the database is open by now. Errors say ``where``.

        Raises:
            StoreDamagedError: it belongs to another store key.
        """
        self._where = where
        self.damaged: set[tuple[str, str]] = set()
        self._sealing = sealing
        self._last = self._end_of_trail()
        self._rotate()

    def draw_from(self, entropy: Entropy) -> None:
        """Seal with data keys and nonces of this generator from now on."""
        self._sealing.entropy = entropy

    @abstractmethod
    def _is_empty(self) -> bool:
        """Whether there is no record at all."""

    @abstractmethod
    def _rows(self, kind: str) -> list[Row]:
        """Key, body and wrapping of all records of a kind, in the order in which they were first put."""

    @abstractmethod
    def _wrappings(self) -> list[Wrapping]:
        """All wrappings."""

    @abstractmethod
    def _last_row(self) -> audit.AuditRow | None:
        """The last row of the audit trail."""

    @abstractmethod
    def _oldest_rows(self, most: int) -> list[audit.AuditRow]:
        """The first rows of the audit trail, at most so many."""

    @abstractmethod
    def _write(self, changes: Changes) -> None:
        """Make changes durable, all or none."""

    @abstractmethod
    def close(self) -> None:
        """Close the database and let go of it."""

    standbys = 0
    """How many other processes wait for the store."""

    @property
    def owned(self) -> bool:
        """Whether no other process can own the store yet: if not, :meth:`check` before anything is said."""
        return True

    def check(self) -> None:  # noqa: B027 - nothing to check where a file is locked
        """Raise a StoreError if this process does not own the store any more."""

    def _end_of_trail(self) -> audit.AuditRow:
        """The row after which the trail goes on.

        If the last row is not the one that the store key protects, somebody changed the trail while the store was
        closed. It goes on after a gap then: to go on without one would hide what happened.
        """
        last, heads = self._last_row() or audit.START, self._rows(AuditHeadRecord.kind)
        if not heads and last is audit.START and self._is_empty():
            records = [AuditHeadRecord(key=key, number=last.number, hash=last.hash) for key in (ORIGIN, HEAD)]
            self._write(Changes(bodies=[(one.kind, one.key, self._sealing.seal(one)[0]) for one in records]))
            return last
        if heads and not any(self._sealing.open(AuditHeadRecord, *row) for row in heads):
            text = f"the key store {self._where} was not written under this store.key; restore the one that it had"
            raise StoreDamagedError(text)
        protected = end_of(self._sealing, heads, HEAD)
        if protected == (last.number, last.hash):
            return last
        number = max(last.number, protected[0]) if protected else last.number
        self.damaged.add(("audit-trail", f"up to row {number}"))
        return audit.AuditRow(number + 1, b"", bytes(32))

    def _rotate(self) -> None:
        rows = self._wrappings()
        if rows and not any(self._sealing.fits(*row) for row in rows):
            text = f"the key store {self._where} was not written under this store.wrapping; restore the one that it had"
            raise StoreDamagedError(text)
        self.check()
        self._sealing.begin_rotation()
        fresh = [(kind, key, self._sealing.rewrap(kind, key, wrapped)) for kind, key, wrapped in rows]
        for at in range(0, len(fresh), AT_ONCE):
            self._write(Changes(wrappings=fresh[at : at + AT_ONCE]))
        self.check()
        self._sealing.end_rotation()

    def load(self, kind: type[RecordType]) -> Iterator[RecordType]:
        """All records of a kind, oldest first. One that fails authentication is left out, see ``damaged``."""
        self.damaged = {(kind_of, key) for kind_of, key in self.damaged if kind_of != kind.kind}
        for key, body, wrapped in self._rows(kind.kind):
            record = self._sealing.open(kind, key, body, wrapped)
            if record is None:
                self.damaged.add((kind.kind, key))
            else:
                yield record

    def commit(self, writes: Iterable[Write]) -> None:
        """Make the writes durable, all or none."""
        records, events = settle(writes)
        changes = Changes()
        if events:
            row = changes.row = audit.following(self._last, events)
            head = AuditHeadRecord(key=HEAD, number=row.number, hash=row.hash)
            records[head.kind, head.key] = head
        for (kind, key), record in records.items():
            if record is None:
                changes.erased.append((kind, key))
                continue
            body, wrapped = self._sealing.seal(record)
            changes.bodies.append((kind, key, body))
            if wrapped:
                changes.wrappings.append((kind, key, wrapped))
        self._write(changes)
        self._last = changes.row or self._last

    def prune(self, before: float) -> int:
        """Let go of rows of the trail from before a time, some thousand at most; how many went.

        A row that does not fit the chain stays, and all after it: it is evidence. So does the last row.
        """
        origin = end_of(self._sealing, self._rows(AuditHeadRecord.kind), ORIGIN)
        if origin is None:
            return 0
        first = last = audit.AuditRow(origin[0], b"", origin[1])
        with contextlib.suppress(AuditError):
            for row in self._oldest_rows(AT_ONCE):
                audit.check_row(last, row)
                if row.number == self._last.number or any(event.at >= before for event in row.events()):
                    break
                last = row
        if last is first:
            return 0
        record = AuditHeadRecord(key=ORIGIN, number=last.number, hash=last.hash)
        bodies = [(record.kind, record.key, self._sealing.seal(record)[0])]
        self._write(Changes(bodies=bodies, dropped=last.number))
        return last.number - first.number


def end_of(sealing: Sealing, ends: Iterable[Row], which: str) -> audit.End | None:
    """Number and hash of an end of a trail, from the record that protects them; None if it does not open."""
    found = next((sealing.open(AuditHeadRecord, *row) for row in ends if row[0] == which), None)
    return (found.number, found.hash) if found else None
