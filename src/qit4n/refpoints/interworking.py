"""Key manager to key manager of another network, in an interworking node (ITU-T Y.3810, Y.3818; ETSI GS QKD 020).

One network hands finished keys to the other, which takes them to its own applications, and says what became of them.
Names are those of the ITU side where it has them: the *initiator* is the application that asked for the keys, the
master of Ak; the *targets* are the slaves.
"""

from enum import StrEnum

import msgspec

from qit4n.refpoints import Message, Sensitive


class KeyStatus(StrEnum):
    """What became of handed keys; the words are those of ETSI GS QKD 020 (``ack_status``)."""

    RELAYED = "relayed"
    FAILED = "failed"
    VOIDED = "voided"
    FAILED_TO_VOID = "failed to void"
    NOT_PRESENT = "key not present"


class ForeignKey(Sensitive, frozen=True, kw_only=True):
    """A key that crosses from one network to another; ``key_id`` has 16 bytes."""

    key_id: bytes
    value: bytes


class HandKeys(Message, frozen=True, kw_only=True):
    """Take these keys to ``targets``; say so at ``callback`` or, if that is empty, in the answer (synchronous mode)."""

    keys: tuple[ForeignKey, ...]
    initiator: str
    targets: tuple[str, ...]
    callback: str = ""


class VoidKeys(Message, frozen=True, kw_only=True):
    """These keys, or with ``all_of_them`` all of these applications, shall not be supplied any more."""

    key_ids: tuple[bytes, ...]
    initiator: str
    targets: tuple[str, ...]
    callback: str = ""
    all_of_them: bool = False


class Acknowledgement(Message, frozen=True, kw_only=True):
    """What became of some keys."""

    key_ids: tuple[bytes, ...]
    status: KeyStatus
    initiator: str
    targets: tuple[str, ...]
    text: str = ""


class Acknowledge(Message, frozen=True, kw_only=True):
    """What became of keys that were handed or voided earlier (asynchronous mode)."""

    acks: tuple[Acknowledgement, ...]


class AskVersions(Message, frozen=True, kw_only=True):
    """Which versions of the interface are there, and which capabilities?"""


class Accepted(Message, frozen=True, kw_only=True):
    """The request has been taken; acknowledgements will follow (asynchronous mode)."""


class Done(Message, frozen=True, kw_only=True):
    """Answer to a request that is finished; to :class:`Acknowledge` without ``acks``."""

    acks: tuple[Acknowledgement, ...] = ()


class Versions(Message, frozen=True, kw_only=True):
    """Answer to :class:`AskVersions`."""

    versions: tuple[str, ...]
    capabilities: tuple[str, ...] = ()

    @property
    def synchronous(self) -> bool:
        """Whether the other key manager offers the synchronous mode."""
        return SYNCHRONOUS in self.capabilities


class Problem(Message, frozen=True, kw_only=True):
    """The request was refused: an HTTP ``status``, a ``kind`` of problem, and what is wrong.

    With 400 and 401 the other network keeps nothing of the request; with any other status it may.
    """

    status: int
    kind: str
    details: dict[str, str] = msgspec.field(default_factory=dict)

    def __str__(self) -> str:
        """For people."""
        said = "; ".join(self.details.values()) or self.kind.replace("-", " ")
        return f"{self.status}: {said}" if self.status else said


class NotSent(Message, frozen=True, kw_only=True):
    """There was no connection: nothing has reached the other network."""

    text: str


class Unclear(Message, frozen=True, kw_only=True):
    """No answer, or none that makes sense: whether the request was carried out is not known."""

    text: str


Request = HandKeys | VoidKeys | Acknowledge | AskVersions
Reply = Accepted | Done | Versions | Problem
Outcome = Reply | NotSent | Unclear

SYNCHRONOUS = "synchronous_mode"
MOST_IDS = 1024
