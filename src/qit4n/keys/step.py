"""What a key management machine answers to an input: writes to make durable, then actions to carry out."""

from dataclasses import dataclass, field

from qit4n.keys.store import Write
from qit4n.refpoints import ak, kq2, kx


@dataclass(frozen=True)
class Send:
    """Send a message to the key manager of another site."""

    site: str
    message: kx.KxMessage


@dataclass(frozen=True)
class Answer:
    """Answer a request of an application."""

    request: int
    reply: ak.Reply


@dataclass(frozen=True)
class Control:
    """Tell a QKD module to run or to rest."""

    order: kq2.RunModule


Action = Send | Answer | Control


@dataclass
class Step:
    """Writes first, made durable together; then the actions, in order."""

    writes: list[Write] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    def extend(self, other: "Step") -> None:
        """Append another step."""
        self.writes += other.writes
        self.actions += other.actions
