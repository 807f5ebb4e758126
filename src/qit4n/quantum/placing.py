"""Wavelength planning of a shared fibre: which place of the quantum channel yields most key, and how far it reaches."""

import msgspec
from msgspec.structs import replace

from qit4n.network.model import Link, Network
from qit4n.physics.channels import coexistence
from qit4n.physics.channels.fibre import attenuation_db_per_km
from qit4n.quantum.channel import stray_light
from qit4n.quantum.link import predict

LONGEST_KM = 400.0
REACH_STEPS = 12
REACHED = 3


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A wavelength for the quantum channel and what it yields there; ``reach_km`` 0: not found out."""

    wavelength_nm: float
    noise_photons_per_s: float
    loss_db: float
    qber: float
    secret_rate_bps: float
    reach_km: float = 0.0


def places(network: Network, link: Link, least_rate_bps: float) -> list[Place]:
    """Candidates by key rate; for the best of each band also how long the fibre could be for ``least_rate_bps``."""
    shared = link.medium.shared
    if shared is None:
        return []
    neighbours = [
        coexistence.Neighbour(wavelength_nm=one.wavelength_nm, launch_dbm=one.launch_dbm) for one in shared.neighbours
    ]
    guard = max(100.0, shared.filter_ghz)
    found = [
        _place(network, _moved(link, one, link.medium.length_km)) for one in coexistence.candidates(neighbours, guard)
    ]
    found.sort(key=lambda one: (-one.secret_rate_bps, one.noise_photons_per_s))
    seen: dict[str, int] = {}
    ranked = []
    for one in found:
        letter = coexistence.band_of(one.wavelength_nm)
        seen[letter] = seen.get(letter, 0) + 1
        if seen[letter] <= REACHED:
            one = replace(one, reach_km=_reach(network, link, one.wavelength_nm, least_rate_bps))  # noqa: PLW2901
        ranked.append(one)
    return ranked


def _moved(link: Link, wavelength_nm: float, length_km: float) -> Link:
    """The link with its quantum channel elsewhere, or its fibre longer: the attenuation changes, the rest stays."""
    medium = link.medium
    if medium.shared is None:
        return link
    before = float(attenuation_db_per_km(medium.shared.wavelength_nm)) * medium.length_km
    after = float(attenuation_db_per_km(wavelength_nm)) * length_km
    moved = replace(
        medium,
        length_km=length_km,
        middle_km=medium.middle_km and medium.middle_km * length_km / medium.length_km,
        loss_db=max(0.0, medium.loss_db + after - before),
        shared=replace(medium.shared, wavelength_nm=wavelength_nm),
    )
    return replace(link, medium=moved)


def _place(network: Network, link: Link) -> Place:
    shared = link.medium.shared
    found = predict(network, link)
    return Place(
        wavelength_nm=shared.wavelength_nm if shared else 0.0,
        noise_photons_per_s=sum(one.photons_per_s for one in stray_light(link.medium)),
        loss_db=link.medium.loss_db,
        qber=found.qber,
        secret_rate_bps=found.secret_rate_bps,
    )


def _reach(network: Network, link: Link, wavelength_nm: float, least_rate_bps: float) -> float:
    """Longest fibre with at least this rate, to a part in 4000 of 400 km; 0 if the shortest has less."""
    low, high = 0.0, LONGEST_KM
    for _ in range(REACH_STEPS):
        middle = (low + high) / 2.0
        enough = predict(network, _moved(link, wavelength_nm, middle)).secret_rate_bps >= max(least_rate_bps, 1e-9)
        low, high = (middle, high) if enough else (low, middle)
    return low
