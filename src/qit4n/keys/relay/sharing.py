"""Secret sharing: a key in shares, of which fewer than the threshold tell nothing at all.

All shares needed: the XOR of all shares is the key. Fewer: Shamir's scheme (Commun. ACM 22, 612 (1979)), a polynomial
of degree threshold - 1 over GF(2^8) per byte, whose value at 0 is the key and whose value at the share's number is the
share. Both are perfect: any set of threshold - 1 shares is uniformly random and independent of the key.

The field is that of AES (FIPS 197, section 4.2): polynomials modulo x^8 + x^4 + x^3 + x + 1.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError

MODULUS = 0x11B
MOST_SHARES = 255

Octets = NDArray[np.uint8]


def _products() -> Octets:
    """The multiplication table of the field, 256 x 256."""
    one, other = np.meshgrid(np.arange(256, dtype=np.uint16), np.arange(256, dtype=np.uint16), indexing="ij")
    product, shifted = np.zeros_like(one), one.copy()
    for bit in range(8):
        product ^= np.where(other >> bit & 1, shifted, 0).astype(np.uint16)
        shifted <<= 1
        shifted ^= np.where(shifted & 0x100, MODULUS, 0).astype(np.uint16)
    return product.astype(np.uint8)


PRODUCT = _products()
INVERSE = np.argmax(PRODUCT == 1, axis=1).astype(np.uint8)


def split(secret: bytes, number: int, threshold: int, entropy: Entropy) -> tuple[bytes, ...]:
    """``number`` shares of ``secret``, any ``threshold`` of which make it again; share i is at index i - 1.

    Raises:
        ValueError: no such sharing.
    """
    if not 1 <= threshold <= number <= MOST_SHARES:
        raise ValueError(f"{threshold} of {number} shares; 1 <= threshold <= number <= {MOST_SHARES} are possible")
    size = len(secret)
    drawn = np.frombuffer(entropy(size * (threshold - 1)), np.uint8).reshape(threshold - 1, size)
    clear = np.frombuffer(secret, np.uint8)
    if threshold == number:
        last = np.bitwise_xor.reduce(np.vstack([drawn, clear[None, :]]), axis=0)
        return (*(share.tobytes() for share in drawn), last.tobytes())
    return tuple(_value(clear, drawn, place).tobytes() for place in range(1, number + 1))


def _value(constant: Octets, coefficients: Octets, place: int) -> Octets:
    """The polynomials at ``place``, by Horner's rule; ``coefficients`` are of x, x^2, ..."""
    by_place, value = PRODUCT[place], np.zeros_like(constant)
    for coefficient in coefficients[::-1]:
        value = by_place[value ^ coefficient]
    return value ^ constant


def combine(shares: Mapping[int, bytes], number: int, threshold: int) -> bytes:
    """The secret of which ``shares`` (by number, from 1) are ``threshold`` shares of ``number``.

    Raises:
        ProtocolError: not so many shares, numbers out of range, or lengths that differ.
    """
    if len(shares) != threshold or not all(1 <= place <= number for place in shares):
        raise ProtocolError(f"shares {sorted(shares)} cannot make a key of {threshold} of {number} shares")
    if len({len(share) for share in shares.values()}) != 1:
        raise ProtocolError(f"shares {sorted(shares)} differ in length")
    weighted = [
        share if threshold == number else PRODUCT[_weight(place, shares)][share]
        for place, share in ((place, np.frombuffer(share, np.uint8)) for place, share in shares.items())
    ]
    secret: Octets = np.bitwise_xor.reduce(weighted, axis=0)
    return secret.tobytes()


def _weight(place: int, places: Mapping[int, bytes]) -> int:
    """Lagrange's weight of the value at ``place`` for the value at 0."""
    weight = 1
    for other in places:
        if other != place:
            weight = int(PRODUCT[weight, PRODUCT[other, INVERSE[other ^ place]]])
    return weight
