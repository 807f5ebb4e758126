"""Secret sharing: what shares make, and what they do not tell."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qit4n.errors import ProtocolError
from qit4n.keys.relay.sharing import INVERSE, PRODUCT, combine, split


def times(one, other):
    """Multiplication in the field of AES by shift and subtraction, FIPS 197 section 4.2."""
    product = 0
    while other:
        product ^= one if other & 1 else 0
        one = one << 1 ^ (0x11B if one & 0x80 else 0)
        other >>= 1
    return product


def counting(size):
    """Entropy that can be told apart."""
    return bytes((7 * at + 13) % 256 for at in range(size))


def test_the_field_is_that_of_aes():
    """The products of FIPS 197, section 4.2, and all others as shift and subtraction give them."""
    assert PRODUCT[0x57, 0x83] == 0xC1
    assert PRODUCT[0x57, 0x13] == 0xFE
    expected = [[times(one, other) for other in range(256)] for one in range(256)]
    assert np.array_equal(PRODUCT, np.array(expected, dtype=np.uint8))


def test_every_element_but_zero_has_its_inverse():
    """A times its inverse is 1."""
    assert all(PRODUCT[one, INVERSE[one]] == 1 for one in range(1, 256))


@given(st.binary(min_size=1, max_size=40), st.integers(1, 7), st.data())
def test_any_threshold_of_shares_make_the_secret(secret, number, data):
    """Whatever the sharing and whichever shares are at hand."""
    threshold = data.draw(st.integers(1, number))
    drawn = data.draw(st.binary(min_size=len(secret) * number, max_size=len(secret) * number))
    shares = split(secret, number, threshold, lambda size: drawn[:size])
    for places in itertools.combinations(range(1, number + 1), threshold):
        assert combine({place: shares[place - 1] for place in places}, number, threshold) == secret


def test_shares_are_the_values_of_a_polynomial():
    """Share x of a sharing 3 of 5 is s + a x + b x^2, worked out by hand arithmetic in the field."""
    secret = bytes(range(100, 110))
    drawn = counting(20)
    shares = split(secret, 5, 3, counting)
    for place in range(1, 6):
        expected = bytes(
            s ^ times(a, place) ^ times(b, times(place, place))
            for s, a, b in zip(secret, drawn[:10], drawn[10:], strict=True)
        )
        assert shares[place - 1] == expected


@pytest.mark.parametrize("place", [1, 2, 3])
def test_one_share_of_two_says_nothing(place):
    """Exhaustive, 2 of 3: over all coefficients each secret byte gives each share byte exactly once."""
    for secret in range(256):
        seen = {split(bytes([secret]), 3, 2, lambda _, a=a: bytes([a]))[place - 1] for a in range(256)}
        assert len(seen) == 256


@pytest.mark.parametrize("places", list(itertools.combinations(range(1, 5), 2)))
def test_two_shares_of_three_say_nothing(places):
    """3 of 4: over all coefficients each pair of share bytes comes up exactly once, whatever the secret."""
    every = np.arange(65536, dtype=np.uint16)
    drawn = (every & 255).astype(np.uint8).tobytes() + (every >> 8).astype(np.uint8).tobytes()
    for secret in (0, 1, 0x53, 255):
        shares = split(bytes([secret]) * 65536, 4, 3, lambda _: drawn)
        one, other = (np.frombuffer(shares[place - 1], np.uint8).astype(int) for place in places)
        assert len(set((one << 8 | other).tolist())) == 65536


def test_all_but_one_share_of_an_xor_say_nothing():
    """3 of 3: for any two shares and any secret there is exactly one third share."""
    shares = split(b"\x5a", 3, 3, counting)
    assert combine(dict(enumerate(shares, start=1)), 3, 3) == b"\x5a"
    assert {combine({1: shares[0], 2: shares[1], 3: bytes([x])}, 3, 3) for x in range(256)} == {
        bytes([x]) for x in range(256)
    }


@pytest.mark.parametrize(
    ("shares", "number", "threshold"),
    [({1: b"a"}, 3, 2), ({1: b"a", 2: b"b", 3: b"c"}, 3, 2), ({0: b"a", 1: b"b"}, 3, 2), ({1: b"a", 4: b"b"}, 3, 2)],
)
def test_other_shares_than_were_asked_for_make_no_key(shares, number, threshold):
    """Too few, too many, numbers out of range: an error, never a wrong key."""
    with pytest.raises(ProtocolError, match="cannot make a key"):
        combine(shares, number, threshold)


def test_shares_of_unequal_length_make_no_key():
    """A cut share is an error, not a shorter key."""
    with pytest.raises(ProtocolError, match="differ in length"):
        combine({1: b"ab", 2: b"a"}, 2, 2)


@pytest.mark.parametrize(("number", "threshold"), [(0, 0), (2, 3), (256, 2), (2, 0)])
def test_impossible_sharings_are_refused(number, threshold):
    """No shares, more needed than there are, more than the field has places."""
    with pytest.raises(ValueError, match="are possible"):
        split(b"a", number, threshold, counting)
