"""The compiled kernels of light and detection against their NumPy twins: the same bits at every level."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from qit4n.kernels import compiled, sampling
from qit4n.kernels.deadtime import DeadTime
from qit4n.kernels.sampling import Stream
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import Intensities
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter

LEVELS = [pytest.param(level, id=level) for level in compiled.levels()]
pytestmark = pytest.mark.skipif(not LEVELS, reason="the compiled kernels are not installed")
seeds = st.integers(0, 2**32)
SOURCES = st.one_of(
    st.builds(
        lambda mu, nu, share: Intensities(means=(mu, nu), probabilities=(share, 1.0 - share)),
        st.floats(0.2, 300.0),
        st.floats(0.01, 0.19),
        st.floats(0.01, 0.99),
    ),
    st.builds(
        lambda mu, nu: Intensities(means=(mu, nu, 0.001), probabilities=(0.5, 0.3, 0.2)),
        st.floats(0.2, 3.0),
        st.floats(0.01, 0.19),
    ),
)


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
@given(seed=seeds, probability=st.floats(1e-12, 1.0), mean=st.integers(0, 3000))
@example(seed=1, probability=1.0, mean=1022)  # the first place outside is the last one of a block of the kernel
@example(seed=1, probability=1.0, mean=1023)
def test_successes(level, seed, probability, mean):
    """Any probability, from no success to thousands, up to 2^32 trials."""
    trials = min(int(mean / probability) + 1, 2**32)
    same(level, lambda: [sampling.successes(trials, probability, Stream.drawn(default_rng(seed)))])


@pytest.mark.parametrize("level", LEVELS)
def test_long_gaps(level):
    """The logarithm is the same to the last bit but few: gaps of 40 bits agree."""
    gates = np.arange(200_000)

    def work():
        detectors = DeadTime(dead_gates=0, afterpulse_probability=0.999, release_probability=4e-12, stream=Stream(3, 4))
        detectors.accept(gates, np.ones(gates.size, np.uint16), gates.size)
        return [np.array(sorted(detectors.releases))]

    (releases,) = same(level, work)
    assert releases.size > 190_000
    assert releases[-1] > 2**40


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
            found.append(np.array([seen.double_clicks]))
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
        source=draw(SOURCES),
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
