"""Models of published experiments, ready for their figures.

Where a paper does not give intensities or shares, they are at their best for our model.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from qit4n.physics import pairdecoys
from qit4n.physics.channels import coexistence
from qit4n.physics.channels.coexistence import Neighbour, SharedFibre
from qit4n.physics.channels.orbits import Orbit, Station, sun_synchronous_inclination_deg, sun_synchronous_node_deg
from qit4n.physics.channels.satellite import Optics
from qit4n.physics.decoy_bb84 import DecoyBB84, clicks, expected_counts, predict
from qit4n.physics.finite_key import BasisCounts, Intensities, sampling_deviation
from qit4n.physics.interference import gain_and_errors
from qit4n.physics.optimise import finite_decoy
from qit4n.physics.pairdecoys import chernoff_lower, chernoff_upper
from qit4n.physics.protocols import discrete, gaussian, mdi
from qit4n.physics.protocols.gaussian import Detection
from qit4n.physics.rates import binary_entropy
from qit4n.physics.single_photons import SinglePhotonBB84
from qit4n.quantum.skies import MICIUS, Sky

EPSILONS: dict[str, Any] = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15, "reconciliation_efficiency": 1.16}
ONE_DECOY = Intensities(means=(0.45, 0.15), probabilities=(0.6, 0.4))
TWO_DECOYS = Intensities(means=(0.45, 0.12, 0.0007), probabilities=(0.7, 0.2, 0.1))
Model = Callable[[], float]


def decoy(  # noqa: PLR0917 - one argument per column
    clock_hz: float,
    loss_db: float,
    receiver_db: float,
    efficiency: float,
    dark: float,
    misalignment: float,
    block_bits: float,
    *,
    two: bool = False,
    means: tuple[float, float] | None = None,
    dead_time_s: float = 0.0,
    afterpulse: float = 0.0,
    stray_per_s: float = 0.0,
    gate_s: float = 1e-10,
) -> Model:
    """Secret bits per second of decoy BB84 with finite blocks; ``means`` are the paper's, of one decoy."""

    def model() -> float:
        stray = stray_per_s * gate_s * 10 ** (-receiver_db / 10) * efficiency / 2
        link = DecoyBB84(
            pulse_rate_hz=clock_hz,
            source=TWO_DECOYS if two else ONE_DECOY,
            key_basis_probability=0.85,
            channel_loss_db=loss_db,
            receiver_loss_db=receiver_db,
            detector_efficiency=efficiency,
            dark_count_probability=dark + stray,
            misalignment=misalignment,
            dead_time_s=dead_time_s,
            afterpulse_probability=afterpulse,
        )
        tried = _shares(link, means) if means else [finite_decoy(link, block_bits=int(block_bits), **EPSILONS)]
        return max(predict(one, block_bits=int(block_bits), **EPSILONS).secret_rate_bps for one in tried)

    return model


def _shares(link: DecoyBB84, means: tuple[float, float]) -> list[DecoyBB84]:
    """The link with these intensities, and shares and basis choices on a grid."""
    return [
        replace(
            link,
            source=Intensities(means=means, probabilities=(share, 1.0 - share)),
            key_basis_probability=basis,
        )
        for share in np.linspace(0.3, 0.95, 27).tolist()
        for basis in np.linspace(0.5, 0.98, 25).tolist()
    ]


def dot(link: SinglePhotonBB84, session_s: float) -> Model:
    """Secret bits per second of a single-photon source with one block per session, the basis choice at its best."""

    def model() -> float:
        tried = [replace(link, key_basis_probability=basis) for basis in np.linspace(0.5, 0.98, 49).tolist()]
        bits = [
            int(clicks(one).per_gate * one.matching_bases(key=True) * one.pulse_rate_hz * session_s) for one in tried
        ]
        found = (predict(one, block_bits=block, **EPSILONS) for one, block in zip(tried, bits, strict=True))
        return max(one.secret_rate_bps for one in found)

    return model


def t12(link: DecoyBB84, session_s: float, epsilon: float = 1e-10) -> Model:
    """Secret bits per second of two-decoy BB84 as Lucamarini et al. 2013 bound it, key basis only.

    Each count has bounds of its own (theirs Clopper and Pearson's, here Chernoff's), and the errors of the signal tell
    the phase error. Linear combinations as in Lim et al. 2014.
    """

    def model() -> float:
        rate = clicks(link).per_gate * link.matching_bases(key=True) * link.pulse_rate_hz
        counts, part = expected_counts(link, rate * session_s), epsilon / 21
        empty, single = _yields(counts.key, link.source, part)
        tested_empty, tested = _yields(counts.test, link.source, part)
        mu, share = link.source.means[0], link.source.probabilities[0]
        wrong = math.exp(mu) / share * chernoff_upper(counts.test.wrong[0], part)
        errors = link.source.tau(1) / mu * (wrong - tested_empty / link.source.tau(0) / 2.0)
        if min(single, tested) <= 0.0 or errors / tested >= 0.5:
            return 0.0
        phase = min(0.5, errors / tested + sampling_deviation(part, errors / tested, single, tested))
        leak = 1.16 * counts.key.total * float(binary_entropy(counts.key.error_rate))
        length = empty + single * (1.0 - float(binary_entropy(phase))) - leak - 6.0 * math.log2(1.0 / part)
        return max(0.0, length / session_s)

    return model


def _yields(counts: BasisCounts, source: Intensities, epsilon: float) -> tuple[float, float]:
    """Detections of empty pulses and of single photons, from below."""
    scale = [math.exp(mean) / share for mean, share in zip(source.means, source.probabilities, strict=True)]
    least = [s * chernoff_lower(n, epsilon) for s, n in zip(scale, counts.detections, strict=True)]
    most = [s * chernoff_upper(n, epsilon) for s, n in zip(scale, counts.detections, strict=True)]
    mu, nu, weak = source.means
    empty = max(0.0, (nu * least[2] - weak * most[1]) / (nu - weak))
    squares = nu**2 - weak**2
    single = mu / (mu * (nu - weak) - squares) * (least[1] - most[2] - squares / mu**2 * (most[0] - empty))
    return source.tau(0) * empty, source.tau(1) * max(0.0, single)


def mdi_asymptotic() -> float:
    """Bits per second of Comandar et al. 2016 without finite key."""
    arm = 10 ** (-10.2 / 10) * 0.3
    means = np.geomspace(0.05, 0.8, 40)
    return float(1e9 * mdi.rate(arm, arm, mean_photons=means, dark=2e-6, misalignment=0.02, efficiency=1.16).max())


def four_intensities(
    arm: float,
    *,
    dark: float,
    misalignments: tuple[float, float],
    pulses: float,
    means: tuple[float, float, float],
    shares: tuple[float, float, float],
    epsilon: float = 1e-10,
    clock_hz: float = 1.0,
) -> Model:
    """Bits per second of MDI-QKD with one intensity in the key basis and three in the other.

    Zhou, Yu, Wang, PRA 93, 042324 (2016): pairs of single photons are counted in the test basis and tell those of the
    key basis. Bounds and costs of :mod:`qit4n.physics.pairdecoys`, each count on its own.

    Args:
        arm: chance that a photon of either end is detected.
        dark: per detector and gate.
        misalignments: in the key basis, in the test basis.
        pulses: that either end sends.
        means: of the signal in the key basis; of signal and decoy in the test basis, where the third is empty.
        shares: how often either end sends these.
        epsilon: secrecy.
        clock_hz: pulses of either end per second; 1 for bits per pair of pulses.
    """

    def model() -> float:
        test_share, part = 1.0 - shares[0], epsilon / pairdecoys.CURTY_2014.parts
        rest = (shares[1], shares[2], 1.0 - sum(shares))
        source = Intensities(means=(*means[1:], 0.0), probabilities=tuple(one / test_share for one in rest))
        light, weights = np.array(source.means) * arm, np.array(rest)
        events = pulses * weights[:, np.newaxis] * weights
        found, wrong = gain_and_errors(light[:, np.newaxis], light, dark, misalignments[1], key=False)
        tested = pairdecoys.single_pairs_lower(tuple((events * found).ravel().tolist()), source, part)
        errors = pairdecoys.single_errors_upper(tuple((events * wrong).ravel().tolist()), source, part)
        if tested <= 0.0 or errors / tested >= 0.5:
            return 0.0
        signal = shares[0] * means[0] * math.exp(-means[0])
        single = pairdecoys.pairs_of_test_basis(tested, (signal / (test_share * source.tau(1))) ** 2, part)
        phase = min(0.5, errors / tested + sampling_deviation(part, errors / tested, single, tested))
        gain, key_errors = gain_and_errors(means[0] * arm, means[0] * arm, dark, misalignments[0], key=True)
        sifted = pulses * shares[0] ** 2 * float(gain)
        leak = 1.16 * sifted * float(binary_entropy(float(key_errors) / float(gain)))
        cost = pairdecoys.CURTY_2014.secrecy_cost(epsilon)
        return max(0.0, single * (1.0 - float(binary_entropy(phase))) - leak - cost) / pulses * clock_hz

    return model


def gaussian_block(
    loss_db: float,
    *,
    symbols: float,
    kept: float = 1.0,
    variance: float,
    excess: float,
    efficiency: float,
    electronic: float,
    reconciliation: float,
    detection: Detection,
) -> Model:
    """Bits per symbol of GG02 of which every symbol tells the noise and makes key; ``kept`` of them survive."""

    def model() -> float:
        halved = gaussian.finite_rate(
            10 ** (-loss_db / 10),
            symbols=2.0 * symbols,
            estimation_share=0.5,
            variance=variance,
            excess=excess,
            efficiency=efficiency,
            electronic=electronic,
            reconciliation=reconciliation,
            detection=detection,
        )
        return max(0.0, kept * 2.0 * float(halved))

    return model


def four_states(loss_db: float) -> Model:
    """Bits per second of four states at 1 GHz, by the explicit bound."""

    def model() -> float:
        t = 10 ** (-loss_db / 10)
        found = [
            discrete.rate(discrete.phase_shift_keying(4, n), t, excess=0.003, electronic=0.05, reconciliation=0.95)
            for n in np.geomspace(0.05, 0.8, 14)
        ]
        return 1e9 * max(0.0, *found)

    return model


def satellite(clock_hz: float, optics: Optics, receiver_db: float, peak_deg: float) -> Model:
    """Secret bits per second over the dark pass of a month that peaks nearest to ``peak_deg``, closed as one block."""

    def model() -> float:
        epoch = 2461119.5
        orbit = Orbit(
            altitude_km=500.0,
            inclination_deg=sun_synchronous_inclination_deg(500.0),
            node_deg=sun_synchronous_node_deg(epoch, 0.0),
            phase_deg=0.0,
            epoch=epoch,
        )
        link = replace(MICIUS, pulse_rate_hz=clock_hz, receiver_loss_db=receiver_db)
        sky = Sky(orbit=orbit, link=link, optics=optics, least_elevation_deg=15.0)
        station = Station(latitude_deg=40.39, longitude_deg=117.58)
        dark = (one for one in sky.passes(station, 30.0) if one.dark)
        one = min(dark, key=lambda one: abs(one.highest_deg - peak_deg))
        key = sky.key_of(one)
        return key.secret_bits / key.seconds

    return model


def raman(
    wavelength_nm: float, neighbours: list[Neighbour], length_km: float, filter_ghz: float, area: float = 1.0
) -> float:
    """Photons per second of a shared fibre at the receiver's input."""
    line = SharedFibre(length_km=length_km, filter_ghz=filter_ghz, isolation_db=150.0, raman_calibration=0.5 / area)
    return coexistence.noise(line, wavelength_nm, neighbours).total
