"""KSA, the key supply agent of a site (ITU-T Y.3802, Y.3803): supplies KSA-keys at Ak, each copy once.

Rules it keeps (numbers of ``interfaces/etsi014.py``):

- A key is cut from a ready end-to-end pool, so both ends can have it (A14). The master gets its answer only
  after every slave's key manager holds the key durably; if that fails in time the bits are wasted (A4).
- Each slave fetches its copy once; then the copy is erased (A2, A17). All keys of a request, or none (A3).
- Only pairs that a demand of the network file names may share keys; an application is served by its own site.
- Several slaves at several sites share one key: further sites get it XOR-masked with key of their own pool.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from qit4n.entropy import Entropy, new_id
from qit4n.keys.directory import Directory
from qit4n.keys.endtoend import EndToEndPools
from qit4n.keys.onetimepad import xor
from qit4n.keys.step import Answer, Send, Step
from qit4n.keys.store import Erase, HeldKeyRecord, Put, Write
from qit4n.refpoints import ak, kx

SUPPLY_LIMIT_S = 5.0


@dataclass
class Supply:
    """A request that waits for the slaves' key managers."""

    request: int
    keys: tuple[ak.KSAKey, ...]
    notices: dict[str, str]
    deadline: float


@dataclass
class Draft:
    """The keys of one request while they are put together."""

    keys: list[ak.KSAKey] = field(default_factory=list)
    notices: dict[str, list[kx.KeyNotice]] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)


class KSA:
    """The key supply of one site."""

    def __init__(
        self,
        site: str,
        directory: Directory,
        pools: EndToEndPools,
        entropy: Entropy,
        held: Iterable[HeldKeyRecord] = (),
    ) -> None:
        """Start with the held keys of the store."""
        self.site = site
        self._directory = directory
        self._pools = pools
        self._entropy = entropy
        self._held = {record.key: record for record in held}
        self._waiting: dict[str, Supply] = {}
        self.reachable: set[str] = set()

    @property
    def unclaimed_keys(self) -> int:
        """Keys that a slave has yet to fetch here."""
        return len(self._held)

    # Ak

    def request(self, number: int, request: ak.Request, now: float) -> Step:
        """Answer an application, now or when the slaves' key managers have."""
        if isinstance(request, ak.GetStatus):
            return Step(actions=[Answer(number, self._status(request))])
        if isinstance(request, ak.GetKeysByID):
            return self._fetch(number, request)
        refused = self._refusal(request)
        return Step(actions=[Answer(number, refused)]) if refused else self._supply(number, request, now)

    def _pair_refusal(self, master: str, slave: str) -> ak.Refused | None:
        sites = self._directory.sites
        if slave == master:
            return ak.Refused(reason="self-pair", text="an application cannot share a key with itself")
        if slave not in sites:
            return ak.Refused(reason="unknown-application", text=f"no application {slave} in this network")
        if sites.get(master) != self.site:
            return ak.Refused(reason="not-allowed", text=f"{master} is not an application of site {self.site}")
        if not self._directory.allowed(master, slave):
            return ak.Refused(reason="not-allowed", text=f"no demand lets {master} share keys with {slave}")
        return None

    def _refusal(self, request: ak.GetKeys) -> ak.Refused | None:
        policies, size = self._directory.policies, self._size(request)
        for slave in request.slaves:
            refused = self._pair_refusal(request.master, slave)
            if refused:
                return refused
        if len(set(request.slaves)) - 1 > policies.max_additional_slaves:
            text = f"{len(set(request.slaves)) - 1} additional slaves, {policies.max_additional_slaves} allowed"
            return ak.Refused(reason="too-many-slaves", text=text)
        if not 1 <= request.number <= policies.max_keys_per_request:
            text = f"number {request.number} is not in 1..{policies.max_keys_per_request}"
            return ak.Refused(reason="bad-request", text=text)
        if size % 8 or not policies.min_key_size_bits <= size <= policies.max_key_size_bits:
            text = f"size {size} is not in {policies.min_key_size_bits}..{policies.max_key_size_bits}"
            return ak.Refused(reason="bad-request", text=text)
        return self._shortage(request, size)

    def _shortage(self, request: ak.GetKeys, size: int) -> ak.Refused | None:
        needed = request.number * size // 8
        for site in self._remote_sites(request.slaves):
            if site not in self.reachable:
                return ak.Refused(reason="not-ready", text=f"no connection to site {site} now; nothing was consumed")
            held = self._pools.available_bytes(site)
            if held < needed:
                text = f"insufficient key material: {needed * 8} bits asked, {held * 8} ready with {site}"
                return ak.Refused(reason="no-key", text=text)
        return None

    def _size(self, request: ak.GetKeys) -> int:
        return request.size or self._directory.policies.key_size_bits

    def _remote_sites(self, slaves: Iterable[str]) -> tuple[str, ...]:
        sites = dict.fromkeys(self._directory.sites[slave] for slave in slaves)
        return tuple(site for site in sites if site != self.site)

    def _at(self, site: str, slaves: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(slave for slave in slaves if self._directory.sites[slave] == site))

    def _status(self, request: ak.GetStatus) -> ak.Reply:
        refused = self._pair_refusal(request.master, request.slave)
        if refused:
            return refused
        policies, target = self._directory.policies, self._directory.sites[request.slave]
        capacity = sum(pool.target_bytes for pool in self._pools.outgoing.values() if pool.peer == target) * 8
        ready = self._pools.available_bytes(target) * 8
        local = policies.max_keys_per_request * policies.key_size_bits if target == self.site else 0
        return ak.SupplyStatus(
            source_site=self.site,
            target_site=target,
            master=request.master,
            slave=request.slave,
            key_size=policies.key_size_bits,
            stored_key_count=(local or ready) // policies.key_size_bits,
            max_key_count=max(local or capacity, local or ready) // policies.key_size_bits,
            max_key_per_request=policies.max_keys_per_request,
            max_key_size=policies.max_key_size_bits,
            min_key_size=policies.min_key_size_bits,
            max_slaves=policies.max_additional_slaves,
        )

    # supply: the master's side

    def _supply(self, number: int, request: ak.GetKeys, now: float) -> Step:
        draft = Draft()
        for _ in range(request.number):
            self._draft_key(draft, request, self._size(request) // 8, now)
        keys = tuple(draft.keys)
        if not draft.notices:
            return Step(draft.writes, [Answer(number, ak.SuppliedKeys(keys=keys))])
        sites = {new_id(self._entropy): site for site in draft.notices}
        supply = Supply(number, keys, sites, now + SUPPLY_LIMIT_S)
        step = Step(draft.writes)
        for notice, site in sites.items():
            self._waiting[notice] = supply
            message = kx.NotifySupply(
                notice=notice,
                master=request.master,
                slaves=self._at(site, request.slaves),
                keys=tuple(draft.notices[site]),
            )
            step.actions.append(Send(site, message))
        return step

    def _draft_key(self, draft: Draft, request: ak.GetKeys, size: int, now: float) -> None:
        key_id, value = new_id(self._entropy), b""
        for site in self._remote_sites(request.slaves):
            cut, writes = self._pools.cut(site, size)
            mask = xor(value, cut.material) if value else b""
            value = value or cut.material
            spans = tuple(kx.Span(slab=slab, offset=at, length=length) for slab, at, length in cut.spans)
            draft.notices.setdefault(site, []).append(kx.KeyNotice(key_id=key_id, spans=spans, mask=mask))
            draft.writes += writes
        value = value or self._entropy(size)
        draft.keys.append(ak.KSAKey(key_id=key_id, value=value))
        local = self._at(self.site, request.slaves)
        if local:
            draft.writes.append(self._hold(key_id, value, request.master, local, now))

    def _hold(self, key_id: str, value: bytes, master: str, slaves: tuple[str, ...], now: float) -> Put:
        record = HeldKeyRecord(key=key_id, value=value, master=master, slaves=slaves, supplied_at=now)
        self._held[key_id] = record
        return Put(record)

    def supply_held(self, peer: str, message: kx.SupplyHeld) -> Step:
        """A slave's key manager holds its copies; answer the master when all do."""
        supply = self._waiting.get(message.notice)
        if supply is None or supply.notices.get(message.notice) != peer:
            return Step()
        del self._waiting[message.notice], supply.notices[message.notice]
        if supply.notices:
            return Step()
        return Step(actions=[Answer(supply.request, ak.SuppliedKeys(keys=supply.keys))])

    def supply_refused(self, peer: str, message: kx.SupplyRefused) -> Step:
        """A slave's key manager lacks the chunks: so do we from now on; the master may ask again."""
        step = self._pools.lose(peer, message.chunks)
        supply = self._waiting.get(message.notice)
        if supply is not None and supply.notices.get(message.notice) == peer:
            step.extend(self._give_up(supply, f"site {peer} does not hold the key material"))
        return step

    def _give_up(self, supply: Supply, text: str) -> Step:
        for notice in supply.notices:
            self._waiting.pop(notice, None)
        return Step(actions=[Answer(supply.request, ak.Refused(reason="not-ready", text=text))])

    # supply: the slave's side

    def notify_supply(self, peer: str, message: kx.NotifySupply, now: float) -> Step:
        """Hold the slaves' copies, then say so."""
        slabs = tuple(span.slab for key in message.keys for span in key.spans)
        missing = self._pools.missing(peer, slabs)
        if missing or not self._plausible(peer, message):
            return Step(actions=[Send(peer, kx.SupplyRefused(notice=message.notice, chunks=missing))])
        step = Step()
        for key in message.keys:
            value, writes = self._pools.cut_at(peer, key.spans)
            step.writes += writes
            value = xor(value, key.mask) if key.mask else value
            step.writes.append(self._hold(key.key_id, value, message.master, message.slaves, now))
        step.actions.append(Send(peer, kx.SupplyHeld(notice=message.notice)))
        return step

    def _plausible(self, peer: str, message: kx.NotifySupply) -> bool:
        sites = self._directory.sites
        return (
            sites.get(message.master) == peer
            and all(sites.get(slave) == self.site for slave in message.slaves)
            and all(self._directory.allowed(message.master, slave) for slave in message.slaves)
            and not any(key.key_id in self._held for key in message.keys)
            and all(not key.mask or len(key.mask) == sum(span.length for span in key.spans) for key in message.keys)
        )

    def _fetch(self, number: int, request: ak.GetKeysByID) -> Step:
        refused = self._fetch_refusal(request)
        if refused:
            return Step(actions=[Answer(number, refused)])
        step, keys = Step(), []
        for key_id in request.key_ids:
            record = self._held[key_id]
            keys.append(ak.KSAKey(key_id=key_id, value=record.value))
            step.writes.append(self._mark_fetched(record, request.slave))
        step.actions.append(Answer(number, ak.SuppliedKeys(keys=tuple(keys))))
        return step

    def _fetch_refusal(self, request: ak.GetKeysByID) -> ak.Refused | None:
        held = {key_id: self._held.get(key_id) for key_id in request.key_ids}
        others = tuple(key_id for key_id, record in held.items() if record and request.slave not in record.slaves)
        if others:
            text = f"{request.slave} is not a slave of {len(others)} of the keys"
            return ak.Refused(reason="not-allowed", text=text, key_ids=others)
        unknown = tuple(
            key_id
            for key_id, record in held.items()
            if record is None or request.slave in record.fetched or record.master != request.master
        )
        if unknown or len(held) != len(request.key_ids):
            return ak.Refused(reason="unknown-key", text="one or more keys not found", key_ids=unknown)
        return None

    def _mark_fetched(self, record: HeldKeyRecord, slave: str) -> Write:
        fetched = (*record.fetched, slave)
        if set(fetched) == set(record.slaves):
            del self._held[record.key]
            return Erase(HeldKeyRecord.kind, record.key)
        self._held[record.key] = msgspec.structs.replace(record, fetched=fetched)
        return Put(self._held[record.key])

    def lost(self, peer: str) -> Step:
        """No connection to ``peer`` any more: refuse what waits for it."""
        self.reachable.discard(peer)
        step = Step()
        for supply in {id(one): one for one in self._waiting.values() if peer in one.notices.values()}.values():
            step.extend(self._give_up(supply, f"the connection to site {peer} broke"))
        return step

    def timer(self, now: float) -> Step:
        """Refuse requests whose slaves' sites do not answer; erase copies that nobody fetched in time."""
        step = Step()
        for supply in {id(one): one for one in self._waiting.values() if now > one.deadline}.values():
            late = ", ".join(sorted(supply.notices.values()))
            step.extend(self._give_up(supply, f"no answer from {late} within {SUPPLY_LIMIT_S:.0f} s"))
        lifetime = self._directory.policies.unclaimed_key_lifetime_s
        for record in [one for one in self._held.values() if now - one.supplied_at > lifetime]:
            del self._held[record.key]
            step.writes.append(Erase(HeldKeyRecord.kind, record.key))
        return step
