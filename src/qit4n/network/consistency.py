"""What no schema can say: whether the parts of a network file fit together."""

import itertools
from collections.abc import Iterator

from qit4n.network.devices import device_findings
from qit4n.network.ducts import duct_findings, duct_sharing_paths, lonely_ducts
from qit4n.network.explain import nearest
from qit4n.network.finding import EVERY, Finding
from qit4n.network.media import media_findings, night_skies_by_day
from qit4n.network.model import TWIN_FIELDS, Demand, Link, Module, Network
from qit4n.network.neighbours import neighbour_findings
from qit4n.network.qrng import qrng_findings
from qit4n.network.switches import switch_findings
from qit4n.network.trusted import trust_findings
from qit4n.network.yamltext import At

LEAST_FIBRE_DB_PER_KM = 0.14  # record of pure-silica fibre: 0.1419 dB/km (Tamura et al., OFC 2017 and 2018)
MOST_FIBRE_DB_PER_KM = 3.0
FIBRE_MARGIN_DB = 20.0  # splitters, patch panels
LAST_PORT = 65_535

SITE_IDS: At = ("sites", EVERY, "id")
APPLICATION_IDS: At = ("applications", EVERY, "id")
MODULE_NAMES: At = ("modules", EVERY, "(name)")
DEVICE_NAMES: At = ("devices", EVERY, "(name)")


def contradictions(network: Network) -> Iterator[Finding]:
    """Everything that does not fit."""
    yield from _doubles(network)
    yield from _links(network)
    yield from qrng_findings(site.qrng for site in network.sites)
    yield from _applications(network)
    yield from _demands(network)
    yield from trust_findings(network)
    yield from _modules(network)
    yield from device_findings(network)
    yield from neighbour_findings(network)
    yield from switch_findings(network)
    yield from media_findings(network)
    yield from duct_findings(network)
    yield from _policies(network)


def oddities(network: Network) -> Iterator[Finding]:
    """What fits, but is probably not meant."""
    modules = {link.module for link in network.links}
    for part in ("modules", "devices"):
        for name in getattr(network, part):
            if name not in modules:
                yield Finding((part, name), f"no link has modules of kind {name!r}", "use it, or drop it")
    yield from _undemanded(network)
    linked = {end for link in network.links for end in link.ends}
    for number, site in enumerate(network.sites):
        if site.id not in linked and len(network.sites) > 1:
            yield Finding(("sites", number), f"no link ends at site {site.id!r}", "add a link, or drop the site")
    yield from _boundaries(network)
    yield from night_skies_by_day(network)
    yield from lonely_ducts(network)
    yield from duct_sharing_paths(network)
    demanded = {one for demand in network.demands for one in demand.between}
    for number, application in enumerate(network.applications):
        if application.id not in demanded:
            what = f"no demand names {application.id!r}: all of its key requests will be refused"
            yield Finding(("applications", number), what, "add a demand, or drop the application")


def _boundaries(network: Network) -> Iterator[Finding]:
    """Sites that serve one application all know its keys: one trusted boundary."""
    domains = {site.id: site.trust_domain for site in network.sites}
    for number, application in enumerate(network.applications):
        found = dict.fromkeys(domains.get(site, "") for site in application.homes)
        if len(found) > 1:
            what = f"the sites of {application.id} are in different trust domains: {', '.join(found)}"
            right = "each of them knows its keys: put them into one trust_domain, or drop one"
            yield Finding(("applications", number, "also_at"), what, right)


def _undemanded(network: Network) -> Iterator[Finding]:
    demanded = {one for demand in network.demands for one in demand.between}
    for name, neighbour in network.neighbours.items():
        for number, one in enumerate(neighbour.applications):
            if one not in demanded:
                what = f"no demand names {one!r}: it shares no keys with applications of this network"
                yield Finding(("neighbours", name, "applications", number), what, "add a demand, or drop it")


def _doubles(network: Network) -> Iterator[Finding]:
    for name in ("sites", "links", "applications"):
        seen: dict[str, int] = {}
        for number, part in enumerate(getattr(network, name)):
            if part.id in seen:
                what = f"id {part.id!r} is used by {name}[{seen[part.id]}] already"
                yield Finding((name, number, "id"), what, "give each its own id", ((name, seen[part.id], "id"),))
            seen.setdefault(part.id, number)


def _links(network: Network) -> Iterator[Finding]:
    sites = {site.id: None for site in network.sites}
    for number, link in enumerate(network.links):
        ends: At = ("links", number, "ends")
        for end, site in enumerate(link.ends):
            if site not in sites:
                right = nearest(site, sites, "known")
                yield Finding((*ends, end), f"there is no site {site!r}", right, (SITE_IDS,))
        if link.ends[0] == link.ends[1]:
            yield Finding(ends, "the link joins a site with itself", "name two different sites")
        if link.module not in network.modules and link.module not in network.devices:
            right = nearest(link.module, [*network.modules, *network.devices], "known")
            what = f"there is no module {link.module!r}"
            yield Finding(("links", number, "module"), what, right, (MODULE_NAMES, DEVICE_NAMES))
        yield from _medium(number, link)


def _medium(number: int, link: Link) -> Iterator[Finding]:
    medium = link.medium
    least = LEAST_FIBRE_DB_PER_KM * medium.length_km
    most = MOST_FIBRE_DB_PER_KM * medium.length_km + FIBRE_MARGIN_DB
    if medium.kind in {"fibre", "co-fibre"} and not least <= medium.loss_db <= most:
        what = f"{medium.length_km:g} km of fibre cannot have a loss of {medium.loss_db:g} dB"
        right = f"right would be {least:.3g} to {most:.3g} dB; usual is {0.2 * medium.length_km + 0.5:.2g} dB"
        yield Finding(("links", number, "medium", "loss_db"), what, right, (("links", number, "medium"),))


def _applications(network: Network) -> Iterator[Finding]:
    sites = {site.id: None for site in network.sites}
    for number, application in enumerate(network.applications):
        for place, site in enumerate(application.homes):
            at: At = ("applications", number, "also_at", place - 1) if place else ("applications", number, "site")
            if site not in sites:
                yield Finding(at, f"there is no site {site!r}", nearest(site, sites, "known"), (SITE_IDS,))
            elif site in application.homes[:place]:
                what = f"{application.id} is served by {site} already"
                yield Finding(at, what, "name each site once", (("applications", number),))


def _demands(network: Network) -> Iterator[Finding]:
    homes = {one: network.homes_of(one) for one in known_applications(network)}
    own = {application.id for application in network.applications}
    islands = _islands(network)
    seen: dict[frozenset[str], int] = {}
    for number, demand in enumerate(network.demands):
        place: At = ("demands", number, "between")
        pair = frozenset(demand.between)
        if len(pair) == 1:
            yield Finding(place, "an application demands keys with itself", "name two different applications")
        elif pair in seen:
            what = f"the same pair is in demands[{seen[pair]}] already"
            right = "keep one: a demand serves both directions"
            yield Finding(place, what, right, (("demands", seen[pair], "between"),))
        else:
            yield from _ways(number, demand, homes, islands)
            if pair <= homes.keys() and not pair & own:
                what = "neither is an application of this network"
                yield Finding(place, what, "keys do not pass through from one neighbour to another", (APPLICATION_IDS,))
        seen.setdefault(pair, number)


def known_applications(network: Network) -> tuple[str, ...]:
    """The applications of this network, and those of others that are reached from it."""
    abroad = (one for neighbour in network.neighbours.values() for one in neighbour.applications)
    return (*(application.id for application in network.applications), *abroad)


def _ways(number: int, demand: Demand, homes: dict[str, tuple[str, ...]], islands: dict[str, str]) -> Iterator[Finding]:
    """Do both applications exist, and do links lead from each home of one to each of the other?"""
    place: At = ("demands", number, "between")
    unknown = [end for end, one in enumerate(demand.between) if one not in homes]
    for end in unknown:
        one = demand.between[end]
        right = nearest(one, homes, "known")
        yield Finding((*place, end), f"there is no application {one!r}", right, (APPLICATION_IDS, ("neighbours",)))
    if unknown:
        return
    for one, other in itertools.product(*(homes[application] for application in demand.between)):
        if one in islands and other in islands and islands[one] != islands[other]:
            what = f"no links lead from site {one} to site {other}"
            places: tuple[At, ...] = (("applications", EVERY), ("links", EVERY, "ends"), ("neighbours",))
            rests_on = (SITE_IDS, APPLICATION_IDS, *places)
            yield Finding(place, what, "add links, or drop the demand", rests_on)


def _islands(network: Network) -> dict[str, str]:
    """For each site one site of the island of linked sites that it is on (union-find)."""
    parent = {site.id: site.id for site in network.sites}

    def root(site: str) -> str:
        while parent[site] != site:
            parent[site] = parent[parent[site]]
            site = parent[site]
        return site

    for link in network.links:
        if all(end in parent for end in link.ends):
            parent[root(link.ends[0])] = root(link.ends[1])
    return {site: root(site) for site in parent}


def _modules(network: Network) -> Iterator[Finding]:
    for name, module in network.modules.items():
        decoy, signal = module.decoy_intensity, module.signal_intensity
        yield from _not_modelled(name, module)
        if module.protocol in {"single-photon-bb84", "bbm92"}:
            continue
        if decoy >= signal:
            what = f"decoy pulses ({decoy:g}) are not weaker than signals ({signal:g})"
            place: At = ("modules", name, "decoy_intensity")
            yield Finding(place, what, f"usual is {signal / 3:.2g}", (("modules", name),))
        elif module.protocol in {"two-decoy-bb84", "mdi", "twin-field"}:
            yield from _second_decoy(name, module)
        if module.protocol == "twin-field" and module.key_intensity >= signal:
            what = f"pulses of the key basis ({module.key_intensity:g}) are not weaker than signals ({signal:g})"
            yield Finding(("modules", name, "key_intensity"), what, "usual is 0.03", (("modules", name),))
        if module.protocol == "sns-twin-field":
            yield from _pairable(name, module)


def _pairable(name: str, module: Module) -> Iterator[Finding]:
    if module.block_bits > MOST_PAIRED:
        what = f"the pairs of {module.block_bits} clicks do not travel in one message"
        yield Finding(("modules", name, "block_bits"), what, f"at most {MOST_PAIRED}", (("modules", name),))
    if module.signal_intensity > MOST_SLICED:
        what = f"phases of signals of {module.signal_intensity:g} photons, drawn from 32, are not random enough"
        yield Finding(("modules", name, "signal_intensity"), what, f"at most {MOST_SLICED:g}", (("modules", name),))


MOST_PAIRED = 25_000_000
MOST_SLICED = 1.0  # photons: with 32 phases a pulse differs from one of random phase by the chance of 32 photons, 1e-36
NOT_MODELLED = {
    "bbm92": ("dead_time_s", "afterpulse_probability"),
    "mdi": ("afterpulse_probability",),
    **dict.fromkeys(TWIN_FIELDS, ("dead_time_s", "afterpulse_probability")),
}


def _not_modelled(name: str, module: Module) -> Iterator[Finding]:
    for field in NOT_MODELLED.get(module.protocol, ()):
        if getattr(module, field):
            what = f"{module.protocol} is modelled without {field.removesuffix('_s').replace('_', ' ')}"
            yield Finding(("modules", name, field), what, "set it to 0", (("modules", name),))


def _second_decoy(name: str, module: Module) -> Iterator[Finding]:
    own: tuple[At, ...] = (("modules", name),)
    weak, limit = (
        module.second_decoy_intensity,
        min(module.decoy_intensity, module.signal_intensity - module.decoy_intensity),
    )
    if weak >= limit:
        what = f"the second decoy ({weak:g}) is not weaker than the first, or both together not than the signal"
        yield Finding(("modules", name, "second_decoy_intensity"), what, f"less than {limit:g}, usual is 0", own)
    share = module.signal_probability + module.second_decoy_probability
    if share >= 1.0:
        what = f"signals and second decoys are {share:.0%} of the pulses, no first decoys are left"
        yield Finding(("modules", name, "second_decoy_probability"), what, "lower it, or signal_probability", own)


def _policies(network: Network) -> Iterator[Finding]:
    policies, own = network.policies, (("policies",),)
    if not policies.min_key_size_bits <= policies.key_size_bits <= policies.max_key_size_bits:
        sizes = f"{policies.min_key_size_bits}, {policies.key_size_bits}, {policies.max_key_size_bits}"
        what = f"minimum, default and maximum key size are {sizes} bits"
        yield Finding(("policies", "key_size_bits"), what, "order them", own)
    last = network.last_port()
    if last > LAST_PORT:
        what = f"{len(network.sites)} sites need ports up to {last}"
        yield Finding(
            ("base_port",), what, f"at most {LAST_PORT - last + network.base_port}", (("sites", EVERY, "count"),)
        )
    for number, demand in enumerate(network.demands):
        if demand.pool_bits < policies.max_key_size_bits:
            what = f"a pool of {demand.pool_bits} bits never holds a key of {policies.max_key_size_bits} bits"
            right = f"at least {policies.max_key_size_bits} (max_key_size_bits)"
            yield Finding(("demands", number, "pool_bits"), what, right, own)
