"""Devices of the network file: whether they fit the links that they stand behind, and where their files are."""

from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from qit4n.network.explain import nearest
from qit4n.network.finding import EVERY, Finding
from qit4n.network.model import Device, DeviceEnd, Link, Network
from qit4n.network.yamltext import At

SCHEMES = {"etsi-014": "https://", "etsi-004": "tls://"}
END = "{kme: ..., sae: ..., cert: ..., key: ..., ca: ...}"


def located(network: Network, directory: Path) -> Network:
    """The network with files of devices and neighbours, and the folder of tables, as absolute paths.

    Relative ones start at ``directory``.
    """

    def end(one: DeviceEnd) -> DeviceEnd:
        return structs.replace(
            one, cert=_at(directory, one.cert), key=_at(directory, one.key), ca=_at(directory, one.ca)
        )

    devices = {
        name: structs.replace(device, ends={site: end(one) for site, one in device.ends.items()})
        for name, device in network.devices.items()
    }
    neighbours = {name: structs.replace(one, ca=_at(directory, one.ca)) for name, one in network.neighbours.items()}
    standards = _at(directory, network.standards) if network.standards else None
    return structs.replace(network, devices=devices, neighbours=neighbours, standards=standards)


def _at(directory: Path, file: str) -> str:
    return str((directory / Path(file).expanduser()).absolute())


def device_findings(network: Network) -> Iterator[Finding]:
    """What does not fit about devices and the links that they stand behind."""
    sites = [site.id for site in network.sites]
    for name, device in network.devices.items():
        if name in network.modules:
            what = f"{name!r} is the name of a module already"
            yield Finding(("devices", name), what, "give each its own name", (("modules", name),))
        scheme = SCHEMES[device.interface]
        for site, end in device.ends.items():
            if not end.kme.startswith(scheme):
                what = f"{end.kme} is not of {device.interface}"
                yield Finding(("devices", name, "ends", site, "kme"), what, f"write {scheme}host:port")
            if site not in sites:
                place: At = ("devices", name, "ends", site)
                what = f"there is no site {site!r}"
                yield Finding(place, what, nearest(site, sites, "known"), (("sites", EVERY, "id"),))
    for number, link in enumerate(network.links):
        behind = network.device_of(link)
        if behind is not None:
            yield from _link(number, link, behind)


def _link(number: int, link: Link, device: Device) -> Iterator[Finding]:
    """Has the device an end at each site, under names of their own? Nobody eavesdrops on it from here."""
    place: At = ("links", number, "module")
    own: At = ("devices", link.module)
    for site in link.ends:
        if site not in device.ends:
            what = f"device {link.module!r} has no end at site {site!r}"
            yield Finding(place, what, f"add to its ends: {site}: {END}", (own, ("links", number, "ends")))
    ends = [device.ends[site] for site in link.ends if site in device.ends]
    if len(ends) == len(link.ends) and ends[0].sae == ends[1].sae:
        what = f"both ends of device {link.module!r} are SAE {ends[0].sae!r}"
        yield Finding((*own, "ends", link.ends[1], "sae"), what, "give the SAE ID of each end", (place,))
    if link.eavesdropper is not None:
        what = f"device {link.module!r} is no emulation"
        right = "drop the eavesdropper, or name a module that is emulated"
        yield Finding(("links", number, "eavesdropper"), what, right, (place, own))
