"""What a key management machine answers to an input: writes to make durable, then actions to carry out."""

import msgspec

from qit4n.keys.audit import AuditEvent, LifeCycle
from qit4n.keys.store import Write
from qit4n.refpoints import ak, interworking, kq2, kx


class Send(msgspec.Struct, frozen=True):
    """Send a message to the key manager of another site."""

    site: str
    message: kx.KxMessage


class Answer(msgspec.Struct, frozen=True):
    """Answer a request of an application."""

    request: int
    reply: ak.Reply


class Control(msgspec.Struct, frozen=True):
    """Tell a QKD module to run or to rest."""

    order: kq2.RunModule


class AnswerNeighbour(msgspec.Struct, frozen=True):
    """Answer a request of a key manager of another network."""

    request: int
    reply: interworking.Reply


class CallNeighbour(msgspec.Struct, frozen=True):
    """Ask a key manager of another network; the outcome comes back with the number of the ``call``.

    ``url`` is where, if it is not where the interface has it below the neighbour's base URL.
    """

    call: int
    neighbour: str
    request: interworking.Request
    url: str = ""


Action = Send | Answer | Control | AnswerNeighbour | CallNeighbour


class Step(msgspec.Struct):
    """Writes first, made durable together with the audit trail of what happened; then the actions, in order.

    The events that ``happened`` have no time yet: the key manager gives it.
    """

    writes: list[Write] = []
    actions: list[Action] = []
    happened: list[AuditEvent] = []

    def extend(self, other: "Step") -> None:
        """Append another step."""
        self.writes += other.writes
        self.actions += other.actions
        self.happened += other.happened

    def tell(self, step: LifeCycle, subject: str, size: int, *parties: str, note: str = "") -> "Step":
        """Tell the audit trail that ``size`` bytes of key have made a step in their life; returns this step."""
        self.happened.append(AuditEvent(step=step, subject=subject, bits=8 * size, parties=parties, note=note))
        return self
