"""Both sessions of a link against each other, from emulated light to the finished key."""

import contextlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from qit4n.errors import ProtocolError, QitError
from qit4n.physics import bbm92, twosenders
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import predict
from qit4n.physics.finite_key import Intensities
from qit4n.physics.mdi import MDI
from qit4n.physics.single_photons import SinglePhotonBB84, SinglePhotons
from qit4n.physics.twinfield import TwinField
from qit4n.physics.twinfieldproof import CURTY_2019
from qit4n.quantum.distillation import messages
from qit4n.quantum.emulated.eavesdropper import GuessedPhase, InterceptResend


def test_both_ends_deliver_the_same_blocks(pair):
    """Several blocks in a row are equal at both ends, differ from each other, and are as long as the account says."""
    run = pair(seed=2).run(blocks=3)
    ours, theirs = run.delivered["transmitter"], run.delivered["receiver"]
    assert [key.material for key in ours] == [key.material for key in theirs]
    assert len({key.material for key in ours}) == 3
    assert [key.block for key in ours] == sorted({key.block for key in ours})
    for key, same in zip(ours, theirs, strict=True):
        assert key.account.key_bits == 8 * len(key.material) == same.account.key_bits
        assert key.account.sifted_bits == 50_000
        assert key.account.errors_key_basis == same.account.errors_key_basis > 0
    assert run.aborts == {"transmitter": [], "receiver": []}


def test_two_decoys_run_through_the_whole_chain(pair, link):
    """A source of three intensities makes the same blocks at both ends, by the proof for two decoys."""
    source = Intensities(means=(0.45, 0.12, 0.0), probabilities=(0.5, 0.35, 0.15))
    run = pair(physics=replace(link, source=source), block_bits=200_000).run(blocks=1)
    key, same = (run.delivered[end][0] for end in ("transmitter", "receiver"))
    assert key.material == same.material
    assert key.account.key_bits == 8 * len(key.material) > 0
    assert (key.account.protocol, key.account.proof[:8]) == ("two-decoy BB84", "Lim 2014")
    for message in run.sent:
        if isinstance(message, messages.ReportErrors | messages.Verified):
            assert len(message.errors) == 3


def test_entangled_pairs_run_through_the_whole_chain(pair):
    """BBM92: the same blocks at both ends, by its own proof, at the predicted rate and error rate."""
    link = BBM92(
        pulse_rate_hz=1e7,
        pairs_per_pulse=0.05,
        losses_db=(1.0, 3.0),
        detector_efficiency=0.6,
        dark_count_probability=1e-6,
        misalignment=0.01,
        key_basis_probability=0.7,
    )
    run = pair(physics=link).run(blocks=3)
    ours, theirs = run.delivered["transmitter"], run.delivered["receiver"]
    assert [key.material for key in ours] == [key.material for key in theirs]
    assert {key.account.protocol for key in ours} == {"BBM92"}
    assert all("Serfling" in key.account.concentration for key in ours)
    expected = bbm92.predict(
        link, block_bits=50_000, epsilon_secrecy=1e-9, epsilon_correctness=1e-15, reconciliation_efficiency=1.05
    )
    accounts = [key.account for key in theirs]
    assert sum(one.qber for one in accounts) / 3 == pytest.approx(expected.qber, rel=0.1)
    rate = sum(one.key_bits + one.authentication_bits for one in accounts) / sum(one.duration_s for one in accounts)
    assert rate == pytest.approx(expected.secret_rate_bps, rel=0.1)


DOT = SinglePhotonBB84(
    pulse_rate_hz=1e7,
    source=SinglePhotons(brightness=0.3, g2=0.03),
    key_basis_probability=0.7,
    channel_loss_db=4.0,
    receiver_loss_db=1.0,
    detector_efficiency=0.6,
    dark_count_probability=1e-6,
    misalignment=0.01,
    dead_time_s=1e-6,
    afterpulse_probability=0.01,
)


def test_single_photons_run_through_the_whole_chain(pair):
    """The same blocks at both ends, by their own proof, which counts the pulses; rate and errors as predicted."""
    run = pair(physics=DOT).run(blocks=3)
    ours, theirs = run.delivered["transmitter"], run.delivered["receiver"]
    assert [key.material for key in ours] == [key.material for key in theirs]
    accounts = [key.account for key in theirs]
    assert {one.protocol for one in accounts} == {"single-photon BB84"}
    assert all("several photons tagged" in one.proof and "supermartingale" in one.concentration for one in accounts)
    expected = predict(
        DOT, block_bits=50_000, epsilon_secrecy=1e-9, epsilon_correctness=1e-15, reconciliation_efficiency=1.05
    )
    assert sum(one.qber for one in accounts) / 3 == pytest.approx(expected.qber, rel=0.1)
    rate = sum(one.key_bits + one.authentication_bits for one in accounts) / sum(one.duration_s for one in accounts)
    assert rate == pytest.approx(expected.secret_rate_bps, rel=0.1)
    for one in accounts:
        tagged = one.pulses * 0.49 * DOT.source.several
        assert tagged < one.sifted_bits - one.single_photon_bound < 2.0 * tagged + 200.0


def test_an_eavesdropper_on_single_photons_makes_no_key(pair):
    """Intercept-resend on all pulses is refused for its errors."""
    run = pair(physics=DOT, tamper_light=InterceptResend(1.0, np.random.default_rng(4))).run(blocks=1)
    assert run.delivered == {"transmitter": [], "receiver": []}
    assert run.aborts["transmitter"][0].reason == "high-qber"


MIDDLE = MDI(
    pulse_rate_hz=1e8,
    source=Intensities(means=(0.45, 0.16, 0.0), probabilities=(0.32, 0.53, 0.15)),
    key_basis_probability=0.5,
    channel_losses_db=(0.25, 0.25),
    receiver_loss_db=0.0,
    detector_efficiency=0.95,
    dark_count_probability=1e-7,
    misalignment=0.005,
)


def test_a_middle_runs_through_the_chain_until_its_statistics_are_too_few(pair):
    """MDI: equal bits but for the misalignment, counts by nine pairs of intensities; 50,000 bits prove too little."""
    run = pair(physics=MIDDLE, block_bits=50_000).run(blocks=1)
    assert run.transmitter.state == run.receiver.state == "over"
    aborts = [run.aborts[end][0] for end in ("transmitter", "receiver")]
    assert {abort.reason for abort in aborts} <= {"no-key", "too-little-statistics"}
    assert aborts[0].qber == pytest.approx(0.005, rel=0.25)
    errors, tested = (run.receiver.counts().test.wrong, run.receiver.counts().test.detections)
    assert len(errors) == len(run.transmitter.counts().key.detections) == 9
    assert 0.2 < sum(errors) / sum(tested) < 0.35  # above the policy's 8 %, which is for the key basis here
    assert run.transmitter.counts() == run.receiver.counts()


def test_an_eavesdropper_at_the_middle_makes_no_key(pair):
    """Intercept-resend on one arm is seen in the key basis, after correction at the latest."""
    run = pair(physics=MIDDLE, block_bits=20_000, tamper_light=InterceptResend(1.0, np.random.default_rng(4))).run(
        blocks=1
    )
    assert run.delivered == {"transmitter": [], "receiver": []}
    assert run.aborts["transmitter"][0].reason in {"high-qber", "verification-failed"}


TWIN = TwinField(
    pulse_rate_hz=1e9,
    source=Intensities(means=(0.3, 0.07, 0.0), probabilities=(0.15, 0.25, 0.6)),
    key_intensity=0.022,
    key_basis_probability=0.7,
    channel_losses_db=(3, 3),
    receiver_loss_db=0.0,
    detector_efficiency=0.9,
    dark_count_probability=1e-8,
    misalignment=0.01,
)


def test_twin_fields_run_through_the_whole_chain(pair):
    """The same blocks at both ends, at the predicted rate and error rate; counts by pair are those of the plan."""
    run = pair(physics=TWIN).run(blocks=3)
    ours, theirs = run.delivered["transmitter"], run.delivered["receiver"]
    assert [key.material for key in ours] == [key.material for key in theirs]
    accounts = [key.account for key in theirs]
    assert {(one.protocol, one.errors_test_basis) for one in accounts} == {(CURTY_2019.protocol, 0)}
    expected = twosenders.predict(
        TWIN, block_bits=50_000, epsilon_secrecy=1e-9, epsilon_correctness=1e-15, reconciliation_efficiency=1.05
    )
    assert sum(one.qber for one in accounts) / 3 == pytest.approx(expected.qber, rel=0.1)
    rate = sum(one.key_bits + one.authentication_bits for one in accounts) / sum(one.duration_s for one in accounts)
    assert rate == pytest.approx(expected.secret_rate_bps, rel=0.1)
    counts = run.transmitter.counts()
    assert counts == run.receiver.counts()
    assert counts.key.detections == (50_000, *[0] * 8)
    planned = TWIN.expected_counts(50_000 / TWIN.sifted_rate_bps).test.detections
    for found, mean in zip(counts.test.detections, planned, strict=True):
        assert abs(found - mean) < 4.5 * mean**0.5 + 2.0


def test_an_eavesdropper_who_guesses_phases_makes_no_key(pair):
    """A third of what she guesses is wrong: seen in the key basis, after correction at the latest."""
    attack = GuessedPhase(1.0, TWIN.key_intensity, np.random.default_rng(4))
    run = pair(physics=TWIN, block_bits=20_000, tamper_light=attack).run(blocks=1)
    assert run.delivered == {"transmitter": [], "receiver": []}
    assert run.aborts["transmitter"][0].reason in {"high-qber", "verification-failed"}


@pytest.mark.parametrize("kinds", [2, 3, 4])
def test_intensities_travel_packed(kinds):
    """As many bits as needed for each; what is no intensity is refused."""
    intensities = np.arange(1001, dtype=np.uint8) % kinds
    packed = messages.pack_intensities(intensities, kinds)
    assert len(packed) == (1001 + 7) // 8 * (kinds - 1).bit_length()
    assert np.array_equal(messages.unpack_intensities(packed, 1001, kinds), intensities)
    with pytest.raises(ProtocolError):
        messages.unpack_intensities(packed, 1009, kinds)
    with pytest.raises(ProtocolError, match="none of 3"):
        messages.unpack_intensities(b"\xf0\xf0", 4, 3)


@pytest.mark.parametrize("slots", [[], [1000], [1000, 1001, 66536], [1000, 66537], [5000, 5001, 2**32 + 900]])
def test_slots_travel_as_gaps(slots):
    """Narrow gaps in two bytes each, wide ones in four; what comes back is what was sent."""
    sent = np.array(slots, np.int64)
    packed = messages.pack_slots(sent, 1000)
    assert np.array_equal(messages.unpack_slots(packed, sent.size, 1000, 2**32), sent)


def test_the_secret_key_is_not_biased(pair):
    """Ones and zeros of the delivered key are as frequent as in a random string, within five sigma."""
    run = pair().run(blocks=2)
    bits = np.unpackbits(np.frombuffer(b"".join(key.material for key in run.delivered["receiver"]), np.uint8))
    assert abs(bits.sum() - bits.size / 2) < 2.5 * np.sqrt(bits.size)


def test_each_block_pays_and_harvests_one_one_time_key(pair):
    """One-time keys are spent once, in order, and the first 64 bytes of each block replace them at both ends."""
    run = pair(keys=1).run(blocks=3)
    assert run.spent["transmitter"] == run.spent["receiver"]
    assert run.spent["transmitter"][0] == "psk/00000"
    assert len(set(run.spent["transmitter"])) == 3
    assert run.harvested["transmitter"] == run.harvested["receiver"]
    assert run.spent["transmitter"][1:] == [name for name, _ in run.harvested["transmitter"]][:2]
    assert all(len(key) == 64 for _, key in run.harvested["receiver"])
    assert not any(key in run.delivered["receiver"][0].material for _, key in run.harvested["receiver"])


def test_without_a_one_time_key_there_is_no_block(pair):
    """When the keys for authentication are used up the block is refused, and the reason is named."""
    run = pair(keys=0).run(blocks=1)
    assert run.aborts["receiver"][0].reason == "no-authentication-key"
    assert not run.delivered["transmitter"]


def test_a_one_time_key_that_only_one_end_has_is_skipped(pair):
    """After a crash the ends may hold different keys: the receiver refuses, the transmitter takes the next."""
    run = pair()
    run.receiver.keys.take("psk/00002")
    run.run(blocks=1)
    assert run.spent["transmitter"] == ["psk/00003"]
    assert run.delivered["transmitter"][0].material == run.delivered["receiver"][0].material


def test_intercept_resend_on_all_pulses_is_found(pair):
    """QBER of a quarter: the first block is refused with the numbers, at both ends."""
    run = pair(tamper_light=InterceptResend(1.0, np.random.default_rng(5))).run(blocks=1)
    for aborts in run.aborts.values():
        assert aborts[0].reason == "high-qber"
        assert 0.22 < aborts[0].qber < 0.28
    assert not run.delivered["transmitter"] + run.delivered["receiver"]


def test_intercept_resend_on_a_few_pulses_shortens_the_key(pair):
    """5 % of the pulses attacked: key still flows, but less of it than without the attack."""
    free = pair().run(blocks=2).delivered["receiver"]
    attacked = pair(tamper_light=InterceptResend(0.05, np.random.default_rng(5))).run(blocks=2).delivered["receiver"]
    assert sum(key.account.key_bits for key in attacked) < 0.85 * sum(key.account.key_bits for key in free)


def test_too_short_blocks_yield_no_key_and_say_why(pair):
    """10,000 bits are too few for the finite-key bounds: no key, and the text has the figures."""
    run = pair(block_bits=10_000).run(blocks=1)
    abort = run.aborts["receiver"][0]
    assert abort.reason in {"no-key", "too-little-statistics"}
    assert "10000 sifted bits" in abort.text


@pytest.mark.parametrize(
    "kind", [one for one in messages.ClassicalMessage.__args__ if one not in {messages.AbortBlock, messages.RefuseKey}]
)
def test_no_altered_message_leads_to_unequal_keys(pair, kind):
    """One bit of one message of any kind is flipped on the way: never different keys, never a key at both ends."""
    run = pair(seed=3)
    done = []

    def alter(message):
        if done or type(message) is not kind:
            return message
        done.append(message)
        body = bytearray(msgspec.msgpack.encode(message))
        body[-1] ^= 1
        try:
            return msgspec.msgpack.decode(bytes(body), type=messages.ClassicalMessage)
        except msgspec.MsgspecError:
            return None

    run.alter = alter
    with contextlib.suppress(QitError, AssertionError):
        run.run(blocks=1, segments=80)
    assert done
    ours = [key.material for key in run.delivered["transmitter"]]
    theirs = [key.material for key in run.delivered["receiver"]]
    assert all(one == other for one, other in zip(ours, theirs, strict=False))
    assert not ours


def test_messages_in_flight_do_not_matter(pair):
    """Light that runs ahead of the discussion, in any interleaving, gives equal keys."""
    for seed in range(3):
        run = pair(seed=seed).run(blocks=2, bunch=4)
        ours, theirs = run.delivered["transmitter"], run.delivered["receiver"]
        assert [key.material for key in ours][:2] == [key.material for key in theirs][:2]


def test_unexpected_messages_are_refused_by_name_and_state(pair):
    """A message that the state does not allow raises an error that names both."""
    run = pair()
    with pytest.raises(ProtocolError, match="Corrected came to the transmitter while sifting"):
        run.transmitter.receive(messages.Corrected(), 0.0)
    with pytest.raises(ProtocolError, match="Parities came to the receiver while sifting"):
        run.receiver.receive(messages.Parities(group=0, bits=b""), 0.0)


@pytest.mark.parametrize(
    "message",
    [
        messages.Announce(first_slot=0, pulses=10, clicks=1, gaps=b"abc", bases=b""),
        messages.Announce(first_slot=0, pulses=10, clicks=2, gaps=b"\5\0\0\0", bases=b"\0"),
        messages.Announce(first_slot=0, pulses=1, clicks=1, gaps=b"\5\0\0\0", bases=b"\0"),
        messages.Announce(first_slot=0, pulses=10, clicks=0, gaps=b"", bases=b"\0\0"),
        messages.Announce(first_slot=-5, pulses=10, clicks=1, gaps=b"\1\0\0\0", bases=b"\0"),
        messages.Announce(first_slot=0, pulses=10, clicks=-1, gaps=b"", bases=b""),
        messages.ReportErrors(errors=(0, 0)),
    ],
)
def test_malformed_messages_are_refused_without_a_crash(pair, message):
    """Arrays that do not fit together, slots that were not sent, blocks that are not full: ProtocolError."""
    run = pair()
    run.laser.emit(100)
    with pytest.raises(ProtocolError):
        run.transmitter.receive(message, 0.0)


@pytest.mark.parametrize("misalignment", [0.005, 0.01, 0.02])
def test_the_measured_rate_is_the_predicted_one(pair, link, misalignment):
    """Over several blocks secret bits per pulse are within 10 % of the formula, for the same parameters."""
    physics = replace(link, misalignment=misalignment)
    keys = pair(physics=physics, block_bits=100_000, seed=9).run(blocks=5, segments=1000).delivered["receiver"]
    bits = sum(key.account.key_bits + key.account.authentication_bits for key in keys)
    rate = bits / sum(key.account.duration_s for key in keys)
    predicted = predict(
        physics, block_bits=100_000, epsilon_secrecy=1e-9, epsilon_correctness=1e-15, reconciliation_efficiency=1.05
    )
    assert rate == pytest.approx(predicted.secret_rate_bps, rel=0.10)
    errors = sum(key.account.errors_key_basis for key in keys)
    assert errors == pytest.approx(5e5 * predicted.qber, abs=5 * np.sqrt(5e5 * predicted.qber))


def test_no_secret_shows_in_a_repr(pair):
    """Neither the block at work nor what is delivered shows key bytes when it is printed."""
    run = pair().run(blocks=1)
    key = run.delivered["receiver"][0]
    assert key.material[:8].hex() not in repr(key)
    assert repr(key.material[:4])[2:-1] not in repr(key)
