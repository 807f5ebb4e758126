"""Supplies that wait for the slaves' key managers, and what hands keys over to other networks for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from qit4n.keys.step import Answer, Step
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import ak

ABROAD = "other networks"  # no site id has a space

Finish = Callable[[bytes, ak.Refused | None], Step]


@dataclass(frozen=True)
class Short:
    """A site that cannot have the keys of a request now, and the refusal that says why."""

    site: str
    refused: ak.Refused


class Supply(msgspec.Struct, eq=False):
    """A request that waits for the slaves' key managers at ``sites``, of those that were ``told``.

    ``asked`` is what the application wants: if a site fails it may be tried without those that are ``avoided``. What
    another network has handed over was not asked for: ``finish`` is told when all hold it, or why not.
    """

    request: int
    batch: bytes
    values: bytes
    size: int
    deadline: float
    told: tuple[str, ...]
    sites: set[str]
    master: str
    knowledge: tuple[Knowledge, ...] | None = None
    finish: Finish | None = None
    asked: ak.GetKeys | None = None
    avoided: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Without the values."""
        return f"Supply({self.request}, {self.batch.hex()}, <{len(self.values)} bytes>, {self.sites} of {self.told})"

    def held(self) -> Step:
        """All hold it: the master gets it."""
        if self.finish is not None:
            return self.finish(self.batch, None)
        number = len(self.values) // self.size
        keys = ak.KSAKeys(ids=ak.key_ids(self.batch, number), values=self.values, size=self.size)
        reply = ak.SuppliedKeys(batches=(keys,), knowledge=self.knowledge)
        return Step(actions=[Answer(self.request, reply)])

    def refused(self, why: ak.Refused) -> Step:
        """It is given up."""
        if self.finish is not None:
            return self.finish(self.batch, why)
        return Step(actions=[Answer(self.request, why)])


class Abroad(Protocol):
    """Hands keys over to other networks (``keys/interworking``)."""

    def __contains__(self, batch: bytes, /) -> bool:
        """Whether a batch is, or was lately, handed over from here."""
        ...

    def hand(
        self, origin: str, batch: bytes, values: bytes, *, size: int, master: str, slaves: tuple[str, ...], now: float
    ) -> Step:
        """Hand over; ``origin``, the site that cut the batch, is told what becomes of it."""
        ...

    def withdraw(self, origin: str, batch: bytes, now: float) -> Step:
        """``origin`` has refused its master: nobody will ask for these."""
        ...
