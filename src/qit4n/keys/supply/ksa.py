"""KSA, the key supply agent of a site (ITU-T Y.3802, Y.3803): supplies KSA-keys at Ak, each copy once.

Rules it keeps (numbers of ``interfaces/etsi014.py``):

- A batch is cut from a ready end-to-end pool, so both ends can have it (A14). The master gets its answer only
  after every slave's key manager holds the keys durably; if that fails in time the bits are wasted (A4) and the
  slaves' copies are withdrawn.
- Each slave fetches its copies once (``keys/supply/held.py``). Who may ask is decided in ``keys/supply/access.py``.
- Several slaves at several sites share one key: further sites get it XOR-masked with key of their own pool.
- A copy is at one home of its slave: the first that can have it now. If that fails before the master is answered, the
  keys are withdrawn and fresh ones go to the next home.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache

from qit4n.entropy import Entropy
from qit4n.keys.directory import Directory
from qit4n.keys.onetimepad import xor
from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.keys.step import Answer, Send, Step
from qit4n.keys.store import HeldKeysRecord
from qit4n.keys.supply.access import Access, Grant
from qit4n.keys.supply.held import HeldKeys
from qit4n.keys.supply.supplies import ABROAD, Abroad, Finish, Short, Supply
from qit4n.keys.supply.ways import abroad_ways, beyond
from qit4n.network.model import Trust
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import ak, kx

SUPPLY_LIMIT_S = 5.0
AGREEMENT_LIMIT_S = 10.0
NOWHERE = frozenset[str]()


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
        self._abroad: Abroad | None = None
        self._agreed = agreed
        self._started_at = 0.0

    def interwork(self, abroad: Abroad) -> None:
        """This site hands keys over to other networks."""
        self._abroad = abroad

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
        """Give copies (014 clause 5.4); soon after a start not before others had time to show it old."""
        self._started_at = self._started_at or now
        if now - self._started_at < AGREEMENT_LIMIT_S:
            for site in self._directory.homes.get(request.master, (self.site,)):
                if site not in self._agreed:
                    text = f"this site does not know yet from {site} whether its store is up to date; ask again"
                    return Step(actions=[Answer(number, ak.Refused(reason="not-ready", text=text))])
        if not self._directory.allowed(request.master, request.slave) and self.held.has_of(request):
            text = f"no demand lets {request.master} share keys with {request.slave} any more"
            return Step(actions=[Answer(number, ak.Refused(reason="not-allowed", text=text, key_ids=request.key_ids))])
        return self.held.fetch(number, request)

    def _status(self, request: ak.GetStatus) -> ak.Reply:
        refused = self.access.refuse_pair(request.master, request.slave)
        if refused:
            return refused
        policies, homes = self._directory.policies, self._directory.homes[request.slave]
        trust = self._directory.trust(request.master, request.slave)
        able = (home for home in homes if self._lacks(home, trust, policies.key_size_bits // 8) is None)
        target = next(able, homes[0])
        capacity = self._pools.target_bytes(target, trust) * 8
        ready = self._pools.available_bytes(target, trust) * 8
        local = policies.max_keys_per_request * policies.key_size_bits if target == self.site else 0
        return ak.SupplyStatus(
            source_site=self.site,
            target_site=self._directory.abroad.get(request.slave, target),
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
        """Supply keys to a master, or say why not (014 clause 5.3)."""
        grant = self.access.decide(request)
        if isinstance(grant, ak.Refused):
            return Step(actions=[Answer(number, grant)])
        needed = grant.size * request.number
        short = self._shortage(grant, needed)
        if short and (found := self._other_homes(request, frozenset({short.site}), needed)):
            grant, short = found, None
        refused = (
            self._refuse_full(request, grant, 8 * needed, now)
            or (short.refused if short else None)
            or self.access.refuse_quota(request.master, 8 * needed, now)
        )
        if refused:
            return Step(actions=[Answer(number, refused)])
        return self._begin(number, request, grant, now)

    def _other_homes(self, request: ak.GetKeys, avoided: frozenset[str], needed: int) -> Grant | None:
        """Where the keys can go now if not to the sites that are ``avoided``."""
        while grant := self.access.decide_without(request, avoided):
            short = self._shortage(grant, needed)
            if short is None:
                return grant
            avoided |= {short.site}
        return None

    def _begin(
        self,
        number: int,
        request: ak.GetKeys,
        grant: Grant,
        now: float,
        given: tuple[bytes, bytes, Finish] | None = None,
    ) -> Step:
        """Cut keys, if their batch and values are not ``given``, and bring them to their slaves."""
        batch, values, finish = given or (ak.new_batch(self._entropy), b"", None)
        values, known, step = self._cut(batch, request, grant, values)
        size, master = grant.size, request.master
        step.tell("supplied", batch.hex(), len(values), master, *request.slaves, note=_told(known))
        if grant.here:
            step.extend(self.held.hold(batch, values, size=size, master=master, slaves=grant.here, now=now))
        told = tuple(grant.elsewhere)
        if grant.abroad and self._abroad:
            told = (*told, ABROAD)
        supply = Supply(number, batch, values, size, now + SUPPLY_LIMIT_S, told, set(told), master, finish=finish)
        supply.knowledge = known if request.tell_trusted else None
        supply.asked, supply.avoided = None if given else request, grant.avoided
        if told:
            self._waiting[batch] = supply
        else:
            step.extend(supply.held())
        if grant.abroad and self._abroad:
            there = grant.abroad
            step.extend(self._abroad.hand(self.site, batch, values, size=size, master=master, slaves=there, now=now))
        return step

    def refuse_foreign(self, request: ak.GetKeys, now: float) -> ak.Refused | None:
        """A refusal unless keys that another network hands over can go to their slaves now; sizes are in bits."""
        grant = self.access.grant(request.master, request.slaves, request.size // 8)
        short = self._shortage(grant, request.size // 8)
        return self._refuse_full(request, grant, request.size, now) or (short.refused if short else None)

    def take(self, request: ak.GetKeys, batch: bytes, values: bytes, finish: Finish, now: float) -> Step:
        """Bring keys that another network has handed over to their slaves."""
        grant = self.access.grant(request.master, request.slaves, request.size // 8)
        return self._begin(-1, request, grant, now, (batch, values, finish))

    def _refuse_full(self, request: ak.GetKeys, grant: Grant, bits: int, now: float) -> ak.Refused | None:
        full = self.access.full(request.master, grant.here, bits, self.held.unclaimed_bits)
        return self.access.refuse_full(request.master, request.slaves, full, now)

    def _shortage(self, grant: Grant, needed: int) -> Short | None:
        for site in (self.site, *grant.elsewhere) if grant.here else grant.elsewhere:
            refused = self._lacks(site, grant.trust, needed)
            if refused:
                return Short(site, refused)
        return None

    def _lacks(self, site: str, trust: Trust, needed: int) -> ak.Refused | None:
        """A refusal if a site cannot have so many bytes of key now."""
        if site == self.site and site not in self._agreed:  # its copies go with the store, if that is an old copy
            text = "this site does not know yet whether its store is up to date; nothing was consumed"
            return ak.Refused(reason="not-ready", text=text)
        if site == self.site:
            return None
        if site not in self._agreed:
            return ak.Refused(reason="not-ready", text=f"no connection to site {site} now; nothing was consumed")
        ready = self._pools.available_bytes(site, trust)
        if ready >= needed:
            return None
        text = f"insufficient key material: {needed * 8} bits asked, {ready * 8} ready with {site}"
        return ak.Refused(reason="no-key", text=text)

    def _cut(
        self, batch: bytes, request: ak.GetKeys, grant: Grant, values: bytes
    ) -> tuple[bytes, tuple[Knowledge, ...], Step]:
        """The values of a batch, if they are not given, who could know them, and what tells the slaves' sites."""
        step = Step()
        ways: tuple[Knowledge, ...] = ()
        for site, slaves in grant.elsewhere.items():
            cut, known, taken = self._pools.cut(site, grant.size * request.number, grant.trust)
            step.extend(taken)
            if self._directory.abroad:
                known = beyond(known, request.master, slaves, self._directory.abroad)
            ways = tuple(dict.fromkeys((*ways, *known))) if ways else known
            mask = xor(values, cut.material) if values else b""
            values = values or cut.material
            spans = tuple([kx.Span(slab=slab, offset=at, length=length) for slab, at, length in cut.spans])
            message = kx.NotifySupply(
                batch=batch, master=request.master, slaves=slaves, size=grant.size, spans=spans, mask=mask
            )
            step.actions.append(Send(site, message))
        if self._directory.abroad:
            here = (*grant.here, *grant.abroad)
            ways = (*ways, *abroad_ways(self.site, request.master, here, self._directory.abroad))
        return values or self._entropy(grant.size * request.number), ways, step

    def supply_held(self, peer: str, message: kx.SupplyHeld) -> Step:
        """A slave's key manager holds its copies; answer the master when all do."""
        supply = self._waiting.get(message.batch)
        if supply is None or peer not in supply.sites:
            return Step()
        supply.sites.remove(peer)
        if supply.sites:
            return Step()
        del self._waiting[message.batch]
        return supply.held()

    def supply_refused(self, peer: str, message: kx.SupplyRefused, now: float) -> Step:
        """A slave's key manager lacks the chunks: so do we from now on; the master may ask again. Or it is full."""
        step = self._pools.lose(peer, message.chunks)
        supply = self._waiting.get(message.batch)
        if supply is None or peer not in supply.sites:
            return step
        full = [slave for slave in message.full if peer in self._directory.homes.get(slave, ())]
        self.access.note_full(supply.master, full, now)
        refused = self.access.refuse_full(supply.master, full, (), now)
        text = message.reason or f"site {peer} does not hold the key material"
        step.extend(self._give_up(supply, text, now, refused, frozenset({peer})))
        return step

    def give_up(self, batch: bytes, text: str, now: float) -> Step:
        """Refuse what is on its way; nothing if it has arrived."""
        supply = self._waiting.get(batch)
        return self._give_up(supply, text, now) if supply else Step()

    def _give_up(
        self,
        supply: Supply,
        text: str,
        now: float,
        refused: ak.Refused | None = None,
        failed: frozenset[str] = NOWHERE,
    ) -> Step:
        """Withdraw the keys; then fresh ones go to homes beside the ``failed`` sites, or the master is refused."""
        del self._waiting[supply.batch]
        step = self.held.erase(supply.batch, "erased", "the master was refused")
        step.tell("refused", supply.batch.hex(), len(supply.values), note=text)
        sites = sorted(site for site in supply.told if site != ABROAD)
        step.actions = [Send(site, kx.WithdrawSupply(batch=supply.batch)) for site in sites]
        if self._abroad:
            step.extend(self._abroad.withdraw(self.site, supply.batch, now))
        again = self._try_again(supply, failed, now) if failed and not refused else None
        step.extend(again or supply.refused(refused or ak.Refused(reason="not-ready", text=text)))
        return step

    def _try_again(self, supply: Supply, failed: frozenset[str], now: float) -> Step | None:
        """Fresh keys for other homes of the slaves at sites that failed; None if there are none."""
        request, needed = supply.asked, len(supply.values)
        if request is None or ABROAD in failed:
            return None
        found = self._other_homes(request, supply.avoided | failed, needed)
        if found is None or self._refuse_full(request, found, 8 * needed, now):
            return None
        return self._begin(supply.request, request, found, now)

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
        bits = 8 * sum(span.length for span in message.spans)
        here, abroad = self.access.split(message.slaves)
        full = self.access.full(message.master, here, bits, self.held.unclaimed_bits)
        if full:
            return Step(actions=[Send(peer, kx.SupplyRefused(batch=message.batch, chunks=(), full=full))])
        values, step = self._pools.incoming.cut_at(peer, message.spans)
        if message.mask:
            values = xor(values, message.mask)
        batch, size, master = message.batch, message.size, message.master
        if here:
            step.extend(self.held.hold(batch, values, size=size, master=master, slaves=here, now=now))
        if abroad and self._abroad:
            step.extend(self._abroad.hand(peer, batch, values, size=size, master=master, slaves=abroad, now=now))
        else:
            step.actions.append(Send(peer, kx.SupplyHeld(batch=batch)))
        return step

    def _plausible(self, peer: str, message: kx.NotifySupply) -> bool:
        length = sum(span.length for span in message.spans)
        return (
            len(message.batch) in {ak.BATCH_BYTES, ak.ID_BYTES}
            and message.batch not in self.held
            and not (self._abroad and message.batch in self._abroad)
            and message.size > 0
            and length > 0
            and length % message.size == 0
            and (length == message.size or len(message.batch) == ak.BATCH_BYTES)
            and len(message.mask) in {0, length}
            and bool(message.slaves)
            and self.access.plausible(peer, message.master, message.slaves)
        )

    def withdraw_supply(self, peer: str, message: kx.WithdrawSupply, now: float) -> Step:
        """The master, who is at ``peer``, was refused: nobody will ask for these."""
        step = self._abroad.withdraw(peer, message.batch, now) if self._abroad else Step()
        master = self.held.master_of(message.batch)
        if master is not None and peer in self._directory.homes.get(master, ()):
            step.extend(self.held.erase(message.batch, "erased", "the master was refused"))
        return step

    def void_supply(self, peer: str, message: kx.VoidSupply) -> Step:
        """The network of the master, which hands keys over at ``peer``, wants them back."""
        if self._directory.sites.get(message.master) != peer or message.master not in self._directory.abroad:
            return Step()
        wanted = None if message.all_of_them else message.key_ids
        found, step = self.held.void(message.master, frozenset(message.slaves), wanted)
        step.actions.append(Send(peer, kx.SupplyVoided(number=message.number, key_ids=tuple(found))))
        return step

    def void_with(self, peer: str) -> Step:
        """Forget the copies whose masters are at ``peer``: they may have been fetched."""
        step = Step()
        for batch in self.held.of(self._directory.of_site(peer)):
            step.extend(self.held.erase(batch, "voided", "the store was an old copy"))
        return step

    def lost(self, peer: str, now: float) -> Step:
        """No connection to ``peer`` any more: refuse what waits for it."""
        waiting = [one for one in self._waiting.values() if peer in one.sites]
        return self._give_up_all(waiting, "the connection to {} broke", now, frozenset({peer}))

    def timer(self, now: float) -> Step:
        """Refuse requests whose slaves' sites do not answer; erase copies that nobody fetched in time."""
        self._started_at = self._started_at or now
        late = [one for one in self._waiting.values() if now > one.deadline]
        step = self._give_up_all(late, f"no answer from {{}} within {SUPPLY_LIMIT_S:.0f} s", now)
        policies = self._directory.policies
        lifetime = min(policies.unclaimed_key_lifetime_s, policies.crypto_period_s or policies.unclaimed_key_lifetime_s)
        for batch in self.held.unclaimed_before(now - lifetime):
            step.extend(self.held.erase(batch, "expired", "nobody fetched it in time"))
        for batch in self.held.preserved_before(now - policies.preservation_s):
            step.extend(self.held.erase(batch, "erased", "its preservation has ended"))
        return step

    def _give_up_all(self, supplies: Iterable[Supply], text: str, now: float, failed: frozenset[str] = NOWHERE) -> Step:
        """Of each the sites that ``failed``, else all that it waits for."""
        step = Step()
        for supply in supplies:
            sites = failed or frozenset(supply.sites)
            step.extend(self._give_up(supply, text.format("site " + ", ".join(sorted(sites))), now, failed=sites))
        return step
