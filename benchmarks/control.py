"""The controller on two networks: Beijing-Shanghai and germany50 with a demand between every two cities.

Reports are those of live sites, four a second each, as bytes; the controller reads them, makes and writes tables. Its
processor time is that of a second in steady use (pools full, one bit taken in four reports) and while all pools are
empty and the links cannot fill them, when every allocation takes linear programmes. The peer of the allocation is the
programme by sources (one flow per source and hop), which gives the fair rate of the first level only.
"""

import itertools
import time
from collections.abc import Iterator
from functools import partial

import msgspec
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from benchmarks import Result, processor_seconds
from qit4n.control.allocation import Allocator, Commodity
from qit4n.control.controller import Controller, Prediction
from qit4n.control.orders import prices
from qit4n.control.routing import Router
from qit4n.control.topology import Topology, of_reports
from qit4n.network.file import load
from qit4n.network.model import Demand, Network, Trust
from qit4n.quantum.link import predict
from qit4n.refpoints import ck, kq1, kq2

REPORTS_PER_S = 4
SECONDS = 20
STOCK_BITS = 200_000
SCARCE_BITS = 4_000


def control(_seed: int, size: int | None) -> Iterator[Result]:
    """Routing decision, allocation for all pairs, and the processor time of a second; ``size`` is seconds."""
    for name in ("beijing-shanghai", "germany50"):
        network = all_pairs(load(name))
        yield from _decisions(name, network)
        yield from _processor(name, network, size or SECONDS)


def all_pairs(network: Network) -> Network:
    """The network with an application at each site, and a demand between every two."""
    applications = tuple(
        msgspec.structs.replace(network.applications[0], id=f"all-{site.id}", site=site.id) for site in network.sites
    )
    pairs = itertools.combinations((one.id for one in applications), 2)
    demands = tuple(Demand(between=pair, pool_bits=8192) for pair in pairs)
    return msgspec.structs.replace(network, applications=applications, demands=demands)


def reports(network: Network, stock_bits: int, ready: float, rates: dict[str, float]) -> dict[str, ck.SiteReport]:
    """What each site tells: links with stock and predicted rates, pools that are filled to a part."""
    pools: dict[str, list[ck.PoolReport]] = {site.id: [] for site in network.sites}
    sites = {one.id: one.site for one in network.applications}
    for demand in network.demands:
        one, other = (sites[name] for name in demand.between)
        for source, peer in ((one, other), (other, one)):
            pools[source].append(
                ck.PoolReport(
                    peer=peer,
                    trust=demand.trust,
                    ready_bits=int(ready * demand.pool_bits),
                    target_bits=demand.pool_bits,
                    relayed_bits=0,
                    supplied_bits=0,
                )
            )
    return {
        site.id: ck.SiteReport(
            site=site.id,
            pid=1,
            started_at=0.0,
            memory_bytes=1,
            pools=tuple(pools[site.id]),
            links=tuple(
                ck.LinkReport(
                    link=link.id,
                    peer=link.ends[link.ends[0] == site.id],
                    sendable_bits=stock_bits,
                    receivable_bits=stock_bits,
                    module=kq2.ModuleState(
                        link=link.id, role="transmitter", state="running", secret_rate_bps=rates[link.id]
                    ),
                    account=kq1.LinkAccount(),
                )
                for link in network.links_of(site.id)
            ),
        )
        for site in network.sites
    }


def _rates(network: Network) -> dict[str, float]:
    return {link.id: predict(network, link).secret_rate_bps for link in network.links}


def _decisions(name: str, network: Network) -> Iterator[Result]:
    rates, sites = _rates(network), tuple(site.id for site in network.sites)
    told = reports(network, STOCK_BITS, 0.0, rates)
    topology = of_reports(network, told, sites, rates)
    pairs = list(itertools.combinations(sites, 2))
    router = Router(topology)
    yield Result(name=f"{name} all paths", value=processor_seconds(lambda: Router(topology)), unit="s")
    for what, trust in (("decision", Trust()), ("decision, 2 disjoint", Trust(paths=2))):
        spent = processor_seconds(partial(_route, router, trust, pairs))
        yield Result(name=f"{name} {what}", value=spent / len(pairs), unit="s", limit=1e-3)
    allocator = Allocator(
        topology.rate_bps,
        tuple(Commodity(1e9) for _ in pairs),
        prices(router, [(*pair, Trust()) for pair in pairs]),
    )
    spent = processor_seconds(allocator.shares)
    yield Result(
        name=f"{name} allocation",
        value=spent,
        unit="s",
        peer="by sources, first level",
        peer_value=processor_seconds(lambda: level_by_sources(topology)),
        limit=1.0,
    )


def _route(router: Router, trust: Trust, pairs: list[tuple[str, str]]) -> None:
    for pair in pairs:
        router.paths(trust, *pair)


def level_by_sources(topology: Topology) -> float:
    """The highest rate that all pairs of sites can have at once: flow conservation per source."""
    sites, hops, pairs = len(topology.sites), len(topology.tails), len(topology.rate_bps)
    sources = sites - 1
    each = np.arange(sources)[:, None]
    columns = (each * hops + np.arange(hops)).ravel()
    out, into = (each * sites + topology.tails).ravel(), (each * sites + topology.heads).ravel()
    wants = [(s * sites + s, s * sites + t) for s in range(sources) for t in range(s + 1, sites)]
    size = sources * hops + 1
    rows = np.concatenate([out, into, np.array(wants).ravel()])
    places = np.concatenate([columns, columns, np.full(2 * len(wants), size - 1)])
    values = np.concatenate([np.ones(columns.size), -np.ones(columns.size), np.tile([-1.0, 1.0], len(wants))])
    balance = csr_array((values, (rows, places)), shape=(sources * sites, size))
    loads = csr_array((np.ones(columns.size), (np.tile(topology.pairs, sources), columns)), shape=(pairs, size))
    cost = np.zeros(size)
    cost[-1] = -1.0
    scale = float(np.max(topology.rate_bps))
    rates, nothing = topology.rate_bps / scale, np.zeros(sources * sites)
    found = linprog(cost, A_ub=loads, b_ub=rates, A_eq=balance, b_eq=nothing, method="highs-ipm")
    return float(found.x[-1]) * scale


def _processor(name: str, network: Network, seconds: int) -> Iterator[Result]:
    rates = _rates(network)
    predictions = {link: Prediction(rate, 0.02) for link, rate in rates.items()}
    decode = msgspec.msgpack.Decoder(ck.SiteReport).decode
    for what, stock, ready in (("steady", STOCK_BITS, 1.0), ("all pools empty", SCARCE_BITS, 0.0)):
        told = [msgspec.msgpack.encode(one) for one in reports(network, stock, ready, rates).values()]
        controller = Controller(network, predictions)
        sent: dict[str, int] = {}
        begun = time.process_time()
        for tick in range(REPORTS_PER_S * seconds):
            now = tick / REPORTS_PER_S
            for one in told:
                controller.receive(decode(one), now)
            for site, table in controller.tables(now).items():
                if sent.get(site) != table.version:
                    msgspec.msgpack.encode(table)
                    sent[site] = table.version
        spent = (time.process_time() - begun) / seconds
        yield Result(name=f"{name} {what}", value=100.0 * spent, unit="% core", limit=20.0)
