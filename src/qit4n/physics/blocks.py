"""Curves of blocks of so many pulses, all choices at their best: what runs live.

Lengths are those of the links (:mod:`qit4n.physics.links`) at expected counts, secret and correct to the epsilons of
:mod:`.protocols.record`. Choices are intensities and shares, all between 0 and 1, sought with Nelder and Mead every
3 dB, from those 3 dB before, and at every loss of the last 3 dB; in between they change steadily: any choice yields a
key that is secret.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from qit4n.physics import links
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import DecoyBB84, Prediction
from qit4n.physics.finite_key import Intensities
from qit4n.physics.links import Physics
from qit4n.physics.mdi import MDI
from qit4n.physics.protocols.curves import sns_finite
from qit4n.physics.protocols.record import EPSILON_CORRECTNESS, EPSILON_SECRECY, Curve, Setup
from qit4n.physics.protocols.twinfield import optical_error
from qit4n.physics.rates import Array
from qit4n.physics.single_photons import SinglePhotonBB84, SinglePhotons
from qit4n.physics.twinfield import TwinField

STRIDE_DB = 3.0
FIRST_STEPS, NEXT_STEPS, SIMPLEX = 200, 30, 0.4
Made = Callable[[float, tuple[float, ...]], Physics | None]
"""The link of a loss in dB and choices; None if these are none."""


@dataclass(frozen=True, kw_only=True)
class _Blocks:
    """A block of so many pulses over a link that is made as ``made`` says."""

    made: Made
    pulses: float
    reconciliation: float

    def predicted(self, loss_db: float, choices: tuple[float, ...]) -> Prediction | None:
        """What a block yields, per pulse; None if nothing."""
        link = self.made(loss_db, choices)
        if link is None:
            return None
        key = links.clicks(link, key=True).per_gate * link.matching_bases(key=True)
        if key * self.pulses < 1.0:
            return None
        found = links.predict(
            link,
            block_bits=int(key * self.pulses),
            epsilon_secrecy=EPSILON_SECRECY,
            epsilon_correctness=EPSILON_CORRECTNESS,
            reconciliation_efficiency=self.reconciliation,
        )
        return found if found.secret_rate_bps > 0.0 else None

    def best(self, loss_db: float, odds: Array, steps: int) -> Array:
        """The choices that yield most, sought from these; both as logarithms of odds."""

        def loss(odds: Array) -> float:
            found = self.predicted(loss_db, _shares(odds))
            return -math.log(found.secret_rate_bps) if found else 1e3

        simplex = odds + np.vstack([np.zeros(odds.size), SIMPLEX * np.eye(odds.size)])
        options = {"maxiter": steps, "xatol": 1e-2, "fatol": 1e-3, "initial_simplex": simplex}
        return np.asarray(minimize(loss, odds, method="Nelder-Mead", options=options).x, np.float64)

    def curve(self, loss_db: Array, choices: tuple[float, ...]) -> Curve:
        """Until there is no key."""
        losses = np.ravel(loss_db)
        rate, qber = np.zeros(losses.shape), np.full(losses.shape, np.nan)
        last_db, last = 0.0, self.best(0.0, np.log(choices) - np.log1p(-np.array(choices)), FIRST_STEPS)
        following = self.best(STRIDE_DB, last, NEXT_STEPS)
        for place in np.argsort(losses):
            at = float(losses[place])
            while at >= last_db + STRIDE_DB:
                last_db, last = last_db + STRIDE_DB, following
                following = self.best(last_db + STRIDE_DB, last, NEXT_STEPS)
            if self.predicted(last_db + STRIDE_DB, _shares(following)):
                odds = last + (following - last) * (at - last_db) / STRIDE_DB
            else:
                odds = last = self.best(at, last, NEXT_STEPS)
            found = self.predicted(at, _shares(odds))
            if found is None:
                break
            rate[place], qber[place] = found.secret_rate_bps, found.qber
        return Curve(rate=rate.reshape(np.shape(loss_db)), qber=qber.reshape(np.shape(loss_db)))


def _shares(odds: Array) -> tuple[float, ...]:
    return tuple((1.0 / (1.0 + np.exp(-odds))).tolist())


def _curve(loss_db: Array, setup: Setup, pulses: float, made: Made, first: tuple[float, ...]) -> Curve:
    return _Blocks(made=made, pulses=pulses, reconciliation=setup.reconciliation).curve(loss_db, first)


def single_photons(loss_db: Array, setup: Setup, pulses: float) -> Curve:
    """BB84 with a single-photon source, attenuated."""

    def made(loss_db: float, choices: tuple[float, ...]) -> SinglePhotonBB84:
        share, basis = choices
        return SinglePhotonBB84(
            pulse_rate_hz=1.0,
            source=SinglePhotons(brightness=setup.brightness * share, g2=setup.g2),
            key_basis_probability=basis,
            channel_loss_db=loss_db,
            receiver_loss_db=setup.receiver_loss_db,
            detector_efficiency=setup.efficiency,
            dark_count_probability=setup.dark,
            misalignment=setup.misalignment,
            dead_time_s=0.0,
            afterpulse_probability=0.0,
        )

    return _curve(loss_db, setup, pulses, made, (0.95, 0.9))


def one_decoy(loss_db: Array, setup: Setup, pulses: float) -> Curve:
    """Decoy-state BB84 with one decoy."""

    def made(loss_db: float, choices: tuple[float, ...]) -> DecoyBB84:
        signal, ratio, share, basis = choices
        return DecoyBB84(
            pulse_rate_hz=1.0,
            source=Intensities(means=(signal, signal * ratio), probabilities=(share, 1.0 - share)),
            key_basis_probability=basis,
            channel_loss_db=loss_db,
            receiver_loss_db=setup.receiver_loss_db,
            detector_efficiency=setup.efficiency,
            dark_count_probability=setup.dark,
            misalignment=setup.misalignment,
            dead_time_s=0.0,
            afterpulse_probability=0.0,
        )

    return _curve(loss_db, setup, pulses, made, (0.5, 0.3, 0.7, 0.9))


def entangled_pairs(loss_db: Array, setup: Setup, pulses: float) -> Curve:
    """BBM92, source in the middle."""

    def made(loss_db: float, choices: tuple[float, ...]) -> BBM92:
        pairs, basis = choices
        half = loss_db / 2.0 + setup.receiver_loss_db
        return BBM92(
            pulse_rate_hz=1.0,
            pairs_per_pulse=pairs,
            losses_db=(half, half),
            detector_efficiency=setup.efficiency,
            dark_count_probability=setup.dark,
            misalignment=setup.misalignment,
            key_basis_probability=basis,
        )

    return _curve(loss_db, setup, pulses, made, (0.05, 0.9))


def mdi(loss_db: Array, setup: Setup, pulses: float) -> Curve:
    """MDI-QKD, middle half way, two decoys of which one is empty."""

    def made(loss_db: float, choices: tuple[float, ...]) -> MDI:
        signal, ratio, *shares, basis = choices
        return MDI(
            pulse_rate_hz=1.0,
            source=_with_empty(signal, ratio, *shares),
            key_basis_probability=basis,
            channel_losses_db=(loss_db / 2.0, loss_db / 2.0),
            receiver_loss_db=setup.receiver_loss_db,
            detector_efficiency=setup.efficiency,
            dark_count_probability=setup.dark,
            misalignment=setup.misalignment,
        )

    return _curve(loss_db, setup, pulses, made, (0.5, 0.25, 0.4, 0.6, 0.6))


def npp(loss_db: Array, setup: Setup, pulses: float) -> Curve:
    """Twin field without phase post-selection, middle half way, one of three intensities of the test empty."""
    error = float(optical_error(setup.misalignment, setup.phase_noise))

    def made(loss_db: float, choices: tuple[float, ...]) -> TwinField | None:
        key, signal, ratio, *shares, basis = choices
        if key >= signal:
            return None
        return TwinField(
            pulse_rate_hz=1.0,
            source=_with_empty(signal, ratio, *shares),
            key_basis_probability=basis,
            key_intensity=key,
            channel_losses_db=(loss_db / 2.0, loss_db / 2.0),
            receiver_loss_db=setup.receiver_loss_db,
            detector_efficiency=setup.efficiency,
            dark_count_probability=setup.dark,
            misalignment=error,
        )

    return _curve(loss_db, setup, pulses, made, (0.022, 0.28, 0.2, 0.12, 0.6, 0.85))


def _with_empty(signal: float, ratio: float, share: float, of_the_rest: float) -> Intensities:
    """Signal, decoy and empty pulses; the decoy has so much of what the signal leaves."""
    decoy = (1.0 - share) * of_the_rest
    return Intensities(means=(signal, signal * ratio, 0.0), probabilities=(share, decoy, 1.0 - share - decoy))


FINITE_CURVES: dict[str, Callable[[Array, Setup, float], Curve]] = {
    "bb84": single_photons,
    "decoy-bb84": one_decoy,
    "bbm92": entangled_pairs,
    "mdi": mdi,
    "tf-npp": npp,
    "tf-sns": sns_finite,
}
"""By the names of the protocols' registry."""
