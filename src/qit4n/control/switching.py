"""Schedules of optical switches by stock (Cqrp): the link that holds less key gets more of the time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from qit4n.network.model import Network, Switch
from qit4n.network.switching import Slot, lit_shares, slots
from qit4n.refpoints import cqrp

LEAD_S = 2.0  # both ends of a link know new slots before they hold
RECONSIDER_S = 5.0
WORTH_CHANGING = 0.1
CALM = 0.5  # below this share of its full stock a link has its whole weight, then less, and none when it is full


@dataclass
class SwitchControl:
    """Makes and changes the schedule of each switch of a network.

    Args:
        network: with its switches.
        lit_rates_bps: secret key that each link makes per second of light.
    """

    network: Network
    lit_rates_bps: Mapping[str, float]
    version: int = 0
    schedules: dict[str, cqrp.SwitchSchedule] = field(default_factory=dict)
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    _next_at: float = -math.inf

    def refresh(self, stock_bits: Mapping[str, float], now: float) -> bool:
        """Look at the stock of each link again if it is time; True if a schedule is new."""
        if now < self._next_at or not self.network.switches:
            return False
        self._next_at = now + RECONSIDER_S
        changed = [switch for switch in self.network.switches if self._reconsider(switch, stock_bits, now)]
        self.version += bool(changed)
        return bool(changed)

    def of(self, site: str) -> tuple[cqrp.SwitchSchedule, ...]:
        """The schedules that a site has to know: of switches that one of its links crosses."""
        crossed = {switch.id for link in self.network.links_of(site) if (switch := self.network.switch_of(link))}
        return tuple(one for switch, one in self.schedules.items() if switch in crossed)

    def _reconsider(self, switch: Switch, stock_bits: Mapping[str, float], now: float) -> bool:
        full = self.network.policies.link_stock_bits
        weights = {link: _weight(stock_bits.get(link, 0.0) / full) for link in switch.links}
        if not any(weights.values()):
            return False  # all are full and rest
        shares = lit_shares(switch, self.lit_rates_bps, weights)
        before = self.shares.get(switch.id)
        if before is not None and _alike(before, shares):
            return False
        self.shares[switch.id] = shares
        made: tuple[Slot, ...] = slots(switch, shares)
        self.schedules[switch.id] = cqrp.SwitchSchedule(switch=switch.id, from_at=now + LEAD_S, slots=made)
        return True


def _weight(filled: float) -> float:
    return min(1.0, max(0.0, (1.0 - filled) / (1.0 - CALM)))


def _alike(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether no link gets or loses a tenth of the larger of both shares."""
    return before.keys() == after.keys() and all(
        abs(before[link] - share) <= WORTH_CHANGING * max(before[link], share) for link, share in after.items()
    )
