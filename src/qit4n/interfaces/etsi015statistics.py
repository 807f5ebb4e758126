"""``app_statistics`` of ETSI GS QKD 015: key that a site supplied to pairs of applications, in ended periods. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from qit4n.refpoints import ck

PERIOD_S = 300.0
KEPT = 12  # an hour

Pair = frozenset[str]


@dataclass(frozen=True)
class Period:
    """From when to when, in seconds since the Unix epoch, and the bits of each pair."""

    start: float
    end: float
    bits: dict[Pair, int]


class Consumption:
    """Makes periods of counts that only grow."""

    def __init__(self) -> None:
        """No period has begun."""
        self._periods: deque[Period] = deque(maxlen=KEPT)
        self._start: float | None = None
        self._before: dict[Pair, int] = {}

    @property
    def periods(self) -> tuple[Period, ...]:
        """Those that are over, the latest last."""
        return tuple(self._periods)

    def see(self, supply: Iterable[ck.SupplyReport], now: float) -> None:
        """Take the counts of now; call it a few times in a period."""
        if self._start is not None and now - self._start < PERIOD_S:
            return
        totals: dict[Pair, int] = {}
        for one in supply:
            pair = frozenset((one.master, one.slave))
            totals[pair] = totals.get(pair, 0) + one.bits_supplied
        if self._start is not None:
            grown = {pair: bits - self._before.get(pair, 0) for pair, bits in totals.items()}
            self._periods.append(Period(self._start, now, grown))
        self._start, self._before = now, totals
