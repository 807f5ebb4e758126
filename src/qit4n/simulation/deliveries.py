"""What applications got, and whether they were entitled to it: the promises of Ak, checked at each answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qit4n.errors import InvariantViolatedError
from qit4n.keys.audit import AuditEvent
from qit4n.keys.store import Record
from qit4n.refpoints import ak
from qit4n.simulation import seam
from qit4n.simulation.ledger import Ledger
from qit4n.simulation.watcher import Records, Watcher
from qit4n.simulation.world import World

ONCE = "a key is delivered at most once to each entitled party and never to another"
EQUAL = "both copies are equal"
KEPT = "an acknowledged key can be fetched by each slave"


@dataclass
class Delivered:
    """A key of which somebody has got a copy. ``open`` are the slaves who have yet to fetch theirs."""

    value: bytes
    master: str
    acknowledged: bool = False
    open: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)


class Deliveries(Watcher):
    """All keys that crossed Ak. ``excused`` says why a copy may be missing."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        """Nothing is delivered yet."""
        self._world = world
        self._ledger = ledger
        self._homes = {application.id: application.homes for application in world.network.applications}
        self._held: dict[tuple[str, str], seam.HELD] = {}
        self.keys: dict[seam.KeyId, Delivered] = {}
        self.excused: dict[tuple[seam.KeyId, str], str] = {}

    def site(self, application: str) -> str:
        """Where an application has its key streams."""
        return self._homes[application][0]

    def homes(self, application: str) -> tuple[str, ...]:
        """All sites that serve an application."""
        return self._homes[application]

    def lied_to(self, *applications: str) -> bool:
        """Whether a Byzantine site serves one of these."""
        return any(not self._ledger.liars.isdisjoint(self.homes(one)) for one in applications)

    # answers

    def supplied(self, request: ak.GetKeys, reply: ak.SuppliedKeys) -> dict[seam.KeyId, bytes]:
        """The master has got keys."""
        keys = seam.keys(reply)
        size = (request.size or self._world.network.policies.key_size_bits) // 8
        if len(keys) != request.number or any(len(value) != size for value in keys.values()):
            raise InvariantViolatedError("a request is met whole", f"{len(keys)} keys for {request.number} asked")
        for key_id, value in keys.items():
            known = self.keys.setdefault(key_id, Delivered(value, request.master))
            if known.acknowledged or known.master != request.master:
                raise InvariantViolatedError(ONCE, f"key {key_id.hex()} was supplied to {known.master} before")
            self._same(key_id, value, known.value, request.master)
            known.acknowledged = True
            slaves = dict.fromkeys(request.slaves)
            known.open = [slave for slave in slaves if slave not in known.fetched]
        return keys

    def fetched(self, request: ak.GetKeysByID, reply: ak.SuppliedKeys) -> None:
        """A slave has got its copies."""
        keys = seam.keys(reply)
        if tuple(keys) != request.key_ids:
            raise InvariantViolatedError("a request is met whole", f"{len(keys)} of {len(request.key_ids)} keys")
        for key_id, value in keys.items():
            self._fetched(request, key_id, value)

    def _fetched(self, request: ak.GetKeysByID, key_id: seam.KeyId, value: bytes) -> None:
        if self.lied_to(request.master):
            return
        supply, slave = self._ledger.supplies.get(key_id), request.slave
        known = self.keys.get(key_id)
        if known is None:
            if supply is None:
                raise InvariantViolatedError(ONCE, f"{slave} got key {key_id.hex()}, which nobody asked for")
            known = self.keys.setdefault(key_id, Delivered(supply.value, supply.master))
        named = (supply.slaves if supply else ()) + tuple(known.open) + tuple(known.fetched)
        if slave not in named or request.master != known.master:
            raise InvariantViolatedError(ONCE, f"{slave}, asking as slave of {request.master}, got key {key_id.hex()}")
        if slave in known.fetched:
            raise InvariantViolatedError(ONCE, f"{slave} got key {key_id.hex()} twice")
        self._same(key_id, value, known.value, slave)
        known.fetched.append(slave)
        if slave in known.open:
            known.open.remove(slave)

    def _same(self, key_id: seam.KeyId, value: bytes, other: bytes, who: str) -> None:
        if value != other and not self._ledger.through_a_liar(key_id):
            raise InvariantViolatedError(EQUAL, f"{who} got key {key_id.hex()} with another value")

    def fetch_lost(self, request: ak.GetKeysByID) -> None:
        """The process ended during a fetch: the copies that are erased already are lost with the answer."""
        homes = self.homes(request.slave)
        here = [record for (site, _), record in self._held.items() if site in homes]
        left = {key_id for record in here for key_id in seam.waiting(record, request.slave)}
        for key_id in set(request.key_ids) - left:
            self.excused[key_id, request.slave] = "the answer to the fetch was lost"

    def fetch_refused(self, request: ak.GetKeysByID, reply: ak.Refused) -> None:
        """A slave named its keys rightly and was refused."""
        missing = [key_id for key_id in reply.key_ids or request.key_ids if not self.excuse(key_id, request.slave)]
        if missing and reply.reason != "not-ready":
            raise InvariantViolatedError(KEPT, f"{request.slave} does not get {missing[0].hex()}: {reply.reason}")

    def excuse(self, key_id: seam.KeyId, slave: str) -> str:
        """Why a slave need not get its copy; empty if it must."""
        known = self.keys.get(key_id)
        if known is None or not known.acknowledged or slave not in known.open:
            return "not open"
        if self.lied_to(slave, known.master):
            return "Byzantine site"
        return self.excused.get((key_id, slave), "")

    # what may make copies go missing

    def committed(self, site: str, records: Records, events: Sequence[AuditEvent]) -> None:
        """Copies that are erased after their lifetime are excused."""
        del events
        lifetime = self._world.network.policies.unclaimed_key_lifetime_s
        for (kind, key), record in records.items():
            if isinstance(record, seam.HELD):
                self._held[site, key] = record
            elif record is None and kind == seam.HELD.kind:
                held = self._held.pop((site, key), None)
                if held is not None and self._world.sites[site].clock - held.supplied_at > lifetime:
                    self._excuse_all(held, "expired by policy")

    def rotted(self, site: str, record: Record) -> None:
        """Copies in an unreadable record are excused."""
        del site
        self._excuse_all(record, "bit rot")

    def restored(self, site: str) -> None:
        """The copies that a site holds when its store goes back in time, or is given up as an old one, are excused."""
        for place, record in list(self._held.items()):
            if place[0] == site:
                self._excuse_all(record, "restored store")
                del self._held[place]

    def _excuse_all(self, record: Record, reason: str) -> None:
        if isinstance(record, seam.HELD):
            for key_id in seam.held_ids(record):
                self.excused.update({(key_id, slave): reason for slave in record.slaves})
