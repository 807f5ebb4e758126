"""What a run is put together from: workloads, which use the network, and faults, which harm it."""

import random
from dataclasses import dataclass, field

from qit4n.simulation.deliveries import Deliveries
from qit4n.simulation.ledger import Ledger
from qit4n.simulation.world import World


@dataclass
class Run:
    """What all parts of a run share. ``calm`` is True once the faults have stopped."""

    world: World
    ledger: Ledger
    deliveries: Deliveries
    calm: bool = False
    silent_controller: bool = False
    stale_controller: bool = False
    split_controllers: bool = False
    losing_blocks: bool = False


@dataclass
class Part:
    """A workload or a fault with dice of its own, so that one part does not change what another does.

    ``setup`` begins it, ``step`` is done again and again about every ``interval_s``, ``stop`` ends it (faults: and
    mends what they broke), ``recovered`` wants to see it work in the calm, while links still make key, ``check`` looks
    for what must not be in the end.
    """

    run: Run
    dice: random.Random
    interval_s: float = field(default=1.0, init=False)
    stopped: bool = field(default=False, init=False)

    def setup(self) -> None:
        """Begin."""
        self._again()

    def _again(self) -> None:
        self.run.world.after(self.interval_s * (0.5 + self.dice.random()), self._turn)

    def _turn(self) -> None:
        if not self.stopped:
            self.step()
            self._again()

    def step(self) -> None:
        """Do one thing."""

    def stop(self) -> None:
        """End."""
        self.stopped = True

    def recovered(self) -> None:
        """Wait until it works again, if it must."""

    def check(self) -> None:
        """Look for what must not be."""

    def note(self, site: str, event: str, *details: object) -> None:
        """Write into the trace."""
        self.run.world.trace.add(self.run.world.now, site, event, *details)

    def any_site(self) -> str:
        """One of the sites."""
        return self.dice.choice(tuple(self.run.world.sites))
