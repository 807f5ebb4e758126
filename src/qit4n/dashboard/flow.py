"""Who uses key, over which path: applications by pool, at the rate of the last minute."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qit4n.management.correlation import pool_name
from qit4n.management.history import History
from qit4n.network.model import Network
from qit4n.refpoints import mc

RECENT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Key that leaves a pool, and the applications that may ask for it."""

    pool: mc.PoolStatus
    applications: tuple[tuple[str, str], ...]
    used_bps: float


def used_bps(history: History, status: mc.NetworkStatus) -> dict[int, float]:
    """How fast each pool, by its place in the status, was used in the last minute."""
    found = {}
    for number, pool in enumerate(status.pools):
        _, values = history.series("pool", pool_name(pool), "supplied_bps", status.at - RECENT_S)
        known = values[~np.isnan(values)]
        found[number] = float(known.mean()) if len(known) else 0.0
    return found


def flows(network: Network, status: mc.NetworkStatus, used: Mapping[int, float]) -> list[Flow]:
    """All pools, the most used first."""
    asking = applications_of(network)
    found = [
        Flow(
            pool=pool,
            applications=tuple(asking.get((pool.source, pool.destination, pool.trust), ())),
            used_bps=used.get(number, 0.0),
        )
        for number, pool in enumerate(status.pools)
    ]
    return sorted(found, key=lambda one: -one.used_bps)


def applications_of(network: Network) -> dict[tuple[str, str, str], list[tuple[str, str]]]:
    """Master and slave of each pool, which is named by its ends and trust policy; each home of both counts."""
    asking: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for demand in network.demands:
        for one, other in (demand.between, demand.between[::-1]):
            for source, destination in itertools.product(network.homes_of(one), network.homes_of(other)):
                asking.setdefault((source, destination, str(demand.trust)), []).append((one, other))
    return asking
