"""Random bytes for what may never wait: the operating system's, XORed with a generator that a quantum source seeds.

Records are sealed thousands of times a second, also while the source is closed: what is supplied must be recorded. So
sealing does not use up the source. A generator with fast key erasure (Bernstein, 2017: of each block of AES-256-CTR the
first 32 bytes are the next key) is stirred with 32 fresh bytes whenever the source has some, as NIST SP 800-90C seeds a
deterministic generator from an entropy source; its output is as good as the better one of the two, and computational.
"""

import hashlib
import threading

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from qit4n.adapters.system import system_entropy

KEY_BYTES, BLOCK_BYTES = 32, 4096


class StirredEntropy:
    """An Entropy port that neither waits nor fails. Threads may share it."""

    def __init__(self) -> None:
        """Before it is stirred the operating system alone seeds it."""
        self._lock = threading.Lock()
        self._key = system_entropy(KEY_BYTES)
        self._left = bytearray()
        self.stirred = 0

    def stir(self, fresh: bytes) -> None:
        """Mix fresh bytes of the source into the key."""
        with self._lock:
            self._key = hashlib.sha256(self._key + fresh).digest()
            self._left.clear()
            self.stirred += 1

    def __call__(self, size: int, /) -> bytes:
        """Random bytes."""
        own = system_entropy(size)
        with self._lock:
            while len(self._left) < size:
                self._next_block()
            drawn = bytes(self._left[:size])
            del self._left[:size]
        return (int.from_bytes(own) ^ int.from_bytes(drawn)).to_bytes(size)

    def _next_block(self) -> None:
        stream = Cipher(algorithms.AES(self._key), modes.CTR(bytes(16))).encryptor()
        block = stream.update(bytes(BLOCK_BYTES))
        self._key = block[:KEY_BYTES]
        self._left += block[KEY_BYTES:]
