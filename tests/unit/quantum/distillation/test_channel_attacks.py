"""Attacks on the classical channel: Eve stands between two sessions and does what she likes with their messages.

The figure that bounds her is the chance of a forged tag, ``8 ceil(L/16) / 2**106`` for a transcript of L bytes, which
the account of a block states for both tags; what she can do beyond it is to stop key, never to make keys differ.
"""

import contextlib
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from qit4n.errors import QitError
from qit4n.quantum.distillation import messages
from qit4n.quantum.distillation.verify import collision_probability

from .conftest import Pair

few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def attacked(alter, blocks=2, **options):
    """Run a pair whose messages pass through Eve's hands; it may end in an error, which is no key."""
    run = Pair(block_bits=40_000, **options)
    run.alter = alter
    with contextlib.suppress(QitError, AssertionError):
        run.run(blocks=blocks, segments=90)
    return run


def no_harm(run):
    """Whatever block both ends have delivered is the same at both, and no one-time key was spent twice."""
    ours = {key.block: key.material for key in run.delivered["transmitter"]}
    theirs = {key.block: key.material for key in run.delivered["receiver"]}
    assert all(ours[block] == theirs[block] for block in ours.keys() & theirs.keys())
    for spent in run.spent.values():
        assert len(set(spent)) == len(spent)


class Eve:
    """Acts on the message of a given number; keeps all that she has seen."""

    def __init__(self, at, act):
        self.at, self.act, self.seen, self.done = at, act, [], False

    def __call__(self, message):
        self.seen.append(message)
        if self.done or len(self.seen) <= self.at:
            return message
        self.done = True
        return self.act(self.seen)


@few
@given(at=st.integers(0, 400), seed=st.integers(0, 99))
def test_a_dropped_message_never_makes_keys_differ(at, seed):
    """Denial at worst: the session stops, or what follows does not fit and it is refused."""
    no_harm(attacked(Eve(at, lambda _: None), seed=seed))


@few
@given(at=st.integers(1, 400), back=st.integers(1, 50), seed=st.integers(0, 99))
def test_a_replayed_message_never_makes_keys_differ(at, back, seed):
    """An earlier message, of any kind and either end, in the place of a later one."""
    no_harm(attacked(Eve(at, lambda seen: seen[max(0, len(seen) - 1 - back)]), seed=seed))


CARRIERS = {
    messages.Announce: ("gaps", "bases"),
    messages.Sifted: ("kept", "intensities", "test_bits"),
    messages.Parities: ("bits",),
    messages.Verify: ("function", "value"),
    messages.Amplify: ("seed",),
    messages.Tag: ("tag",),
}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(list(CARRIERS)), place=st.floats(0.0, 1.0, exclude_max=True))
def test_an_altered_byte_anywhere_never_makes_keys_differ(data, kind, place):
    """Any bit of any bytes that a message carries, in the first or a later one of its kind, from either end."""
    name = data.draw(st.sampled_from(CARRIERS[kind]))
    number = data.draw(st.integers(0, {messages.Parities: 300, messages.Announce: 9, messages.Sifted: 9}.get(kind, 1)))
    seen = 0

    def flip(message):
        nonlocal seen
        seen += isinstance(message, kind)
        if not isinstance(message, kind) or seen != number + 1 or not getattr(message, name):
            return message
        content = bytearray(getattr(message, name))
        content[int(place * len(content))] ^= 1 << number % 8
        return structs.replace(message, **{name: bytes(content)})

    no_harm(attacked(flip))


@few
@given(at=st.integers(0, 300), seed=st.integers(0, 99))
def test_two_messages_that_change_places_never_make_keys_differ(at, seed):
    """Eve holds one back and lets the next one pass first."""
    held = []
    count = 0

    def swap(message):
        nonlocal count
        count += 1
        if count == at + 1:
            held.append(message)
            return None
        return message

    run = Pair(block_bits=40_000, seed=seed)
    run.alter = swap
    carry = run.carry_out

    def carry_out(end, actions):
        carry(end, actions)
        if held and count > at + 1:
            message = held.pop()
            backward = isinstance(message, messages.Announce | messages.ReportErrors | messages.Corrected)
            run.queues["transmitter" if backward else "receiver"].append(message)

    run.carry_out = carry_out
    with contextlib.suppress(QitError, AssertionError):
        run.run(blocks=2, segments=90)
    no_harm(run)


def test_the_conversation_of_an_earlier_block_makes_no_key():
    """Eve replays to the receiver all that the transmitter ever said: the numbers and the spent keys refuse it."""
    run = Pair(block_bits=40_000).run(blocks=2)
    delivered = len(run.delivered["receiver"])
    said = [one for one in run.sent if isinstance(one, messages.StartBlock | messages.Verify | messages.Amplify)]
    for message in [*said, *(one for one in run.sent if isinstance(one, messages.Tag))]:
        with contextlib.suppress(QitError):
            run.carry_out("receiver", run.receiver.receive(message, run.now))
    assert len(run.delivered["receiver"]) == delivered


@pytest.mark.parametrize(
    "forge", [lambda tag: bytes(len(tag)), lambda tag: tag[:15], lambda tag: tag + b"\0", lambda tag: tag[::-1]]
)
def test_a_forged_tag_is_refused_and_the_bound_is_stated(forge):
    """No key at the end that gets it; of an honest run the account has the bound of both tags together."""

    def alter(message):
        if isinstance(message, messages.Tag):
            return messages.Tag(
                block=message.block, forward=message.forward, backward=message.backward, tag=forge(message.tag)
            )
        return message

    run = attacked(alter)
    assert not run.delivered["receiver"]
    assert {abort.reason for abort in run.aborts["receiver"]} == {"authentication-failed"}
    honest = Pair(block_bits=40_000).run(blocks=1)
    account = honest.delivered["receiver"][0].account
    transcript = sum(len(getattr(one, "gaps", b"")) + len(getattr(one, "bits", b"")) for one in honest.sent)
    assert 2 * collision_probability(transcript) <= account.epsilon_authentication < 1e-24


def test_noise_stops_key_and_costs_no_one_time_key():
    """Denial by noise: blocks above the allowed error rate are refused before a tag is made, for ever."""

    class Noise:
        """Every bit that is measured is random."""

        def __init__(self):
            self.dice = random.Random(1)

        def tamper(self, light):
            states = bytes(self.dice.getrandbits(2) for _ in light.states)
            return type(light)(
                first_slot=light.first_slot,
                pulses=light.pulses,
                slots=light.slots,
                photons=light.photons,
                states=states,
            )

    for _ in range(3):
        run = attacked(lambda message: message, tamper_light=Noise())
        assert run.aborts["transmitter"][0].reason == "high-qber"
        assert not run.delivered["transmitter"]
        assert not run.spent["transmitter"]
        assert not run.spent["receiver"]


def test_false_parities_stop_key_and_every_revealed_bit_is_counted():
    """Eve answers for the receiver with noise: the transmitter comes to an end, and has counted what it said."""
    dice = random.Random(3)
    said = {"bits": 0}

    def alter(message):
        if isinstance(message, messages.Parities):
            said["bits"] += 8 * len(message.bits)
            return messages.Parities(group=message.group, bits=dice.randbytes(len(message.bits)))
        return message

    run = attacked(alter, blocks=1)
    assert not run.delivered["transmitter"]
    assert not run.delivered["receiver"]
    leaked = run.transmitter.correction().leaked_bits
    assert 0 < leaked <= said["bits"]


def test_one_time_keys_run_out_only_by_tags():
    """A failed tag costs one key: with eight keys Eve needs eight sessions; each is spent before its tag is sent."""
    keys = None
    for left in range(8, 5, -1):
        run = Pair(block_bits=40_000, keys=8)
        if keys is not None:
            for name in keys:
                run.transmitter.keys.take(name)
                run.receiver.keys.take(name)
        run.alter = lambda message: None if isinstance(message, messages.Tag) else message
        with contextlib.suppress(QitError, AssertionError):
            run.run(blocks=1, segments=40)
        keys = [*(keys or []), *run.spent["transmitter"]]
        assert len(keys) == 9 - left
