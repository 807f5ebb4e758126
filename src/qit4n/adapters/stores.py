"""Which key store a site has: SQLite in its own directory, or PostgreSQL, which its replicas share."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from qit4n.adapters import sqlite
from qit4n.adapters.privatefiles import write_private
from qit4n.adapters.sealedstore import SealedStore, Trail
from qit4n.adapters.sealing import read_store_key
from qit4n.errors import StoreError

CONNINFO = "postgres.conninfo"
LONGEST_SCHEMA, HASH_DIGITS = 63, 24


def open_store(state: Path, network: str, site: str, waiting: Callable[[], None] = lambda: None) -> SealedStore:
    """Own the store of a site of the network with this name.

    With PostgreSQL this waits while a replica owns it, and calls ``waiting`` meanwhile.

    Raises:
        StoreError: it cannot be opened.
    """
    directory = state / "sites" / site
    key, conninfo = read_store_key(directory / "store.key"), shared_in(state)
    if conninfo is None:
        return sqlite.SQLiteStore(directory / "store.db", key)
    from qit4n.adapters.postgres import PostgresStore  # noqa: PLC0415 - an extra of the package

    schema, keys = schema_of(network, site), directory / "store.wrapping"
    return PostgresStore(conninfo, schema, key, keys, waiting, former=site)


def open_trail(state: Path, network: str, site: str) -> AbstractContextManager[Trail]:
    """The audit trail of a site, whose store may be in use.

    Raises:
        StoreError: it cannot be read.
    """
    directory = state / "sites" / site
    key, conninfo = read_store_key(directory / "store.key"), shared_in(state)
    if conninfo is None:
        return sqlite.trail(directory / "store.db", key)
    from qit4n.adapters.postgres import trail  # noqa: PLC0415 - an extra of the package

    return trail(conninfo, schema_of(network, site), key, directory / "store.wrapping")


def schema_of(network: str, site: str) -> str:
    """Where a site's store is on a PostgreSQL server, which several networks may use: ``network/site``.

    PostgreSQL takes 63 bytes: of a longer name the end is replaced by a hash, after two slashes, as no other name has.
    """
    name = f"{network}/{site}"
    if len(name) <= LONGEST_SCHEMA:
        return name
    return f"{name[: LONGEST_SCHEMA - HASH_DIGITS - 2]}//{hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]}"


def share(state: Path, conninfo: str) -> None:
    """Keep the stores of all sites of a state directory in PostgreSQL from now on.

    Raises:
        StoreError: the driver is missing, or there are SQLite stores whose keys would be left behind.
    """
    try:
        import psycopg  # noqa: F401, PLC0415 - an extra of the package
    except ImportError as error:
        raise StoreError("replicas need the PostgreSQL driver: pip install 'qit4n[postgres]'") from error
    left = sorted(state.glob("sites/*/store.db"))
    if left:
        raise StoreError(
            f"{left[0]} and {len(left) - 1} more hold keys that replicas would not see; "
            "name another state directory with --state, or move these files away: the keys in them are lost then"
        )
    write_private(state / CONNINFO, conninfo.encode())  # it may have a password in it


def shared_in(state: Path) -> str | None:
    """How to connect to the PostgreSQL server that has the stores of a state directory; None if none has."""
    file = state / CONNINFO
    return file.read_text(encoding="utf-8") if file.exists() else None
