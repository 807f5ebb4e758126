"""Sending or not sending through the whole chain: windows, pairs, the length from what was counted."""

import contextlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from qit4n.errors import QitError
from qit4n.physics import twosenders
from qit4n.physics.finite_key import Intensities
from qit4n.physics.protocols import sendingornot
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.quantum.distillation import messages
from qit4n.quantum.distillation.verify import unpaid_bits
from qit4n.quantum.emulated.eavesdropper import CountedPhotons

LINK = SendingOrNot(
    pulse_rate_hz=1e9,
    source=Intensities(means=(0.34, 0.07, 0.0), probabilities=(0.135, 0.225, 0.64)),
    key_basis_probability=0.775,
    channel_losses_db=(10.0, 10.0),
    receiver_loss_db=0.0,
    detector_efficiency=0.9,
    dark_count_probability=1e-5,
    misalignment=0.005,
)
CLICKS = 300_000
EPSILONS = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15}


def chain(pair, blocks=1, **changes):
    """Both ends until they have so many blocks, or give up."""
    given = {"physics": LINK, "block_bits": CLICKS, **changes}
    return pair(**given).run(blocks=blocks, bunch=20)


def test_both_ends_deliver_the_same_blocks_as_planned(pair):
    """Equal keys and counts at both ends, at the predicted rate and error rate, by the proof named."""
    run = chain(pair, blocks=3)
    ours, theirs = run.delivered["transmitter"], run.delivered["receiver"]
    assert [key.material for key in ours] == [key.material for key in theirs]
    assert run.transmitter.counts() == run.receiver.counts()
    assert run.aborts == {"transmitter": [], "receiver": []}
    accounts = [key.account for key in theirs]
    assert {one.protocol for one in accounts} == {sendingornot.SNS_AOPP.protocol}
    expected = twosenders.predict(LINK, block_bits=CLICKS, reconciliation_efficiency=1.05, **EPSILONS)
    seconds = sum(one.duration_s for one in accounts)
    assert seconds / 3 == pytest.approx(expected.block_duration_s, rel=0.02)
    assert sum(one.sifted_bits for one in accounts) / seconds == pytest.approx(expected.sifted_rate_bps, rel=0.03)
    errors, pairs = (sum(getattr(one, name) for one in accounts) for name in ("errors_key_basis", "sifted_bits"))
    assert abs(errors - pairs * expected.qber) < 4.5 * (pairs * expected.qber) ** 0.5
    rate = sum(one.key_bits + one.authentication_bits for one in accounts) / seconds
    assert rate == pytest.approx(expected.secret_rate_bps, rel=0.25)  # the edge: 7 kbit of 60 kbit of pairs


def test_the_length_is_that_of_what_was_counted(pair):
    """What the account says follows from the proof, the counts of the block and what was leaked; no plan is in it."""
    run = chain(pair)
    key, counts = run.delivered["receiver"][0], run.receiver.counts()
    found = sendingornot.finite_key(
        counts.windows,
        LINK.choices,
        leaked_bits=key.account.leaked_bits + unpaid_bits(1e-15),
        **EPSILONS,
    )
    assert key.account.key_bits + key.account.authentication_bits == found.length_bits // 8 * 8
    assert key.account.phase_error_bound == found.phase_error_bound
    assert (key.account.sifted_bits, key.account.errors_key_basis) == (counts.key.total, counts.key.errors)
    assert key.account.errors_test_basis == counts.windows.wrong


def test_a_block_ends_with_a_click_fixed_beforehand(pair):
    """Whatever was chosen in them, a block has as many clicks as was agreed: the proof wants it so."""
    run = chain(pair)
    block, windows = run.receiver.working().block, run.receiver.counts().windows
    assert windows.zeros + windows.ones + sum(block.test_counts) == CLICKS


def test_an_eavesdropper_who_knows_who_sent_gets_no_key(pair):
    """She errs in no bit, but half of the decoys in the slices are wrong, and nothing is left."""
    run = chain(pair, tamper_light=CountedPhotons(1.0, np.random.default_rng(4)))
    assert run.delivered == {"transmitter": [], "receiver": []}
    assert {one[0].reason for one in run.aborts.values()} == {"no-key"}
    counts = run.receiver.counts()
    assert counts.key.error_rate < 0.01
    assert counts.test.error_rate == pytest.approx(0.5, abs=0.05)


def test_without_pairs_there_is_no_block(pair):
    """Ends that nearly always send in their key windows have no ones to pair: the block is refused, not an error."""
    dark = replace(LINK, channel_losses_db=(90.0, 90.0), dark_count_probability=1e-2)
    always = Intensities(means=(0.34, 0.07, 0.0), probabilities=(0.775 - 1e-9, 0.225, 1e-9))
    run = pair(physics=replace(dark, source=always), block_bits=10_000, max_qber=1.0).run(blocks=1)
    assert {one[0].reason for one in run.aborts.values()} == {"too-little-statistics"}


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (messages.Announce, "intensities"),
        (messages.Sifted, "intensities"),
        (messages.ReportErrors, "pairs"),
        (messages.ReportErrors, "left"),
        (messages.StartBlock, "parities"),
        (messages.StartBlock, "told"),
    ],
)
def test_no_altered_choice_or_pair_leads_to_a_key(pair, kind, field):
    """One bit of what the ends tell of windows and pairs is flipped on the way: an error, a refusal or a wrong tag."""
    run = pair(physics=LINK, block_bits=CLICKS, seed=3)
    done = []

    def alter(message):
        content = getattr(message, field, b"") if type(message) is kind else b""
        if done or not content:
            return message
        done.append(message)
        return msgspec.structs.replace(message, **{field: bytes([content[0] ^ 128]) + content[1:]})

    run.alter = alter
    with contextlib.suppress(QitError, AssertionError):
        run.run(blocks=1, segments=12, bunch=20)
    assert done
    assert run.delivered == {"transmitter": [], "receiver": []}
