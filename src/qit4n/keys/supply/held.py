"""Copies of supplied keys that wait for their slaves (ITU-T Y.3803: supply, deletion).

Rules it keeps (numbers of ``interfaces/etsi014.py``):

- Each slave fetches its copy of a key once (A2, A17); all keys of a request, or none (A3).
- What no slave waits for any more is overwritten, and erased with the write that lets the answer leave.
- Copies that nobody fetches in time are erased. A policy may preserve fetched keys for a while; they are not
  given again.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from heapq import heappop, heappush

from qit4n.keys.audit import LifeCycle
from qit4n.keys.step import Answer, Step
from qit4n.keys.store import Erase, HeldKeysRecord, Put
from qit4n.refpoints import ak

Run = tuple[bytes, list[int], list[bytes]]


@dataclass
class HeldBatch:
    """A batch; ``waiting`` has a bit mask per slave, bit i for key i."""

    values: bytearray
    size: int
    master: str
    waiting: dict[str, int]
    supplied_at: float

    @property
    def number(self) -> int:
        """Keys of the batch, fetched or not."""
        return len(self.values) // self.size

    def unclaimed(self) -> int:
        """Bit mask of the keys that some slave waits for."""
        found = 0
        for mask in self.waiting.values():
            found |= mask
        return found

    def values_of(self, places: list[int]) -> bytes:
        """The keys at these places, one after the other."""
        size = self.size
        if places[-1] - places[0] == len(places) - 1 and places == list(range(places[0], places[-1] + 1)):
            return bytes(self.values[places[0] * size : (places[-1] + 1) * size])
        return b"".join([self.values[place * size : (place + 1) * size] for place in places])

    def take(self, slave: str, mask: int, *, overwrite: bool) -> None:
        """``slave`` has its copies of the keys in ``mask``; ``overwrite`` those that nobody waits for any more."""
        self.waiting[slave] &= ~mask
        left = self.unclaimed()
        done = mask & ~left if left and overwrite else 0  # without any left the whole batch goes
        while done:
            place = (done & -done).bit_length() - 1
            self.values[place * self.size : (place + 1) * self.size] = bytes(self.size)
            done &= done - 1


class HeldKeys:
    """All copies that wait at one site."""

    def __init__(self, records: Iterable[HeldKeysRecord] = (), *, preserve: bool = False) -> None:
        """Start with the copies of the store, oldest first. ``preserve`` keeps what is fetched until it is erased."""
        self._batches: dict[bytes, HeldBatch] = {}
        self._preserved: dict[bytes, HeldBatch] = {}
        self._ages, self._preserved_ages = Ages(), Ages()
        self._preserve = preserve
        self.unclaimed_keys = 0
        self._unclaimed_bytes = Counter[tuple[str, str]]()
        for record in records:
            waiting = (int.from_bytes(mask, "little") for mask in record.waiting)
            held = HeldBatch(
                values=bytearray(record.values),
                size=record.size,
                master=record.master,
                waiting=dict(zip(record.slaves, waiting, strict=True)),
                supplied_at=record.supplied_at,
            )
            unclaimed = held.unclaimed()
            batch = bytes.fromhex(record.key)
            (self._batches if unclaimed else self._preserved)[batch] = held
            (self._ages if unclaimed else self._preserved_ages).add(batch, held.supplied_at)
            self.unclaimed_keys += unclaimed.bit_count()
            for slave, mask in held.waiting.items():
                self._count(held, slave, mask.bit_count())

    def __contains__(self, batch: bytes) -> bool:
        """Whether this batch, or one that has its ids, is here."""
        if batch in self._batches or batch in self._preserved:
            return True
        name = batch[: ak.BATCH_BYTES]
        return name in self._batches or name in self._preserved

    def hold(self, batch: bytes, values: bytes, *, size: int, master: str, slaves: tuple[str, ...], now: float) -> Step:
        """Keep a batch for ``slaves``; the step makes it durable."""
        full = (1 << len(values) // size) - 1
        held = HeldBatch(bytearray(values), size, master, dict.fromkeys(slaves, full), now)
        self._batches[batch] = held
        self._ages.add(batch, now)
        self.unclaimed_keys += held.number
        for slave in slaves:
            self._count(held, slave, held.number)
        return Step([_record(batch, held)]).tell("held", batch.hex(), len(values), master, *slaves)

    def _count(self, held: HeldBatch, slave: str, keys: int) -> None:
        """So many keys more wait for a slave, or fewer."""
        self._unclaimed_bytes[held.master, slave] += keys * held.size

    def unclaimed_bits(self, master: str, slave: str) -> int:
        """How much of this master's key a slave has yet to fetch."""
        return 8 * self._unclaimed_bytes[master, slave]

    def master_of(self, batch: bytes) -> str | None:
        """Who was supplied with a batch that is held, else None."""
        held = self._batches.get(batch)
        return held.master if held else None

    def has_of(self, request: ak.GetKeysByID) -> bool:
        """Whether any of these keys was supplied to this master with this slave."""
        found = (self._batches.get(self._place_of(key_id)[0]) for key_id in request.key_ids)
        return any(held and held.master == request.master and request.slave in held.waiting for held in found)

    def fetch(self, number: int, request: ak.GetKeysByID) -> Step:
        """Give a slave its copies."""
        runs = self._runs(request.key_ids)
        wanted = self._wanted(request, runs)
        if wanted is None:
            return Step(actions=[Answer(number, self._refusal(request))])
        found = [
            ak.KSAKeys(ids=b"".join(ids), values=self._batches[batch].values_of(places), size=self._batches[batch].size)
            for batch, places, ids in runs
        ]
        step = Step(actions=[Answer(number, ak.SuppliedKeys(batches=tuple(found)))])
        for batch, mask in wanted.items():
            self._take(step, batch, request.slave, mask)
        return step

    def _wanted(self, request: ak.GetKeysByID, runs: list[Run]) -> dict[bytes, int] | None:
        """Bit masks of what is asked for, by batch; None if anything of it may not be given."""
        wanted: dict[bytes, int] = {}
        for batch, places, _ in runs:
            held = self._batches.get(batch)
            if held is None or held.master != request.master or max(places) >= held.number:
                return None
            mask, before = _mask(places), wanted.get(batch, 0)
            if mask & before or mask.bit_count() != len(places) or mask & ~held.waiting.get(request.slave, 0):
                return None
            wanted[batch] = before | mask
        return wanted

    def _place_of(self, key_id: bytes) -> tuple[bytes, int]:
        """Batch and place of a key id; one that another network has named is a batch of its own."""
        batch, place = ak.place_of(key_id)
        return (key_id, 0) if key_id in self._batches and batch not in self._batches else (batch, place)

    def _runs(self, key_ids: tuple[bytes, ...]) -> list[Run]:
        """Batch, places and ids; neighbours of one batch together."""
        runs: list[Run] = []
        last = b""
        for key_id in key_ids:
            batch = key_id[: ak.BATCH_BYTES]
            if batch != last:
                named, place = self._place_of(key_id)
                if named != batch:
                    runs.append((named, [place], [key_id]))
                    last = b""
                    continue
                runs.append((batch, [], []))
                last = batch
            _, places, ids = runs[-1]
            places.append(int.from_bytes(key_id[ak.BATCH_BYTES :]))
            ids.append(key_id)
        return runs

    def void(
        self, master: str, slaves: AbstractSet[str], key_ids: Collection[bytes] | None
    ) -> tuple[list[bytes], Step]:
        """Take keys back that none of ``slaves`` has had; ``None``: all. Which these are, and the step."""
        wanted: dict[bytes, int] = {}
        for key_id in self._ids_of(master) if key_ids is None else key_ids:
            batch, place = self._place_of(key_id)
            held = self._batches.get(batch)
            if held and held.master == master and held.waiting and slaves >= held.waiting.keys():
                wanted[batch] = wanted.get(batch, 0) | (1 << place if place < held.number else 0)
        step, found = Step(), list[bytes]()
        for batch, mask in wanted.items():
            for untouched in self._batches[batch].waiting.values():
                mask &= untouched  # noqa: PLW2901 - what every slave still waits for
            found += _ids(batch, mask)
            step.extend(self._void(batch, mask) if mask else Step())
        return found, step

    def _ids_of(self, master: str) -> list[bytes]:
        return [key_id for batch in self.of({master}) for key_id in _ids(batch, self._batches[batch].unclaimed())]

    def _void(self, batch: bytes, mask: int) -> Step:
        held, note = self._batches[batch], "the other network took it back"
        if mask == held.unclaimed():
            return self.erase(batch, "voided", note)
        for slave in held.waiting:
            held.take(slave, mask, overwrite=True)
            self._count(held, slave, -mask.bit_count())
        self.unclaimed_keys -= mask.bit_count()
        return Step([_record(batch, held)]).tell("voided", batch.hex(), mask.bit_count() * held.size, note=note)

    def _refusal(self, request: ak.GetKeysByID) -> ak.Refused:
        """Which keys were refused, and why."""
        others, unknown = [], []
        for key_id in request.key_ids:
            batch, place = self._place_of(key_id)
            held = self._batches.get(batch)
            if held is None or held.master != request.master or not held.unclaimed() >> place & 1:
                unknown.append(key_id)
            elif request.slave not in held.waiting:
                others.append(key_id)
            elif not held.waiting[request.slave] >> place & 1:
                unknown.append(key_id)
        if others:
            text = f"{request.slave} is not a slave of {len(others)} of the keys"
            return ak.Refused(reason="not-allowed", text=text, key_ids=tuple(others))
        return ak.Refused(reason="unknown-key", text="one or more keys not found", key_ids=tuple(unknown))

    def _take(self, step: Step, batch: bytes, slave: str, mask: int) -> None:
        held = self._batches[batch]
        before = held.unclaimed()
        held.take(slave, mask, overwrite=not self._preserve)
        after = held.unclaimed()
        self.unclaimed_keys -= (before & ~after).bit_count()
        self._count(held, slave, -mask.bit_count())
        step.tell("fetched", batch.hex(), mask.bit_count() * held.size, slave, held.master)
        if after:
            step.writes.append(_record(batch, held))
        elif self._preserve:
            self._preserved[batch] = self._batches.pop(batch)
            self._ages.remove(batch, held.supplied_at)
            self._preserved_ages.add(batch, held.supplied_at)
            step.writes.append(_record(batch, held))
            step.tell("preserved", batch.hex(), len(held.values))
        else:
            step.extend(self.erase(batch, "erased", "every copy is fetched"))

    def erase(self, batch: bytes, why: LifeCycle, note: str) -> Step:
        """Forget a batch; nothing if it is not here."""
        held = self._batches.pop(batch, None) or self._preserved.pop(batch, None)
        if held is None:
            return Step()
        self._ages.remove(batch, held.supplied_at)
        self._preserved_ages.remove(batch, held.supplied_at)
        self.unclaimed_keys -= held.unclaimed().bit_count()
        for slave, mask in held.waiting.items():
            self._count(held, slave, -mask.bit_count())
        size = len(held.values)
        held.values[:] = bytes(size)
        return Step([Erase(HeldKeysRecord.kind, batch.hex())]).tell(why, batch.hex(), size, note=note)

    def of(self, masters: Collection[str]) -> list[bytes]:
        """The batches that these applications were supplied with."""
        return [batch for batch, held in self._batches.items() if held.master in masters]

    def unclaimed_before(self, time: float) -> list[bytes]:
        """Batches that some slave waits for and that were supplied before a time."""
        return self._ages.before(time)

    def preserved_before(self, time: float) -> list[bytes]:
        """Batches that are only preserved and that were supplied before a time."""
        return self._preserved_ages.before(time)


class Ages:
    """Batches by the second of their supply, in whatever order they come: the clock may be set back."""

    def __init__(self) -> None:
        """Empty."""
        self._seconds: dict[int, dict[bytes, float]] = {}
        self._order: list[int] = []  # a heap of the seconds, so that a look costs nothing while none is due

    def add(self, batch: bytes, time: float) -> None:
        """One more."""
        second = int(time)
        there = self._seconds.get(second)
        if there is None:
            there = self._seconds[second] = {}
            heappush(self._order, second)
        there[batch] = time

    def remove(self, batch: bytes, time: float) -> None:
        """Forget one; nothing if it is not here."""
        there = self._seconds.get(int(time))
        if there is not None:
            there.pop(batch, None)

    def before(self, time: float) -> list[bytes]:
        """All of before a time, by the second; they stay until they are removed."""
        found, kept = [], []
        while self._order and self._order[0] < time:
            second = heappop(self._order)
            there = self._seconds[second]
            if there:
                kept.append(second)
                found += [batch for batch, at in there.items() if at < time]
            else:
                del self._seconds[second]
        for second in kept:
            heappush(self._order, second)
        return found


def _ids(batch: bytes, mask: int) -> list[bytes]:
    """The ids of the keys in a mask."""
    if len(batch) > ak.BATCH_BYTES:
        return [batch] if mask else []
    return [batch + place.to_bytes(4) for place in range(mask.bit_length()) if mask >> place & 1]


def _mask(places: list[int]) -> int:
    found = 0
    for place in places:
        found |= 1 << place
    return found


def _record(batch: bytes, held: HeldBatch) -> Put:
    size = (held.number + 7) // 8
    return Put(
        HeldKeysRecord(
            key=batch.hex(),
            values=bytes(held.values),
            size=held.size,
            master=held.master,
            slaves=tuple(held.waiting),
            waiting=tuple(mask.to_bytes(size, "little") for mask in held.waiting.values()),
            supplied_at=held.supplied_at,
        )
    )
