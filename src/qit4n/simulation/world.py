"""A simulated network: its time, its sites and the ways between them."""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from qit4n.entropy import Entropy
from qit4n.network.model import Network
from qit4n.refpoints import kq1
from qit4n.simulation.site import SimulatedSite
from qit4n.simulation.trace import Trace
from qit4n.simulation.watcher import Watcher
from qit4n.simulation.wires import Way

EPOCH_S = 1_000_000.0


class World:
    """Everything of one run. Time goes from event to event; equal times keep the order in which they were set."""

    def __init__(self, network: Network, seed: object, beside: "World | None" = None) -> None:
        """All sites up, no connection yet, no key; ``beside`` another world it shares time, events and trace."""
        self.network = network
        self.dice = random.Random(f"{seed} world")  # noqa: S311 - replay, not secrecy
        self.entropy: Entropy = random.Random(f"{seed} entropy").randbytes  # noqa: S311
        self.now: float = beside.now if beside else 0.0
        self.trace: Trace = beside.trace if beside else Trace()
        self.watchers: list[Watcher] = []
        self._beside: list[World] = []
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = itertools.count()
        if beside:
            beside._beside.append(self)  # noqa: SLF001 - another world
            self._events, self._count = beside._events, beside._count  # noqa: SLF001
        names = tuple(site.id for site in network.sites)
        self._ways = {pair: Way(self, *pair) for pair in itertools.permutations(names, 2)}
        self._from = {name: [way for way in self._ways.values() if way.source == name] for name in names}
        self._to = {name: [way for way in self._ways.values() if way.destination == name] for name in names}
        self.sites = {name: SimulatedSite(self, name) for name in names}
        self._blocks = 0
        for site in self.sites.values():
            site.clock_offset = EPOCH_S
            site.start()

    # time

    def at(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        """Have ``call`` happen at a time."""
        heapq.heappush(self._events, (when, next(self._count), call, arguments))

    def after(self, delay: float, call: Callable[..., None], *arguments: Any) -> None:
        """Have ``call`` happen after a delay."""
        heapq.heappush(self._events, (self.now + delay, next(self._count), call, arguments))

    def run(self, seconds: float) -> None:
        """Let time go on."""
        end = self.now + seconds
        events = self._events
        while events and events[0][0] <= end:
            self._go_on(events[0][0])
            _, _, call, arguments = heapq.heappop(events)
            call(*arguments)
        self._go_on(end)

    def _go_on(self, now: float) -> None:
        self.now = now
        for world in self._beside:
            world.now = now

    # places

    def way(self, source: str, destination: str) -> Way:
        """The way from a site to another."""
        return self._ways[source, destination]

    def ways_from(self, site: str) -> list[Way]:
        """All ways that begin at a site."""
        return self._from[site]

    def ways_to(self, site: str) -> list[Way]:
        """All ways that end at a site."""
        return self._to[site]

    @property
    def ways(self) -> list[Way]:
        """All ways."""
        return list(self._ways.values())

    # key

    def block(self, link: str, size: int) -> kq1.QKDKey:
        """A fresh distilled block of a link."""
        self._blocks += 1
        key = kq1.QKDKey(link=link, block=self._blocks, material=self.entropy(size), account=account(8 * size))
        for watcher in self.watchers:
            watcher.distilled(key)
        return key


def account(bits: int) -> kq1.SecurityAccount:
    """A security account with nothing in it but the length."""
    fields: dict[str, Any] = dict.fromkeys(kq1.SecurityAccount.__struct_fields__, 0)
    fields |= dict.fromkeys(("protocol", "proof", "concentration", "reconciliation", "authentication"), "simulated")
    return kq1.SecurityAccount(**fields | {"abort_rules": (), "key_bits": bits})
