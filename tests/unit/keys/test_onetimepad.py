"""One hop of a relay: what the pad hides and the tag protects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from qit4n.errors import AuthenticationError, ProtocolError
from qit4n.keys.onetimepad import TAG_KEY_BYTES, seal, unseal, xor
from qit4n.refpoints import kx

BLANK = kx.RelayKey(
    chunk="c",
    share=1,
    path=("A", "B"),
    link="ab",
    spans=(kx.Span(slab="1", offset=0, length=40),),
    ciphertext=b"",
    tag=b"",
)


@given(st.binary(max_size=200), st.integers(0))
def test_unseal_gives_back_what_was_sealed(plaintext, seed):
    """The right pad opens the message."""
    pad = (seed.to_bytes(64, "big", signed=False)[-32:] * 8)[: len(plaintext) + TAG_KEY_BYTES]
    assert unseal(seal(BLANK, plaintext, pad), pad) == plaintext


@pytest.mark.parametrize(
    "change",
    [
        {"chunk": "d"},
        {"share": 2},
        {"path": ("A", "C")},
        {"link": "xy"},
        {"spans": (kx.Span(slab="1", offset=8, length=40),)},
        {"ciphertext": b"\0" * 8},
        {"tag": b"\0" * 16},
        {"tag": b""},
    ],
)
def test_every_field_is_authenticated(change):
    """A change of any field of the message is found."""
    pad = bytes(range(8 + TAG_KEY_BYTES))
    sealed = seal(BLANK, b"chunkchu", pad)
    with pytest.raises(AuthenticationError):
        unseal(replace(sealed, **change), pad)


def test_poly1305_of_rfc_8439():
    """The tag primitive gives the value of RFC 8439 section 2.5.2, so the library's key order is r || s."""
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    key = bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
    tag = Poly1305.generate_tag(key, b"Cryptographic Forum Research Group")
    assert tag.hex() == "a8061dc1305136c6c22b8baf0c0127a9"


def test_xor_refuses_unequal_lengths():
    """A short pad is an error, never a shorter key."""
    with pytest.raises(ProtocolError, match="cannot XOR"):
        xor(b"ab", b"a")
