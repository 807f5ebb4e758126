"""Satellite links: schedule, key of passes, prediction, and the emulated transmitter that follows a moving line."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from qit4n.network.file import load
from qit4n.physics import bbm92, decoy_bb84
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter
from qit4n.quantum.link import physics_of, predict
from qit4n.quantum.passes import EmulatedTime, Moment, Schedule, key_of_passes, moments, usable

NETWORK = load("continental")
LINK = NETWORK.link("space-vienna")
EPSILONS = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15, "reconciliation_efficiency": 1.05}
STEADY = Moment(at_s=0.0, loss_db=20.0)


@pytest.fixture(scope="module")
def first():
    return next(usable(NETWORK, LINK, days=0.5))


def test_the_schedule_is_the_passes(first):
    """Before, between and after the samples of a pass there is no light; on it the loss is that of the elevation."""
    schedule = Schedule(NETWORK, LINK)
    samples = moments(NETWORK, LINK, first)
    assert schedule.next_start_s(0.0) == pytest.approx(samples[0].at_s)
    assert schedule.moment(samples[0].at_s - 2.0) is None
    assert schedule.moment(samples[100].at_s) == samples[100]
    assert schedule.moment(samples[-1].at_s + 2.0) is None
    assert schedule.next_start_s(samples[-1].at_s + 2.0) > samples[-1].at_s + 3000


def test_a_schedule_goes_on_for_days():
    """Ten days on there are passes still, and each begins after the one before."""
    schedule, at_s, starts = Schedule(NETWORK, LINK), 0.0, []
    while at_s < 10 * 86400:
        starts.append(schedule.next_start_s(at_s))
        at_s = starts[-1] + 900
    assert starts == sorted(starts)
    assert 10 <= len(starts) <= 40


def test_a_satellite_that_never_comes_over_says_so():
    """An equatorial orbit is never seen from Vienna: no pass, no key, no endless search."""
    orbit = msgspec.structs.replace(LINK.medium.orbit, inclination_deg=0.0)
    link = msgspec.structs.replace(LINK, medium=msgspec.structs.replace(LINK.medium, orbit=orbit))
    assert Schedule(NETWORK, link).next_start_s(0.0) is None
    found = predict(NETWORK, link)
    assert found.secret_rate_bps == 0.0
    assert math.isinf(found.block_duration_s)


def test_a_pass_flickers_most_where_it_is_lowest(first):
    """The way through the air is longest there: fading falls with elevation, turbulence from 0.008 to 0.0004."""
    found = [one.fading.scintillation for one in moments(NETWORK, LINK, first)]
    assert np.all(np.diff(np.array(found)[np.argsort(first.elevation_deg)]) <= 0.0)
    assert max(found) == pytest.approx(8.4e-3, rel=0.03)
    assert min(found) < 6e-4


def test_the_loss_is_least_when_the_satellite_is_highest(first):
    """The smallest loss of a pass is at its highest point, and more than overhead."""
    losses = [one.loss_db for one in moments(NETWORK, LINK, first)]
    assert abs(int(np.argmin(losses)) - int(np.argmax(first.elevation_deg))) <= 2
    assert min(losses) > physics_of(NETWORK, LINK).channel_loss_db


def test_a_line_that_does_not_move_is_a_fibre():
    """With one and the same loss the key per second is that of the closed form, within a block's rounding."""
    physics = replace(physics_of(NETWORK, LINK), channel_loss_db=20.0)
    fixed = decoy_bb84.predict(physics, block_bits=200_000, **EPSILONS)
    seconds = round(40 * fixed.block_duration_s)
    passes = key_of_passes(physics, [STEADY] * seconds, step_s=1.0, block_bits=200_000, **EPSILONS)
    assert passes.secret_bits / passes.seconds == pytest.approx(fixed.secret_rate_bps, rel=0.06)
    assert passes.qber == pytest.approx(fixed.qber, rel=1e-6)


def test_pairs_come_from_satellites_too():
    """A source of pairs on board: key of passes is that of the closed form where the line does not move."""
    module = msgspec.structs.replace(
        NETWORK.modules[LINK.module],
        protocol="bbm92",
        dead_time_s=0.0,
        afterpulse_probability=0.0,
        pairs_per_pulse=0.05,
    )
    network = msgspec.structs.replace(NETWORK, modules={**NETWORK.modules, LINK.module: module})
    physics = physics_of(network, LINK).through(20.0)
    fixed = bbm92.predict(physics, block_bits=100_000, **EPSILONS)
    seconds = round(20 * fixed.block_duration_s)
    passes = key_of_passes(physics, [STEADY] * seconds, step_s=1.0, block_bits=100_000, **EPSILONS)
    assert passes.secret_bits / passes.seconds == pytest.approx(fixed.secret_rate_bps, rel=0.06)
    assert 0.0 < predict(network, LINK).secret_rate_bps < predict(network, LINK).sifted_rate_bps


def test_single_photons_come_from_satellites_too():
    """Of a quantum dot on board likewise: the pulses of a block, which its proof needs, are those of its seconds."""
    module = msgspec.structs.replace(
        NETWORK.modules[LINK.module], protocol="single-photon-bb84", brightness=0.5, g2=0.01
    )
    network = msgspec.structs.replace(NETWORK, modules={**NETWORK.modules, LINK.module: module})
    physics = physics_of(network, LINK).through(20.0)
    fixed = decoy_bb84.predict(physics, block_bits=100_000, **EPSILONS)
    seconds = round(20 * fixed.block_duration_s)
    passes = key_of_passes(physics, [STEADY] * seconds, step_s=1.0, block_bits=100_000, **EPSILONS)
    assert passes.secret_bits / passes.seconds == pytest.approx(fixed.secret_rate_bps, rel=0.06)
    assert 0.0 < predict(network, LINK).secret_rate_bps < predict(network, LINK).sifted_rate_bps


def test_what_is_left_of_a_pass_can_be_closed():
    """Without the last, unfilled block there is less key."""
    physics = physics_of(NETWORK, LINK)
    short = key_of_passes(physics, [STEADY] * 30, step_s=1.0, block_bits=1e9, **EPSILONS)
    closed = key_of_passes(physics, [STEADY] * 30, step_s=1.0, block_bits=1e9, last_block=True, **EPSILONS)
    assert short.secret_bits == 0.0 < closed.secret_bits


def test_the_emulated_transmitter_follows_the_loss():
    """After the line has changed by 10 dB a tenth as many pulses carry light; what was sent before is still known."""
    physics = replace(physics_of(NETWORK, LINK), channel_loss_db=15.0)
    transmitter = EmulatedTransmitter(physics, np.random.default_rng(3))
    near = transmitter.emit(20_000_000)
    transmitter.retune(replace(physics, channel_loss_db=25.0))
    far = transmitter.emit(20_000_000)
    assert len(near.photons) / len(far.photons) == pytest.approx(10.0, rel=0.05)
    slots = np.concatenate([near.slot_array()[:50], far.slot_array()[:50]])
    states = np.concatenate([near.state_array()[:50], far.state_array()[:50]])
    prepared = transmitter.prepared(slots)
    assert np.array_equal(prepared.bits | prepared.bases << 1, states)


def test_emulated_time_stands_on_light_and_on_the_clock():
    """With light it goes by the light, however slow the machine; without, by the clock times the speed."""
    time = EmulatedTime(10.0, 100.0)
    assert time.idle(101.0) == pytest.approx(10.0)
    time.lit(0.5, 109.0)
    assert time.seconds == pytest.approx(10.5)
    assert time.idle(110.0) == pytest.approx(20.5)
