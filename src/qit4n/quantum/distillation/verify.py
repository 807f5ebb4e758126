"""Verification: a random hash, drawn after correction, shows that both ends hold the same key.

The hash is Poly1305 with a fresh public function (r, s): an almost-universal polynomial hash over 2^130 - 5 for
which two different strings of L bytes collide with probability at most ``8 ceil(L/16) / 2**106`` (Bernstein, FSE
2005). Its value reveals 128 bits of the key. The finite-key length gives up ``log2(2/eps_cor)`` bits for
verification; the rest of the 128 is charged as leakage, so that the value is paid exactly once.
"""

import math

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from qit4n.entropy import Entropy
from qit4n.errors import BlockRefusedError

FUNCTION_BYTES = 32
VALUE_BITS = 128


def collision_probability(size: int) -> float:
    """Bound on the chance that two different strings of ``size`` bytes have the same value (tag forgery alike)."""
    return 8.0 * math.ceil(size / 16) / 2.0**106


def unpaid_bits(epsilon_correctness: float) -> float:
    """Bits of the value that ``log2(2/eps_cor)`` does not pay for."""
    return max(0.0, VALUE_BITS - math.log2(2.0 / epsilon_correctness))


def draw(entropy: Entropy, key: bytes) -> tuple[bytes, bytes]:
    """A fresh function and its value for ``key``."""
    function = entropy(FUNCTION_BYTES)
    return function, Poly1305.generate_tag(function, key)


def check(function: bytes, value: bytes, key: bytes) -> None:
    """Compare the value with that of this end's key.

    Raises:
        BlockRefusedError: the keys differ (``verification-failed``).
    """
    try:
        Poly1305.verify_tag(function, key, value)
    except (InvalidSignature, ValueError) as error:
        raise BlockRefusedError(
            "verification-failed", "errors were left after correction; the block is discarded"
        ) from error
