"""Networks by rule: chain, ring, ring of rings, star (a PON tree), mesh. And any network back to YAML."""

import itertools
import math
import random
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import yaml

from qit4n.errors import NetworkFileError
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site
from qit4n.network.yamltext import RESOLVERS
from qit4n.units import transmittance

FIBRE_DB_PER_KM = 0.2
CONNECTORS_DB = 0.6
SPLITTER_EXCESS_DB = 0.5
MODULE = "bb84"
MOST_SITES = 1000
MOST_KM = 300.0
# All links together sift about so many bits per second while they fill: what two processor cores emulate and
# distil at both ends in real time.
SIFTED_BPS = 250_000
FASTEST_HZ = 1e8


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
    return _network(f"ring-{size}", sites, hops, length_km, _opposite(sites))


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
    return _network(f"star-{size}", ["hub", *users], hops, length_km, hops, extra_db=splitter_db)


def mesh(size: int, length_km: float, seed: int = 1) -> Network:
    """``size`` sites at random places; each linked to its two nearest, and what is needed to hang together.

    ``length_km`` is the mean length of the links; keys between half of the sites and the other half.
    """
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
    scale = length_km * len(hops) / math.fsum(distance(*hop) for hop in hops)  # fsum: in any order the same
    ordered = sorted(tuple(sorted(hop)) for hop in hops)
    lengths = {hop: scale * distance(*hop) for hop in ordered}
    return _network(f"mesh-{size}", sites, ordered, length_km, _opposite(sites), lengths=lengths)


SHAPES: dict[str, Callable[[int, float], Network]] = {
    "chain": chain,
    "ring": ring,
    "ring-of-rings": ring_of_rings,
    "star": star,
    "mesh": mesh,
}


def generate(shape: str, size: int, length_km: float, seed: int = 1) -> Network:
    """The network of a shape of ``SHAPES``; the seed places the sites of a mesh.

    Raises:
        NetworkFileError: the shape cannot be made of so few or so many, or of links of this length.
    """
    if not 0 < length_km <= MOST_KM:
        raise NetworkFileError(f"links of {length_km:g} km cannot be made; give more than 0 and at most {MOST_KM:g} km")
    if size > MOST_SITES:
        raise NetworkFileError(f"a size of {size} is too much; give at most {MOST_SITES}")
    made = mesh(size, length_km, seed) if shape == "mesh" else SHAPES[shape](size, length_km)
    if len(made.sites) > MOST_SITES:
        raise NetworkFileError(f"these are {len(made.sites)} sites; give a size that makes at most {MOST_SITES}")
    lossy = max(made.links, key=lambda link: link.medium.loss_db)
    if lossy.medium.loss_db > 100:  # noqa: PLR2004 - limit of the model
        raise NetworkFileError(f"link {lossy.id} would lose {lossy.medium.loss_db:g} dB; give shorter links")
    return made


def _names(size: int, least: int) -> list[str]:
    if size < least:
        raise NetworkFileError(f"this shape needs a size of at least {least}, not {size}")
    return [f"s{number}" for number in range(1, size + 1)]


def _opposite(sites: list[str]) -> list[tuple[str, str]]:
    half = len(sites) // 2
    return list(zip(sites[:half], sites[half : 2 * half], strict=True))


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
    pairs = list(pairs)
    demanding = {site for pair in pairs for site in pair}
    return Network(
        qit4n=1,
        name=name,
        title=f"{name.rsplit('-', 1)[0].replace('-', ' ').capitalize()}, {len(sites)} sites, {len(links)} links",
        sites=tuple(Site(id=site) for site in sites),
        modules={MODULE: _module(links)},
        links=links,
        applications=tuple(Application(id=f"app-{site}", site=site) for site in sites if site in demanding),
        demands=tuple(Demand(between=(f"app-{one}", f"app-{other}"), pool_bits=16_384) for one, other in pairs),
    )


def _module(links: tuple[Link, ...]) -> Module:
    """One-decoy BB84 with common gated InGaAs diodes, as fast as all links can be emulated in real time."""
    module = Module(
        pulse_rate_hz=FASTEST_HZ,
        signal_intensity=0.355,
        decoy_intensity=0.1,
        signal_probability=0.24,
        key_basis_probability=0.69,
        receiver_loss_db=1.0,
        detector_efficiency=0.2,
        dark_count_probability=1e-6,
        dead_time_s=2e-6,
        afterpulse_probability=0.01,
        misalignment=0.01,
        block_bits=50_000,
    )
    photons = module.signal_probability * module.signal_intensity
    photons += (1 - module.signal_probability) * module.decoy_intensity
    detected = sum(transmittance(link.medium.loss_db + module.receiver_loss_db) for link in links)
    sifted = photons * module.detector_efficiency * detected * module.key_basis_probability**2
    rate = min(FASTEST_HZ, SIFTED_BPS / sifted)
    return msgspec.structs.replace(module, pulse_rate_hz=float(f"{rate:.2g}"))


class _Dumper(yaml.SafeDumper):
    """Short lists and small mappings on one line; words that any reader takes for something else in quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _represent(dumper: yaml.SafeDumper, value: Any, tag: str, node: type[yaml.Node]) -> Any:
    parts = value.values() if isinstance(value, dict) else value
    small = all(not isinstance(part, dict | list | tuple) or _pair(part) for part in parts) and len(value) <= 4  # noqa: PLR2004
    if node is yaml.MappingNode:
        return dumper.represent_mapping(tag, value.items(), flow_style=small)
    return dumper.represent_sequence(tag, value, flow_style=small)


def _pair(part: Any) -> bool:
    return isinstance(part, list | tuple) and len(part) == 2 and all(isinstance(one, str) for one in part)  # noqa: PLR2004


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    """Shortest text that reads as the same float, by YAML 1.1 and 1.2: ``8.0e+6``."""
    text = repr(value)
    if value and not 1e-3 <= abs(value) < 1e5:  # noqa: PLR2004 - what is easily read
        digits, power = next(text for places in range(18) if float(text := f"{value:.{places}e}") == value).split("e")
        text = f"{digits if '.' in digits else digits + '.0'}e{int(power):+d}"
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


class _Top(dict[str, Any]):
    """A part of the file itself: never on one line with others."""


_Dumper.add_representer(_Top, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v.items(), flow_style=False))
_Dumper.add_representer(dict, lambda d, v: _represent(d, v, "tag:yaml.org,2002:map", yaml.MappingNode))
_Dumper.add_representer(tuple, lambda d, v: _represent(d, v, "tag:yaml.org,2002:seq", yaml.SequenceNode))
_Dumper.add_representer(list, lambda d, v: _represent(d, v, "tag:yaml.org,2002:seq", yaml.SequenceNode))
_Dumper.add_representer(float, _number)
for _tag, _pattern, _first in RESOLVERS:
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def to_yaml(network: Network) -> str:
    """The network file of a network; reading it gives an equal network."""
    plain = msgspec.to_builtins(network)
    parts = [
        str(yaml.dump(_Top({name: part}), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))
        for name, part in plain.items()
    ]
    return "".join("\n" + part if "\n" in part.rstrip("\n") else part for part in parts)
