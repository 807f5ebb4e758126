"""Who could know a key that crosses from one network to another: the sites of the interworking node, on both sides.

Which sites of the other network the key passes is not known here: the network counts as one party.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec import structs

from qit4n.pools.knowledge import Knowledge


def party(network: str) -> str:
    """Another network among the sites of a path; no site id has a space."""
    return f"network {network}"


def beyond(
    known: Iterable[Knowledge], master: str, slaves: Collection[str], abroad: Mapping[str, str]
) -> tuple[Knowledge, ...]:
    """The ways within this network, continued to applications of other networks."""
    if master not in abroad and abroad.keys().isdisjoint(slaves):
        return tuple(known)
    before = (master, party(abroad[master])) if master in abroad else ()
    here = [one for one in slaves if one not in abroad]
    ends = [() for _ in here[:1]] + [(party(abroad[one]), one) for one in slaves if one in abroad]
    return tuple(
        structs.replace(way, paths=tuple((*before, *path, *after) for path in way.paths))
        for way in known
        for after in ends
    )


def abroad_ways(site: str, master: str, slaves: Iterable[str], abroad: Mapping[str, str]) -> list[Knowledge]:
    """Ways that leave or enter the network at the very site of one application; none within the site."""
    found = []
    for slave in slaves:
        before = (master, party(abroad[master])) if master in abroad else ()
        after = (party(abroad[slave]), slave) if slave in abroad else ()
        if before or after:
            found.append(Knowledge(paths=((*before, site, *after),), threshold=1))
    return found
