"""The port to a key encapsulation mechanism, and ML-KEM-768 (FIPS 203) behind it.

A port, because the library draws the 32 random bytes of an encapsulation itself and takes none from outside: the one
place below ``adapters/`` where randomness does not come in as an argument. Key pairs do come from the entropy
argument. What a machine does never depends on these bytes, so a simulation that puts another mechanism here replays
to the byte, and one that does not replays in everything but the values of keys.
"""

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError

SEED_BYTES = 64


class Encapsulation(Protocol):
    """A key encapsulation mechanism. All are bytes; ``seed`` is the private key."""

    def key_pair(self) -> tuple[bytes, bytes]:
        """A fresh seed and its public key."""
        ...

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        """A fresh shared secret and the ciphertext that carries it.

        Raises:
            ProtocolError: not a public key.
        """
        ...

    def decapsulate(self, seed: bytes, ciphertext: bytes) -> bytes:
        """The shared secret; another one if the ciphertext was altered.

        Raises:
            ProtocolError: not a ciphertext.
        """
        ...


class MLKEM768:
    """ML-KEM-768 of the cryptography library."""

    def __init__(self, entropy: Entropy) -> None:
        """Draw key pairs from ``entropy``."""
        self._entropy = entropy

    def key_pair(self) -> tuple[bytes, bytes]:
        """Seed (d and z of FIPS 203, algorithm 19) and encapsulation key."""
        seed = self._entropy(SEED_BYTES)
        return seed, MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()

    @staticmethod
    def encapsulate(public_key: bytes) -> tuple[bytes, bytes]:
        """Algorithm 20."""
        try:
            return MLKEM768PublicKey.from_public_bytes(public_key).encapsulate()
        except ValueError as error:
            raise ProtocolError(f"{len(public_key)} bytes that are no ML-KEM-768 encapsulation key") from error

    @staticmethod
    def decapsulate(seed: bytes, ciphertext: bytes) -> bytes:
        """Algorithm 21, with implicit rejection."""
        try:
            return MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)
        except ValueError as error:
            raise ProtocolError(f"{len(ciphertext)} bytes that are no ML-KEM-768 ciphertext") from error
