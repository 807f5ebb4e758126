"""A key encapsulation mechanism that protects nothing, is quick, and takes its randomness from the seed."""

import hashlib

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError
from qit4n.keys.onetimepad import xor

SIZE = 32


class SimulatedEncapsulation:
    """Shaped as ML-KEM: a :class:`qit4n.keys.combination.encapsulation.Encapsulation`."""

    def __init__(self, entropy: Entropy) -> None:
        """Draw seeds and secrets from ``entropy``."""
        self._entropy = entropy

    def key_pair(self) -> tuple[bytes, bytes]:
        """A fresh seed and its public key."""
        seed = self._entropy(SIZE)
        return seed, hashlib.sha256(seed).digest()

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        """A fresh shared secret and the ciphertext that carries it."""
        if len(public_key) != SIZE:
            raise ProtocolError(f"{len(public_key)} bytes that are no public key")
        secret = self._entropy(SIZE)
        return secret, xor(secret, hashlib.sha256(public_key).digest())

    @staticmethod
    def decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
        """The shared secret; another one if the ciphertext was altered."""
        if len(ciphertext) != SIZE:
            raise ProtocolError(f"{len(ciphertext)} bytes that are no ciphertext")
        return xor(ciphertext, hashlib.sha256(hashlib.sha256(seed).digest()).digest())
