"""The compiled kernels of light, detection and sifting against their NumPy twins: the same bits at every level."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from qit4n.errors import ProtocolError
from qit4n.kernels import compiled, sampling
from qit4n.kernels.sampling import Stream
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.quantum.distillation import sift
from qit4n.quantum.distillation.messages import Sifted, pack
from qit4n.quantum.emulated.light import Detections, Prepared
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter

LEVELS = [pytest.param(level, id=level) for level in compiled.levels()]
pytestmark = pytest.mark.skipif(not LEVELS, reason="the compiled kernels are not installed")
seeds = st.integers(0, 2**32)


@contextmanager
def using(level):
    """Run with the kernels of ``level``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(compiled.VARIABLE, level)
        compiled.kernels.cache_clear()
        yield
    compiled.kernels.cache_clear()


def same(level, work):
    """The level and the twins give the same; return it."""
    with using(compiled.TWINS):
        expected = work()
    with using(level):
        found = work()
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)
        assert np.array_equal(one, other)
    return found


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(1e-12, 1.0), st.integers(0, 3000))
def test_successes(level, seed, probability, mean):
    """Any probability, from no success to thousands, up to 2^32 trials."""
    trials = min(int(mean / probability) + 1, 2**32)
    same(level, lambda: [sampling.successes(trials, probability, Stream.drawn(default_rng(seed)))])


@pytest.mark.parametrize("level", LEVELS)
def test_a_million_gaps(level):
    """The logarithm has no rare case in which the last bit differs and the gap with it."""
    (places,) = same(level, lambda: [sampling.successes(2**32, 2.5e-4, Stream(3, 4))])
    assert places.size > 1_000_000


@dataclass
class Chain:
    """Both emulated modules of a link, and one session of theirs."""

    link: DecoyBB84
    seed: int
    pulses: int

    def run(self):
        """All that leaves the modules, segment by segment."""
        dice = default_rng(self.seed)
        transmitter, receiver = EmulatedTransmitter(self.link, dice), EmulatedReceiver(self.link, dice)
        found, slots = [], []
        for _ in range(3):
            light = transmitter.emit(self.pulses)
            seen = receiver.detect(light)
            found += [light.slot_array(), light.photon_array(), light.state_array(), seen.slots, seen.bases, seen.bits]
            slots.append(seen.slots)
        told = transmitter.prepared(np.concatenate(slots))
        return [*found, told.bits, told.bases, told.intensities]


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=seeds)
def test_emulated_chain(level, data, seed):
    """Light, detections and what was prepared, over segments, whatever source, channel and detectors are."""
    draw = data.draw
    link = DecoyBB84(
        pulse_rate_hz=1e8,
        signal_intensity=draw(st.floats(0.2, 300.0)),
        decoy_intensity=draw(st.floats(0.01, 0.19)),
        signal_probability=draw(st.floats(0.0, 1.0)),
        key_basis_probability=draw(st.floats(0.0, 1.0)),
        channel_loss_db=draw(st.floats(0.0, 40.0)),
        receiver_loss_db=0.0,
        detector_efficiency=draw(st.floats(0.01, 1.0)),
        dark_count_probability=draw(st.sampled_from([0.0, 1e-3, 0.3])),
        misalignment=draw(st.floats(0.0, 0.5)),
        dead_time_s=draw(st.sampled_from([0.0, 1e-8, 1e-6])),
        afterpulse_probability=draw(st.sampled_from([0.0, 0.1, 0.9, 0.999999])),
        trap_lifetime_s=draw(st.sampled_from([0.0, 1e-7, 1e-3])),
    )
    same(level, Chain(link, seed, draw(st.integers(1, 20_000))).run)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=60, deadline=None)
@given(seed=seeds, size=st.integers(0, 200))
def test_sifting(level, seed, size):
    """Both halves: what is kept, what is told, which bits are wrong, for any number of slots."""
    dice = default_rng(seed)
    slots = np.cumsum(dice.integers(1, 10, size)) + 2**40
    column = lambda: dice.integers(0, 2, size, np.uint8)  # noqa: E731
    prepared = Prepared(bits=column(), bases=column(), intensities=column())
    detections = Detections(slots=slots, bases=column(), bits=column())
    told = []

    def work():
        ours, sifted = sift.compare(2**40, slots, prepared, np.packbits(detections.bases))
        theirs = sift.keep(detections, sifted)
        told.append(sifted)
        return ours.slots, ours.marks, theirs.slots, theirs.marks

    ours, marks, theirs, found = same(level, work)
    kept = prepared.bases == detections.bases
    assert told[0] == told[1]
    assert np.array_equal(ours, slots[kept])
    assert np.array_equal(theirs, slots[kept])
    wrong = (prepared.bits ^ detections.bits) & prepared.bases
    own = prepared.bases * 2 + prepared.intensities * 4
    assert np.array_equal(marks, (prepared.bits + own)[kept])
    assert np.array_equal(found, (detections.bits + own + wrong * 8)[kept])


@pytest.mark.parametrize("level", [*LEVELS, compiled.TWINS])
@pytest.mark.parametrize("part", ["kept", "intensities", "test_bits"])
@pytest.mark.parametrize("change", [lambda packed: packed[:-1], lambda packed: packed + b"\0"])
def test_sifting_of_another_length_is_refused(level, part, change):
    """A message whose parts are longer or shorter than what is kept is refused by all, and nobody reads beyond it."""
    ones = np.ones(20, np.uint8)
    sifted = {"kept": pack(ones), "intensities": pack(ones), "test_bits": pack(ones)}
    sifted[part] = change(sifted[part])
    detections = Detections(slots=np.arange(20), bases=ones, bits=ones)
    with using(level), pytest.raises(ProtocolError, match="20 bits announced"):
        sift.keep(detections, Sifted(first_slot=0, **sifted))
