"""What a satellite yields at ground stations: one pass, and a year of passes with nights and clouds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from qit4n.kernels.sampling import Stream
from qit4n.physics.channels.orbits import Orbit, Pass, Station, passes
from qit4n.physics.channels.satellite import Optics, downlink_db, fading_of_downlink
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import Intensities
from qit4n.quantum.passes import Moment, PassKey, key_of_passes

EPSILON_SECRECY, EPSILON_CORRECTNESS, EFFICIENCY = 1e-9, 1e-15, 1.16
MICIUS = DecoyBB84(
    pulse_rate_hz=1e8,
    source=Intensities(means=(0.8, 0.1, 0.0), probabilities=(0.5, 0.25, 0.25)),
    key_basis_probability=0.5,
    channel_loss_db=0.0,
    receiver_loss_db=7.96,
    detector_efficiency=0.5,
    dark_count_probability=2.5e-7,
    misalignment=0.01,
    dead_time_s=0.0,
    afterpulse_probability=0.0,
)
"""Liao et al., Nature 549, 43 (2017), arXiv:1707.00542: clock, intensities, shares, optics of 16 %, detectors of 50 %.

Dark counts are assumed: those of the paper (below 25 Hz, 2 ns) are a fifth of them, the rest is the night over a city.
"""
MICIUS_OPTICS = Optics(divergence_rad=10e-6 / 0.5887, receiver_m=1.0, jitter_rad=1.2e-6, zenith_transmittance=0.65)
"""10 urad read as a full width at half maximum, for its 22 dB at 1200 km; pointing and air of that paper's size."""


class StationYear(msgspec.Struct, frozen=True, kw_only=True):
    """Key of one station over the days."""

    name: str
    passes: int
    dark_passes: int
    clear_passes: int
    seconds: float
    sifted_bits: float
    secret_bits: float
    best_pass_bits: float
    qber: float


@dataclass(frozen=True, kw_only=True)
class Sky:
    """A satellite with its light, and when it counts.

    Attributes:
        orbit: where it flies.
        link: its modules.
        optics: its telescopes.
        least_elevation_deg: below it there is no link.
        clear_share: chance that a pass is not clouded; drawn for each pass from ``seed``.
        daylight_dark_probability: dark counts per gate by day; None: by day nothing counts.
        seed: of the clouds.
        step_s: between samples of a pass.
    """

    orbit: Orbit
    link: DecoyBB84
    optics: Optics
    least_elevation_deg: float = 15.0
    clear_share: float = 1.0
    daylight_dark_probability: float | None = None
    seed: int = 1
    step_s: float = 10.0

    def moments(self, one: Pass) -> list[Moment]:
        """The samples of a pass, from its begin."""
        parts = downlink_db(self.optics, one.range_km, one.elevation_deg)
        losses = sum(parts.values(), np.zeros(one.times.size))
        return [
            Moment(at_s=place * one.step_s, loss_db=float(loss), fading=fading_of_downlink(self.optics, elevation))
            for place, (loss, elevation) in enumerate(zip(losses, one.elevation_deg.tolist(), strict=True))
        ]

    def key_of(self, one: Pass) -> PassKey:
        """Key of one pass as one block: what a ground station has when the satellite is gone."""
        link = self.link
        if not one.dark and self.daylight_dark_probability is not None:
            link = replace(link, dark_count_probability=self.daylight_dark_probability)
        return key_of_passes(
            link,
            self.moments(one),
            step_s=one.step_s,
            block_bits=np.inf,
            epsilon_secrecy=EPSILON_SECRECY,
            epsilon_correctness=EPSILON_CORRECTNESS,
            reconciliation_efficiency=EFFICIENCY,
            last_block=True,
        )

    def passes(self, station: Station, days: float) -> Iterator[Pass]:
        """All passes over a station."""
        yield from passes(
            self.orbit, station, days=days, least_elevation_deg=self.least_elevation_deg, step_s=self.step_s
        )

    def clear(self, number: int, station: int) -> bool:
        """Whether the sky is clear at the ``number``-th pass over a station."""
        word = int(Stream(self.seed, station).words(np.array([number], np.uint64))[0])
        return word < self.clear_share * 2.0**64


def year(sky: Sky, stations: Iterable[tuple[str, Station]], days: float) -> list[StationYear]:
    """Key of each station; what both ends of a pair can share through the satellite is the smaller of the two."""
    found = []
    for place, (name, station) in enumerate(stations):
        counts = {"passes": 0, "dark_passes": 0, "clear_passes": 0}
        keys: list[PassKey] = []
        for number, one in enumerate(sky.passes(station, days)):
            counts["passes"] += 1
            counts["dark_passes"] += one.dark
            if (one.dark or sky.daylight_dark_probability is not None) and sky.clear(number, place):
                counts["clear_passes"] += 1
                keys.append(sky.key_of(one))
        sifted = sum(key.sifted_bits for key in keys)
        found.append(
            StationYear(
                name=name,
                **counts,
                seconds=sum(key.seconds for key in keys),
                sifted_bits=sifted,
                secret_bits=sum(key.secret_bits for key in keys),
                best_pass_bits=max((key.secret_bits for key in keys), default=0.0),
                qber=sum(key.qber * key.sifted_bits for key in keys) / sifted if sifted else 0.0,
            )
        )
    return found
