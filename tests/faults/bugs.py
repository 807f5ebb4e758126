"""Bugs to plant: each is a line that somebody could have forgotten or got wrong.

``seeds`` is how many seeds it took to find the bug when it was written down; it changes with every change of the
machines or of the simulation, so that tests allow much more.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from qit4n.errors import OutOfKeyError, ProtocolError
from qit4n.keys import kma, manager
from qit4n.keys.onetimepad import xor
from qit4n.keys.relay import endtoend
from qit4n.keys.relay import forwarding as relay
from qit4n.keys.step import Step
from qit4n.keys.store import HeadRecord, HeldKeysRecord, Put, SlabRecord, settle
from qit4n.keys.supply import ksa
from qit4n.keys.supply.held import HeldKeys
from qit4n.pools.keypool import KeyPool
from qit4n.simulation.disk import Disk
from qit4n.simulation.site import SimulatedSite


@dataclass(frozen=True)
class Bug:
    """``change`` gets the original function and returns the one with the bug."""

    name: str
    owner: object
    function: str
    change: Callable
    seeds: int

    def plant(self, monkeypatch):
        monkeypatch.setattr(self.owner, self.function, self.change(getattr(self.owner, self.function)))


def instead(function):
    """Another function in place of the original."""
    return lambda _: function


def no_writes(original):
    """The step without its writes."""
    return lambda *arguments, **named: Step(actions=original(*arguments, **named).actions)


def without(kind):
    """The step, or the list of writes, without those that put a kind of record."""

    def is_other(write):
        return not (isinstance(write, Put) and write.record.kind == kind.kind)

    def change(original):
        def changed(*arguments, **named):
            result = original(*arguments, **named)
            if isinstance(result, list):
                return list(filter(is_other, result))
            result.writes = list(filter(is_other, result.writes))
            return result

        return changed

    return change


def act_first(original):
    def submit(self, step):
        for action in step.actions:
            self._perform(action)
        original(self, Step(step.writes))

    return submit


def cut_again(self, spans):
    spans = list(spans)
    if any(slab not in self for slab, _, _ in spans):
        raise OutOfKeyError("not held")
    if any(offset + length > len(self._slabs[slab]) for slab, offset, length in spans):
        raise ProtocolError("outside")
    return self._leave(spans)


def torn(self, writes, written):
    self.write(settle(writes[:written])[0], [])


def first_site_is_enough(self, peer, message):
    supply = self._waiting.get(message.batch)
    if supply is None or peer not in supply.sites:
        return Step()
    del self._waiting[message.batch]
    return Step(actions=[supply.answer()])


def answer_at_once(original):
    def get(self, number, *arguments):
        step = original(self, number, *arguments)
        step.actions += [supply.answer() for supply in self._waiting.values() if supply.request == number]
        return step

    return get


def turned_mask(original):
    def cut(*arguments):
        *found, step = original(*arguments)
        for number, action in enumerate(step.actions):
            mask = action.message.mask
            step.actions[number] = replace_message(action, mask=mask[1:] + mask[:1])
        return *found, step

    return cut


def replace_message(action, **fields):
    return type(action)(action.site, replace(action.message, **fields))


def one_site_forgotten(original):
    def record(knowledge, **named):
        paths = tuple((*path[:-2], path[-1]) if len(path) > 2 else path for path in knowledge.paths)
        return original(knowledge=replace(knowledge, paths=paths), **named)

    record.kind = original.kind
    return record


def any_slave(original):
    def wanted(self, request, runs):
        for batch, _, _ in runs:
            for slave in self._batches[batch].waiting if batch in self._batches else ():
                found = original(self, replace(request, slave=slave), runs)
                if found is not None:
                    self._batches[batch].waiting.setdefault(request.slave, 0)
                    return found
        return original(self, request, runs)

    return wanted


def any_master(original):
    def wanted(self, request, runs):
        masters = {self._batches[batch].master for batch, _, _ in runs if batch in self._batches}
        return original(self, replace(request, master=masters.pop()) if len(masters) == 1 else request, runs)

    return wanted


def same_keys_again(_):
    def try_again(self, supply, failed, now):
        grant = supply.asked and self._other_homes(supply.asked, supply.avoided | failed, len(supply.values))
        given = (supply.batch, supply.values, None)
        return self._begin(supply.request, supply.asked, grant, now, given) if grant else None

    return try_again


def never_run_again(original):
    def run_or_rest(self, stock):
        return Step(actions=[action for action in original(self, stock).actions if not action.order.run])

    return run_or_rest


BUGS = (
    Bug("actions before the commit", SimulatedSite, "submit", act_first, 9),
    Bug("a span that was cut is accepted", KeyPool, "cut_at", instead(cut_again), 33),
    Bug("a fetched copy is not erased", HeldKeys, "fetch", no_writes, 2),
    Bug("held is said before it is stored", ksa.KSA, "notify_supply", without(HeldKeysRecord), 2),
    Bug("the head of a slab is not stored", kma, "_spend", without(HeadRecord), 2),
    Bug("the head of a chunk is not stored", endtoend, "spend", without(HeadRecord), 2),
    Bug("the agreement on a slab is not stored", kma.KMA, "_confirm", without(SlabRecord), 2),
    Bug("both ends own a slab", kma.KMA, "_pool", instead(lambda *arguments: arguments[1].send), 1),
    Bug("a torn commit stays", Disk, "torn", instead(torn), 796),
    Bug("one slave's site is enough", ksa.KSA, "supply_held", instead(first_site_is_enough), 2),
    Bug("the master is told at once", ksa.KSA, "_get", answer_at_once, 1),
    Bug("any application may fetch", HeldKeys, "_wanted", any_slave, 1),
    Bug("any master may be named", HeldKeys, "_wanted", any_master, 1),
    Bug("the mask of a shared key is wrong", ksa.KSA, "_cut", turned_mask, 2),
    Bug("a trusted site is not recorded", endtoend, "ChunkRecord", one_site_forgotten, 1),
    Bug("the tag of a relay is not checked", relay, "unseal", instead(lambda m, pad: xor(m.ciphertext, pad[:-32])), 40),
    Bug("a notice is not checked", ksa.KSA, "_plausible", instead(lambda *_: True), 901),
    Bug(
        "anybody speaks of a link", kma.KMA, "_stock", instead(lambda *arguments: arguments[0].stocks[arguments[1]]), 4
    ),
    Bug("an offer is not repeated", kma.KMA, "_timer_of", instead(lambda *_: Step()), 2),
    Bug("a chunk in flight never expires", endtoend.EndToEndPools, "expire", instead(lambda *_: Step()), 13),
    Bug("a module rests for ever", kma.KMA, "_run_or_rest", never_run_again, 40),
    Bug("digests are not compared", KeyPool, "digest", instead(lambda *_: b""), 1),
    Bug("the salt is cut as key", kma, "SALT_BYTES", instead(0), 1),
    Bug("the next home gets the keys of the one that failed", ksa.KSA, "_try_again", same_keys_again, 256),
    Bug("an old copy of a store gives nothing up", manager.KeyManager, "_void_with", instead(lambda *_: Step()), 13),
)
