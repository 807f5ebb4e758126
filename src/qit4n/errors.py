"""The error tree: every error a person can meet says where, what is wrong and what would be right.

Each class carries the exit code of the command line, so that scripts can tell them apart. No error ever
carries key material: identifiers and amounts only.
"""

from collections.abc import Mapping, Sequence


class QitError(Exception):
    """Base of all errors of qit4n; ``exit_code`` is what ``qit`` returns for it."""

    exit_code = 1


class NetworkFileError(QitError):
    """A network file is malformed or contradictory."""

    exit_code = 3


class UnknownNetworkError(NetworkFileError):
    """Neither a file nor a shipped example has this name."""

    exit_code = 4


class CertificateError(QitError):
    """A certificate or private key is missing, expired, or speaks for somebody else."""

    exit_code = 5


class RevokedError(CertificateError):
    """A certificate that its authority has revoked."""


class AddressInUseError(QitError):
    """A port that the network file gives to a process is taken."""

    exit_code = 6


class StoreError(QitError):
    """The key store cannot be read or written."""

    exit_code = 7


class StoreDamagedError(StoreError):
    """The key store file is not a key store, or its records fail authentication."""

    exit_code = 8


class StoreFullError(StoreError):
    """The disk under the key store is full: nothing was acknowledged that is not on disk."""

    exit_code = 9


class StoreLostError(StoreError):
    """The store is out of reach, or another process owns it now: this one must end."""

    exit_code = 14


class AuditError(QitError):
    """An audit trail was changed, or cut short."""

    exit_code = 13


class PeerUnreachableError(QitError):
    """A process of the network does not answer."""

    exit_code = 10


class KeyRequestError(QitError):
    """A KME refused a key request; ``status`` is the HTTP status of ETSI GS QKD 014."""

    exit_code = 11

    def __init__(self, status: int, message: str, details: Sequence[Mapping[str, object]] = ()) -> None:
        """Keep the status, the message of the Error object (014 clause 6.5) and its details."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details


class KeyStreamError(QitError):
    """A call of ETSI GS QKD 004 failed; ``status`` is its status, None when the answer has none.

    ``qos`` is the counter-proposal of status 7.
    """

    exit_code = 11

    def __init__(self, status: int | None, message: str, qos: object = None) -> None:
        """Keep the status, what the key manager said, and the counter-proposal."""
        super().__init__(f"status {status}: {message}" if status is not None else message)
        self.status = status
        self.qos = qos


class EntropyError(QitError):
    """The source of randomness failed a health test, ended or is too slow: nothing is drawn from it."""

    exit_code = 22


class NotReadyError(QitError):
    """The network did not reach the state that was waited for in time."""

    exit_code = 12


class ProtocolError(QitError):
    """A peer sent a message that the protocol does not allow in this state."""


class RotationError(QitError):
    """A key of an encryptor was not replaced: the one before it stays in use."""

    exit_code = 19


class AuthenticationError(ProtocolError):
    """A message authentication tag does not fit: the message was altered or is not from the peer."""


class OutOfKeyError(QitError):
    """Not enough key for what was asked."""


class BlockRefusedError(QitError):
    """A block yields no key (distillation aborts): ``reason`` is a short stable word, the text has the numbers."""

    def __init__(self, reason: str, text: str) -> None:
        """Keep the machine-readable reason beside the sentence for people."""
        super().__init__(text)
        self.reason = reason


class InvariantViolatedError(QitError):
    """A simulated network did what must never happen: ``invariant`` is the promise that was broken."""

    def __init__(self, invariant: str, text: str) -> None:
        """Keep the promise beside what happened."""
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


class StandardsDataError(QitError):
    """A table of the coordination desk is missing or malformed, or a question names what is not in it."""

    exit_code = 18


class AccessDeniedError(QitError):
    """Somebody at the manager is not who they say, or may not do what they ask."""

    exit_code = 20


class RoleError(AccessDeniedError):
    """Somebody is known at the manager, but their role may not do what they ask."""


class ReservationError(QitError):
    """A reservation is refused, or cannot be: the text says why and what would be possible."""

    exit_code = 21
