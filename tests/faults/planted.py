"""Bugs to plant: each is a line that somebody could have forgotten or got wrong, and what the simulation must say."""

from collections.abc import Callable
from dataclasses import dataclass

from qit4n.keys import endtoend, kma, ksa, manager, relay, synchronise
from qit4n.keys.held import HeldKeys
from qit4n.keys.store import ChunkRecord, HeadRecord, HeldKeysRecord, Put, SlabRecord, settle
from qit4n.keys.step import Step
from qit4n.pools.keypool import KeyPool
from qit4n.refpoints import kx
from qit4n.simulation.disk import Disk
from qit4n.simulation.site import SimulatedSite


@dataclass(frozen=True)
class Bug:
    """``plant`` gets pytest's monkeypatch; ``seeds`` is in how many seeds it was found when it was written down."""

    name: str
    plant: Callable
    seeds: int


def without(writes, kind):
    return [write for write in writes if not (isinstance(write, Put) and write.record.kind == kind.kind)]


def wrap(owner, name, change):
    """Plant: the result of a method goes through ``change(result, *arguments)``."""

    def plant(monkeypatch):
        original = getattr(owner, name)

        def changed(*arguments, **named):
            return change(original(*arguments, **named), *arguments)

        monkeypatch.setattr(owner, name, changed)

    return plant


def put(owner, name, value):
    """Plant: another function in place of a method."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def act_before_commit(self, step):
    actions, step.actions = step.actions, []
    self._waiting.append(step)
    for action in actions:
        self._perform(action)
    if not self._committing:
        self._begin_commit()


def cut_without_head_check(self, spans):
    return self._leave(list(spans))


def forget_writes(kind):
    def change(step, *_):
        step.writes = without(step.writes, kind)
        return step

    return change


def forget_in_list(kind):
    return lambda writes, *_: without(writes, kind)


def erase_nothing(result, *_):
    return [] if isinstance(result, list) else Step(actions=result.actions)


def torn(self, writes, written):
    records, _ = settle(writes[:written])
    self.write(records, [])


def answer_first_site(self, peer, message):
    supply = self._waiting.get(message.batch)
    if supply is None or peer not in supply.sites:
        return Step()
    del self._waiting[message.batch]
    return Step(actions=[supply.answer()])


def anybody(self, request):
    return None if all(request_id[:12] in self for request_id in request.key_ids) else REFUSED(self, request)


REFUSED = HeldKeys._refusal


def both_own(self, stock, owner):
    return stock.send


def late_chunks(step, self, peer, message, now):
    return Step(actions=step.actions)


def unmasked(self, batch, request, remote, size):
    values, step = ORIGINAL_CUT(self, batch, request, remote, size)
    for number, action in enumerate(step.actions):
        mask = action.message.mask
        if mask:
            import msgspec

            turned = mask[1:] + mask[:1]
            step.actions[number] = type(action)(action.site, msgspec.structs.replace(action.message, mask=turned))
    return values, step


ORIGINAL_CUT = ksa.KSA._cut


def short_path(chunk, path, material, now):
    import msgspec

    return msgspec.structs.replace(ORIGINAL_RECORD(chunk, path, material, now), trusted=path[1:-2])


ORIGINAL_RECORD = endtoend._record


def no_tag(message, pad):
    from qit4n.keys.onetimepad import xor

    return xor(message.ciphertext, pad[: len(message.ciphertext)])


def heads_of_before(store):
    slabs, chunks, heads = list(store.load(SlabRecord)), tuple(store.load(ChunkRecord)), {}
    return slabs, chunks, heads


def intact_without_damage(store):
    heads = {record.key: record.position for record in store.load(HeadRecord)}
    return list(store.load(SlabRecord)), tuple(store.load(ChunkRecord)), heads


def take_nothing_erased(self, batch, slave, mask):
    held = self._batches[batch]
    write = ORIGINAL_TAKE(self, batch, slave, mask)
    del held
    return write if isinstance(write, Put) else Put(HeldKeysRecordStub)


ORIGINAL_TAKE = HeldKeys._take
HeldKeysRecordStub = None

def only_rest(self, stock):
    step = ORIGINAL_RUN(self, stock)
    return Step(actions=[action for action in step.actions if not action.order.run])


ORIGINAL_RUN = kma.KMA._run_or_rest


def tell_at_once(step, self, number, *_):
    step.actions += [supply.answer() for supply in self._waiting.values() if supply.request == number]
    return step


BUGS = [
    Bug("actions before the commit", put(SimulatedSite, "submit", act_before_commit), 0),
    Bug("head check off", put(KeyPool, "cut_at", cut_without_head_check), 0),
    Bug("head of a link slab not stored", wrap(kma, "_spend", forget_in_list(HeadRecord)), 0),
    Bug("head of a chunk not stored", wrap(endtoend, "_spend", forget_in_list(HeadRecord)), 0),
    Bug("fetched copy not erased in the store", wrap(HeldKeys, "fetch", lambda step, *_: Step(actions=step.actions)), 0),
    Bug("held said before it is stored", wrap(ksa.KSA, "notify_supply", forget_writes(HeldKeysRecord)), 0),
    Bug("chunk at the destination not stored", wrap(endtoend.EndToEndPools, "arrived", forget_writes(ChunkRecord)), 0),
    Bug("slab agreement not stored", wrap(kma.KMA, "_confirm", forget_writes(SlabRecord)), 0),
    Bug("both ends own a slab", put(kma.KMA, "_pool", both_own), 0),
    Bug("torn commit", put(Disk, "torn", torn), 0),
    Bug("answer after the first slave's site", put(ksa.KSA, "supply_held", answer_first_site), 0),
    Bug("any application may fetch", put(HeldKeys, "_refusal", anybody), 0),
    Bug("mask of a shared key wrong", put(ksa.KSA, "_cut", unmasked), 0),
    Bug("a trusted site not recorded", put(endtoend, "_record", short_path), 0),
    Bug("tag of a relay not checked", put(relay, "unseal", no_tag), 0),
    Bug("damaged heads count as zero", put(manager, "_intact", intact_without_damage), 0),
    Bug("chunks in flight never expire", put(endtoend.EndToEndPools, "expire", lambda self, now: Step()), 0),
    Bug("offers not repeated", put(kma.KMA, "_timer_of", lambda self, stock, now: Step()), 0),
    Bug("old copies not noticed by peers", put(synchronise.Synchroniser, "seen", lambda self, peer: 0), 0),
    Bug("missing slabs not voided", put(kma.KMA, "void_missing", lambda self, link, peer, spans: Step()), 0),
    Bug("heads not moved when pools agree", put(KeyPool, "skip", lambda self, slab, head: None), 0),
    Bug("lost chunks not erased", wrap(endtoend.EndToEndPools, "lose", lambda step, *_: Step(actions=step.actions)), 0),
    Bug("plausibility of a notice not checked", put(ksa.KSA, "_plausible", lambda self, peer, message: True), 0),
    Bug("relay path not checked", put(relay.Relay, "check_path", lambda self, peer, message: None), 0),
    Bug("link of a peer not checked", put(kma.KMA, "_stock", lambda self, link, peer: self.stocks[link]), 0),
    Bug("withdrawn by anybody", put(ksa.KSA, "withdraw_supply", lambda self, peer, m: Step(self.held.erase(m.batch))), 0),
    Bug("copies expire at once after a clock jump", put(HeldKeys, "expired", lambda self, before: list(self._batches) if before % 1 > 0.99 else []), 0),
    Bug("digests not compared", put(KeyPool, "digest", lambda self, slab: b""), 0),
    Bug("old session accepted", put(synchronise.Synchroniser, "expected", lambda self, peer, m: self._asked.pop(peer, None) or True), 0),
    Bug("pools cut before agreement", put(kma.KMA, "link_to", lambda self, peer: max((s for s in self.stocks.values() if s.peer == peer), key=lambda s: s.send.available_bytes)), 0),
    Bug("module keeps resting", put(kma.KMA, "_run_or_rest", only_rest), 0),
    Bug("slab not reserved for the salt", put(kma, "SALT_BYTES", 0), 0),
    Bug("master told before slaves hold", wrap(ksa.KSA, "_get", tell_at_once), 0),
]
