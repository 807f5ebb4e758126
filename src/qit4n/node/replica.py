"""A replica of a site's key manager: it waits until it owns the site's store, then it is the site."""

import asyncio
import logging
import threading
import time
from pathlib import Path

from qit4n.adapters.credentials import Credentials
from qit4n.adapters.sealedstore import SealedStore
from qit4n.adapters.stores import open_store
from qit4n.errors import StoreError, StoreLostError
from qit4n.network.model import Network
from qit4n.node.site import SiteProcess

RETRY_S = 0.2

log = logging.getLogger(__name__)


class StoppedError(StoreError):
    """Waiting for the store was cancelled."""


async def run(network: Network, site: str, state: Path, replica: int = 0) -> None:
    """Wait for the store, then serve until cancelled. ``replica`` 0 is the only one.

    Raises:
        CertificateError: it could not serve: known before it waits, and before it takes the store.
        StoreError: the store cannot be opened.
    """
    Credentials(state / "sites" / site)
    if replica:
        log.info("replica %d stands by", replica)
    store = await _own(state, network.name, site)
    if replica:
        log.info("replica %d serves", replica)
    await SiteProcess(network, site, state, store, replica).run()


async def _own(state: Path, network: str, site: str) -> SealedStore:
    """Open the store in a thread, which gives up when this is cancelled."""
    given_up = threading.Event()

    def waiting() -> None:
        if given_up.is_set():
            raise StoppedError("stopped before it owned the store")

    def own() -> SealedStore:
        told = False
        while True:
            try:
                return open_store(state, network, site, waiting)
            except StoreLostError as error:  # the database is away, or starts
                if not told:
                    log.info("waiting for the store: %s", error)
                told = True
                waiting()
                time.sleep(RETRY_S)

    try:
        return await asyncio.to_thread(own)
    finally:
        given_up.set()
