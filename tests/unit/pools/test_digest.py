"""The digest by which two ends compare a slab."""

from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from qit4n.pools.digest import SALT_BYTES, digest

SLAB = bytes(range(200))


def test_the_digest_is_sha_256_over_id_key_and_salt_in_this_order():
    """The same from another implementation of SHA-256: the salt comes last, so that nothing of the key shows."""
    peer = hashes.Hash(hashes.SHA256())
    peer.update(b"\x00\x00\x00\x02ab" + SLAB[64:] + SLAB[:64])
    assert digest("ab", SLAB) == peer.finalize()


@given(st.integers(0, len(SLAB) * 8 - 1))
def test_any_bit_counts(bit):
    """A slab that differs in one bit, in the salt or after it, has another digest."""
    other = bytearray(SLAB)
    other[bit // 8] ^= 1 << bit % 8
    assert digest("ab", bytes(other)) != digest("ab", SLAB)


def test_the_name_is_no_part_of_the_content():
    """Bytes that move from the name into the slab change the digest."""
    assert digest("ab", SLAB) != digest("a", SLAB[:SALT_BYTES] + b"b" + SLAB[SALT_BYTES:])
    assert digest("ab", SLAB) != digest("a", b"b" + SLAB)
    assert digest("ab", SLAB) != digest("ac", SLAB)
