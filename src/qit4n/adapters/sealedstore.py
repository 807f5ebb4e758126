"""What all key stores share, whichever database keeps the rows: sealing, rotation, the audit trail, damage."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qit4n.adapters.sealing import Sealing
from qit4n.errors import StoreDamagedError
from qit4n.keys import audit
from qit4n.keys.store import AuditHeadRecord, RecordType, Write, settle

HEAD = "head"
AT_ONCE = 4096

Wrapping = tuple[str, str, bytes]
Trail = tuple[Iterator[audit.AuditRow], tuple[int, bytes]]
"""Rows of an audit trail; number and hash of the last one as the store key protects them."""


@dataclass
class Changes:
    """What one commit writes: sealed bodies and wrappings as (kind, key, bytes), erased (kind, key), a trail row."""

    bodies: list[tuple[str, str, bytes]] = field(default_factory=list)
    wrappings: list[Wrapping] = field(default_factory=list)
    erased: list[tuple[str, str]] = field(default_factory=list)
    row: audit.AuditRow | None = None


class SealedStore(ABC):
    """A :class:`qit4n.keys.store.Store` over rows. Not shared between threads at the same time."""

    def __init__(self, sealing: Sealing) -> None:
        """Renew the wrapping key and find the end of the trail; the database is open by now."""
        self.damaged: set[tuple[str, str]] = set()
        self._sealing = sealing
        self._rotate()
        self._last = self._last_row() or audit.START

    @abstractmethod
    def _rows(self, kind: str) -> list[tuple[str, bytes, bytes | None]]:
        """Key, body and wrapping of all records of a kind, in the order in which they were first put."""

    @abstractmethod
    def _wrappings(self) -> list[Wrapping]:
        """All wrappings."""

    @abstractmethod
    def _last_row(self) -> audit.AuditRow | None:
        """The last row of the audit trail."""

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

    def _rotate(self) -> None:
        rows = self._wrappings()
        self._sealing.begin_rotation()
        fresh = [(kind, key, self._sealing.rewrap(kind, key, wrapped)) for kind, key, wrapped in rows]
        for at in range(0, len(fresh), AT_ONCE):
            self._write(Changes(wrappings=fresh[at : at + AT_ONCE]))
        self._sealing.end_rotation()

    def load(self, kind: type[RecordType]) -> Iterator[RecordType]:
        """All records of a kind, oldest first. One that fails authentication is left out, see ``damaged``."""
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


def head_of(sealing: Sealing, found: tuple[str, bytes, bytes | None] | None) -> tuple[int, bytes]:
    """Number and hash of the last row of a trail, from the record that protects them.

    Raises:
        StoreDamagedError: the record was altered.
    """
    if found is None:
        return 0, audit.START.hash
    head = sealing.open(AuditHeadRecord, *found)
    if head is None:
        raise StoreDamagedError("the record that protects the end of the audit trail is damaged")
    return head.number, head.hash
