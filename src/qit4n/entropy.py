"""The Entropy port. Below ``adapters/`` nobody throws dice: randomness arrives as an argument."""

from typing import Protocol


class Entropy(Protocol):
    """A source of cryptographic randomness (the operating system, a QRNG, a seeded generator in a test)."""

    def __call__(self, size: int, /) -> bytes:
        """Return ``size`` fresh, unpredictable bytes."""
        ...


def new_id(entropy: Entropy) -> str:
    """A random UUID (RFC 9562 version 4) in lower case, drawn from ``entropy``."""
    raw = bytearray(entropy(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
