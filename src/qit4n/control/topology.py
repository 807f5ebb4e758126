"""The network of a moment as arrays: sites, hops with their key, links with their rate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qit4n.network.diverse import Ducts
from qit4n.network.ducts import ducts_of_pairs
from qit4n.network.model import Link, Network
from qit4n.refpoints import ck

FIBRE_S_PER_KM = 4.9e-6  # light in silica, group index 1.468 (ITU-T G.652 fibres at 1550 nm)
AWAY = ("down", "no-key")

Hop = tuple[str, str]


@dataclass(frozen=True)
class Topology:
    """What the controller routes over. A hop is one direction of a pair of neighbours; both share the pair's rate.

    Attributes:
        sites: those that are up, by number.
        tails: (hops,) number of the site where a hop begins.
        heads: (hops,) where it ends.
        pairs: (hops,) number of its pair of neighbours.
        stock_bits: (hops,) key with which its tail can encrypt to its head.
        broken: (hops,) whether all of its links have stopped making key; the stock can still be used.
        latency_s: (hops,) of light in its shortest link.
        rate_bps: (pairs,) secret key that the links of a pair make per second, for both directions together.
        pair_stock_bits: (pairs,) stock of both directions together.
        ducts: of pairs of neighbours, the ducts that all of their links run through; only pairs that have some.
    """

    sites: tuple[str, ...]
    tails: NDArray[np.int32]
    heads: NDArray[np.int32]
    pairs: NDArray[np.int32]
    stock_bits: NDArray[np.float64]
    broken: NDArray[np.bool_]
    latency_s: NDArray[np.float64]
    rate_bps: NDArray[np.float64]
    pair_stock_bits: NDArray[np.float64]
    ducts: Ducts = field(default_factory=dict)

    @cached_property
    def hops(self) -> tuple[Hop, ...]:
        """Site ids of each hop."""
        sites, ends = self.sites, zip(self.tails.tolist(), self.heads.tolist(), strict=True)
        return tuple((sites[a], sites[b]) for a, b in ends)


def of_stock(stock_bits: Mapping[Hop, float], sites: Iterable[str] = ()) -> Topology:
    """A topology of which only the stock of each hop is known."""
    known = dict.fromkeys((*sites, *(site for hop in stock_bits for site in hop)))
    return _assembled(known, stock_bits, {}, set(), {}, ducts={})


def of_reports(
    network: Network, reports: Mapping[str, ck.SiteReport], live: tuple[str, ...], predicted_bps: Mapping[str, float]
) -> Topology:
    """The topology as the sites that are ``live`` report it.

    A link that has not been measured yet makes what is predicted of it; one that is down or yields no key, nothing.
    """
    up, stock, rates = set(live), dict[Hop, float](), dict[Hop, float]()
    whole, latency, making = set[Hop](), dict[Hop, float](), list[Link]()
    for link in network.links:
        if not up.issuperset(link.ends):
            continue
        told = [one for end in link.ends for one in reports[end].links if one.link == link.id]
        for one, hop in zip(told, (link.ends, link.ends[::-1]), strict=False):
            stock[hop] = max(stock.get(hop, 0.0), one.sendable_bits)
            latency[hop] = min(latency.get(hop, np.inf), FIBRE_S_PER_KM * link.medium.length_km)
        pair = (min(link.ends), max(link.ends))
        makes = _rate(told, predicted_bps.get(link.id, 0.0))
        rates[pair] = rates.get(pair, 0.0) + (makes or 0.0)
        if makes is not None:
            whole.update((link.ends, link.ends[::-1]))
            making.append(link)
    return _assembled(live, stock, rates, set(stock) - whole, latency, ducts=ducts_of_pairs(making))


def _rate(told: list[ck.LinkReport], predicted_bps: float) -> float | None:
    """Secret bits per second of a link; None if it makes none."""
    if any(one.module.state in AWAY for one in told):
        return None
    measured = max((one.module.secret_rate_bps for one in told), default=0.0)
    return measured or predicted_bps


def _assembled(
    sites: Iterable[str],
    stock: Mapping[Hop, float],
    rates: Mapping[Hop, float],
    broken: set[Hop],
    latency: Mapping[Hop, float],
    *,
    ducts: Ducts,
) -> Topology:
    sites = tuple(sites)
    number = {site: place for place, site in enumerate(sites)}
    pairs = {pair: place for place, pair in enumerate(dict.fromkeys((min(hop), max(hop)) for hop in stock))}
    of_hop = np.array([pairs[min(hop), max(hop)] for hop in stock], np.int32)
    bits = np.array(list(stock.values()), np.float64)
    return Topology(
        sites=sites,
        tails=np.array([number[a] for a, _ in stock], np.int32),
        heads=np.array([number[b] for _, b in stock], np.int32),
        pairs=of_hop,
        stock_bits=bits,
        broken=np.array([hop in broken for hop in stock], np.bool_),
        latency_s=np.array([latency.get(hop, 0.0) for hop in stock], np.float64),
        rate_bps=np.array([rates.get(pair, 0.0) for pair in pairs], np.float64),
        pair_stock_bits=np.bincount(of_hop, bits, len(pairs)).astype(np.float64),
        ducts={pair: own for pair, own in ducts.items() if own},
    )
