"""The functional elements of a network and the reference points between them (ITU-T Y.3802), from its file.

Every process that ``qit up`` starts is listed with the elements in it, and every TCP port it listens at with the
reference points that cross it and who may open a connection there. Names as in Y.3802 clauses 7 and 8; the two
channels inside a QKD link have no name of a reference point there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qit4n.network.model import Network

CHANNELS = ("quantum channel", "classical channel")


@dataclass(frozen=True)
class Element:
    """A functional element in a process, of a layer, and the reference ``points`` at which it meets others."""

    process: str
    name: str
    layer: str
    points: tuple[str, ...]


@dataclass(frozen=True)
class Port:
    """A port of a process: reference points by who connects.

    ``points`` maps a client (the name of a process, ``application ID``, ``network ID``, ``operator`` or
    ``SDN controller``) to what crosses its connections.
    """

    process: str
    host: str
    number: int
    interface: str
    points: Mapping[str, tuple[str, ...]]


def functional_elements(network: Network) -> Iterator[Element]:
    """All functional elements, process by process."""
    yield Element("controller", "QKDN controller", "QKDN control layer", ("Ck", "Mc"))
    yield Element("manager", "QKDN manager", "QKDN management layer", ("Mc",))
    for site in network.sites:
        yield from _of_site(network, site.id)
    for one in network.applications:
        yield Element(f"application {one.id}", "cryptographic application", "service layer", ("Ak",))


def _of_site(network: Network, site: str) -> Iterator[Element]:
    if network.control == "distributed":
        yield Element(site, "QKDN controller of the site", "QKDN control layer", ("Cx",))
    yield Element(site, "KSA", "key management layer", ("Ak", "Kx"))
    yield Element(site, "KMA", "key management layer", ("Kx", "Kq-1"))
    yield Element(site, "KM control and management", "key management layer", ("Ck", "Kq-2"))
    for link in network.links_of(site):
        role = "transmitter" if link.ends[0] == site else "receiver"
        kind = "driver of a QKD module" if network.device_of(link) else "QKD module"
        yield Element(site, f"{kind}, {role} of {link.id}", "quantum layer", ("Kq-1", "Kq-2"))
    for switch in network.switches:
        if switch.site == site:
            yield Element(site, f"quantum relay point, optical switch {switch.id}", "quantum layer", ("Cqrp",))
    for neighbour in network.neighbours_of(site):
        yield Element(site, f"interworking node towards {neighbour}", "key management layer", ("Kx",))


def ports(network: Network) -> Iterator[Port]:
    """All ports at which a process of the network listens."""
    sites = [site.id for site in network.sites]
    host = network.controller_host
    asking = {"operator": ("Mc",), "manager": ("Mc",)}
    yield Port("controller", host, network.controller_port(), "frames", {**dict.fromkeys(sites, ("Ck",)), **asking})
    yield Port("manager", host, network.manager_port(), "HTTPS", {"operator": ("operator's screen",)})
    relaying = ("Kx", "Cx") if network.control == "distributed" else ("Kx",)
    for site in network.sites:
        linked = {end for link in network.links_of(site.id) for end in link.ends} - {site.id}
        peers = {one: relaying + (CHANNELS if one in linked else ()) for one in sites if one != site.id}
        yield Port(site.id, site.host, network.key_manager_port(site.id), "frames", peers)
        own = {f"application {one.id}": ("Ak",) for one in network.applications if site.id in one.homes}
        yield Port(site.id, site.host, network.kme_port(site.id), "ETSI GS QKD 014, SKIP", own)
        first = {f"application {one.id}": ("Ak",) for one in network.applications if one.site == site.id}
        yield Port(site.id, site.host, network.key_stream_port(site.id), "ETSI GS QKD 004", first)
        told = dict.fromkeys(("controller", "manager", "operator"), ("Ck", "Cq"))
        yield Port(site.id, site.host, network.control_agent_port(site.id), "ETSI GS QKD 015", told)
        others = {f"network {one}": ("Kx",) for one in network.neighbours_of(site.id)}
        if others:
            yield Port(site.id, site.host, network.interworking_port(site.id), "ETSI GS QKD 020", others)
