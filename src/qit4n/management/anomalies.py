"""Anomalies of all links of a network: their samples of ten seconds, live and from the history on the disk.

The charts of a network together make a false alarm every ``FALSE_ALARM_S`` in the mean, if blocks are independent.
Links that a device serves tell no errors and are not watched; nor are those from satellites, whose passes differ.
"""

from collections.abc import Iterable
from math import floor

import msgspec
import numpy as np
from msgspec import structs

from qit4n.management.commoncause import gathered, parts_of
from qit4n.management.correlation import LOST
from qit4n.management.history import Row
from qit4n.management.linkwatch import WARM_UP, Anomaly, LinkWatch, Sample
from qit4n.management.symptoms import Symptom
from qit4n.network.media import SPACE
from qit4n.network.model import Network
from qit4n.refpoints import mc

PERIOD_S = 10.0
FALSE_ALARM_S = 90 * 86_400.0
KEPT_S = 2 * 86_400.0
BLOCKS, ACCEPTED = "blocks", "accepted"
KINDS = (BLOCKS, ACCEPTED)
"""Rows of the history on the disk: samples, and the links whose present state an operator found well."""

COUNTS = ("duration_s", "sifted_bits", "errors_key_basis", "test_bits", "errors_test_basis")


class LinkReport(msgspec.Struct, frozen=True, kw_only=True):
    """``qit report anomalies``: of one link. Until ``samples`` are ``needed`` nothing is found."""

    link: str
    samples: int
    needed: int = WARM_UP
    qber: float | None
    test_qber: float | None
    rate_bps: float | None
    anomaly: Anomaly | None
    past: tuple[Anomaly, ...]


class Anomalies:
    """Watches the links of a network."""

    def __init__(self, network: Network) -> None:
        """Know nothing yet."""
        watched = [
            link.id for link in network.links if network.device_of(link) is None and link.medium.kind not in SPACE
        ]
        arl = max(1, len(watched)) * FALSE_ALARM_S / PERIOD_S
        self._parts = parts_of(network)
        self._watches = {link: LinkWatch(arl) for link in watched}
        self._before: dict[str, mc.LinkCounts] = {}
        self._period = 0

    def receive(self, status: mc.NetworkStatus) -> tuple[Row, ...]:
        """Take a state of the network; a row to keep on disk when a period is over."""
        period = floor(status.at / PERIOD_S)
        counted = {link.link: link.counted for link in status.links if link.link in self._watches and link.counted}
        if not self._before:
            self._before, self._period = counted, period
        if period == self._period:
            return ()
        self._period = period
        before, self._before = self._before, self._before | counted
        values = {
            link: _difference(before[link], now)
            for link, now in counted.items()
            if link in before and now.blocks != before[link].blocks
        }
        if not values:
            return ()
        row = Row(BLOCKS, status.at, tuple(values), np.array(list(values.values()), np.float32))
        self.restore(row)
        return (row,)

    def restore(self, row: Row) -> None:
        """Take a row, also from the disk: links that are gone are left out, and so are rows that do not fit."""
        if row.kind == ACCEPTED:
            for link in row.elements:
                if link in self._watches:
                    self._watches[link].accept(row.at)
            return
        if row.values.shape != (len(row.elements), len(COUNTS)):
            return
        for link, values in zip(row.elements, row.values.tolist(), strict=True):
            if link in self._watches:
                duration_s, bits, errors, test_bits, test_errors = values
                self._watches[link].take(
                    Sample(
                        at=row.at,
                        duration_s=duration_s,
                        sifted_bits=bits,
                        errors=errors,
                        test_bits=test_bits,
                        test_errors=test_errors,
                    )
                )

    def accept(self, link: str, at: float) -> Row:
        """What is now is well for a link; a row to keep on disk. KeyError: it is not watched."""
        self._watches[link].accept(at)
        return Row(ACCEPTED, at, (link,), np.zeros((1, 1), np.float32))

    def symptoms(self, status: mc.NetworkStatus) -> list[Symptom]:
        """What is unusual now, of links that make key: those that make none have alarms of their own."""
        lost = {link.link for link in status.links if link.state in LOST}
        watches = self._watches.items()
        return gathered({link: one.anomaly for link, one in watches if one.anomaly and link not in lost}, self._parts)

    def report(self) -> tuple[LinkReport, ...]:
        """All that was found of each link."""
        return tuple(_report(link, watch) for link, watch in self._watches.items())


def _report(link: str, watch: LinkWatch) -> LinkReport:
    usual = watch.usual()
    return LinkReport(
        link=link,
        samples=watch.learned,
        qber=usual.qber if usual else None,
        test_qber=usual.test_qber if usual else None,
        rate_bps=usual.rate_bps if usual else None,
        anomaly=watch.anomaly,
        past=tuple(watch.past),
    )


def replay(network: Network, rows: Iterable[Row]) -> tuple[LinkReport, ...]:
    """What the charts find in rows from the disk, the oldest first."""
    found = Anomalies(network)
    for row in rows:
        if row.kind in KINDS:
            found.restore(row)
    return found.report()


def _difference(before: mc.LinkCounts, now: mc.LinkCounts) -> list[float]:
    """What was counted between; of a link whose store began anew, since then."""
    if now.blocks < before.blocks:
        before = structs.replace(before, **dict.fromkeys(mc.LinkCounts.__struct_fields__, 0))
    return [getattr(now, name) - getattr(before, name) for name in COUNTS]
