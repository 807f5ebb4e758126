"""Networks by rule: chain, ring, ring of rings, star (a PON tree), mesh. And any network back to YAML."""

import itertools
import math
import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import yaml

from qit4n.errors import NetworkFileError
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site

FIBRE_DB_PER_KM = 0.2
CONNECTORS_DB = 0.6
SPLITTER_EXCESS_DB = 0.5
MODULE = "bb84"


def fibre(length_km: float, extra_db: float = 0.0) -> Medium:
    """Standard fibre with its connectors: 0.2 dB/km + 0.6 dB, and what is in the way besides."""
    loss_db = round(FIBRE_DB_PER_KM * length_km + CONNECTORS_DB + extra_db, 3)
    return Medium(length_km=round(length_km, 3), loss_db=loss_db)


def chain(size: int, length_km: float) -> Network:
    """``size`` sites in a row, keys between the two ends."""
    sites = _names(size, 2)
    return _network(f"chain-{size}", sites, itertools.pairwise(sites), length_km, [(sites[0], sites[-1])])


def ring(size: int, length_km: float) -> Network:
    """``size`` sites in a circle, keys between opposite sites."""
    sites = _names(size, 3)
    hops = zip(sites, sites[1:] + sites[:1], strict=True)
    opposite = [(sites[number], sites[number + size // 2]) for number in range(size // 2)]
    return _network(f"ring-{size}", sites, hops, length_km, opposite)


def ring_of_rings(size: int, length_km: float) -> Network:
    """``size`` rings of ``size`` sites; the first sites of the rings form the backbone ring."""
    if size < 3:  # noqa: PLR2004
        raise NetworkFileError(f"a ring of rings needs a size of at least 3, not {size}")
    rings = [[f"r{ring}s{number}" for number in range(size)] for ring in range(size)]
    hops = [hop for ring in rings for hop in zip(ring, ring[1:] + ring[:1], strict=True)]
    heads = [ring[0] for ring in rings]
    hops += list(zip(heads, heads[1:] + heads[:1], strict=True))
    across = [(rings[number][size // 2], rings[(number + size // 2) % size][size // 2]) for number in range(size)]
    pairs = {frozenset(pair): pair for pair in across}.values()
    return _network(f"ring-of-rings-{size}", list(itertools.chain.from_iterable(rings)), hops, length_km, pairs)


def star(size: int, length_km: float) -> Network:
    """A hub and ``size`` users behind an optical splitter (PON): each link loses 10 log10(size) + 0.5 dB more."""
    users = [f"user{number}" for number in range(1, size + 1)]
    if size < 1:
        raise NetworkFileError(f"a star needs at least one user, not {size}")
    splitter_db = 10.0 * math.log10(size) + SPLITTER_EXCESS_DB
    hops = [(user, "hub") for user in users]
    pairs = [(user, "hub") for user in users]
    return _network(f"star-{size}", ["hub", *users], hops, length_km, pairs, extra_db=splitter_db)


def mesh(size: int, length_km: float, seed: int = 1) -> Network:
    """``size`` sites at random places; each linked to its two nearest, and what is needed to hang together."""
    sites = _names(size, 2)
    dice = random.Random(seed)  # noqa: S311 - places, not secrets
    places = {site: (dice.random(), dice.random()) for site in sites}

    def distance(one: str, other: str) -> float:
        return math.dist(places[one], places[other])

    hops = {frozenset((site, near)) for site in sites for near in sorted(sites, key=lambda s: distance(site, s))[1:3]}
    reached = {sites[0]}
    while len(reached) < size:
        grown = {site for hop in hops if hop & reached for site in hop} - reached
        if not grown:
            outside = [site for site in sites if site not in reached]
            hops.add(frozenset(min(itertools.product(sorted(reached), outside), key=lambda pair: distance(*pair))))
        reached |= grown
    scale = length_km / (sum(distance(*hop) for hop in hops) / len(hops))
    ordered = sorted(tuple(sorted(hop)) for hop in hops)
    lengths = {hop: scale * distance(*hop) for hop in ordered}
    return _network(f"mesh-{size}", sites, ordered, length_km, [(sites[0], sites[-1])], lengths=lengths)


SHAPES: dict[str, Callable[[int, float], Network]] = {
    "chain": chain,
    "ring": ring,
    "ring-of-rings": ring_of_rings,
    "star": star,
    "mesh": mesh,
}


def _names(size: int, least: int) -> list[str]:
    if size < least:
        raise NetworkFileError(f"this shape needs a size of at least {least}, not {size}")
    return [f"s{number}" for number in range(1, size + 1)]


def _network(
    name: str,
    sites: list[str],
    hops: Iterable[tuple[str, ...]],
    length_km: float,
    pairs: Iterable[tuple[str, str]],
    *,
    extra_db: float = 0.0,
    lengths: dict[tuple[str, ...], float] | None = None,
) -> Network:
    links = tuple(
        Link(
            id=f"{one}-{other}",
            ends=(one, other),
            medium=fibre((lengths or {}).get((one, other), length_km), extra_db),
            module=MODULE,
        )
        for one, other in hops
    )
    return Network(
        qit4n=1,
        name=name,
        sites=tuple(Site(id=site) for site in sites),
        modules={MODULE: Module(pulse_rate_hz=1e7)},
        links=links,
        applications=tuple(Application(id=f"app-{site}", site=site) for site in sites),
        demands=tuple(Demand(between=(f"app-{one}", f"app-{other}")) for one, other in pairs),
    )


class _Dumper(yaml.SafeDumper):
    """Short lists and the smallest mappings on one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _represent(dumper: yaml.SafeDumper, value: Any, tag: str, node: type[yaml.Node]) -> Any:
    parts = value.values() if isinstance(value, dict) else value
    small = all(not isinstance(part, dict | list | tuple) for part in parts) and len(value) <= 4  # noqa: PLR2004
    if node is yaml.MappingNode:
        return dumper.represent_mapping(tag, value.items(), flow_style=small)
    return dumper.represent_sequence(tag, value, flow_style=small)


_Dumper.add_representer(dict, lambda d, v: _represent(d, v, "tag:yaml.org,2002:map", yaml.MappingNode))
_Dumper.add_representer(tuple, lambda d, v: _represent(d, v, "tag:yaml.org,2002:seq", yaml.SequenceNode))
_Dumper.add_representer(list, lambda d, v: _represent(d, v, "tag:yaml.org,2002:seq", yaml.SequenceNode))


def to_yaml(network: Network) -> str:
    """The network file of a network; reading it gives an equal network."""
    plain = msgspec.to_builtins(network)
    return str(yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))
