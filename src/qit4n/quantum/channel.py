"""The channel of a link of the network file: its budget line by line, and the light that is not the transmitter's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from qit4n.network.medium import Beam, Medium, Neighbour, Shared
from qit4n.network.model import TWO_SENDERS, Module
from qit4n.physics.channels import coexistence, freespace, satellite, sky, turbulence
from qit4n.physics.channels.budget import Item, total_db
from qit4n.physics.channels.coexistence import SharedFibre
from qit4n.physics.channels.fading import Fading, pointing_shape
from qit4n.physics.channels.fibre import Array, passive_items


@dataclass(frozen=True, kw_only=True)
class Stray:
    """Photons per second at the receiver's input that are not the transmitter's, and why they are there."""

    name: str
    photons_per_s: float
    source: str


def losses(medium: Medium, *, elevation_deg: float = 90.0, range_km: float | None = None) -> list[Item]:
    """Budget of a medium between the two modules; of a satellite at one point of its pass."""
    if medium.beam is None:
        items = [
            Item(name=f"{medium.length_km:g} km, {medium.kind}", loss_db=medium.loss_db, source="the network file")
        ]
        return items + passive_items(medium.splitters, medium.bypasses)
    items = [Item(name="optics and coupling", loss_db=medium.loss_db, source="the network file")]
    if medium.kind == "satellite":
        distance = float(satellite.slant_range_km(medium.length_km, elevation_deg)) if range_km is None else range_km
        found = satellite.downlink_db(optics(medium.beam), distance, elevation_deg)
        return items + list(_through_space(found, f"{distance:.0f} km at {elevation_deg:.0f} degrees"))
    if medium.second_orbit is not None:
        distance = max(1.0, abs(medium.second_orbit.altitude_km - medium.length_km)) if range_km is None else range_km
        found = satellite.between_satellites_db(optics(medium.beam), distance)
        return items + list(_through_space(found, f"{distance:.0f} km in vacuum"))
    return items + list(_level_path(medium, medium.beam))


SOURCES = {
    "diffraction": "1 - exp(-2 (D/2)^2/w^2), w = theta R/2",
    "pointing": "1/(1 + 4 sigma^2/theta_half^2)",
    "atmosphere": "zenith transmittance^(1/sin elevation)",
    "haze": "Kim et al., Proc. SPIE 4214, 26 (2001)",
}


def _through_space(found: Mapping[str, Array], where: str) -> Iterator[Item]:
    for name, loss in found.items():
        told = f"{name}, {where}" if name == "diffraction" else name
        yield Item(name=told, loss_db=float(loss), source=SOURCES[name])


def optics(beam: Beam) -> satellite.Optics:
    """The telescopes in SI units."""
    return satellite.Optics(
        divergence_rad=beam.divergence_urad * 1e-6,
        receiver_m=beam.receiver_m,
        jitter_rad=beam.jitter_urad * 1e-6,
        zenith_transmittance=beam.zenith_transmittance,
        wavelength_nm=beam.wavelength_nm,
    )


def _level_path(medium: Medium, beam: Beam) -> Iterator[Item]:
    distance = medium.length_km * 1e3
    spot = freespace.spot_radius_m(distance, beam.divergence_urad * 1e-6, beam.waist_m)
    rytov = float(turbulence.rytov_variance(beam.cn2, beam.wavelength_nm, distance))
    spread = turbulence.spread_radius_m(spot, rytov, beam.wavelength_nm, distance)
    plain = float(freespace.decibel(freespace.collected(spot, beam.receiver_m)))
    spoilt = float(freespace.decibel(freespace.collected(spread, beam.receiver_m)))
    yield Item(name=f"diffraction over {medium.length_km:g} km", loss_db=plain, source=SOURCES["diffraction"])
    if beam.cn2:
        source = f"beam spread, Rytov variance {rytov:.2g} (Andrews and Phillips 2005)"
        yield Item(name="turbulence", loss_db=spoilt - plain, source=source)
    if beam.jitter_urad:
        aim = float(freespace.decibel(freespace.pointing(beam.jitter_urad, beam.divergence_urad)))
        yield Item(name="pointing", loss_db=aim, source=SOURCES["pointing"])
    haze = float(freespace.haze_db_per_km(beam.visibility_km, beam.wavelength_nm)) * medium.length_km
    yield Item(name=f"haze, visibility {beam.visibility_km:g} km", loss_db=haze, source=SOURCES["haze"])


def fading(medium: Medium, *, elevation_deg: float = 90.0) -> Fading | None:
    """How the transmittance varies about that of the budget; None if it does not, or is not asked for.

    By turbulence and pointing, between satellites by pointing alone.
    """
    beam = medium.beam
    if beam is None or not beam.fade_s:
        return None
    if medium.kind == "free-space":
        distance = medium.length_km * 1e3
        found = Fading(
            rytov=float(turbulence.rytov_variance(beam.cn2, beam.wavelength_nm, distance)),
            averaging=float(turbulence.aperture_averaging(beam.receiver_m, beam.wavelength_nm, distance)),
            pointing=pointing_shape(beam.jitter_urad, beam.divergence_urad),
        )
    elif medium.kind == "satellite":
        found = satellite.fading_of_downlink(optics(beam), elevation_deg)
    else:
        found = satellite.fading_between_satellites(optics(beam))
    return found if found.index else None


def faded_db(loss_db: float, factors: NDArray[np.float64]) -> list[float]:
    """Losses with these factors on the transmittance, which never exceeds 1."""
    return [float(one) for one in np.maximum(0.0, loss_db - 10.0 * np.log10(np.maximum(factors, 1e-30)))]


def channel_loss_db(medium: Medium, *, elevation_deg: float = 90.0, range_km: float | None = None) -> float:
    """Whole loss between the two modules."""
    return total_db(losses(medium, elevation_deg=elevation_deg, range_km=range_km))


def stray_light(medium: Medium, at_s: float = np.inf) -> list[Stray]:
    """Light from neighbours that are lit ``at_s`` after the start (all of them, if not given), and from the sky."""
    found = []
    if medium.shared is not None:
        found += list(_neighbours(medium, at_s))
    if medium.beam is not None and medium.beam.sky_radiance:
        beam = medium.beam
        photons = float(
            sky.sky_photons_per_s(
                beam.sky_radiance,
                wavelength_nm=beam.wavelength_nm,
                filter_nm=beam.filter_nm,
                aperture_m=beam.receiver_m,
                field_of_view_rad=beam.field_of_view_urad * 1e-6,
            )
        )
        found.append(Stray(name="sky", photons_per_s=photons, source="H Omega A dlambda/(h c/lambda)"))
    return found


def _neighbours(medium: Medium, at_s: float) -> Iterator[Stray]:
    shared = medium.shared
    if shared is None:
        return
    line = SharedFibre(
        length_km=medium.length_km,
        filter_ghz=shared.filter_ghz,
        isolation_db=shared.isolation_db,
        raman_calibration=shared.raman_calibration,
    )
    lit = [
        coexistence.Neighbour(
            wavelength_nm=one.wavelength_nm, launch_dbm=one.launch_dbm, counter=one.direction == "against"
        )
        for one in shared.neighbours
        if one.lit_after_s <= at_s
    ]
    noise = coexistence.noise(line, shared.wavelength_nm, lit)
    eraerds = "Eraerds et al., New J. Phys. 12, 063027 (2010)"
    yield Stray(name="Raman, with the signal", photons_per_s=noise.raman_forward, source=eraerds)
    yield Stray(name="Raman, against the signal", photons_per_s=noise.raman_backward, source=eraerds)
    yield Stray(name="four-wave mixing", photons_per_s=noise.mixing, source=eraerds)
    yield Stray(name="leakage", photons_per_s=noise.leakage, source=f"isolation of {shared.isolation_db:g} dB")


def arms(module: Module, medium: Medium) -> tuple[Medium, ...]:
    """The ways of the photons: one, but where both ends send two to the middle, the second as its own end sees it.

    A fibre's loss is shared by length; a beam needs its optics in either arm. Splitters and bypassed sites lie in the
    first. Neighbours pass the middle, weakened by the way.
    """
    if module.protocol not in TWO_SENDERS:
        return (medium,)
    whole_km = medium.length_km
    lengths = (whole_km / 2.0,) * 2 if medium.middle_km is None else (medium.middle_km, whole_km - medium.middle_km)
    shares = [one / whole_km if whole_km else 0.5 for one in lengths] if medium.beam is None else [1.0, 1.0]
    losses_db = [medium.loss_db * share for share in shares]
    first, second = (
        msgspec.structs.replace(medium, length_km=length_km, loss_db=loss_db, middle_km=None)
        for length_km, loss_db in zip(lengths, losses_db, strict=True)
    )
    second = msgspec.structs.replace(second, splitters=(), bypasses=0)
    if medium.shared is None:
        return first, second
    return tuple(
        msgspec.structs.replace(one, shared=_seen_from(end, medium.shared, losses_db[1 - end]))
        for end, one in enumerate((first, second))
    )


def _seen_from(end: int, shared: Shared, crossed_db: float) -> Shared:
    """The neighbours in the arm of one end: those that began at the other one have crossed its arm."""

    def seen(one: Neighbour) -> Neighbour:
        begins_here = (one.direction == "with") == (end == 0)
        return msgspec.structs.replace(
            one,
            direction="with" if begins_here else "against",
            launch_dbm=one.launch_dbm if begins_here else max(-60.0, one.launch_dbm - crossed_db),
        )

    return msgspec.structs.replace(shared, neighbours=tuple(seen(one) for one in shared.neighbours))


def dark_count_probability(module: Module, medium: Medium, at_s: float = np.inf) -> float:
    """Per detector and gate: dark counts of the module, and stray photons, shared by the detectors.

    A middle has light of two arms, that of mdi on four detectors.
    """
    photons = sum(one.photons_per_s for way in arms(module, medium) for one in stray_light(way, at_s))
    if not photons:
        return module.dark_count_probability
    gate = min(module.gate_s, 1.0 / module.pulse_rate_hz)
    detectors = 4 if module.protocol == "mdi" else 2
    seen = photons * gate * 10.0 ** (-module.receiver_loss_db / 10.0) * module.detector_efficiency / detectors
    return float(1.0 - (1.0 - module.dark_count_probability) * np.exp(-seen))


def changes_at_s(medium: Medium) -> tuple[float, ...]:
    """Seconds after the start at which neighbours light up, ascending."""
    if medium.shared is None:
        return ()
    return tuple(sorted({one.lit_after_s for one in medium.shared.neighbours if one.lit_after_s}))
