"""Begins and ends the export of a process's telemetry, if a receiver is named; imports nothing of it otherwise."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from qit4n.errors import NotReadyError
from qit4n.network.model import Network
from qit4n.network.telemetry import ENDPOINTS

if TYPE_CHECKING:
    from qit4n.management.overview import Overview
    from qit4n.node.keyspans import KeySpans

SNAPSHOT_S = 1.0


def wanted(network: Network) -> bool:
    """Whether spans and metrics go anywhere: the network file or the standard environment says so."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return bool(network.telemetry.otlp) or any(os.environ.get(name) for name in ENDPOINTS)


@contextlib.asynccontextmanager
async def tracing(network: Network, site: str, now: Callable[[], float]) -> "AsyncIterator[KeySpans | None]":
    """The spans of a site, or None; what waits is sent at the end.

    Raises:
        NotReadyError: the packages are missing.
    """
    if not wanted(network):
        yield None
        return
    try:
        from qit4n.node.keyspans import spans_of  # noqa: PLC0415 - half a second, for those who want it
    except ModuleNotFoundError as error:
        raise missing(error) from error
    spans, export = spans_of(network.telemetry.otlp, site, network.name, now)
    try:
        yield spans
    finally:
        await asyncio.to_thread(export.close)


async def exporting(network: Network, overview: "Overview") -> None:
    """Send the manager's metrics, if a receiver is named, until cancelled.

    Raises:
        NotReadyError: the packages are missing.
    """
    if not wanted(network):
        await asyncio.Event().wait()
    while overview.status is None:  # noqa: ASYNC110 - before it nothing is known
        await asyncio.sleep(SNAPSHOT_S)
    from qit4n.adapters.metrics import families  # noqa: PLC0415 - not before it is wanted

    try:
        from qit4n.adapters.telemetry import MetricExport  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise missing(error) from error
    latest = tuple(families(overview))
    export = MetricExport(network.telemetry.otlp, network.name, lambda: latest)
    try:
        while True:
            await asyncio.sleep(SNAPSHOT_S)
            latest = tuple(families(overview))
    finally:
        await asyncio.to_thread(export.close)


def missing(error: ModuleNotFoundError) -> NotReadyError:
    """What to do where the extra is not installed."""
    return NotReadyError(f"telemetry is wanted, and {error.name} is not installed: pip install 'qit4n[telemetry]'")
