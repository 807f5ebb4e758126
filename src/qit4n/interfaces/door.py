"""What the interfaces at Ak have in common: a request for the key agent, or an answer that needs none."""

from dataclasses import dataclass
from typing import Protocol

from qit4n.refpoints import ak


class Asked(Protocol):
    """A request as Ak knows it, and how its answer is written."""

    @property
    def request(self) -> ak.Request:
        """What the key manager is asked."""
        ...

    def format(self, reply: ak.Reply) -> tuple[int, bytes]:
        """HTTP status and body of the answer."""
        ...


@dataclass(frozen=True)
class Told:
    """An answer at once: HTTP status and JSON body. The body may be random numbers, and is hidden from ``repr``."""

    status: int
    body: bytes

    def __repr__(self) -> str:
        """The status."""
        return f"Told({self.status}, <{len(self.body)} bytes>)"
