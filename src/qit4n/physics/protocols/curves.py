"""Curves of the protocols: rate and error rate against loss, intensities at their best."""

from functools import partial

import numpy as np
from scipy.optimize import minimize_scalar

from qit4n.physics import optimise, rates
from qit4n.physics.bbm92 import BBM92, asymptotic_rate, error_gain, gain
from qit4n.physics.protocols import (
    deviceindependent,
    discrete,
    distributedphase,
    gaussian,
    mdi,
    sendingornot,
    twinfield,
)
from qit4n.physics.protocols.record import EPSILON_CORRECTNESS, EPSILON_SECRECY, Curve, Setup
from qit4n.physics.rates import Array

LEAST_MEAN, MOST_MEAN = 1e-3, 1.2
LEAST_SHARE = 1e-4
COARSE_PAIRS = 24
FIRST_CHOICES = sendingornot.Choices(signal=0.5, decoy=0.05, key=0.87, sending=0.28, slice_rad=0.5)
NEXT_STEPS = 60


def _key(value: Array) -> Array:
    return np.asarray(np.maximum(value, 0.0), np.float64)


def single_photons(loss_db: Array, setup: Setup) -> Curve:
    """BB84, single photons, attenuated where g2 wants it."""
    eta = setup.received(loss_db)
    most = np.full(eta.shape, setup.brightness)

    def rate(mean: Array) -> Array:
        return rates.single_photon_rate(
            eta, setup.dark, setup.misalignment, brightness=mean, g2=setup.g2, efficiency=setup.reconciliation
        )

    mean, found = optimise.best(rate, LEAST_SHARE * setup.brightness, setup.brightness, eta.shape)
    mean, found = np.where(rate(most) >= found, most, mean), np.maximum(rate(most), found)
    clicks = rates.sub_poissonian_gain(mean, setup.g2, eta, setup.dark)
    wrong = rates.sub_poissonian_error_gain(mean, setup.g2, eta, setup.dark, setup.misalignment)
    return Curve(rate=_key(found), qber=wrong / clicks)


def decoy_states(loss_db: Array, setup: Setup) -> Curve:
    """BB84, infinitely many decoys."""
    eta = setup.received(loss_db)

    def rate(mean: Array) -> Array:
        found: Array = rates.decoy_rate(
            [(1.0, mean)],
            eta,
            setup.dark,
            setup.misalignment,
            efficiency=setup.reconciliation,
        )
        return found

    mean, found = optimise.best(rate, LEAST_MEAN, MOST_MEAN, eta.shape)
    clicks = rates.gain(mean, eta, setup.dark)
    return Curve(rate=_key(found), qber=rates.error_gain(mean, eta, setup.dark, setup.misalignment) / clicks)


def entangled_pairs(loss_db: Array, setup: Setup) -> Curve:
    """BBM92, source in the middle at its best brightness."""
    found = [_best_pairs(float(loss), setup) for loss in np.ravel(loss_db)]
    values = np.array(found).reshape((*np.shape(loss_db), 2))
    return Curve(rate=values[..., 0], qber=values[..., 1])


def _best_pairs(loss_db: float, setup: Setup) -> tuple[float, float]:
    """Source in the middle, at its best brightness."""
    half = loss_db / 2.0 + setup.receiver_loss_db

    def link(log_pairs: float) -> BBM92:
        return BBM92(
            pulse_rate_hz=1.0,
            pairs_per_pulse=float(np.exp(log_pairs)),
            losses_db=(half, half),
            detector_efficiency=setup.efficiency,
            dark_count_probability=setup.dark,
            misalignment=setup.misalignment,
            key_basis_probability=1.0 - 1e-12,
        )

    def rate(log_pairs: float) -> float:
        return asymptotic_rate(link(log_pairs), reconciliation_efficiency=setup.reconciliation)

    grid = np.linspace(np.log(1e-4), np.log(0.5), COARSE_PAIRS)
    peak = grid[int(np.argmax([rate(one) for one in grid]))]
    step = grid[1] - grid[0]
    found = minimize_scalar(lambda one: -rate(one), bounds=(peak - step, peak + step), method="bounded")
    best = link(max(peak, found.x, key=rate))
    return rate(np.log(best.pairs_per_pulse)), error_gain(best) / gain(best)


def mdi_decoy(loss_db: Array, setup: Setup) -> Curve:
    """MDI, relay in the middle."""
    arm = setup.arm(loss_db)
    given = {"dark": setup.dark, "misalignment": setup.misalignment}

    def rate(mean: Array) -> Array:
        return mdi.rate(arm, arm, mean_photons=mean, efficiency=setup.reconciliation, **given)

    mean, found = optimise.best(rate, LEAST_MEAN, MOST_MEAN, arm.shape)
    return Curve(rate=_key(found), qber=mdi.error_rate(arm, arm, mean_photons=mean, **given))


def npp(loss_db: Array, setup: Setup) -> Curve:
    """Twin field without phase post-selection."""
    arm = setup.arm(loss_db)
    error = twinfield.optical_error(setup.misalignment, setup.phase_noise)

    def rate(mean: Array) -> Array:
        return twinfield.npp_rate(
            arm,
            mean_photons=mean,
            dark=setup.dark,
            misalignment=setup.misalignment,
            phase_noise=setup.phase_noise,
            efficiency=setup.reconciliation,
        )

    mean, found = optimise.best(rate, LEAST_MEAN, MOST_MEAN, arm.shape)
    clicks, wrong = twinfield.npp_gain_and_errors(arm, mean, setup.dark, error)
    return Curve(rate=_key(found), qber=wrong / clicks)


def sns(loss_db: Array, setup: Setup) -> Curve:
    """Twin field, sending or not sending, with pairing."""
    arm = setup.arm(loss_db)
    _, phase = twinfield.sns_single_photon(
        arm, setup.dark, twinfield.optical_error(setup.misalignment, setup.phase_noise)
    )

    def rate(sending: float, mean: Array) -> Array:
        return twinfield.sns_rate(
            arm,
            mean_photons=mean,
            sending=sending,
            dark=setup.dark,
            misalignment=setup.misalignment,
            phase_noise=setup.phase_noise,
            efficiency=setup.reconciliation,
        )

    found = np.zeros(arm.shape)
    for sending in np.geomspace(0.03, 0.5, 12):
        found = np.maximum(found, optimise.best(partial(rate, sending), 0.02, 1.2, arm.shape)[1])
    return Curve(rate=found, qber=phase)


def sns_finite(loss_db: Array, setup: Setup, pulses: float) -> Curve:
    """The same for a block: choices at their best, each sought from those of the loss below, until there is no key."""
    losses, given = np.ravel(loss_db), {"reconciliation_efficiency": setup.reconciliation}
    given |= {"epsilon_secrecy": EPSILON_SECRECY, "epsilon_correctness": EPSILON_CORRECTNESS}
    found, errors = np.zeros(losses.shape), np.full(losses.shape, 0.5)
    choices, steps = FIRST_CHOICES, 1000
    for place in np.argsort(losses):
        link = sendingornot.SNS(
            arm=float(setup.arm(losses[place])),
            dark=setup.dark,
            misalignment=setup.misalignment,
            phase_noise=setup.phase_noise,
            choices=choices,
        )
        best = sendingornot.best(link, pulses, steps=steps, **given)
        key = sendingornot.predict(best, pulses, **given)
        if not key.length_bits:
            break
        found[place], errors[place] = key.length_bits / pulses, key.phase_error_bound
        choices, steps = best.choices, NEXT_STEPS
    return Curve(rate=found.reshape(np.shape(loss_db)), qber=errors.reshape(np.shape(loss_db)))


def gaussian_modulated(loss_db: Array, setup: Setup) -> Curve:
    """Continuous variables, Gaussian."""
    t = np.minimum(10.0 ** (-loss_db / 10.0), 1.0)

    def rate(variance: Array) -> Array:
        return gaussian.rate(
            t,
            variance=variance,
            excess=setup.excess,
            efficiency=setup.coherent_efficiency,
            electronic=setup.electronic,
            reconciliation=setup.beta,
        )

    return Curve(rate=_key(optimise.best(rate, 0.1, 40.0, t.shape)[1]), qber=np.full(t.shape, np.nan))


def four_states(loss_db: Array, setup: Setup) -> Curve:
    """Continuous variables, four states."""
    means = np.geomspace(0.02, 1.0, 12)
    found = [
        max(
            discrete.rate(
                discrete.phase_shift_keying(4, mean),
                float(10.0 ** (-loss / 10.0)) * setup.coherent_efficiency,
                excess=setup.excess,
                reconciliation=setup.beta,
                electronic=setup.electronic,
            )
            for mean in means
        )
        for loss in np.ravel(loss_db)
    ]
    return Curve(rate=_key(np.array(found).reshape(np.shape(loss_db))), qber=np.full(np.shape(loss_db), np.nan))


def dps(loss_db: Array, setup: Setup) -> Curve:
    """Differential phase shift."""
    eta = setup.received(loss_db)
    given = {"dark": setup.dark, "misalignment": setup.misalignment}

    def rate(mean: Array) -> Array:
        return distributedphase.dps_rate(eta, mean_photons=mean, efficiency=setup.reconciliation, **given)

    mean, found = optimise.best(rate, LEAST_MEAN, 0.49, eta.shape)
    clicks = rates.gain(mean, eta, setup.dark)
    return Curve(rate=_key(found), qber=rates.error_gain(mean, eta, setup.dark, setup.misalignment) / clicks)


def cow(loss_db: Array, setup: Setup) -> Curve:
    """Coherent one-way: throughput, not secret key."""
    eta = setup.received(loss_db)
    given = {"dark": setup.dark, "misalignment": setup.misalignment}
    found = distributedphase.cow_throughput(eta, mean_photons=0.1, efficiency=setup.reconciliation, **given)
    clicks = rates.gain(0.1, eta, setup.dark)
    return Curve(rate=found, qber=rates.error_gain(0.1, eta, setup.dark, setup.misalignment) / clicks)


def device_independent(loss_db: Array, setup: Setup) -> Curve:
    """Device-independent bound."""
    total = np.asarray(10.0 ** (-loss_db / 10.0) * setup.efficiency**2, np.float64)
    chsh, qber = deviceindependent.observed(total, 1.0 - 2.0 * setup.misalignment)
    return Curve(rate=_key(deviceindependent.rate(chsh, qber)), qber=qber)
