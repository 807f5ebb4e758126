"""One hop of a key relay: one-time pad and one-time authentication (ITU-T Y.3803 relay; Wegman-Carter).

A hop costs ``len(plaintext) + 32`` bytes of KMA-key: the pad, and a one-time Poly1305 key (r, s) for the tag
over the whole message. Both are information-theoretic; a forgery succeeds with probability at most
``8 ceil(L/16) / 2**106`` for a message of L bytes (Bernstein, FSE 2005, theorem 3.3).
"""

from typing import TypeVar

import msgspec
import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from qit4n.errors import AuthenticationError, ProtocolError
from qit4n.refpoints import kx

TAG_KEY_BYTES = 32

Tagged = TypeVar("Tagged", kx.RelayKey, kx.RelayPads)


def xor(left: bytes, right: bytes) -> bytes:
    """Bitwise exclusive or of two strings of the same length.

    Raises:
        ProtocolError: the lengths differ.
    """
    if len(left) != len(right):
        raise ProtocolError(f"cannot XOR {len(left)} with {len(right)} bytes")
    return np.bitwise_xor(np.frombuffer(left, np.uint8), np.frombuffer(right, np.uint8)).tobytes()


def seal(message: kx.RelayKey, plaintext: bytes, pad: bytes) -> kx.RelayKey:
    """Fill in ciphertext and tag. ``pad`` is len(plaintext) + 32 bytes, used for nothing else ever."""
    size = len(plaintext)
    return authenticate(msgspec.structs.replace(message, ciphertext=xor(plaintext, pad[:size])), pad[size:])


def unseal(message: kx.RelayKey, pad: bytes) -> bytes:
    """Check the tag and return the plaintext.

    Raises:
        AuthenticationError: the message is not what the owner of the pad sent.
    """
    size = len(message.ciphertext)
    if len(pad) != size + TAG_KEY_BYTES:
        raise AuthenticationError(f"relay of {size} bytes with a pad of {len(pad)} bytes")
    verify(message, pad[size:])
    return xor(message.ciphertext, pad[:size])


def authenticate(message: Tagged, key: bytes) -> Tagged:
    """Fill in the tag under a one-time key of 32 bytes."""
    untagged = msgspec.structs.replace(message, tag=b"")
    return msgspec.structs.replace(untagged, tag=Poly1305.generate_tag(key, msgspec.msgpack.encode(untagged)))


def verify(message: Tagged, key: bytes) -> None:
    """Check the tag.

    Raises:
        AuthenticationError: the message is not what the owner of the key sent.
    """
    try:
        Poly1305.verify_tag(key, msgspec.msgpack.encode(msgspec.structs.replace(message, tag=b"")), message.tag)
    except InvalidSignature as error:
        raise AuthenticationError(
            f"share {message.share} of relayed chunk {message.chunk} fails authentication"
        ) from error
