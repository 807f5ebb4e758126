"""What applications ask for and get at Ak, counted where it happens: the basis of the QoS parameters of ITU-T Y.3807.

Counts only grow while a process runs; who reads them twice has what happened between. Delays are counted in bins whose
bounds double from :data:`LEAST_S` on, so that quantiles of any time are known to within a factor of two, and the
smallest and the sum exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from qit4n.refpoints import ak, ck

LEAST_S = 1e-4
BINS = 20  # up to 52 s
KEY_ID_BYTES = 16
LOST = ("no-key", "not-ready")  # the network did not supply; other refusals are the asker's


def bin_of(delay_s: float) -> int:
    """The bin of a delay: number n holds those up to ``LEAST_S * 2**n``."""
    return min(max(0, math.ceil(math.log2(max(delay_s, LEAST_S) / LEAST_S))), BINS - 1)


@dataclass
class Count:
    """What one master asked for one slave, or one slave fetched of one master."""

    requests: int = 0
    keys_requested: int = 0
    keys_supplied: int = 0
    bits_supplied: int = 0
    keys_lost: int = 0
    keys_fetched: int = 0
    delay_sum_s: float = 0.0
    delay_min_s: float = math.inf
    delays: list[int] = field(default_factory=lambda: [0] * BINS)


class Meter:
    """The counts of one site, by master and slave."""

    def __init__(self, site: str, now: Callable[[], float]) -> None:
        """Read the time with ``now``: from the complete request to the complete answer (KKRD)."""
        self._site = site
        self._now = now
        self._counts: dict[tuple[str, str], Count] = {}

    def around(self, request: ak.Request, reply: Callable[[ak.Reply], None]) -> Callable[[ak.Reply], None]:
        """``reply``, counted when it is called; requests that neither get nor fetch keys are not counted."""
        if isinstance(request, ak.GetKeys):
            slaves, begun = request.slaves, self._now()

            def answered(answer: ak.Reply) -> None:
                self._supplied(request.master, slaves, request.number, answer, self._now() - begun)
                reply(answer)

            return answered
        if isinstance(request, ak.GetKeysByID):
            master, slave = request.master, request.slave

            def fetched(answer: ak.Reply) -> None:
                if isinstance(answer, ak.SuppliedKeys):
                    self._count(master, slave).keys_fetched += _keys(answer)
                reply(answer)

            return fetched
        return reply

    def _count(self, master: str, slave: str) -> Count:
        return self._counts.setdefault((master, slave), Count())

    def _supplied(self, master: str, slaves: tuple[str, ...], number: int, answer: ak.Reply, delay_s: float) -> None:
        if isinstance(answer, ak.Refused) and answer.reason not in LOST:
            return
        for slave in slaves:
            count = self._count(master, slave)
            count.requests += 1
            count.keys_requested += number
            if isinstance(answer, ak.SuppliedKeys):
                count.keys_supplied += _keys(answer)
                count.bits_supplied += sum(8 * len(batch.values) for batch in answer.batches)
                count.delay_sum_s += delay_s
                count.delay_min_s = min(count.delay_min_s, delay_s)
                count.delays[bin_of(delay_s)] += 1
            else:
                count.keys_lost += number

    def reports(self) -> tuple[ck.SupplyReport, ...]:
        """All counts since the process began."""
        return tuple(
            ck.SupplyReport(
                site=self._site,
                master=master,
                slave=slave,
                requests=one.requests,
                keys_requested=one.keys_requested,
                keys_supplied=one.keys_supplied,
                bits_supplied=one.bits_supplied,
                keys_lost=one.keys_lost,
                keys_fetched=one.keys_fetched,
                delay_sum_s=one.delay_sum_s,
                delay_min_s=one.delay_min_s if math.isfinite(one.delay_min_s) else None,
                delays=tuple(one.delays),
            )
            for (master, slave), one in self._counts.items()
        )


def _keys(answer: ak.SuppliedKeys) -> int:
    return sum(len(batch.ids) // KEY_ID_BYTES for batch in answer.batches)
