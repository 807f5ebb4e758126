"""The audit trail of a site: what became of each key, in a chain of hashes (ITU-T Y.3803 life-cycle records).

The events of one commit are one row. Its hash covers the row before it, so that a row that was changed, taken out or
put in breaks the chain from there on. Number and hash of the last row are kept under the store's key, so that a trail
that was cut short is noticed too, and those of the last row that the policy let go, after which the kept ones begin.
Events have identifiers and amounts, never key material.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from qit4n.errors import AuditError

LifeCycle = Literal[
    "received",  # a distilled block came over Kq-1 and is stored
    "agreed",  # both ends hold it and know whose it is: KMA-key
    "relayed",  # this site forwarded a chunk for others, or sent its share of one
    "ready",  # an end-to-end chunk is held at both ends
    "supplied",  # KSA-keys went to the master
    "handed",  # they were handed over to another network
    "taken",  # another network has handed them over
    "held",  # the slave's copies are stored
    "fetched",  # a slave has its copies
    "preserved",  # all copies are fetched; kept, as the policy says
    "refused",  # a supply was begun and given up
    "expired",  # nobody fetched it in time, or it was too old
    "voided",  # the other end does not hold it, or holds something else
    "erased",  # gone for good
    "opened",  # an application has opened its end of a key stream
    "closed",  # an end of a key stream is closed, by its application or because nobody used it
]


class AuditEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One step in the life of a key.

    Attributes:
        at: seconds since the Unix epoch, by the site's clock.
        step: which step.
        subject: id of the slab or chunk, or the batch of keys (the first 24 hexadecimal digits of its key ids), or
            the Key_stream_ID (32 hexadecimal digits), for a chunk of a stream with ``/`` and its index.
        bits: amount of key.
        parties: the link, sites and applications concerned.
        note: what else an auditor should know.
    """

    at: float = 0.0
    step: LifeCycle
    subject: str
    bits: int = 0
    parties: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class AuditRow:
    """A row of the trail; ``body`` is a JSON array of events."""

    number: int
    body: bytes
    hash: bytes

    def events(self) -> tuple[AuditEvent, ...]:
        """The events of the row.

        Raises:
            AuditError: it is no array of events.
        """
        try:
            return msgspec.json.decode(self.body, type=tuple[AuditEvent, ...])
        except msgspec.MsgspecError as error:
            raise AuditError(f"row {self.number} of the audit trail is unreadable") from error


End = tuple[int, bytes]
"""Number and hash of a row."""

START = AuditRow(0, b"[]", bytes(32))


def following(last: AuditRow, events: Iterable[msgspec.Struct]) -> AuditRow:
    """The row after ``last``."""
    body, number = msgspec.json.encode(tuple(events)), last.number + 1
    return AuditRow(number, body, _hash(last.hash, number, body))


def check_row(last: AuditRow, row: AuditRow) -> None:
    """Check that ``row`` comes after ``last``.

    Raises:
        AuditError: it does not.
    """
    if row.number != last.number + 1:
        raise AuditError(f"row {last.number + 1} of the audit trail is missing")
    if row.hash != _hash(last.hash, row.number, row.body):
        raise AuditError(f"row {row.number} of the audit trail was changed, or one before it was replaced")


def verify(rows: Iterable[AuditRow], head: End | None, origin: End | None = (0, bytes(32))) -> AuditRow:
    """Check a whole trail against number and hash of its last row, and of the last one that was let go; the last row.

    ``head`` or ``origin`` is None when the record that protects it is gone or was altered.

    Raises:
        AuditError: names the first row that does not fit.
    """
    if origin is None:
        raise AuditError("what protects the beginning of the audit trail is gone or was altered")
    last = AuditRow(origin[0], b"[]", origin[1])
    for row in rows:
        check_row(last, row)
        last = row
    if head is None:
        text = f"what protects the end of the audit trail is gone or was altered; it has {last.number} rows"
        raise AuditError(text)
    if last.number < head[0]:
        raise AuditError(f"the audit trail ends with row {last.number}; its last row was {head[0]}")
    if (last.number, last.hash) != head:
        raise AuditError(f"row {last.number} of the audit trail does not fit what the store's key protects")
    return last


def _hash(before: bytes, number: int, body: bytes) -> bytes:
    return hashlib.sha256(before + number.to_bytes(8) + body).digest()
