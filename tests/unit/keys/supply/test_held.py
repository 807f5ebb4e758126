"""Copies that wait for their slaves."""

import pytest

from qit4n.keys.store import Erase, Put
from qit4n.keys.supply.held import HeldKeys
from qit4n.refpoints import ak

BATCH = ak.new_batch(bytes)
VALUES = bytes(range(96))


@pytest.fixture
def held():
    """Three keys of 32 bytes for two slaves."""
    held = HeldKeys()
    held.hold(BATCH, VALUES, size=32, master="m", slaves=("s", "t"), now=5.0)
    return held


def fetch(held, slave, *places, master="m"):
    ids = tuple(BATCH + place.to_bytes(4) for place in places)
    return held.fetch(1, ak.GetKeysByID(slave=slave, master=master, key_ids=ids))


def reply(step):
    return step.actions[0].reply


def test_a_key_id_is_a_uuid_of_version_8():
    """RFC 9562: version and variant bits are in the batch name; ids of a batch differ in their last four bytes."""
    ids = ak.key_ids(BATCH, 300)
    assert len(ids) == 4800
    assert {ids[at : at + 12] for at in range(0, 4800, 16)} == {BATCH}
    assert len({ids[at : at + 16] for at in range(0, 4800, 16)}) == 300
    assert ids[6] >> 4 == 8
    assert ids[8] >> 6 == 2


def test_places_are_given_in_the_order_asked_for(held):
    """Also when they are asked for in another order than supplied."""
    assert [value for _, value in reply(fetch(held, "s", 2, 0)).each()] == [VALUES[64:96], VALUES[:32]]


def test_a_key_is_overwritten_when_its_last_slave_has_it(held):
    """In the record too; the other keys stay."""
    fetch(held, "s", 1)
    (put,) = fetch(held, "t", 1).writes
    assert put.record.values == VALUES[:32] + bytes(32) + VALUES[64:]
    assert held.unclaimed_keys == 2


def test_the_record_goes_with_the_last_copy(held):
    """Erased, and counted down to nothing."""
    fetch(held, "s", 0, 1, 2)
    (erase,) = fetch(held, "t", 0, 1, 2).writes
    assert isinstance(erase, Erase)
    assert held.unclaimed_keys == 0
    assert BATCH not in held


@pytest.mark.parametrize(
    ("slave", "places", "master", "reason"),
    [
        ("s", (0, 3), "m", "unknown-key"),
        ("s", (0, 0), "m", "unknown-key"),
        ("s", (2**31,), "m", "unknown-key"),
        ("s", (0,), "other", "unknown-key"),
        ("x", (0,), "m", "not-allowed"),
    ],
)
def test_wrong_requests_take_nothing(held, slave, places, master, reason):
    """A place that is not there, one twice, another master, another slave."""
    step = fetch(held, slave, *places, master=master)
    assert (reply(step).reason, step.writes) == (reason, [])
    assert held.unclaimed_keys == 3


def test_a_restart_knows_who_has_what(held):
    """From the last record of the store: the slave that fetched finds nothing, the other its copy."""
    (put,) = fetch(held, "s", 0).writes
    assert isinstance(put, Put)
    again = HeldKeys([put.record])
    assert reply(fetch(again, "s", 0)).reason == "unknown-key"
    assert reply(fetch(again, "t", 0)).each()[0][1] == VALUES[:32]
    assert again.unclaimed_keys == 2


def test_the_oldest_expire_first(held):
    """Only what was supplied before the time given."""
    held.hold(b"b" * 12, VALUES, size=32, master="m", slaves=("s",), now=9.0)
    assert held.unclaimed_before(5.0) == []
    assert held.unclaimed_before(6.0) == [BATCH]
    assert held.erase(BATCH, "expired", "").writes
    assert held.erase(BATCH, "expired", "").writes == []
    assert held.unclaimed_keys == 3


def test_preserved_keys_are_kept_whole_and_not_given_again():
    """With preservation the record stays, sealed, after the last fetch, also over a restart, until it is erased."""
    held = HeldKeys(preserve=True)
    held.hold(BATCH, VALUES, size=32, master="m", slaves=("s",), now=5.0)
    step = fetch(held, "s", 0, 1, 2)
    assert step.writes[-1].record.values == VALUES
    assert [one.step for one in step.happened] == ["fetched", "preserved"]
    for one in (held, HeldKeys([step.writes[-1].record], preserve=True)):
        assert one.unclaimed_keys == 0
        assert reply(fetch(one, "s", 0)).reason == "unknown-key"
        assert one.preserved_before(6.0) == [BATCH]
        assert isinstance(one.erase(BATCH, "erased", "").writes[0], Erase)
        assert BATCH not in one


def test_expiry_does_not_depend_on_the_order_of_times():
    """With the clock set back between two requests the later one, of an earlier time, expires at its own time."""
    held, early = HeldKeys(), ak.new_batch(lambda size: bytes([7]) * size)
    held.hold(BATCH, VALUES, size=32, master="m", slaves=("s",), now=100.0)
    held.hold(early, VALUES, size=32, master="m", slaves=("s",), now=5.0)
    assert held.unclaimed_before(6.0) == [early]
    held.erase(early, "expired", "")
    assert held.unclaimed_before(100.0) == []
    assert held.unclaimed_before(100.5) == [BATCH]
    assert held.unclaimed_before(1000.0) == [BATCH]


def test_preservation_ends_by_the_time_of_supply_not_of_the_fetch():
    """Of two batches the one supplied last is fetched first; the other leaves first all the same."""
    held, early = HeldKeys(preserve=True), ak.new_batch(lambda size: bytes([7]) * size)
    held.hold(early, VALUES, size=32, master="m", slaves=("s",), now=5.0)
    held.hold(BATCH, VALUES, size=32, master="m", slaves=("s",), now=50.0)
    fetch(held, "s", 0, 1, 2)
    held.fetch(1, ak.GetKeysByID(slave="s", master="m", key_ids=tuple(early + n.to_bytes(4) for n in range(3))))
    assert held.preserved_before(6.0) == [early]
