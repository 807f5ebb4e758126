"""Key combination: HKDF as in RFC 5869, XOR, and the ML-KEM exchange."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qit4n.errors import ProtocolError
from qit4n.keys.combination.combine import EXPAND_LIMIT_BYTES, LABEL, check_value, combine_with, expand, root_key
from qit4n.keys.combination.encapsulation import MLKEM768
from qit4n.keys.combination.epochs import Epochs
from qit4n.keys.onetimepad import xor
from qit4n.refpoints import kx

ROOT = bytes(range(64))


def hkdf_extract(salt, key):
    """RFC 5869, section 2.2."""
    return hmac.new(salt, key, hashlib.sha512).digest()


def hkdf_expand(root, info, size):
    """RFC 5869, section 2.3, as the text says it."""
    output, block, counter = b"", b"", 1
    while len(output) < size:
        block = hmac.new(root, block + info + bytes([counter]), hashlib.sha512).digest()
        output += block
        counter += 1
    return output[:size]


def framed(part):
    return len(part).to_bytes(4, "big") + part


@pytest.mark.parametrize("size", [1, 32, 64, 1000, EXPAND_LIMIT_BYTES, EXPAND_LIMIT_BYTES + 1, 65_600])
def test_the_bytes_are_those_of_hkdf_expand(size):
    """The formula of RFC 5869 with HMAC of the standard library; a counter in the info goes beyond its limit."""
    expected = b"".join(
        hkdf_expand(ROOT, framed(LABEL) + framed(b"p") + number.to_bytes(4, "big"), EXPAND_LIMIT_BYTES)
        for number in range(size // EXPAND_LIMIT_BYTES + 1)
    )
    assert expand(ROOT, b"p", size) == expected[:size]


def test_hmac_sha_512_of_rfc_4231():
    """Test case 2 of RFC 4231, so that the primitive under both is the right one."""
    tag = hmac.digest(b"Jefe", b"what do ya want for nothing?", "sha512")
    assert tag.hex().startswith("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a")
    assert hkdf_extract(b"Jefe", b"what do ya want for nothing?") == tag


def test_the_root_key_is_hkdf_extract_over_the_secret():
    """Bound to who agreed, on which epoch and by which messages."""
    names = framed(b"A") + framed(b"B") + framed(b"e")
    salt = hashlib.sha512(framed(LABEL) + names + b"exchange").digest()
    root = root_key(b"s" * 32, source="A", destination="B", epoch="e", exchange=b"exchange")
    assert root == hkdf_extract(salt, b"s" * 32)


@pytest.mark.parametrize("change", [{"source": "B"}, {"destination": "A"}, {"epoch": "f"}, {"exchange": b"other"}])
def test_another_exchange_makes_another_root_key(change):
    """Any part of what it is bound to counts."""
    common = {"source": "A", "destination": "B", "epoch": "e", "exchange": b"exchange"}
    assert root_key(b"s" * 32, **(common | change)) != root_key(b"s" * 32, **common)


@given(st.binary(min_size=1, max_size=100), st.text(max_size=10))
def test_combining_twice_gives_back_the_key(material, chunk):
    """XOR: one to one for each chunk, so nothing of the key's randomness is lost."""
    assert combine_with(ROOT, chunk, combine_with(ROOT, chunk, material)) == material


def test_each_chunk_gets_its_own_bytes():
    """Chunks of one epoch share nothing, nor does the check value."""
    zeros = bytes(32)
    assert len({combine_with(ROOT, "1", zeros), combine_with(ROOT, "2", zeros), check_value(ROOT)}) == 3


class Dice:
    """Entropy that counts."""

    def __init__(self):
        self.drawn = 0

    def __call__(self, size, /):
        self.drawn += 1
        return hashlib.shake_256(self.drawn.to_bytes(4, "big")).digest(size)


@pytest.fixture
def ends():
    """A and B, who renew a secret after 100 s."""
    return {site: Epochs(site, MLKEM768(dice), dice, 100.0) for site, dice in (("A", Dice()), ("B", Dice()))}


def agree(ends, now):
    offer = ends["A"].want("B", now).actions[0].message
    capsule = ends["B"].offered("A", offer).actions[0].message
    ends["A"].answered("B", capsule, now)
    return offer, capsule


def test_two_sites_agree_on_one_secret(ends):
    """Both have the same, under the same name; the messages do not contain it."""
    offer, capsule = agree(ends, 0.0)
    epoch = ends["A"].sending("B", 0.0)
    assert ends["B"].receiving("A", epoch.name) == epoch.root
    assert epoch.root not in offer.public_key + capsule.ciphertext + capsule.check
    assert str(epoch.root)[2:12] not in repr(epoch)


def test_a_secret_ends_with_its_period_and_with_the_connection(ends):
    """After the period, or on a new connection, there is none until a fresh one is agreed on."""
    agree(ends, 0.0)
    first = ends["A"].sending("B", 100.0)
    assert first is not None
    assert ends["A"].sending("B", 100.1) is None
    agree(ends, 100.1)
    second = ends["A"].sending("B", 100.1)
    assert second.root != first.root
    ends["A"].forget("B")
    assert ends["A"].sending("B", 100.1) is None


def test_only_the_present_and_the_last_secret_are_kept(ends):
    """The one before is there for chunks on their way, older ones are gone."""
    names = []
    for now in (0.0, 200.0, 400.0):
        agree(ends, now)
        names.append(ends["A"].sending("B", now).name)
    for name in names[1:]:
        assert ends["B"].receiving("A", name)
    with pytest.raises(ProtocolError, match="has no secret"):
        ends["B"].receiving("A", names[0])


def test_an_altered_capsule_makes_no_secret(ends):
    """ML-KEM gives another secret then (implicit rejection); the check value shows it."""
    offer = ends["A"].want("B", 0.0).actions[0].message
    capsule = ends["B"].offered("A", offer).actions[0].message
    altered = bytes([capsule.ciphertext[0] ^ 1]) + capsule.ciphertext[1:]
    with pytest.raises(ProtocolError, match="different secrets"):
        ends["A"].answered("B", kx.SecretCapsule(epoch=offer.epoch, ciphertext=altered, check=capsule.check), 0.0)
    assert ends["A"].sending("B", 0.0) is None


@pytest.mark.parametrize("key", [b"", b"\xff" * 1184, bytes(1183)])
def test_what_is_no_encapsulation_key_is_refused(ends, key):
    """Wrong length, coefficients above the modulus (FIPS 203, section 7.2)."""
    with pytest.raises(ProtocolError, match="no ML-KEM-768 encapsulation key"):
        ends["B"].offered("A", kx.OfferSecret(epoch="e", public_key=key))


def test_what_is_no_ciphertext_is_refused(ends):
    """A ciphertext of another length."""
    offer = ends["A"].want("B", 0.0).actions[0].message
    with pytest.raises(ProtocolError, match="no ML-KEM-768 ciphertext"):
        ends["A"].answered("B", kx.SecretCapsule(epoch=offer.epoch, ciphertext=b"x", check=b""), 0.0)


def test_one_part_alone_is_not_the_key():
    """With K but not S, or S but not K, the combined key is as unknown as the part that is missing."""
    relayed, combined = bytes(range(32)), combine_with(ROOT, "c", bytes(range(32)))
    other_root = combine_with(bytes(64), "c", relayed)
    assert combined not in (relayed, other_root)
    candidates = {combine_with(ROOT, "c", bytes([first]) + relayed[1:])[0] for first in range(256)}
    assert candidates == set(range(256))
    assert xor(combined, relayed) == combine_with(ROOT, "c", bytes(32))
