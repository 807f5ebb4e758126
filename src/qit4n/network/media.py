"""Media of the network file: whether the parts of each fit its kind, and its link the medium."""

from collections.abc import Iterator
from datetime import datetime

from qit4n.network.finding import Finding
from qit4n.network.model import TWIN_FIELDS, TWO_SENDERS, Link, Network
from qit4n.network.yamltext import At

PARTS: dict[str, tuple[str, ...]] = {
    "fibre": (),
    "co-fibre": ("shared",),
    "free-space": ("beam",),
    "satellite": ("beam", "orbit"),
    "inter-satellite": ("beam", "orbit", "second_orbit"),
}
NEEDED: dict[str, tuple[str, ...]] = {
    "co-fibre": ("shared",),
    "satellite": ("beam", "orbit"),
    "inter-satellite": ("beam", "orbit", "second_orbit"),
}
SPACE = ("satellite", "inter-satellite")
NOT_OVER: dict[str, tuple[str, ...]] = {"mdi": SPACE, **dict.fromkeys(TWIN_FIELDS, ("free-space", *SPACE))}
LOWEST_ORBIT_KM, HIGHEST_ORBIT_KM = 200.0, 36_000.0
MOONLIT_SKY = 1.5e-3
"""W/(m2 sr um), under a full moon: the brightest sky of a night."""


def media_findings(network: Network) -> Iterator[Finding]:
    """What does not fit about media and the start of emulated time."""
    try:
        datetime.fromisoformat(network.emulation.starts)
    except ValueError:
        what = f"{network.emulation.starts} is no time"
        yield Finding(("emulation", "starts"), what, "write for example 2026-03-20T18:00:00Z")
    for number, link in enumerate(network.links):
        yield from _parts(number, link)
        yield from _passive(number, link)
        yield from _middle(number, link, network)
        if link.medium.kind in SPACE and link.medium.orbit is not None:
            yield from _satellite(number, link, network)
        yield from _protocol(number, link, network)


def night_skies_by_day(network: Network) -> Iterator[Finding]:
    """Satellites whose passes count in daylight, under the sky of a night."""
    for number, link in enumerate(network.links):
        medium = link.medium
        if medium.kind == "satellite" and medium.orbit and medium.beam and medium.orbit.daylight:
            radiance = medium.beam.sky_radiance
            if radiance <= MOONLIT_SKY:
                what = f"passes in daylight count, but a sky of {radiance:g} W/(m2 sr um) is that of a night"
                right = "give the beam the sky_radiance of a day (1.5 clear, 15 haze, 150 clouds), or drop daylight"
                yield Finding(("links", number, "medium", "beam"), what, right)


def _parts(number: int, link: Link) -> Iterator[Finding]:
    medium, own = link.medium, (("links", number, "medium"),)
    for part in ("shared", "beam", "orbit", "second_orbit"):
        given = getattr(medium, part) is not None
        place: At = ("links", number, "medium", part)
        if given and part not in PARTS[medium.kind]:
            kinds = " or ".join(kind for kind, parts in PARTS.items() if part in parts)
            yield Finding(place, f"{medium.kind} has no {part}", f"drop it, or make the kind {kinds}", own)
        if not given and part in NEEDED.get(medium.kind, ()):
            yield Finding(own[0], f"a medium of kind {medium.kind} needs '{part}'", f"add {part}: {{...}}", own)


def _passive(number: int, link: Link) -> Iterator[Finding]:
    medium = link.medium
    for part in ("splitters", "bypasses"):
        if getattr(medium, part) and medium.kind not in {"fibre", "co-fibre"}:
            what = f"{medium.kind} has no {part}"
            yield Finding(("links", number, "medium", part), what, "drop it, or make the kind fibre or co-fibre")


def _middle(number: int, link: Link, network: Network) -> Iterator[Finding]:
    middle_km, length_km = link.medium.middle_km, link.medium.length_km
    if middle_km is None:
        return
    place: At = ("links", number, "medium", "middle_km")
    module = network.modules.get(link.module)
    if module is None or module.protocol not in TWO_SENDERS:
        what = "only light of mdi and twin fields meets in a middle"
        yield Finding(place, what, "drop it, or name a module of one of them", (("links", number, "module"),))
    elif middle_km >= length_km:
        what = f"the middle, at {middle_km:g} km, is not between the ends, {length_km:g} km apart"
        yield Finding(place, what, f"less than {length_km:g}; half way if absent", (("links", number, "medium"),))


def _satellite(number: int, link: Link, network: Network) -> Iterator[Finding]:
    place: At = ("links", number, "medium", "length_km")
    if not LOWEST_ORBIT_KM <= link.medium.length_km <= HIGHEST_ORBIT_KM:
        what = f"a satellite does not fly at {link.medium.length_km:g} km"
        yield Finding(place, what, f"its altitude is {LOWEST_ORBIT_KM:g} to {HIGHEST_ORBIT_KM:g} km")
    if link.medium.kind == "inter-satellite":
        return
    stations = [site for site in network.sites if site.id == link.ends[1]]
    for site in stations:
        if site.latitude_deg is None or site.longitude_deg is None:
            what = f"site {site.id!r} has no place on Earth, but a satellite is to pass over it"
            right = "give the site latitude_deg and longitude_deg; the ground station is the second end"
            yield Finding(("links", number, "ends", 1), what, right, (("sites",),))


def _protocol(number: int, link: Link, network: Network) -> Iterator[Finding]:
    """A middle on board would need light from the ground, and air spoils the phase: neither is modelled."""
    module = network.modules.get(link.module)
    if module is not None and link.medium.kind in NOT_OVER.get(module.protocol, ()):
        what = f"{module.protocol} is not modelled over {link.medium.kind}"
        right = "name a module of one-decoy-bb84, two-decoy-bb84, single-photon-bb84 or bbm92"
        yield Finding(("links", number, "module"), what, right, (("modules", link.module),))
