"""What is different between the file of a running network and a changed one, and what that means for its processes.

Every difference is listed or refused, but those of ports: a running network keeps its own (:func:`pinned`).
"""

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
from msgspec import structs

from qit4n.errors import NetworkFileError
from qit4n.network.model import PORTS_OF_A_SITE, PORTS_OF_THE_NETWORK, Demand, Link, Network, Site


@dataclass(frozen=True)
class Difference:
    """Ids of one kind of element that come, go, and stay changed."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changes:
    """All differences; ``policies`` and ``texts`` are the names of those that change."""

    sites: Difference
    links: Difference
    ducts: Difference
    modules: Difference
    devices: Difference
    applications: Difference
    demands: Difference
    policies: tuple[str, ...]
    texts: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.lines())

    def lines(self) -> list[str]:
        """For people: one line each, and what restarts."""
        found = []
        for name in ("sites", "links", "ducts", "modules", "devices", "applications", "demands"):
            part: Difference = getattr(self, name)
            for sign, ids in (("+", part.added), ("-", part.removed), ("~", part.changed)):
                found += [f"{sign} {name[:-1]} {one}" for one in ids]
        found += [f"~ policy {name}" for name in self.policies]
        return found + [f"~ {name}" for name in self.texts]

    def consequences(self) -> list[str]:
        """What happens to processes and keys, one sentence each."""
        told = ["controller and manager start anew with the file; sites go on with their last orders meanwhile"]
        told += [f"site {site} is started" for site in self.sites.added]
        told += [
            f"site {site} is stopped, its certificate revoked, key shared with it given up"
            for site in self.sites.removed
        ]
        told += [f"key of link {link} is given up at both ends" for link in self.links.removed]
        told += [f"the modules of link {link} start anew; its key stays" for link in self.links.changed]
        told += [f"the certificate of application {one} is revoked" for one in self.applications.removed]
        told += [f"site {site} restarts: its requests fail for about a second" for site in self.sites.changed]
        if self.policies:
            told.append("policies change: every site restarts, and requests fail for about a second")
        return told


def changes(before: Network, after: Network) -> Changes:
    """The differences.

    Raises:
        NetworkFileError: they cannot be applied to a running network.
    """
    _refuse(before, after)
    return Changes(
        sites=_difference({one.id: _bare(one) for one in before.sites}, {one.id: _bare(one) for one in after.sites}),
        links=_difference(_links(before), _links(after)),
        ducts=_difference(before.ducts, after.ducts),
        modules=_difference(before.modules, after.modules),
        devices=_difference(before.devices, after.devices),
        applications=_difference(
            {one.id: one for one in before.applications}, {one.id: one for one in after.applications}
        ),
        demands=_difference(_demands(before.demands), _demands(after.demands)),
        policies=tuple(
            name
            for name in before.policies.__struct_fields__
            if getattr(before.policies, name) != getattr(after.policies, name)
        ),
        texts=tuple(name for name in ("title", "notes", "standards") if getattr(before, name) != getattr(after, name)),
    )


def digest(network: Network) -> str:
    """Which file this is: equal for equal networks, however they are written down (SHA-256, the first 16 digits)."""
    return hashlib.sha256(msgspec.json.encode(network, order="deterministic")).hexdigest()[:16]


def needs_start(before: Network, after: Network, site: str) -> bool:
    """Whether a site cannot take the changed file while it runs."""
    if before.policies != after.policies or site not in {one.id for one in after.sites}:
        return True
    return _bare(before.site(site)) != _bare(after.site(site))


def _bare(site: Site) -> object:
    return structs.replace(site, first_port=None)


def _links(network: Network) -> dict[str, tuple[object, ...]]:
    return {link.id: driven(network, link) for link in network.links}


def driven(network: Network, link: Link) -> tuple[object, ...]:
    """What the modules of a link go by: the link, but not its ducts, and what is behind it."""
    return structs.replace(link, ducts=()), network.device_of(link) or network.modules.get(link.module)


def _demands(demands: Iterable[Demand]) -> dict[str, Demand]:
    return {" - ".join(sorted(one.between)) + f" ({one.trust})": one for one in demands}


def _difference(before: Mapping[str, object], after: Mapping[str, object]) -> Difference:
    return Difference(
        added=tuple(one for one in after if one not in before),
        removed=tuple(one for one in before if one not in after),
        changed=tuple(one for one in after if one in before and before[one] != after[one]),
    )


def _refuse(before: Network, after: Network) -> None:
    """What needs the network to be stopped."""
    fixed = {name: (getattr(before, name), getattr(after, name)) for name in ("name", "controller_host", "control")}
    hosts = {site.id: site.host for site in before.sites}
    fixed |= {f"host of site {site.id}": (hosts.get(site.id, site.host), site.host) for site in after.sites}
    ends = {link.id: link.ends for link in before.links}
    fixed |= {f"ends of link {link.id}": (str(ends.get(link.id, link.ends)), str(link.ends)) for link in after.links}
    homes = {one.id: one.site for one in before.applications}
    fixed |= {f"site of application {one.id}": (homes.get(one.id, one.site), one.site) for one in after.applications}
    if before.switches != after.switches:
        fixed["the optical switches"] = ("those of the running network", "others")
    if before.emulation != after.emulation:
        fixed["the emulation of satellites"] = ("that of the running network", "another")
    if before.neighbours != after.neighbours:
        fixed["the neighbours"] = ("those of the running network", "others")
    if before.telemetry != after.telemetry:
        fixed["telemetry"] = ("that of the running network", "other receivers")
    for what, (was, is_) in fixed.items():
        if was != is_:
            raise NetworkFileError(
                f"{what} changes from {was} to {is_}: that needs new addresses or other modules; stop the network and "
                "start it with the changed file, or give the element a new id"
            )


def pinned(before: Network, after: Network) -> Network:
    """The changed file on the ports of the running network: sites that stay keep theirs, new ones get free ones.

    A site gets its ports by its place in the file; where that would move it, they are written into the file.
    """
    after = structs.replace(after, base_port=before.base_port)
    kept = {site.id: before.kme_port(site.id) for site in before.sites}
    by_place = {
        site.id: after.base_port + PORTS_OF_THE_NETWORK + PORTS_OF_A_SITE * number
        for number, site in enumerate(after.sites)
    }
    taken = {kept[site.id] for site in after.sites if site.id in kept}
    sites = []
    for site in after.sites:
        port = kept.get(site.id) or _free(site.first_port or by_place[site.id], taken, min(by_place.values()))
        taken.add(port)
        sites.append(structs.replace(site, first_port=None if port == by_place[site.id] else port))
    return structs.replace(after, sites=tuple(sites))


def _free(wanted: int, taken: set[int], first: int) -> int:
    """``wanted`` if its five ports are free, else the first five that are."""
    places = itertools.chain((wanted,), itertools.count(first, PORTS_OF_A_SITE))
    return next(one for one in places if all(abs(one - other) >= PORTS_OF_A_SITE for other in taken))
