"""What peers keep for a site."""

import itertools

from qit4n.keys.store import WitnessKeyRecord
from qit4n.keys.witness import TAG_BYTES, Witness


def entropy(size):
    return bytes([7]) * size


def test_a_tag_is_for_one_peer_and_one_number():
    """Shown by another peer, with another number, cut or empty it proves nothing; by another site's key neither."""
    one, other = Witness((), entropy), Witness((), lambda size: bytes([8]) * size)
    tag = one.tag("B", 7)
    assert len(tag) == TAG_BYTES
    assert one.made(tag, "B", 7)
    for wrong in ((tag, "C", 7), (tag, "B", 8), (tag[:-1], "B", 7), (b"", "B", 7), (other.tag("B", 7), "B", 7)):
        assert not one.made(*wrong)


def test_the_key_is_drawn_once_and_kept_twice():
    """A start without records writes two; one with both writes none; one of two is enough."""
    first = Witness((), entropy)
    records = [write.record for write in first.keep().writes]
    assert {record.key for record in records} == {"1", "2"}
    assert first.keep().writes == []
    for kept in (records, records[:1], records[1:]):
        again = Witness(kept, lambda size: b"\0" * size)
        assert again.made(first.tag("B", 1), "B", 1)
        assert len(again.keep().writes) == 2 - len(kept)


def test_two_records_that_differ_become_equal():
    """The first one found counts."""
    records = [WitnessKeyRecord(key=key, material=bytes([number]) * 32) for number, key in enumerate("12")]
    for kept in itertools.permutations(records):
        witness = Witness(kept, entropy)
        (write,) = witness.keep().writes
        assert write.record.material == kept[0].material
