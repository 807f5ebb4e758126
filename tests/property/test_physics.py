"""What must hold for every link: order of the bounds, and that worse is never better."""

import dataclasses
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.physics import bbm92, decoy_bb84, mdi, single_photons, twinfield, twosenders
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.bounds import plob
from qit4n.physics.decoy_bb84 import DecoyBB84, predict
from qit4n.physics.finite_key import Intensities
from qit4n.physics.mdi import MDI
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.physics.single_photons import SinglePhotonBB84, SinglePhotons
from qit4n.physics.twinfield import TwinField

EFFICIENCY = 1.05

fixed = settings(derandomize=True, deadline=None)


@st.composite
def links(draw):
    """Links of 0 to 45 dB with one or two decoys or single photons, and any detectors."""
    line = {
        "pulse_rate_hz": draw(st.sampled_from([1e6, 1e8, 1e9])),
        "key_basis_probability": draw(st.floats(0.3, 0.95)),
        "channel_loss_db": draw(st.floats(0.0, 45.0)),
        "receiver_loss_db": draw(st.floats(0.0, 5.0)),
        "detector_efficiency": draw(st.floats(0.05, 1.0)),
        "dark_count_probability": draw(st.floats(0.0, 1e-4)),
        "misalignment": draw(st.floats(0.0, 0.2)),
        "dead_time_s": draw(st.sampled_from([0.0, 1e-7, 1e-5])),
        "afterpulse_probability": draw(st.floats(0.0, 0.1)),
        "trap_lifetime_s": draw(st.sampled_from([0.0, 1e-7, 1e-6])),
    }
    if draw(st.booleans()):
        brightness, g2 = draw(st.floats(1e-3, 1.0)), draw(st.sampled_from([0.0, 1e-3, 0.02, 0.1, 0.5]))
        return SinglePhotonBB84(source=SinglePhotons(brightness=brightness, g2=g2), **line)
    signal, ratio, share = draw(st.floats(0.1, 1.0)), draw(st.floats(0.1, 0.8)), draw(st.floats(0.1, 0.9))
    means, probabilities = (signal, signal * ratio), (share, 1.0 - share)
    if draw(st.booleans()):
        second = draw(st.floats(0.0, 0.9)) * min(ratio, 1.0 - ratio)
        means, probabilities = (*means, signal * second), (share, 0.6 * (1.0 - share), 0.4 * (1.0 - share))
    return DecoyBB84(source=Intensities(means=means, probabilities=probabilities), **line)


def _predict(link, block_bits):
    return predict(
        link,
        block_bits=block_bits,
        epsilon_secrecy=1e-9,
        epsilon_correctness=1e-15,
        reconciliation_efficiency=EFFICIENCY,
    )


blocks = st.integers(4, 10).map(lambda power: 10**power)


@fixed
@given(links(), blocks)
def test_finite_below_asymptotic_below_capacity(link, block_bits):
    """Key per pulse: finite blocks and real detectors below infinite ones and ideal ones, those below the capacity."""
    finite = _predict(link, block_bits).secret_rate_bps / link.pulse_rate_hz
    of = single_photons if isinstance(link, SinglePhotonBB84) else decoy_bb84
    limit = of.asymptotic_rate(link, reconciliation_efficiency=EFFICIENCY)
    assert finite <= limit <= float(plob(link.transmittance))


def _never_helps(link, block_bits, **changes):
    worse = _predict(dataclasses.replace(link, **changes), block_bits)
    # One bit of slack: lengths are rounded down to whole bits.
    better = _predict(link, block_bits)
    assert worse.secret_rate_bps <= better.secret_rate_bps + 1.0 / better.block_duration_s


@fixed
@given(links(), blocks, st.floats(0.01, 10.0))
def test_loss_never_helps(link, block_bits, more_db):
    """More loss, no more key."""
    _never_helps(link, block_bits, channel_loss_db=link.channel_loss_db + more_db)


@fixed
@given(links(), blocks, st.floats(1e-8, 1e-4))
def test_dark_counts_never_help(link, block_bits, more):
    """More dark counts, no more key."""
    _never_helps(link, block_bits, dark_count_probability=link.dark_count_probability + more)


@fixed
@given(links(), blocks, st.floats(1e-4, 0.2))
def test_misalignment_never_helps(link, block_bits, more):
    """More misalignment, no more key."""
    _never_helps(link, block_bits, misalignment=link.misalignment + more)


@fixed
@given(links(), blocks, st.floats(1e-3, 0.2))
def test_afterpulses_never_help(link, block_bits, more):
    """More afterpulses, no more key."""
    _never_helps(link, block_bits, afterpulse_probability=link.afterpulse_probability + more)


@fixed
@given(links(), blocks, st.floats(1.0, 100.0))
def test_dead_time_never_helps(link, block_bits, factor):
    """A longer dead time, no more key, of detectors without afterpulses."""
    ideal = dataclasses.replace(link, afterpulse_probability=0.0)
    _never_helps(ideal, block_bits, dead_time_s=(link.dead_time_s + 1e-8) * factor)


@fixed
@given(links().filter(lambda link: isinstance(link, SinglePhotonBB84)), blocks, st.floats(1e-3, 1.0))
def test_pulses_of_two_photons_never_help(link, block_bits, share):
    """A source with a higher g2, no more key."""
    g2 = link.source.g2 + share * (1.0 - link.source.g2)
    _never_helps(link, block_bits, source=dataclasses.replace(link.source, g2=g2))


@fixed
@given(links(), st.integers(10_000, 10**9), st.floats(1.0, 100.0))
def test_larger_blocks_never_hurt(link, block_bits, factor):
    """Larger blocks, no less key per second but for the rounding."""
    small, large = _predict(link, block_bits), _predict(link, int(block_bits * factor) + 1)
    assert small.secret_rate_bps <= large.secret_rate_bps + 1.0 / small.block_duration_s


@fixed
@given(links(), blocks, st.floats(0.11, 0.5))
def test_eleven_percent_of_misalignment_is_the_end(link, block_bits, misalignment):
    """Above 11 % of misalignment there is no key, however large the block."""
    found = _predict(dataclasses.replace(link, misalignment=misalignment), block_bits)
    assert found.qber >= 0.11 - 1e-12  # rounding
    assert found.secret_rate_bps == 0.0


@fixed
@given(links())
def test_prediction_is_always_finite_and_ordered(link):
    """No parameters make nonsense: rates are finite, key is less than what was sifted, errors at most one half."""
    found = _predict(link, 100_000)
    assert 0.0 <= found.secret_rate_bps <= found.sifted_rate_bps < math.inf
    assert 0.0 <= found.qber <= 0.5 + 1e-12
    assert found.sifted_rate_bps <= link.pulse_rate_hz


@st.composite
def pair_links(draw):
    """Sources of pairs anywhere between two receivers, 0 to 60 dB."""
    return BBM92(
        pulse_rate_hz=draw(st.sampled_from([1e6, 1e8, 1e9])),
        pairs_per_pulse=draw(st.floats(1e-3, 1.0)),
        losses_db=(draw(st.floats(0.0, 30.0)), draw(st.floats(0.0, 30.0))),
        detector_efficiency=draw(st.floats(0.05, 1.0)),
        dark_count_probability=draw(st.floats(0.0, 1e-5)),
        misalignment=draw(st.floats(0.0, 0.2)),
        key_basis_probability=draw(st.floats(0.3, 0.95)),
    )


def _predict_pairs(link, block_bits):
    options = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15, "reconciliation_efficiency": EFFICIENCY}
    return bbm92.predict(link, block_bits=block_bits, **options)


@fixed
@given(pair_links(), blocks)
def test_pairs_finite_below_asymptotic_below_capacity(link, block_bits):
    """Key per pulse: finite blocks below infinite ones, those below the capacity of two modes over both arms."""
    finite = _predict_pairs(link, block_bits).secret_rate_bps / link.pulse_rate_hz
    limit = bbm92.asymptotic_rate(link, reconciliation_efficiency=EFFICIENCY)
    one, other = link.transmittances
    assert finite <= limit <= 2.0 * float(plob(min(one, other)))


@fixed
@given(
    pair_links(),
    blocks,
    st.sampled_from([("losses_db", 3.0), ("dark_count_probability", 1e-5), ("misalignment", 0.01)]),
    st.floats(0.01, 2.0),
)
def test_pairs_loss_and_noise_never_help(link, block_bits, more, factor):
    """More loss of both arms, dark counts or misalignment, no more key."""
    name, step = more
    value = getattr(link, name)
    changed = tuple(one + factor * step for one in value) if name == "losses_db" else value + factor * step
    better, worse = (_predict_pairs(one, block_bits) for one in (link, dataclasses.replace(link, **{name: changed})))
    assert worse.secret_rate_bps <= better.secret_rate_bps + 1.0 / better.block_duration_s


@fixed
@given(pair_links(), st.integers(10_000, 10**9), st.floats(1.0, 100.0))
def test_pairs_larger_blocks_never_hurt(link, block_bits, factor):
    """Larger blocks, no less key per second but for the rounding."""
    small, large = _predict_pairs(link, block_bits), _predict_pairs(link, int(block_bits * factor) + 1)
    assert small.secret_rate_bps <= large.secret_rate_bps + 1.0 / small.block_duration_s


@fixed
@given(pair_links(), blocks, st.floats(0.11, 0.5))
def test_pairs_eleven_percent_is_the_end(link, block_bits, misalignment):
    """Above 11 % of errors there is no key, however large the block; errors never exceed one half."""
    found = _predict_pairs(dataclasses.replace(link, misalignment=misalignment), block_bits)
    assert 0.11 <= found.qber <= 0.5 + 1e-12
    assert found.secret_rate_bps == 0.0


@st.composite
def middle_links(draw, *, even=False):
    """Two sources with two decoys each and a middle: 0 to 25 dB on either side, dead for a while; or even, and live."""
    loss_db = draw(st.floats(0.0, 25.0))
    signal, ratio = draw(st.floats(0.1, 0.8)), draw(st.floats(0.1, 0.6))
    second, share = draw(st.floats(0.0, 0.9)) * min(ratio, 1.0 - ratio), draw(st.floats(0.1, 0.8))
    return MDI(
        pulse_rate_hz=draw(st.sampled_from([1e8, 1e9])),
        source=Intensities(
            means=(signal, signal * ratio, signal * second),
            probabilities=(share, 0.7 * (1.0 - share), 0.3 * (1.0 - share)),
        ),
        key_basis_probability=draw(st.floats(0.3, 0.9)),
        channel_losses_db=(loss_db, loss_db if even else draw(st.floats(0.0, 25.0))),
        receiver_loss_db=draw(st.floats(0.0, 3.0)),
        detector_efficiency=draw(st.floats(0.2, 1.0)),
        dark_count_probability=draw(st.floats(1e-9, 1e-5)),
        misalignment=draw(st.floats(0.0, 0.05)),
        dead_time_s=0.0 if even else draw(st.sampled_from([0.0, 2e-8, 1e-6])),
    )


def _predict_middle(link, block_bits):
    options = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15, "reconciliation_efficiency": EFFICIENCY}
    return twosenders.predict(link, block_bits=block_bits, **options)


middle_blocks = st.integers(5, 12).map(lambda power: 10**power)


@fixed
@given(middle_links(), middle_blocks)
def test_middle_finite_below_asymptotic_below_capacity(link, block_bits):
    """Key per pulse of MDI: finite blocks below infinite ones, those below the capacity with one repeater."""
    finite = _predict_middle(link, block_bits).secret_rate_bps / link.pulse_rate_hz
    limit = mdi.asymptotic_rate(link, reconciliation_efficiency=EFFICIENCY)
    assert finite <= limit * (1.0 + 1e-9)
    assert limit <= min(float(plob(10 ** (-loss_db / 10))) for loss_db in link.channel_losses_db)


@fixed
@given(
    middle_links(even=True),
    middle_blocks,
    st.sampled_from([("channel_losses_db", 3.0), ("dark_count_probability", 1e-5), ("misalignment", 0.01)]),
    st.floats(0.01, 2.0),
)
def test_middle_loss_and_noise_never_help(link, block_bits, more, factor):
    """More loss on both sides, dark counts or misalignment, no more key of MDI; larger blocks, no less."""
    name, step = more
    given = getattr(link, name)
    value = tuple(one + factor * step for one in given) if isinstance(given, tuple) else given + factor * step
    worse = dataclasses.replace(link, **{name: value})
    better = _predict_middle(link, block_bits)
    assert _predict_middle(worse, block_bits).secret_rate_bps <= better.secret_rate_bps + 1.0 / better.block_duration_s
    larger = _predict_middle(link, block_bits * 3)
    assert better.secret_rate_bps <= larger.secret_rate_bps + 1.0 / better.block_duration_s


@st.composite
def twin_links(draw, *, even=False):
    """Two lasers in phase with two decoys each and a middle, 0 to 45 dB on either side."""
    loss_db = draw(st.floats(0.0, 45.0))
    signal, ratio = draw(st.floats(0.1, 0.6)), draw(st.floats(0.05, 0.5))
    second, share = draw(st.floats(0.0, 0.9)) * min(ratio, 1.0 - ratio), draw(st.floats(0.1, 0.8))
    return TwinField(
        pulse_rate_hz=draw(st.sampled_from([1e8, 1e9])),
        source=Intensities(
            means=(signal, signal * ratio, signal * second),
            probabilities=(share, 0.7 * (1.0 - share), 0.3 * (1.0 - share)),
        ),
        key_intensity=draw(st.floats(0.005, 0.09)),
        key_basis_probability=draw(st.floats(0.3, 0.9)),
        channel_losses_db=(loss_db, loss_db if even else draw(st.floats(0.0, 45.0))),
        receiver_loss_db=draw(st.floats(0.0, 3.0)),
        detector_efficiency=draw(st.floats(0.2, 1.0)),
        dark_count_probability=draw(st.floats(1e-11, 1e-6)),
        misalignment=draw(st.floats(0.0, 0.05)),
    )


twin_blocks = st.integers(4, 8).map(lambda power: 10**power)  # the largest that a file may have


@fixed
@given(twin_links(), twin_blocks)
def test_twin_fields_finite_below_asymptotic_below_capacity(link, block_bits):
    """Key per pulse of twin fields: finite blocks below infinite ones, those below the capacity with one repeater."""
    finite = _predict_middle(link, block_bits).secret_rate_bps / link.pulse_rate_hz
    limit = twinfield.asymptotic_rate(link, reconciliation_efficiency=EFFICIENCY)
    assert finite <= limit * (1.0 + 1e-9)
    assert limit <= min(float(plob(10 ** (-loss_db / 10))) for loss_db in link.channel_losses_db)


@fixed
@given(
    twin_links(even=True),
    twin_blocks,
    st.sampled_from([("channel_losses_db", 3.0), ("dark_count_probability", 1e-7), ("misalignment", 0.01)]),
    st.floats(0.01, 2.0),
)
def test_twin_fields_loss_and_noise_never_help(link, block_bits, more, factor):
    """More loss on both sides, dark counts or misalignment, no more key of twin fields; larger blocks, no less."""
    name, step = more
    given = getattr(link, name)
    value = tuple(one + factor * step for one in given) if isinstance(given, tuple) else given + factor * step
    worse = dataclasses.replace(link, **{name: value})
    better = _predict_middle(link, block_bits)
    assert _predict_middle(worse, block_bits).secret_rate_bps <= better.secret_rate_bps + 1.0 / better.block_duration_s
    larger = _predict_middle(link, block_bits * 3)
    assert better.secret_rate_bps <= larger.secret_rate_bps + 1.0 / better.block_duration_s


@st.composite
def sending_links(draw, *, even=False):
    """Two lasers that send or not, and a middle, 0 to 45 dB on either side."""
    loss_db = draw(st.floats(0.0, 45.0))
    signal, key, sending = draw(st.floats(0.1, 0.7)), draw(st.floats(0.5, 0.95)), draw(st.floats(0.05, 0.6))
    return SendingOrNot(
        pulse_rate_hz=draw(st.sampled_from([1e8, 1e9])),
        source=Intensities(
            means=(signal, signal * draw(st.floats(0.05, 0.5)), 0.0),
            probabilities=(key * sending, 1.0 - key, key * (1.0 - sending)),
        ),
        key_basis_probability=key,
        channel_losses_db=(loss_db, loss_db if even else draw(st.floats(0.0, 45.0))),
        receiver_loss_db=draw(st.floats(0.0, 3.0)),
        detector_efficiency=draw(st.floats(0.2, 1.0)),
        dark_count_probability=draw(st.floats(1e-11, 1e-6)),
        misalignment=draw(st.floats(0.0, 0.05)),
    )


@fixed
@given(sending_links(), twin_blocks)
def test_sending_or_not_stays_below_the_capacity_with_one_middle(link, block_bits):
    """Key per pulse below the capacity with one repeater, pairs below clicks, blocks of clicks as long as they take."""
    found = _predict_middle(link, block_bits)
    assert found.secret_rate_bps / link.pulse_rate_hz <= min(
        float(plob(10 ** (-loss_db / 10))) for loss_db in link.channel_losses_db
    )
    assert 2.0 * found.sifted_rate_bps * found.block_duration_s <= block_bits
    assert found.secret_rate_bps <= found.sifted_rate_bps


@fixed
@given(
    sending_links(even=True),
    twin_blocks,
    st.sampled_from([("channel_losses_db", 3.0), ("dark_count_probability", 1e-7), ("misalignment", 0.01)]),
    st.floats(0.01, 2.0),
)
def test_sending_or_not_loss_and_noise_never_help(link, block_bits, more, factor):
    """More loss on both sides, dark counts or misalignment, no more key; larger blocks, no less."""
    name, step = more
    given = getattr(link, name)
    value = tuple(one + factor * step for one in given) if isinstance(given, tuple) else given + factor * step
    worse = dataclasses.replace(link, **{name: value})
    better = _predict_middle(link, block_bits)
    assert _predict_middle(worse, block_bits).secret_rate_bps <= better.secret_rate_bps + 1.0 / better.block_duration_s
    larger = _predict_middle(link, block_bits * 3)
    assert better.secret_rate_bps <= larger.secret_rate_bps + 1.0 / better.block_duration_s
