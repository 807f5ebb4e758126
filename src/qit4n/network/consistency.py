"""What no schema can say: whether the parts of a network file fit together."""

import difflib
from collections.abc import Iterable, Iterator

from qit4n.network.model import Link, Network

Place = tuple[str | int, ...]
Finding = tuple[Place, str, str]

LEAST_FIBRE_DB_PER_KM = 0.14
MOST_FIBRE_DB_PER_KM = 3.0
FIBRE_MARGIN_DB = 20.0


def contradictions(network: Network) -> Iterator[Finding]:
    """Place, what is wrong, what would be right, for everything that does not fit."""
    yield from _doubles(network)
    yield from _links(network)
    yield from _applications(network)
    yield from _demands(network)
    yield from _modules(network)
    yield from _policies(network)


def _doubles(network: Network) -> Iterator[Finding]:
    for name in ("sites", "links", "applications"):
        seen: dict[str, int] = {}
        for number, part in enumerate(getattr(network, name)):
            if part.id in seen:
                what = f"id {part.id!r} is used by {name}[{seen[part.id]}] already"
                yield (name, number, "id"), what, "give each its own id"
            seen.setdefault(part.id, number)


def _unknown(kind: str, name: str, known: Iterable[str]) -> tuple[str, str]:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")  # noqa: PLR2004
    right = f"did you mean {close[0]!r}?" if close else f"known: {listed or 'none'}"
    return f"there is no {kind} {name!r}", right


def _links(network: Network) -> Iterator[Finding]:
    sites = [site.id for site in network.sites]
    for number, link in enumerate(network.links):
        for end, site in enumerate(link.ends):
            if site not in sites:
                yield ("links", number, "ends", end), *_unknown("site", site, sites)
        if link.ends[0] == link.ends[1]:
            yield ("links", number, "ends"), "the link joins a site with itself", "name two different sites"
        if link.module not in network.modules:
            yield ("links", number, "module"), *_unknown("module", link.module, network.modules)
        yield from _medium(number, link)


def _medium(number: int, link: Link) -> Iterator[Finding]:
    medium = link.medium
    if medium.kind != "fibre":
        return
    least = LEAST_FIBRE_DB_PER_KM * medium.length_km
    most = MOST_FIBRE_DB_PER_KM * medium.length_km + FIBRE_MARGIN_DB
    if not least <= medium.loss_db <= most:
        what = f"{medium.length_km:g} km of fibre cannot have a loss of {medium.loss_db:g} dB"
        right = f"right would be {least:.3g} to {most:.3g} dB; usual is {0.2 * medium.length_km + 0.5:.2g} dB"
        yield ("links", number, "medium", "loss_db"), what, right


def _applications(network: Network) -> Iterator[Finding]:
    sites = [site.id for site in network.sites]
    for number, application in enumerate(network.applications):
        if application.site not in sites:
            yield ("applications", number, "site"), *_unknown("site", application.site, sites)


def _demands(network: Network) -> Iterator[Finding]:
    sites = {application.id: application.site for application in network.applications}
    islands = _islands(network)
    seen: dict[frozenset[str], int] = {}
    for number, demand in enumerate(network.demands):
        place = ("demands", number, "between")
        unknown = [one for one in demand.between if one not in sites]
        for one in unknown:
            yield (*place, demand.between.index(one)), *_unknown("application", one, sites)
        pair = frozenset(demand.between)
        if len(pair) == 1:
            yield place, "an application demands keys with itself", "name two different applications"
        elif pair in seen:
            yield (
                place,
                f"the same pair is in demands[{seen[pair]}] already",
                "keep one: a demand serves both directions",
            )
        elif not unknown and islands.get(sites[demand.between[0]]) != islands.get(sites[demand.between[1]]):
            one, other = (sites[application] for application in demand.between)
            yield place, f"no links lead from site {one} to site {other}", "add links, or drop the demand"
        seen.setdefault(pair, number)


def _islands(network: Network) -> dict[str, str]:
    """For each site the name of the island of linked sites it is on."""
    island = {site.id: site.id for site in network.sites}
    for link in network.links:
        if all(end in island for end in link.ends):
            keep, gone = island[link.ends[0]], island[link.ends[1]]
            island = {site: keep if name == gone else name for site, name in island.items()}
    return island


def _modules(network: Network) -> Iterator[Finding]:
    for name, module in network.modules.items():
        if module.decoy_intensity >= module.signal_intensity:
            what = (
                f"decoy pulses ({module.decoy_intensity:g}) are not weaker than signals ({module.signal_intensity:g})"
            )
            yield ("modules", name, "decoy_intensity"), what, f"usual is {module.signal_intensity / 3:.2g}"


def _policies(network: Network) -> Iterator[Finding]:
    policies = network.policies
    if not policies.min_key_size_bits <= policies.key_size_bits <= policies.max_key_size_bits:
        sizes = f"{policies.min_key_size_bits}, {policies.key_size_bits}, {policies.max_key_size_bits}"
        yield ("policies", "key_size_bits"), f"minimum, default and maximum key size are {sizes} bits", "order them"
    last = network.base_port + 2 * len(network.sites)
    if last > 65_535:  # noqa: PLR2004 - TCP
        yield (
            ("base_port",),
            f"{len(network.sites)} sites need ports up to {last}",
            f"at most {65_535 - last + network.base_port}",
        )
    for number, demand in enumerate(network.demands):
        if demand.pool_bits < policies.max_key_size_bits:
            what = f"a pool of {demand.pool_bits} bits never holds a key of {policies.max_key_size_bits} bits"
            yield ("demands", number, "pool_bits"), what, f"at least {policies.max_key_size_bits} (max_key_size_bits)"
