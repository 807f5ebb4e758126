"""One tag per block and end over the transcript of both directions; one-time keys used once."""

import pytest

from qit4n.errors import AuthenticationError, OutOfKeyError
from qit4n.quantum.distillation.authenticate import RECEIVER, TRANSMITTER, OneTimeKeys, Transcript
from qit4n.quantum.distillation.messages import Corrected, Parities, RefuseKey
from qit4n.quantum.distillation.verify import collision_probability

KEY = bytes(range(64))


def two_ends(forward=3, backward=2):
    ends = Transcript(), Transcript()
    for end in ends:
        for number in range(forward):
            end.add("forward", Parities(group=number, bits=b""))
        for number in range(backward):
            end.add("backward", RefuseKey(one_time_key=str(number)))
    return ends


def test_a_tag_over_what_both_have_seen_is_accepted():
    """Same messages, same key, same block: the tag fits, in both roles, block after block."""
    ours, theirs = two_ends()
    for block in (1, 2, 3):
        for role, sender, checker in ((TRANSMITTER, ours, theirs), (RECEIVER, theirs, ours)):
            tag, _ = sender.tag(role, block, KEY)
            checker.check(role, block, KEY, tag, at_least=(0, 0))
        for end in (ours, theirs):
            end.add("forward", Corrected())


def test_messages_in_flight_are_left_to_the_next_tag():
    """A message that the tagger had not seen yet does not spoil the tag, and is covered by the next one."""
    ours, theirs = two_ends()
    theirs.add("backward", Corrected())
    tag, _ = ours.tag(TRANSMITTER, 1, KEY)
    theirs.check(TRANSMITTER, 1, KEY, tag, at_least=(0, 0))
    ours.add("backward", RefuseKey(one_time_key="altered"))
    tag, _ = ours.tag(TRANSMITTER, 2, KEY)
    with pytest.raises(AuthenticationError, match="does not fit"):
        theirs.check(TRANSMITTER, 2, KEY, tag, at_least=(0, 0))


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_an_altered_or_missing_message_is_found(direction):
    """Any difference between the two views of the discussion makes the tag fail."""
    ours, theirs = two_ends()
    ours.add(direction, Corrected())
    theirs.add(direction, RefuseKey(one_time_key="x"))
    tag, _ = ours.tag(TRANSMITTER, 1, KEY)
    with pytest.raises(AuthenticationError):
        theirs.check(TRANSMITTER, 1, KEY, tag, at_least=(0, 0))


def test_reflection_replay_and_short_cover_are_found():
    """A tag does not serve for the other role, another block, or less than what must be covered."""
    ours, theirs = two_ends()
    tag, _ = ours.tag(TRANSMITTER, 1, KEY)
    for role, block, least in ((RECEIVER, 1, (0, 0)), (TRANSMITTER, 2, (0, 0)), (TRANSMITTER, 1, (4, 0))):
        with pytest.raises(AuthenticationError):
            theirs.check(role, block, KEY, tag, at_least=least)
    theirs.check(TRANSMITTER, 1, KEY, tag, at_least=(3, 2))


def test_a_one_time_key_is_used_once_and_takes_the_earlier_ones_with_it():
    """Taking the third key drops the first two; none can be taken again."""
    keys = OneTimeKeys([("a", b"1" * 64), ("b", b"2" * 64), ("c", b"3" * 64), ("d", b"4" * 64)])
    assert keys.take("c") == b"3" * 64
    for name in ("a", "b", "c"):
        assert name not in keys
        with pytest.raises(OutOfKeyError):
            keys.take(name)
    with pytest.raises(OutOfKeyError):
        keys.first()


def test_forgery_bound_of_a_long_transcript():
    """Bernstein's bound for 1 MiB: 8 * 65536 / 2^106, below 1e-26."""
    assert collision_probability(1 << 20) == 2.0**-87
    assert collision_probability(1 << 20) < 1e-26
