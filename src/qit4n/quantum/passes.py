"""Links of satellites: when a ground station sees one, what each second of a pass is worth, and emulated time."""

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from qit4n.kernels.sampling import Stream
from qit4n.network import medium
from qit4n.network.model import Link, Network
from qit4n.physics import links
from qit4n.physics.channels.fading import Fading
from qit4n.physics.channels.fibre import Array
from qit4n.physics.channels.orbits import Orbit, Pass, Station, passes, sightings
from qit4n.physics.decoy_bb84 import Prediction
from qit4n.physics.finite_key import BasisCounts, Counts
from qit4n.physics.links import Physics
from qit4n.physics.rates import binary_entropy
from qit4n.quantum.channel import channel_loss_db, faded_db, fading

UNIX_EPOCH_JULIAN = 2_440_587.5
DAY_S = 86_400.0
PREDICTED_DAYS = 3.0
PREDICTION_STEP_S = 5.0
SCHEDULE_DAYS = 1.0
QUIET_DAYS = 30.0
FADES_OF_A_MOMENT = 8
SLOWER = 20


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A moment of a pass: seconds after the start of emulated time, mean loss between the modules, fading about it."""

    at_s: float
    loss_db: float
    fading: Fading | None = None

    def faded_db(self) -> list[float]:
        """Losses of equal weight that stand for the moment; one if it does not fade."""
        return faded_db(self.loss_db, self.fading.nodes(FADES_OF_A_MOMENT)) if self.fading else [self.loss_db]


def julian(moment: str) -> float:
    """Julian date (UTC) of a time of the network file."""
    return datetime.fromisoformat(moment).timestamp() / DAY_S + UNIX_EPOCH_JULIAN


def moment_text(network: Network, at_s: float) -> str:
    """UTC, for people, of a second of emulated time."""
    found = datetime.fromisoformat(network.emulation.starts).astimezone(UTC) + timedelta(seconds=at_s)
    return found.strftime("%Y-%m-%d %H:%M:%S")


def orbit_of(network: Network, link: Link) -> Orbit:
    """The orbit of a satellite link, which begins with emulated time."""
    orbit = link.medium.orbit
    if orbit is None:
        raise ValueError(f"link {link.id} is no satellite's")
    return Orbit(
        altitude_km=link.medium.length_km,
        inclination_deg=orbit.inclination_deg,
        node_deg=orbit.node_deg,
        phase_deg=orbit.phase_deg,
        epoch=julian(network.emulation.starts),
    )


def station_of(network: Network, link: Link) -> Station:
    """The ground station: the second end of the link."""
    site = network.site(link.ends[1])
    return Station(latitude_deg=site.latitude_deg or 0.0, longitude_deg=site.longitude_deg or 0.0)


def usable(network: Network, link: Link, *, days: float, start_s: float = 0.0, step_s: float = 1.0) -> Iterator[Pass]:
    """Passes that deliver light: those in the dark, or all if the file says so; between satellites, while they meet.

    Satellites see each other for long and move apart slowly: their samples are ``SLOWER`` times as far apart.
    """
    orbit = link.medium.orbit
    if orbit is None:
        return
    flown = orbit_of(network, link)
    second = link.medium.second_orbit
    if second is not None:
        other = Orbit(
            altitude_km=second.altitude_km,
            inclination_deg=second.inclination_deg,
            node_deg=second.node_deg,
            phase_deg=second.phase_deg,
            epoch=flown.epoch,
        )
        yield from sightings(flown, other, days=days, start=flown.epoch + start_s / DAY_S, step_s=step_s * SLOWER)
        return
    found = passes(
        flown,
        station_of(network, link),
        days=days,
        start=flown.epoch + start_s / DAY_S,
        least_elevation_deg=orbit.least_elevation_deg,
        step_s=step_s,
    )
    for one in found:
        if (one.dark or orbit.daylight) and _clear(orbit, link, flown, one):
            yield one


def nearest_km(network: Network, link: Link) -> float | None:
    """How near two satellites come on the first day; None of other links, and if they never see each other."""
    if link.medium.second_orbit is None:
        return None
    seen = usable(network, link, days=SCHEDULE_DAYS, step_s=PREDICTION_STEP_S)
    return min((float(one.range_km.min()) for one in seen), default=None)


def _clear(orbit: medium.Orbit, link: Link, flown: Orbit, one: Pass) -> bool:
    """Whether there are no clouds: drawn from the seed by link and revolution, so whoever asks gets the same answer."""
    highest = float(one.times[int(one.elevation_deg.argmax())])
    revolution = round((highest - flown.epoch) * DAY_S / flown.period_s)
    word = int(Stream(orbit.cloud_seed, zlib.crc32(link.id.encode())).words(np.array([revolution], np.uint64))[0])
    return word < orbit.clear_share * 2.0**64


def moments(network: Network, link: Link, one: Pass) -> list[Moment]:
    """The samples of a pass."""
    start = julian(network.emulation.starts)
    return [
        Moment(
            at_s=float((time - start) * DAY_S),
            loss_db=channel_loss_db(link.medium, elevation_deg=float(elevation), range_km=float(distance)),
            fading=fading(link.medium, elevation_deg=float(elevation)),
        )
        for time, elevation, distance in zip(one.times, one.elevation_deg, one.range_km, strict=True)
    ]


class Schedule:
    """The passes of a link in order: its moment at a time, and when the next pass begins."""

    def __init__(self, network: Network, link: Link) -> None:
        """Nothing is computed before it is asked for."""
        self._network = network
        self._link = link
        self._known_s = 0.0
        self._passes: list[list[Moment]] = []

    def moment(self, at_s: float) -> Moment | None:
        """The nearest moment of the pass that is on; None between passes."""
        current = self._from(at_s)
        if current is None or at_s < current[0].at_s:
            return None
        step = current[1].at_s - current[0].at_s if len(current) > 1 else 1.0
        place = min(int((at_s - current[0].at_s) / step + 0.5), len(current) - 1)
        return current[place]

    def next_start_s(self, at_s: float) -> float | None:
        """When the pass begins that is on or comes next; None if there is none within 30 days."""
        current = self._from(at_s)
        return current[0].at_s if current else None

    def _from(self, at_s: float) -> list[Moment] | None:
        """The pass that is on at a time, or comes next."""
        while not self._passes or self._passes[0][-1].at_s < at_s:
            if self._passes:
                self._passes.pop(0)
            elif self._known_s - at_s > QUIET_DAYS * DAY_S:
                return None
            else:
                self._known_s = max(self._known_s, at_s - DAY_S / 24.0)
                found = usable(self._network, self._link, days=SCHEDULE_DAYS, start_s=self._known_s)
                self._passes = [moments(self._network, self._link, one) for one in found]
                self._known_s = max(
                    self._known_s + SCHEDULE_DAYS * DAY_S, self._passes[-1][-1].at_s + 1.0 if self._passes else 0.0
                )
        return self._passes[0]


@dataclass(frozen=True, kw_only=True)
class PassKey:
    """What passes yield: time in view, bits sifted and secret, blocks, and errors among sifted bits."""

    seconds: float
    sifted_bits: float
    secret_bits: float
    blocks: int
    qber: float


def key_of_passes(
    physics: Physics,
    light: Iterable[Moment],
    *,
    step_s: float,
    block_bits: float,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
    last_block: bool = False,
) -> PassKey:
    """Key of light through these moments, one after another, ``step_s`` each.

    Sifted bits wait for a block to be full, from one pass to the next; ``last_block`` closes what is left at the end.
    """
    filling = _Filling(physics, epsilon_secrecy, epsilon_correctness, reconciliation_efficiency)
    seconds = sifted = secret = errors = 0.0
    blocks = 0
    for moment in light:
        seconds += step_s
        found = filling.per_second([physics.through(loss) for loss in moment.faded_db()])
        per_s, left_s = float(found[0, 0].sum()), step_s
        while left_s > 0.0:
            missing_s = (block_bits - filling.key_bits) / per_s if per_s else math.inf
            light_s = min(left_s, missing_s)
            filling.add(found, light_s)
            left_s -= light_s
            if missing_s <= light_s:
                sifted, errors, blocks = sifted + filling.key_bits, errors + filling.errors, blocks + 1
                secret += filling.closed()
    sifted, errors = sifted + filling.key_bits, errors + filling.errors
    if last_block and filling.key_bits:
        secret, blocks = secret + filling.closed(), blocks + 1
    return PassKey(
        seconds=seconds, sifted_bits=sifted, secret_bits=secret, blocks=blocks, qber=errors / sifted if sifted else 0.0
    )


class _Filling:
    """The expected counts of a block that fills."""

    def __init__(self, physics: Physics, epsilon_secrecy: float, epsilon_correctness: float, efficiency: float) -> None:
        """An empty block."""
        self._physics = physics
        self._epsilons = {"epsilon_secrecy": epsilon_secrecy, "epsilon_correctness": epsilon_correctness}
        self._efficiency = efficiency
        self._clear()

    def _clear(self) -> None:
        self._found = np.zeros((2, 2, self._physics.kinds))
        self._seconds = 0.0

    def per_second(self, states: Sequence[Physics]) -> Array:
        """What clicks while states of the link take turns: by basis, detections and wrong ones, intensity."""
        clicks = [links.of_both_bases(one) for one in states]
        rates = np.mean([[[one.detections, one.wrong] for one in found] for found in clicks], axis=0)
        shares = np.array([self._physics.matching_bases(key=key) for key in (True, False)])
        return np.asarray(self._physics.pulse_rate_hz * rates * shares[:, np.newaxis, np.newaxis], np.float64)

    def add(self, per_second: Array, seconds: float) -> None:
        """So many seconds of such clicks."""
        self._found += per_second * seconds
        self._seconds += seconds

    @property
    def key_bits(self) -> float:
        """Sifted bits of the key basis."""
        return float(self._found[0, 0].sum())

    @property
    def errors(self) -> float:
        """Wrong ones among them."""
        return float(self._found[0, 1].sum())

    def closed(self) -> float:
        """Secret bits of the block; the next one is empty."""
        key, test = (BasisCounts(detections=tuple(one[0]), wrong=tuple(one[1])) for one in self._found)
        counts = Counts(key=key, test=test, pulses=self._seconds * self._physics.pulse_rate_hz)
        leak = self._efficiency * counts.key.total * float(binary_entropy(min(0.5, counts.key.error_rate)))
        self._clear()
        return float(self._physics.key_length(counts, leaked_bits=leak, **self._epsilons).length_bits)


def predict_fading(
    states: Sequence[Physics],
    *,
    block_bits: float,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
) -> Prediction:
    """Rate of blocks that are so long that each state of a link that fades takes its share of them, all alike."""
    filling = _Filling(states[0], epsilon_secrecy, epsilon_correctness, reconciliation_efficiency)
    found = filling.per_second(states)
    sifted_rate = float(found[0, 0].sum())
    duration = block_bits / sifted_rate if sifted_rate else math.inf
    if sifted_rate:
        filling.add(found, duration)
    qber = filling.errors / filling.key_bits if sifted_rate else 0.0
    secret = filling.closed() if sifted_rate else 0.0
    return Prediction(
        secret_rate_bps=secret / duration,
        sifted_rate_bps=sifted_rate,
        qber=qber,
        key_bits_per_block=secret,
        block_duration_s=duration,
    )


def predict_passes(network: Network, link: Link, physics: Physics, efficiency: float) -> Prediction:
    """Rate per second of pass, over those of the first three days (or as many days more as it takes for one pass).

    Between satellites over the times of the first day in which they see each other.
    """
    days = PREDICTED_DAYS if link.medium.second_orbit is None else 1.0
    found = list(usable(network, link, days=days, step_s=PREDICTION_STEP_S))
    while not found and days < QUIET_DAYS:
        days *= 2.0
        found = list(usable(network, link, days=days, step_s=PREDICTION_STEP_S))
    block_bits = network.modules[link.module].block_bits
    result = key_of_passes(
        physics,
        [moment for one in found for moment in moments(network, link, one)],
        step_s=found[0].step_s if found else PREDICTION_STEP_S,
        block_bits=block_bits,
        epsilon_secrecy=network.policies.epsilon_secrecy,
        epsilon_correctness=network.policies.epsilon_correctness,
        reconciliation_efficiency=efficiency,
    )
    if not result.blocks:
        sifted = result.sifted_bits / result.seconds if result.seconds else 0.0
        duration = block_bits / sifted if sifted else float("inf")
        return Prediction(
            secret_rate_bps=0.0,
            sifted_rate_bps=sifted,
            qber=result.qber,
            key_bits_per_block=0.0,
            block_duration_s=duration,
        )
    sifted = result.sifted_bits / result.seconds
    return Prediction(
        secret_rate_bps=result.secret_bits / result.seconds,
        sifted_rate_bps=sifted,
        qber=result.qber,
        key_bits_per_block=result.secret_bits / result.blocks,
        block_duration_s=block_bits / sifted,
    )


class EmulatedTime:
    """Seconds of emulated time: with light as many as it lasts, without as many as the clock says, times the speed."""

    def __init__(self, speed: float, now: float) -> None:
        """Start at zero, ``now`` by the clock."""
        self.speed = speed
        self.seconds = 0.0
        self._last = now

    def idle(self, now: float) -> float:
        """Nothing was emitted since the last call."""
        self.seconds += max(0.0, now - self._last) * self.speed
        self._last = now
        return self.seconds

    def lit(self, seconds: float, now: float) -> None:
        """Light of so many seconds was emitted."""
        self.seconds += seconds
        self._last = now
