"""The one-time authentication keys of a QKD link at one end: from the pre-shared file, then from the key itself.

The pre-shared key is taken from its file into the store once, in one commit, and the file is emptied then.

A file beside it, ``LINK.spent``, says how far the keys are spent. It is on the disk before the store forgets a key and
before the key is used, so neither an old copy of the store nor an old pre-shared file put back brings a key back: both
ends go on with the first key that both still have. If none is left, the link needs a new pre-shared key.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from qit4n.adapters.privatefiles import write_private
from qit4n.errors import CertificateError, StoreError
from qit4n.keys.step import Step
from qit4n.keys.store import AuthenticationKeyRecord, Erase, Put, Store

ONE_TIME_KEY_BYTES = 64
HARVESTED = "block"


class Spent:
    """How far the keys of a link are spent: the last name of each series, in a file."""

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one.

        Raises:
            StoreError: it is damaged: which keys were used is unknown.
        """
        self._path = path
        self._last: dict[str, str] = {}
        if path.exists():
            try:
                self._last = {str(series): str(name) for series, name in json.loads(path.read_bytes()).items()}
            except (ValueError, AttributeError) as error:
                raise StoreError(
                    f"{path} is damaged, so which one-time keys were used is unknown; make a new pre-shared key, "
                    f"qit pki FILE --state DIR --renew-psk {path.stem}, then delete {path.name} and start again"
                ) from error

    def __contains__(self, name: str) -> bool:
        """Whether a key was spent."""
        return name <= self._last.get(_series(name), "")

    def knows(self, series: str) -> bool:
        """Whether a key of a series was ever spent."""
        return series in self._last

    @property
    def last_block(self) -> int:
        """Number of the last block whose harvested key was spent."""
        return _block(self._last.get(HARVESTED, ""))

    def spend(self, names: Sequence[str]) -> None:
        """Remember that these are used, durable on return."""
        last = dict(self._last)
        for name in names:
            last[_series(name)] = max(name, last.get(_series(name), ""))
        if last != self._last:
            write_private(self._path, json.dumps(last).encode())
            self._last = last


class OneTimeKeys:
    """The one-time authentication keys of a link at one end, kept in step with the store."""

    def __init__(self, link: str, records: Sequence[AuthenticationKeyRecord], spent: Spent) -> None:
        """Start with the keys of the store."""
        self._link = link
        self._spent = spent
        self._keys = {record.name: record.material for record in records if record.link == link}

    @property
    def last_block(self) -> int:
        """Number of the last block with a harvested key: the next is higher, even if the clock was set back."""
        return max([self._spent.last_block, *map(_block, self._keys)])

    def listed(self) -> list[tuple[str, bytes]]:
        """Names and keys in the order of use."""
        return sorted(self._keys.items())

    def spend(self, name: str) -> Step:
        """Erase a key and all before it; the file says so when this returns, the store when the step is written.

        Raises:
            OSError: the file cannot be written; the key must not be used.
        """
        gone = [one for one in sorted(self._keys) if one <= name]
        self._spent.spend(gone)
        for one in gone:
            del self._keys[one]
        return Step(writes=[Erase(AuthenticationKeyRecord.kind, f"{self._link}/{one}") for one in gone])

    def keep(self, name: str, material: bytes) -> Step:
        """Add a harvested key."""
        self._keys[name] = material
        key = f"{self._link}/{name}"
        return Step(writes=[Put(AuthenticationKeyRecord(key=key, link=self._link, name=name, material=material))])


def load_keys(store: Store, link: str, preshared: Path) -> OneTimeKeys:
    """The keys in the store that are not spent, after taking in a pre-shared file that has not been taken in yet.

    Raises:
        CertificateError: there is neither a key in the store nor a pre-shared file.
        StoreError: the file that says which keys are spent is damaged.
    """
    spent = Spent(preshared.with_suffix(".spent"))
    held = [record for record in store.load(AuthenticationKeyRecord) if record.link == link]
    if not preshared.exists() and not held:
        raise CertificateError(f"{preshared} is missing; make it at both ends of the link: qit pki FILE --state DIR")
    records = [record for record in held if record.name not in spent]
    if len(records) < len(held):
        store.commit([Erase(record.kind, record.key) for record in held if record.name in spent])
    material = preshared.read_bytes() if preshared.exists() else b""
    if material:
        fresh = _records(link, material)
        series = _series(fresh[0].name)
        if not spent.knows(series) and series not in {_series(record.name) for record in records}:
            spent.spend([record.name for record in records])
            store.commit([*(Erase(record.kind, record.key) for record in records), *map(Put, fresh)])
            records = fresh
        write_private(preshared, b"")
    return OneTimeKeys(link, records, spent)


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


def _series(name: str) -> str:
    """What a name counts within: the pre-shared file, or the harvested keys."""
    return name.rpartition("/")[0]


def _block(name: str) -> int:
    series, _, number = name.rpartition("/")
    return int(number) if series == HARVESTED else 0
