"""What if a link or a duct is cut, or a site fails: which pools go which way, and how long key lasts.

Answered by the controller's own topology and routing, on a copy that is made of the status. The stock of a link is
taken as equal in both directions, which is how links are filled.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

from msgspec import structs

from qit4n.control.routing import Paths, Router
from qit4n.control.topology import Topology, of_reports
from qit4n.dashboard.flow import applications_of
from qit4n.network.model import Network, Trust
from qit4n.refpoints import ck, mc
from qit4n.refpoints.kq1 import LinkAccount
from qit4n.refpoints.kq2 import ModuleState

Fate = Literal["loses its paths", "is at a cut site", "other homes take over", "goes another way"]
ORDER: tuple[Fate, ...] = get_args(Fate)


@dataclass(frozen=True, kw_only=True)
class PoolFate:
    """What becomes of a pool; ``lasts_s`` is how long its ready key alone would do, inf if it is not used.

    Other homes take over if every pair of applications that use it has another pair of homes with a way: ``paths``.
    """

    pool: mc.PoolStatus
    fate: Fate
    paths: Paths
    used_bps: float
    lasts_s: float


@dataclass(frozen=True, kw_only=True)
class LinkFate:
    """A link that gets more to carry than it makes; ``lasts_s`` is how long its stock makes up for that."""

    link: mc.LinkStatus
    carries_bps: float
    makes_bps: float
    lasts_s: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The difference that a cut makes; ``same`` is how many pools notice nothing."""

    cut: str
    links: tuple[str, ...]
    pools: tuple[PoolFate, ...]
    strained: tuple[LinkFate, ...]
    same: int


def what_if(network: Network, status: mc.NetworkStatus, cut: str, used_bps: Mapping[int, float]) -> Answer:
    """The answer for a link, duct or site ``cut``; ``used_bps``: how fast each pool is used, by place in the status."""
    in_duct = network.ducts.get(cut, ())
    gone = tuple(link.link for link in status.links if cut in {link.link, *link.ends} or link.link in in_duct)
    router = Router(without(network, status, frozenset(gone), cut))
    ways = _ways(network, router, status.pools)
    homes = _Homes(network, ways)
    fates, load, same = [], defaultdict[tuple[str, str], float](float), 0
    for number, pool in enumerate(status.pools):
        used, paths = used_bps.get(number, 0.0), ways[_key(pool)]
        at_cut = cut in {pool.source, pool.destination}
        if not at_cut and not any(touches(path, gone, status) for path in pool.paths):
            same += 1
        else:
            fate: Fate = "goes another way" if paths else "is at a cut site" if at_cut else "loses its paths"
            if not paths and (instead := homes.instead_of(pool)):
                fate, paths = "other homes take over", instead
            fates.append(_fate(pool, fate, paths, used))
        for path in paths:
            for hop in itertools.pairwise(path):
                load[min(hop), max(hop)] += used
    fates.sort(key=lambda one: (ORDER.index(one.fate), one.lasts_s))
    strained = tuple(_strained(status, load, frozenset(gone)))
    return Answer(cut=cut, links=gone, pools=tuple(fates), strained=strained, same=same)


def _key(pool: mc.PoolStatus) -> tuple[str, str, str]:
    return pool.source, pool.destination, pool.trust


def _ways(network: Network, router: Router, pools: Iterable[mc.PoolStatus]) -> dict[tuple[str, str, str], Paths]:
    """The paths of each pool after the cut."""
    policies = {str(demand.trust): demand.trust for demand in network.demands}
    live = set(router.topology.sites)
    return {
        _key(pool): router.paths(policies.get(pool.trust, Trust()), pool.source, pool.destination)
        if live.issuperset((pool.source, pool.destination))
        else ()
        for pool in pools
    }


class _Homes:
    """Which pools the applications of a lost one have besides."""

    def __init__(self, network: Network, ways: Mapping[tuple[str, str, str], Paths]) -> None:
        self._network, self._ways = network, ways
        self._asking = applications_of(network)

    def instead_of(self, lost: mc.PoolStatus) -> Paths:
        """Paths of the pools that all of its applications can take; none if there is one that has no other."""
        found = [self._others(pair, lost.trust) for pair in self._asking.get(_key(lost), ())]
        return tuple(dict.fromkeys(itertools.chain(*found))) if all(found) else ()

    def _others(self, pair: tuple[str, str], trust: str) -> Paths:
        homes = itertools.product(*map(self._network.homes_of, pair))
        return next((paths for one, other in homes if (paths := self._ways.get((one, other, trust), ()))), ())


def without(network: Network, status: mc.NetworkStatus, gone: frozenset[str], cut: str) -> Topology:
    """The topology that the controller would make of the reports of all sites, if some links were not there."""
    left = structs.replace(network, links=tuple(link for link in network.links if link.id not in gone))
    told: dict[str, list[ck.LinkReport]] = {site.site: [] for site in status.sites}
    for link in status.links:
        for end, peer in (link.ends, link.ends[::-1]):
            told[end].append(_report(link, peer))
    reports = {
        site: ck.SiteReport(site=site, pid=0, started_at=0.0, memory_bytes=0, links=tuple(links), pools=())
        for site, links in told.items()
    }
    live = tuple(site.site for site in status.sites if site.up and site.site != cut)
    return of_reports(left, reports, live, {link.link: link.predicted_rate_bps or 0.0 for link in status.links})


def _report(link: mc.LinkStatus, peer: str) -> ck.LinkReport:
    module = ModuleState(link=link.link, role="", state=link.state, secret_rate_bps=link.secret_rate_bps)
    half = link.stock_bits // 2
    return ck.LinkReport(
        link=link.link, peer=peer, sendable_bits=half, receivable_bits=half, module=module, account=LinkAccount()
    )


def touches(path: tuple[str, ...], gone: tuple[str, ...], status: mc.NetworkStatus) -> bool:
    """Whether a path needs one of these links; a second link of the same sites would do as well."""
    lost = {frozenset(link.ends) for link in status.links if link.link in gone}
    left = {frozenset(link.ends) for link in status.links if link.link not in gone}
    return any(frozenset(hop) in lost - left for hop in itertools.pairwise(path))


def _fate(pool: mc.PoolStatus, fate: Fate, paths: Paths, used_bps: float) -> PoolFate:
    lasts = pool.ready_bits / used_bps if used_bps > 0 else inf
    return PoolFate(pool=pool, fate=fate, paths=paths, used_bps=used_bps, lasts_s=lasts)


def _strained(status: mc.NetworkStatus, load: Mapping[tuple[str, str], float], gone: frozenset[str]) -> list[LinkFate]:
    found = []
    for link in status.links:
        carries = load.get((min(link.ends), max(link.ends)), 0.0)
        makes = link.secret_rate_bps if link.state in {"running", "resting"} else 0.0
        if link.link not in gone and carries > makes:
            lasts = link.stock_bits / (carries - makes)
            found.append(LinkFate(link=link, carries_bps=carries, makes_bps=makes, lasts_s=lasts))
    return sorted(found, key=lambda one: one.lasts_s)
