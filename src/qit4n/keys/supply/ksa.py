"""KSA, the key supply agent of a site (ITU-T Y.3802, Y.3803): supplies KSA-keys at Ak, each copy once.

Rules it keeps (numbers of ``interfaces/etsi014.py``):

- A batch is cut from a ready end-to-end pool, so both ends can have it (A14). The master gets its answer only
  after every slave's key manager holds the keys durably; if that fails in time the bits are wasted (A4) and the
  slaves' copies are withdrawn.
- Each slave fetches its copies once (``keys/supply/held.py``). Who may ask is decided in ``keys/supply/access.py``.
- Several slaves at several sites share one key: further sites get it XOR-masked with key of their own pool.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache

from qit4n.entropy import Entropy
from qit4n.keys.directory import Directory
from qit4n.keys.onetimepad import xor
from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.keys.step import Answer, Send, Step
from qit4n.keys.store import HeldKeysRecord
from qit4n.keys.supply.access import Access
from qit4n.keys.supply.held import HeldKeys
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import ak, kx

SUPPLY_LIMIT_S = 5.0
AGREEMENT_LIMIT_S = 10.0


@dataclass
class Supply:
    """A request that waits for the slaves' key managers at ``sites``."""

    request: int
    batch: bytes
    values: bytes
    size: int
    deadline: float
    sites: set[str]
    told: set[str] = field(default_factory=set)
    knowledge: tuple[Knowledge, ...] | None = None

    def answer(self) -> Answer:
        """What the master gets."""
        number = len(self.values) // self.size
        keys = ak.KSAKeys(ids=ak.key_ids(self.batch, number), values=self.values, size=self.size)
        return Answer(self.request, ak.SuppliedKeys(batches=(keys,), knowledge=self.knowledge))


@lru_cache(1024)
def _told(ways: tuple[Knowledge, ...]) -> str:
    """Who could know a key, for the audit trail."""
    return "; ".join(map(str, ways))


class KSA:
    """The key supply of one site."""

    def __init__(
        self,
        site: str,
        directory: Directory,
        pools: EndToEndPools,
        entropy: Entropy,
        *,
        agreed: AbstractSet[str],
        held: Iterable[HeldKeysRecord] = (),
    ) -> None:
        """Start with the held keys of the store; ``agreed`` are the sites with whom key may be cut now."""
        self.site = site
        self._directory = directory
        self.access = Access(site, directory)
        self._pools = pools
        self._entropy = entropy
        self.held = HeldKeys(held, preserve=directory.policies.preservation_s > 0)
        self._waiting: dict[bytes, Supply] = {}
        self._agreed = agreed
        self._started_at = 0.0

    # Ak

    def request(self, number: int, request: ak.KeyRequest, now: float) -> Step:
        """Answer an application, now or when the slaves' key managers have."""
        caller = request.slave if isinstance(request, ak.GetKeysByID) else request.master
        refused = self.access.refuse_rate(caller, now)
        if refused:
            return Step(actions=[Answer(number, refused)])
        if isinstance(request, ak.GetStatus):
            return Step(actions=[Answer(number, self._status(request))])
        if isinstance(request, ak.GetKeysByID):
            return self._fetch(number, request, now)
        return self._get(number, request, now)

    def _fetch(self, number: int, request: ak.GetKeysByID, now: float) -> Step:
        """Give copies; soon after a start not before the master's site has agreed that this store is no old copy."""
        site = self._directory.sites.get(request.master, self.site)
        self._started_at = self._started_at or now
        if site != self.site and site not in self._agreed and now - self._started_at < AGREEMENT_LIMIT_S:
            text = f"this site and {site} do not agree yet on what they hold; ask again"
            return Step(actions=[Answer(number, ak.Refused(reason="not-ready", text=text))])
        if not self._directory.allowed(request.master, request.slave) and self.held.has_of(request):
            text = f"no demand lets {request.master} share keys with {request.slave} any more"
            return Step(actions=[Answer(number, ak.Refused(reason="not-allowed", text=text, key_ids=request.key_ids))])
        return self.held.fetch(number, request)

    def _status(self, request: ak.GetStatus) -> ak.Reply:
        refused = self.access.refuse_pair(request.master, request.slave)
        if refused:
            return refused
        policies, target = self._directory.policies, self._directory.sites[request.slave]
        trust = self._directory.trust(request.master, request.slave)
        capacity = self._pools.target_bytes(target, trust) * 8
        ready = self._pools.available_bytes(target, trust) * 8
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
            crypto_period_s=policies.crypto_period_s,
        )

    # supply: the master's side

    def _get(self, number: int, request: ak.GetKeys, now: float) -> Step:
        size_bits = request.size or self._directory.policies.key_size_bits
        remote = self._by_site(request.slaves)
        bits = request.number * size_bits
        refused = (
            self.access.refuse_request(request, size_bits)
            or self._shortage(request, remote, bits // 8)
            or self.access.refuse_quota(request.master, bits, now)
        )
        if refused:
            return Step(actions=[Answer(number, refused)])
        local = remote.pop(self.site, ())
        batch, size = ak.new_batch(self._entropy), size_bits // 8
        values, known, step = self._cut(batch, request, remote, size)
        step.tell("supplied", batch.hex(), len(values), request.master, *request.slaves, note=_told(known))
        if local:
            step.extend(self.held.hold(batch, values, size=size, master=request.master, slaves=local, now=now))
        supply = Supply(number, batch, values, size, now + SUPPLY_LIMIT_S, set(remote), set(remote))
        supply.knowledge = known if request.tell_trusted else None
        if remote:
            self._waiting[batch] = supply
        else:
            step.actions.append(supply.answer())
        return step

    def _by_site(self, slaves: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Slaves by site; those of no site are left out, they are refused."""
        found: dict[str, tuple[str, ...]] = {}
        for slave in slaves:
            site = self._directory.sites.get(slave)
            if site is not None and slave not in found.get(site, ()):
                found[site] = (*found.get(site, ()), slave)
        return found

    def _shortage(self, request: ak.GetKeys, sites: Iterable[str], needed: int) -> ak.Refused | None:
        trust = self._directory.trust(request.master, request.slaves[0])
        for site in sites:
            if site == self.site:
                continue
            if site not in self._agreed:
                return ak.Refused(reason="not-ready", text=f"no connection to site {site} now; nothing was consumed")
            ready = self._pools.available_bytes(site, trust)
            if ready < needed:
                text = f"insufficient key material: {needed * 8} bits asked, {ready * 8} ready with {site}"
                return ak.Refused(reason="no-key", text=text)
        return None

    def _cut(
        self, batch: bytes, request: ak.GetKeys, remote: dict[str, tuple[str, ...]], size: int
    ) -> tuple[bytes, tuple[Knowledge, ...], Step]:
        """The values of a batch, who could know them, and what tells the slaves' sites."""
        values, ways, step = b"", dict[Knowledge, None](), Step()
        trust = self._directory.trust(request.master, request.slaves[0])
        for site, slaves in remote.items():
            cut, known, taken = self._pools.cut(site, size * request.number, trust)
            step.extend(taken)
            ways |= dict.fromkeys(known)
            mask = xor(values, cut.material) if values else b""
            values = values or cut.material
            spans = tuple(kx.Span(slab=slab, offset=at, length=length) for slab, at, length in cut.spans)
            message = kx.NotifySupply(
                batch=batch, master=request.master, slaves=slaves, size=size, spans=spans, mask=mask
            )
            step.actions.append(Send(site, message))
        return values or self._entropy(size * request.number), tuple(ways), step

    def supply_held(self, peer: str, message: kx.SupplyHeld) -> Step:
        """A slave's key manager holds its copies; answer the master when all do."""
        supply = self._waiting.get(message.batch)
        if supply is None or peer not in supply.sites:
            return Step()
        supply.sites.remove(peer)
        if supply.sites:
            return Step()
        del self._waiting[message.batch]
        return Step(actions=[supply.answer()])

    def supply_refused(self, peer: str, message: kx.SupplyRefused) -> Step:
        """A slave's key manager lacks the chunks: so do we from now on; the master may ask again."""
        step = self._pools.lose(peer, message.chunks)
        supply = self._waiting.get(message.batch)
        if supply is not None and peer in supply.sites:
            step.extend(self._give_up(supply, f"site {peer} does not hold the key material"))
        return step

    def _give_up(self, supply: Supply, text: str) -> Step:
        del self._waiting[supply.batch]
        step = self.held.erase(supply.batch, "erased", "the master was refused")
        step.tell("refused", supply.batch.hex(), len(supply.values), note=text)
        step.actions = [Send(site, kx.WithdrawSupply(batch=supply.batch)) for site in sorted(supply.told)]
        step.actions.append(Answer(supply.request, ak.Refused(reason="not-ready", text=text)))
        return step

    # supply: the slave's side

    def notify_supply(self, peer: str, message: kx.NotifySupply, now: float) -> Step:
        """Hold the slaves' copies, then say so; not before both sites agree.

        If this store is an old copy, what it shares with the master's site is about to be given up.
        """
        if peer not in self._agreed:
            return Step(actions=[Send(peer, kx.SupplyRefused(batch=message.batch, chunks=()))])
        missing = self._pools.incoming.missing(peer, tuple(span.slab for span in message.spans))
        if missing or not self._plausible(peer, message):
            return Step(actions=[Send(peer, kx.SupplyRefused(batch=message.batch, chunks=missing))])
        values, step = self._pools.incoming.cut_at(peer, message.spans)
        if message.mask:
            values = xor(values, message.mask)
        step.extend(
            self.held.hold(
                message.batch, values, size=message.size, master=message.master, slaves=message.slaves, now=now
            )
        )
        step.actions.append(Send(peer, kx.SupplyHeld(batch=message.batch)))
        return step

    def _plausible(self, peer: str, message: kx.NotifySupply) -> bool:
        length = sum(span.length for span in message.spans)
        return (
            len(message.batch) == ak.BATCH_BYTES
            and message.batch not in self.held
            and message.size > 0
            and length > 0
            and length % message.size == 0
            and len(message.mask) in {0, length}
            and bool(message.slaves)
            and self.access.plausible(peer, message.master, message.slaves)
        )

    def withdraw_supply(self, peer: str, message: kx.WithdrawSupply) -> Step:
        """The master, who is at ``peer``, was refused: nobody will ask for these."""
        master = self.held.master_of(message.batch)
        if master is None or self._directory.sites.get(master) != peer:
            return Step()
        return self.held.erase(message.batch, "erased", "the master was refused")

    def void_with(self, peer: str) -> Step:
        """Forget the copies whose masters are at ``peer``: they may have been fetched."""
        step = Step()
        for batch in self.held.of({one for one, site in self._directory.sites.items() if site == peer}):
            step.extend(self.held.erase(batch, "voided", "the store was an old copy"))
        return step

    def lost(self, peer: str) -> Step:
        """No connection to ``peer`` any more: refuse what waits for it."""
        return self._give_up_all(
            [one for one in self._waiting.values() if peer in one.sites], "the connection to {} broke"
        )

    def timer(self, now: float) -> Step:
        """Refuse requests whose slaves' sites do not answer; erase copies that nobody fetched in time."""
        self._started_at = self._started_at or now
        late = [one for one in self._waiting.values() if now > one.deadline]
        step = self._give_up_all(late, f"no answer from {{}} within {SUPPLY_LIMIT_S:.0f} s")
        policies = self._directory.policies
        lifetime = min(policies.unclaimed_key_lifetime_s, policies.crypto_period_s or policies.unclaimed_key_lifetime_s)
        for batch in self.held.unclaimed_before(now - lifetime):
            step.extend(self.held.erase(batch, "expired", "nobody fetched it in time"))
        for batch in self.held.preserved_before(now - policies.preservation_s):
            step.extend(self.held.erase(batch, "erased", "its preservation has ended"))
        return step

    def _give_up_all(self, supplies: Iterable[Supply], text: str) -> Step:
        step = Step()
        for supply in supplies:
            step.extend(self._give_up(supply, text.format("site " + ", ".join(sorted(supply.sites)))))
        return step
