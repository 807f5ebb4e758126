"""Optical switches as quantum relay points (ITU-T Y.3802): when each of the links that share a module has its turn.

A round of ``period_s`` seconds has one slot per link. A slot begins with ``retune_s``, in which no light passes, and
``relock_s``, in which the modules find clock and polarisation again; only the rest of it makes key. Rounds are counted
by the clock from 0 on, so that sites whose clocks agree need not speak to agree on a slot.
"""

import math
from collections.abc import Mapping

import msgspec

from qit4n.network.model import Switch

KEPT = 4


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A link's turn in each round: light passes from ``opens_s`` to ``closes_s`` after the round's begin."""

    link: str
    opens_s: float
    closes_s: float


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One slot of one round, by the clock."""

    opens_at: float
    closes_at: float


def lit_shares(switch: Switch, rates_bps: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """The share of the time in which each link makes key, so that the least weighted key rate is highest.

    The linear programme: maximise t subject to ``rate * share >= weight * t`` for each link that has a weight, and
    the sum of the shares plus what retuning and re-locking cost per slot <= 1.

    Args:
        switch: how long a round is, and what a slot costs.
        rates_bps: secret key per second of light, by link; those without any get no slot.
        weights: how much more one link needs than another; 0: nothing.
    """
    import numpy as np  # noqa: PLC0415 - slow to import, and few sites and commands need it
    from scipy.optimize import linprog  # noqa: PLC0415

    links = [link for link in switch.links if rates_bps.get(link, 0.0) > 0.0 and weights.get(link, 0.0) > 0.0]
    lost = len(links) * (switch.retune_s + switch.relock_s) / switch.period_s
    if not links or lost >= 1.0:
        return {}
    rates = np.array([rates_bps[link] for link in links])
    needs = np.array([weights[link] for link in links]) * np.max(rates)

    found = linprog(
        np.concatenate([np.zeros(len(links)), [-1.0]]),
        A_ub=np.vstack([np.column_stack([-np.diag(rates), needs]), np.append(np.ones(len(links)), 0.0)]),
        b_ub=np.append(np.zeros(len(links)), 1.0 - lost),
        method="highs",
    )
    return dict(zip(links, found.x[:-1].tolist(), strict=True))


def slots(switch: Switch, shares: Mapping[str, float]) -> tuple[Slot, ...]:
    """One round: the slots one after the other, each with the time that is lost before it."""
    made, begin = [], 0.0
    for link in switch.links:
        if shares.get(link, 0.0) > 0.0:
            opens = begin + switch.retune_s + switch.relock_s
            begin = opens + shares[link] * switch.period_s
            made.append(Slot(link=link, opens_s=opens, closes_s=begin))
    return tuple(made)


class Timetable:
    """The rounds of one switch: which slots hold from when on. It begins with those of the file."""

    def __init__(self, switch: Switch, first: tuple[Slot, ...]) -> None:
        """``first`` holds until something else does."""
        self.switch = switch
        self._from: list[tuple[float, tuple[Slot, ...]]] = [(-math.inf, first)]

    def take(self, from_at: float, new: tuple[Slot, ...]) -> None:
        """Other slots from the first round on that begins at ``from_at`` or later; others for then are dropped."""
        begins = math.ceil(from_at / self.switch.period_s - 1e-9) * self.switch.period_s
        earlier = [one for one in self._from if one[0] < begins]
        self._from = [*earlier[-KEPT:], (begins, new)]

    def held_at(self, now: float) -> tuple[Slot, ...]:
        """The slots of the round at this time."""
        return next((slots for begins, slots in reversed(self._from) if begins <= now + 1e-9), self._from[0][1])

    def window(self, link: str, now: float) -> Window | None:
        """The slot of a link that is open now, or the next one; None if none comes in the next rounds."""
        period = self.switch.period_s
        first = math.floor(now / period)
        for number in range(first, first + KEPT + 1):
            begin = number * period
            for slot in self.held_at(begin):
                if slot.link == link and begin + slot.closes_s > now:
                    return Window(opens_at=begin + slot.opens_s, closes_at=begin + slot.closes_s)
        return None

    def passes(self, link: str, begins_at: float, ends_at: float) -> bool:
        """Whether light of a link goes through from one time to another."""
        window = self.window(link, begins_at)
        tolerance = 1e-6
        return (
            window is not None and window.opens_at <= begins_at + tolerance and ends_at <= window.closes_at + tolerance
        )
