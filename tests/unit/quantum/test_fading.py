"""Beams that fade, from the network file to plan and emulation; clouds that are the same in both."""

import dataclasses

import msgspec
import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.network.file import load
from qit4n.network.medium import Beam, Medium
from qit4n.network.model import Module
from qit4n.physics import decoy_bb84, links
from qit4n.quantum.channel import arms, faded_db, fading
from qit4n.quantum.emulated.fades import Fades
from qit4n.quantum.emulated.light import joined
from qit4n.quantum.emulated.middle import EmulatedMiddle, arm
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter
from qit4n.quantum.link import physics_of, predict, predict_lit
from qit4n.quantum.passes import Schedule, moments, predict_fading, usable

NETWORK = load("continental")
HILL, SPACE = NETWORK.link("hill"), NETWORK.link("space-vienna")
GIVEN = {"block_bits": 1e5, "epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15, "reconciliation_efficiency": 1.05}


def _medium(link, **changes):
    return msgspec.structs.replace(link, medium=msgspec.structs.replace(link.medium, **changes))


def test_which_media_fade():
    """Beams with turbulence or jitter, unless the file says not; never fibre."""
    beam = Beam(divergence_urad=20.0, receiver_m=0.2)
    level = Medium(kind="free-space", length_km=5.0, loss_db=1.0, beam=beam)

    def with_(**changes):
        return msgspec.structs.replace(level, beam=msgspec.structs.replace(beam, **changes))

    assert fading(Medium(length_km=5.0, loss_db=1.0)) is None
    assert fading(level) is None
    assert fading(with_(jitter_urad=2.0)).pointing == pytest.approx(100.0 / 16.0)
    assert fading(with_(cn2=1e-14)).rytov > 0.1
    assert fading(with_(cn2=1e-14, fade_s=0.0)) is None
    assert fading(_medium(SPACE, kind="inter-satellite").medium).rytov == 0.0
    steady = msgspec.structs.replace(SPACE.medium.beam, jitter_urad=0.0)
    assert fading(_medium(SPACE, kind="inter-satellite", beam=steady).medium) is None
    overhead, low = (fading(_medium(SPACE, beam=steady).medium, elevation_deg=one) for one in (90.0, 15.0))
    assert 0.0 < overhead.index < low.index < 0.02


def test_a_line_that_does_not_fade_is_predicted_as_ever():
    """All losses alike: the prediction of the closed form."""
    physics = physics_of(NETWORK, HILL)
    mean = links.predict(physics, **GIVEN)
    faded = predict_fading([physics] * 5, **GIVEN)
    assert faded.secret_rate_bps == pytest.approx(mean.secret_rate_bps, rel=1e-4)
    assert (faded.qber, faded.sifted_rate_bps) == pytest.approx((mean.qber, mean.sifted_rate_bps))


def test_a_transmittance_never_exceeds_one():
    """Where a factor would make light of nothing, there is no loss."""
    assert faded_db(1.0, np.array([10.0, 1.0, 0.1])) == pytest.approx([0.0, 1.0, 11.0])


def test_the_emulated_beam_clicks_as_planned():
    """Segments through drawn losses: with dead time, bright light clicks less often than its mean says, as planned."""
    flicker = fading(_medium(HILL, beam=msgspec.structs.replace(HILL.medium.beam, cn2=5e-14, jitter_urad=8.0)).medium)
    physics = dataclasses.replace(physics_of(NETWORK, HILL), dead_time_s=2e-6, afterpulse_probability=0.0)
    bright = physics.through(2.0)
    transmitter, receiver = EmulatedTransmitter(bright, default_rng(1)), EmulatedReceiver(bright, default_rng(2))
    dice, clicks, pulses = default_rng(3), 0, 0
    for _ in range(40):
        parts = []
        for factor in flicker.draw(250, dice):
            transmitter.retune(bright.through(faded_db(2.0, np.array([factor]))[0]))
            parts.append(transmitter.emit(1000))
        light = joined(parts)
        assert light.pulses == 250_000
        clicks, pulses = clicks + receiver.detect(light).slots.size, pulses + light.pulses
    planned = np.mean([decoy_bb84.clicks(bright.through(one)).per_gate for one in faded_db(2.0, flicker.nodes(256))])
    steady = decoy_bb84.clicks(bright).per_gate
    assert clicks / pulses == pytest.approx(planned, rel=0.015)
    assert planned < 0.97 * steady


def test_both_arms_of_a_middle_fade_as_planned():
    """Arms that fade apart from each other, detectors with dead time: events are those of the plan, not of the mean."""
    module = Module(
        protocol="mdi",
        pulse_rate_hz=1e8,
        second_decoy_probability=0.2,
        signal_probability=0.4,
        key_basis_probability=0.5,
        detector_efficiency=0.9,
        dead_time_s=1e-7,
    )
    beam = msgspec.structs.replace(HILL.medium.beam, jitter_urad=10.0, cn2=1e-13, fade_s=1e-5)
    medium = msgspec.structs.replace(HILL.medium, length_km=3.0, middle_km=1.0, loss_db=0.5, beam=beam)
    link = msgspec.structs.replace(HILL, medium=medium)
    network = msgspec.structs.replace(NETWORK, modules={link.module: module})
    physics = physics_of(network, link)
    here, there = (Fades.of(fading(way), way, 1e8, default_rng(end)) for end, way in enumerate(arms(module, medium)))
    assert here.fading != there.fading
    source, middle = (
        EmulatedTransmitter(arm(physics, 0), default_rng(5)),
        EmulatedMiddle(physics, default_rng(6), there),
    )
    events = 0
    for _ in range(20):
        found = middle.detect(here.emit(source, arm(physics, 0), 200_000))
        known = source.prepared(found.slots)
        events += int(np.count_nonzero((known.bases == 0) & (found.bases == 0)))
    planned, steady = predict_lit(network, link), links.predict(physics, **GIVEN)
    assert events / 4e6 * 1e8 == pytest.approx(planned.sifted_rate_bps, rel=0.03)
    assert abs(steady.sifted_rate_bps / planned.sifted_rate_bps - 1.0) > 0.06


def test_joined_segments_are_the_segments():
    """Slots, photons and states one after the other."""
    transmitter = EmulatedTransmitter(physics_of(NETWORK, HILL), default_rng(4))
    parts = [transmitter.emit(50_000) for _ in range(3)]
    whole = joined(parts)
    assert np.array_equal(whole.slot_array(), np.concatenate([part.slot_array() for part in parts]))
    assert whole.states == b"".join(part.states for part in parts)
    assert joined(parts[:1]) is parts[0]


def test_clouds_are_the_same_in_plan_and_emulation():
    """Half of the passes are clouded, the same ones whoever asks, others with another seed; none in a clear sky."""
    orbit = msgspec.structs.replace(SPACE.medium.orbit, clear_share=0.5, cloud_seed=4)
    half, all_ = _medium(SPACE, orbit=orbit), list(usable(NETWORK, SPACE, days=20.0, step_s=5.0))
    clear = [one.times[0] for one in usable(NETWORK, half, days=20.0, step_s=5.0)]
    assert 0.25 * len(all_) < len(clear) < 0.75 * len(all_)
    assert set(clear) < {one.times[0] for one in all_}
    schedule, at_s, starts = Schedule(NETWORK, half), 0.0, []
    while len(starts) < 5:
        starts.append(schedule.next_start_s(at_s))
        at_s = starts[-1] + 900.0
    planned = [moments(NETWORK, half, one)[0].at_s for one in usable(NETWORK, half, days=20.0, step_s=5.0)]
    assert starts == pytest.approx(planned[:5], abs=6.0)
    other = _medium(SPACE, orbit=msgspec.structs.replace(orbit, cloud_seed=5))
    assert [one.times[0] for one in usable(NETWORK, other, days=20.0, step_s=5.0)] != clear


def test_no_clear_sky_no_key():
    """A share of 0: no pass, and no key is predicted."""
    never = _medium(SPACE, orbit=msgspec.structs.replace(SPACE.medium.orbit, clear_share=0.0))
    assert predict(NETWORK, never).secret_rate_bps == 0.0
