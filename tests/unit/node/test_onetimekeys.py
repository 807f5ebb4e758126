"""One-time authentication keys at one end of a link."""

import pytest

from qit4n.adapters.sqlite import SQLiteStore
from qit4n.errors import CertificateError, StoreError
from qit4n.keys.store import AuthenticationKeyRecord, Put
from qit4n.node.onetimekeys import load_keys


@pytest.fixture
def store(tmp_path):
    """An empty key store."""
    store = SQLiteStore(tmp_path / "store.db", bytes(32))
    yield store
    store.close()


@pytest.fixture
def preshared(tmp_path):
    """A pre-shared file: 16 bytes of name, four keys."""
    file = tmp_path / "link.key"
    file.write_bytes(bytes(16) + b"".join(bytes([number]) * 64 for number in range(4)))
    return file


def test_the_preshared_file_is_taken_in_once_and_emptied(store, preshared):
    """The keys are in the store, in order; the file holds nothing any more; a restart gives the same keys."""
    keys = load_keys(store, "link", preshared).listed()
    assert [key[0] for _, key in keys] == [0, 1, 2, 3]
    assert preshared.read_bytes() == b""
    assert load_keys(store, "link", preshared).listed() == keys


def test_a_spent_key_never_comes_back(store, preshared):
    """Spending one erases it and all before it, also after a restart and also with the file put back."""
    content = preshared.read_bytes()
    keys = load_keys(store, "link", preshared)
    second = keys.listed()[1][0]
    store.commit(keys.spend(second).writes)
    assert [key[0] for _, key in load_keys(store, "link", preshared).listed()] == [2, 3]
    assert [record.name for record in store.load(AuthenticationKeyRecord)] == [name for name, _ in keys.listed()]
    preshared.write_bytes(content)
    assert [key[0] for _, key in load_keys(store, "link", preshared).listed()] == [2, 3]
    assert preshared.read_bytes() == b""


def test_an_old_copy_of_the_store_brings_no_spent_key_back(store, preshared, tmp_path):
    """Of a store that is put back, with its pre-shared file, only the keys that were never used are listed."""
    content = preshared.read_bytes()
    keys = load_keys(store, "link", preshared)
    store.commit(keys.keep("block/000000000000007", b"h" * 64).writes)
    old = list(map(Put, store.load(AuthenticationKeyRecord)))
    third = keys.listed()[2][0]
    store.commit(keys.spend(third).writes)
    store.commit(old)
    preshared.write_bytes(content)
    assert [key[0] for _, key in load_keys(store, "link", preshared).listed()] == [3, ord("h")]
    assert len(list(store.load(AuthenticationKeyRecord))) == 2


def test_an_old_copy_from_before_a_new_preshared_key_brings_nothing_back(store, preshared):
    """After --renew-psk the keys of before are spent, also those that were never used, harvested ones too."""
    keys = load_keys(store, "link", preshared)
    store.commit(keys.keep("block/000000000000007", b"h" * 64).writes)
    old = list(map(Put, store.load(AuthenticationKeyRecord)))
    preshared.write_bytes(b"n" * 16 + b"\x09" * 64)
    load_keys(store, "link", preshared)
    store.commit(old)
    assert [key[0] for _, key in load_keys(store, "link", preshared).listed()] == [9]


def test_spent_is_on_the_disk_before_the_store_forgets(store, preshared):
    """A crash between the file and the commit wastes the key: it is not listed at the next start."""
    keys = load_keys(store, "link", preshared)
    keys.spend(keys.listed()[0][0])
    assert [key[0] for _, key in load_keys(store, "link", preshared).listed()] == [1, 2, 3]


def test_the_next_block_is_higher_than_any_spent_one(store, preshared):
    """With the clock set back a harvested key does not get a name that counts as spent."""
    keys = load_keys(store, "link", preshared)
    store.commit(keys.keep("block/000000000000020", b"h" * 64).writes)
    assert keys.last_block == 20
    keys.spend("block/000000000000020")
    assert load_keys(store, "link", preshared).last_block == 20


def test_a_damaged_file_of_spent_keys_names_the_remedy(store, preshared):
    """Nothing is used when it is unknown what was used."""
    preshared.with_suffix(".spent").write_bytes(b"[")
    with pytest.raises(StoreError, match="--renew-psk link"):
        load_keys(store, "link", preshared)


def test_harvested_keys_come_after_the_preshared_ones(store, preshared):
    """Keys from blocks are used when the pre-shared ones are gone, in the order of the blocks."""
    keys = load_keys(store, "link", preshared)
    for name in ("block/000000000000020", "block/000000000000003"):
        store.commit(keys.keep(name, b"h" * 64).writes)
    names = [name for name, _ in load_keys(store, "link", preshared).listed()]
    assert names[4:] == ["block/000000000000003", "block/000000000000020"]


def test_a_new_preshared_file_replaces_all_keys(store, preshared):
    """After --renew-psk both ends drop what they had: the new file counts alone."""
    load_keys(store, "link", preshared)
    preshared.write_bytes(b"n" * 16 + b"\x09" * 64)
    assert [key[0] for _, key in load_keys(store, "link", preshared).listed()] == [9]


def test_without_any_key_the_remedy_is_named(store, tmp_path):
    """No store entry and no file: the sentence says what to run."""
    with pytest.raises(CertificateError, match="qit pki"):
        load_keys(store, "link", tmp_path / "missing.key")
