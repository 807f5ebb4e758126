"""What a run is watched through: every message, write and answer, with the eyes of somebody who sees all sites."""

from collections.abc import Mapping, Sequence

from qit4n.keys.audit import AuditEvent
from qit4n.keys.store import Record
from qit4n.refpoints import kq1, kx

Records = Mapping[tuple[str, str], Record | None]


class Watcher:
    """Is told of everything, and raises :class:`~qit4n.errors.InvariantViolatedError` when it sees what must not be."""

    def distilled(self, key: kq1.QKDKey) -> None:
        """A pair of QKD modules has made a block."""

    def sent(self, site: str, peer: str, message: kx.KxMessage) -> None:
        """The machine of ``site`` has sent a message."""

    def received(self, site: str, peer: str, message: kx.KxMessage) -> None:
        """A message of ``peer`` has come to ``site``."""

    def committed(self, site: str, records: Records, events: Sequence[AuditEvent]) -> None:
        """Records (None: erased) and events of the audit trail of ``site`` have become durable."""

    def rotted(self, site: str, record: Record) -> None:
        """A site has started without a record that it cannot read."""

    def restored(self, site: str) -> None:
        """The store of ``site`` has gone back in time, or is given up now because it has."""
