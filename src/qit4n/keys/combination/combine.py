"""Key combination (ITU-T X.1714 style): a relayed key K leaves as K XOR S, with S drawn from an ML-KEM secret.

S = HKDF-Expand(secret, chunk id) with SHA-512 (RFC 5869), and the secret is of ML-KEM-768 (FIPS 203). Whoever
lacks either part does not know the key:

- The sites on the relay paths may know K, all of them together: S is pseudorandom to them, as long as ML-KEM holds.
- To whoever breaks ML-KEM and knows S, K is still uniform. S is a function of the ML-KEM exchange and of the chunk's
  id, and K was drawn without looking at either, so K is independent of S; for a fixed S the map K -> K XOR S is one
  to one, so K XOR S is as uniform as K is. The information-theoretic security of the relay is not touched.

This is not so for a hash of both parts: that would be computational whatever K is.

The digests by which the two ends compare shares are of K and are made before it is combined.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from qit4n.keys.onetimepad import xor

NAME = "ML-KEM-768"
LABEL = b"qit4n key combination 1"
EXPAND_LIMIT_BYTES = 255 * 64  # RFC 5869, section 2.3: L <= 255 HashLen
CHECK_BYTES = 32


def root_key(shared_secret: bytes, *, source: str, destination: str, epoch: str, exchange: bytes) -> bytes:
    """The pseudorandom key of an epoch, 64 bytes: HKDF-Extract, bound to who agreed on it and by which messages."""
    names = b"".join(_framed(part.encode()) for part in (source, destination, epoch))
    salt = hashlib.sha512(_framed(LABEL) + names + exchange).digest()
    return hmac.digest(salt, shared_secret, "sha512")


def check_value(root: bytes) -> bytes:
    """What one end shows the other so that it sees that both have the same root key; tells nothing of the rest."""
    return expand(root, b"check", CHECK_BYTES)


def combine_with(root: bytes, chunk: str, material: bytes) -> bytes:
    """``material`` XOR the bytes of this chunk."""
    return xor(material, expand(root, b"chunk" + chunk.encode(), len(material)))


def expand(root: bytes, purpose: bytes, size: int) -> bytes:
    """HKDF-Expand with SHA-512, as often as ``size`` needs, with a counter in the info string."""
    pieces = []
    for number, at in enumerate(range(0, size, EXPAND_LIMIT_BYTES)):
        info = _framed(LABEL) + _framed(purpose) + number.to_bytes(4)
        pieces.append(HKDFExpand(hashes.SHA512(), min(EXPAND_LIMIT_BYTES, size - at), info).derive(root))
    return b"".join(pieces)


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(4) + part
