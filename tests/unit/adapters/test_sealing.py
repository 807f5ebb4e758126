"""Sealing: what is erased stays closed, whatever is left of it on the disk."""

import pytest

from qit4n.adapters.sealing import Sealing, read_store_key
from qit4n.errors import StoreError
from qit4n.keys.store import HeadRecord, HeldKeysRecord

KEY = bytes(range(32))
HEAD = HeadRecord(key="h", position=7)
HELD = HeldKeysRecord(key="k", values=b"v" * 32, size=32, master="m", slaves=("s",), waiting=(b"\x01",))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "store.wrapping"


@pytest.fixture
def sealing(file):
    return Sealing(KEY, file, fresh=True)


def test_records_open_with_the_same_keys_only(sealing, file, tmp_path):
    """Another store key opens no record without material, another wrapping key none with material."""
    for record in (HEAD, HELD):
        assert sealing.open(type(record), record.key, *sealing.seal(record)) == record
        assert Sealing(KEY, file, fresh=False).open(type(record), record.key, *sealing.seal(record)) == record
    assert Sealing(bytes(32), file, fresh=False).open(HeadRecord, "h", *sealing.seal(HEAD)) is None
    other = Sealing(KEY, tmp_path / "other.wrapping", fresh=True)
    assert other.open(HeldKeysRecord, "k", *sealing.seal(HELD)) is None


@pytest.mark.parametrize("record", [HEAD, HELD])
def test_altered_swapped_or_cut_rows_do_not_open(sealing, record):
    """One bit of the body or the wrapping, another key, another kind, nothing at all."""
    body, wrapped = sealing.seal(record)
    flipped = bytes([body[0] ^ 1]) + body[1:]
    assert sealing.open(type(record), record.key, flipped, wrapped) is None
    assert sealing.open(type(record), "other", body, wrapped) is None
    assert sealing.open(type(record), record.key, body[:5], wrapped) is None
    if record.secret:
        assert sealing.open(type(record), record.key, body, None) is None
        assert sealing.open(type(record), record.key, body, wrapped[:-1] + bytes([wrapped[-1] ^ 1])) is None


def test_after_a_rotation_old_wrappings_are_closed_for_good(sealing, file):
    """The living record was wrapped again and opens; the erased one, found in an old page, does not."""
    living, erased = sealing.seal(HELD), sealing.seal(HELD)
    before = file.read_bytes()
    sealing.begin_rotation()
    again = sealing.rewrap("held-keys", "k", living[1])
    sealing.end_rotation()
    assert before not in file.read_bytes()
    for one in (sealing, Sealing(KEY, file, fresh=False)):
        assert one.open(HeldKeysRecord, "k", living[0], again) == HELD
        assert one.open(HeldKeysRecord, "k", *erased) is None


def test_a_rotation_that_broke_off_loses_nothing(sealing, file):
    """Killed at any point of it: a record that was wrapped again and one that was not both open at the next try."""
    first, second = sealing.seal(HELD), sealing.seal(HELD)
    sealing.begin_rotation()
    again = sealing.rewrap("held-keys", "k", first[1])
    next_start = Sealing(KEY, file, fresh=False)
    next_start.begin_rotation()
    wrapped = [next_start.rewrap("held-keys", "k", one) for one in (again, second[1])]
    next_start.end_rotation()
    assert next_start.open(HeldKeysRecord, "k", first[0], wrapped[0]) == HELD
    assert next_start.open(HeldKeysRecord, "k", second[0], wrapped[1]) == HELD
    assert len(file.read_bytes()) == 32


def test_the_old_file_is_overwritten(sealing, file, tmp_path):
    """Not only unlinked: a second name of the old file shows zeros."""
    other = tmp_path / "other-name"
    other.hardlink_to(file)
    sealing.begin_rotation()
    assert set(other.read_bytes()) == {0}


def test_what_a_start_that_broke_off_left_is_overwritten(sealing, file, tmp_path):
    """Killed before the new key file was in place: the keys in it do not stay on the disk either."""
    left, other = file.with_suffix(".new"), tmp_path / "other-name"
    left.write_bytes(file.read_bytes() + bytes(range(32)))
    other.hardlink_to(left)
    sealing.begin_rotation()
    assert not left.exists()
    sealing.end_rotation()
    assert set(other.read_bytes()) <= {0}


def test_a_missing_or_cut_key_file_is_named_with_its_consequence(file, tmp_path):
    """Wrapping keys and store key."""
    with pytest.raises(StoreError, match=r"store\.wrapping: No such file.*without it the keys are lost"):
        Sealing(KEY, file, fresh=False)
    file.write_bytes(b"short")
    with pytest.raises(StoreError, match="holds 5 bytes, 32 or 64 expected"):
        Sealing(KEY, file, fresh=True)
    with pytest.raises(StoreError, match="make it with: qit pki"):
        read_store_key(tmp_path / "store.key")


def test_key_files_are_for_their_owner_only(sealing, file):
    """No one else reads the wrapping key."""
    assert file.stat().st_mode & 0o077 == 0
    sealing.begin_rotation()
    assert file.stat().st_mode & 0o077 == 0
