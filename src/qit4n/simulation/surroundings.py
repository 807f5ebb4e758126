"""What a site and a way see of the simulated world around them, and of each other."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from qit4n.entropy import Entropy
from qit4n.network.model import Network
from qit4n.refpoints import kx
from qit4n.simulation.trace import Trace
from qit4n.simulation.watcher import Watcher


class Site(Protocol):
    """A site as a way sees it."""

    up: bool
    generation: int

    def receive(self, peer: str, message: kx.KxMessage) -> None:
        """A message has come."""

    def connected(self, peer: str) -> None:
        """The way to ``peer`` is open."""

    def disconnected(self, peer: str) -> None:
        """The way to ``peer`` is gone."""


class Way(Protocol):
    """A way as a site sees it."""

    destination: str

    @property
    def is_open(self) -> bool:
        """Whether the source believes that it has a connection."""

    def connect(self) -> None:
        """Try to open it, again and again."""

    def send(self, message: kx.KxMessage) -> None:
        """Send a message, or keep it until it is open."""

    def cut(self) -> None:
        """Break the connection."""

    def forget(self) -> None:
        """The source's process has ended."""


class Surroundings(Protocol):
    """The world as its parts see it."""

    now: float
    dice: random.Random
    entropy: Entropy
    network: Network
    trace: Trace
    watchers: list[Watcher]

    @property
    def sites(self) -> Mapping[str, Site]:
        """All sites."""

    def at(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        """Have ``call`` happen at a time."""

    def after(self, delay: float, call: Callable[..., None], *arguments: Any) -> None:
        """Have ``call`` happen after a delay."""

    def way(self, source: str, destination: str) -> Way:
        """The way from a site to another."""

    def ways_from(self, site: str) -> Sequence[Way]:
        """All ways that begin at a site."""

    def ways_to(self, site: str) -> Sequence[Way]:
        """All ways that end at a site."""
