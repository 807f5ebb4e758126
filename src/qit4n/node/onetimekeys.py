"""The one-time authentication keys of a QKD link at one end: from the pre-shared file, then from the key itself.

The pre-shared key is taken from its file into the store once, in one commit, and the file is emptied then: if
the store were lost and the file still there, the same one-time keys would be used twice.
"""

from collections.abc import Sequence
from pathlib import Path

from qit4n.errors import CertificateError
from qit4n.keys.step import Step
from qit4n.keys.store import AuthenticationKeyRecord, Erase, Put, Store

ONE_TIME_KEY_BYTES = 64


class OneTimeKeys:
    """The one-time authentication keys of a link at one end, kept in step with the store."""

    def __init__(self, link: str, records: Sequence[AuthenticationKeyRecord]) -> None:
        """Start with the keys of the store."""
        self._link = link
        self._keys = {record.name: record.material for record in records if record.link == link}

    def listed(self) -> list[tuple[str, bytes]]:
        """Names and keys in the order of use."""
        return sorted(self._keys.items())

    def spend(self, name: str) -> Step:
        """Erase a key and all before it."""
        gone = [one for one in sorted(self._keys) if one <= name]
        for one in gone:
            del self._keys[one]
        return Step(writes=[Erase(AuthenticationKeyRecord.kind, f"{self._link}/{one}") for one in gone])

    def keep(self, name: str, material: bytes) -> Step:
        """Add a harvested key."""
        self._keys[name] = material
        key = f"{self._link}/{name}"
        return Step(writes=[Put(AuthenticationKeyRecord(key=key, link=self._link, name=name, material=material))])


def load_keys(store: Store, link: str, preshared: Path) -> OneTimeKeys:
    """The keys in the store, after taking in a pre-shared file that has not been taken in yet.

    Raises:
        CertificateError: there is neither a key in the store nor a pre-shared file.
    """
    records = [record for record in store.load(AuthenticationKeyRecord) if record.link == link]
    if not preshared.exists() and not records:
        raise CertificateError(f"{preshared} is missing; make it at both ends of the link: qit pki FILE --state DIR")
    material = preshared.read_bytes() if preshared.exists() else b""
    if material:
        fresh = _records(link, material)
        if fresh[0].name not in {record.name for record in records}:
            store.commit([*(Erase(record.kind, record.key) for record in records), *map(Put, fresh)])
            records = fresh
        preshared.write_bytes(b"")
    return OneTimeKeys(link, records)


def _records(link: str, material: bytes) -> list[AuthenticationKeyRecord]:
    """Cut a pre-shared file into one-time keys, in order; its first 16 bytes are a public name of the file."""
    generation, secret = material[:16].hex(), material[16:]
    pieces = [secret[at : at + ONE_TIME_KEY_BYTES] for at in range(0, len(secret), ONE_TIME_KEY_BYTES)]
    return [
        AuthenticationKeyRecord(
            key=f"{link}/{_name(generation, number)}", link=link, name=_name(generation, number), material=piece
        )
        for number, piece in enumerate(pieces)
    ]


def _name(generation: str, number: int) -> str:
    return f"0-{generation}/{number:05}"  # sorts before the harvested keys, block/NUMBER
