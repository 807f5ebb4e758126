"""What a key management machine answers to an input: writes to make durable, then actions to carry out."""

from dataclasses import dataclass, field

from qit4n.keys.audit import AuditEvent, LifeCycle
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


@dataclass(frozen=True)
class Happened:
    """An :class:`~qit4n.keys.audit.AuditEvent` before the key manager puts its time to it."""

    step: LifeCycle
    subject: str
    bits: int
    parties: tuple[str, ...]
    note: str

    def stamped(self, at: float) -> AuditEvent:
        """The event with its time."""
        return AuditEvent(
            at=at, step=self.step, subject=self.subject, bits=self.bits, parties=self.parties, note=self.note
        )


@dataclass
class Step:
    """Writes first, made durable together with the audit trail of what happened; then the actions, in order."""

    writes: list[Write] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)

    def extend(self, other: "Step") -> None:
        """Append another step."""
        self.writes += other.writes
        self.actions += other.actions
        self.happened += other.happened

    def tell(self, step: LifeCycle, subject: str, size: int, *parties: str, note: str = "") -> "Step":
        """Tell the audit trail that ``size`` bytes of key have made a step in their life; returns this step."""
        self.happened.append(Happened(step, subject, 8 * size, parties, note))
        return self
