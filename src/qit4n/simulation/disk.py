"""A simulated disk under a key store: keeps what was committed, whatever happens to the process."""

from collections.abc import Iterable, Mapping

from qit4n.errors import StoreFullError
from qit4n.keys.audit import AuditEvent
from qit4n.keys.store import Record, RecordType, Write, settle

Records = dict[tuple[str, str], Record]
Copy = tuple[Records, int, int]


class Disk:
    """A :class:`qit4n.keys.store.Store` in memory.

    Whether a commit that a crash interrupts is there afterwards is decided by ``keep``; it is there whole or not at
    all. ``full`` refuses every commit. A record in ``rotten`` fails authentication: it is left out on load until it
    is written again. ``mark`` is the file beside the store that says how far the store was. ``version`` is what no site
    can know: the last of all commits up to which this store lacks nothing.
    """

    def __init__(self) -> None:
        """An empty disk."""
        self.records: Records = {}
        self.rotten: set[tuple[str, str]] = set()
        self.damaged: set[tuple[str, str]] = set()
        self.trail: list[AuditEvent] = []
        self.full = False
        self.mark = 0
        self.version = 0

    def load(self, kind: type[RecordType]) -> list[RecordType]:
        """All sound records of a kind, oldest first."""
        places = [(place, record) for place, record in self.records.items() if isinstance(record, kind)]
        self.damaged = {place for place in self.damaged if place[0] != kind.kind}
        self.damaged.update(place for place, _ in places if place in self.rotten)
        return [record for place, record in places if place not in self.rotten]

    def commit(self, writes: Iterable[Write]) -> None:
        """Make the writes durable, all or none."""
        if self.full:
            raise StoreFullError("the simulated disk is full")
        self.write(*settle(writes))

    def write(self, records: Mapping[tuple[str, str], Record | None], events: Iterable[AuditEvent]) -> None:
        """Put and erase records, add to the audit trail."""
        for place, record in records.items():
            self.rotten.discard(place)
            if record is None:
                self.records.pop(place, None)
            else:
                self.records[place] = record
        self.trail.extend(events)

    def torn(self, writes: list[Write], written: int) -> None:
        """The power failed when ``written`` of the writes had reached the disk: the store takes none of them."""
        del writes, written

    def backup(self) -> Copy:
        """A copy of the store, the mark, and the version."""
        return dict(self.records), self.mark, self.version

    def restore(self, copy: Copy, *, with_mark: bool) -> None:
        """An older copy comes back."""
        self.records, self.rotten, self.version = dict(copy[0]), set(), copy[2]
        if with_mark:
            self.mark = copy[1]
