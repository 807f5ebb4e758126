"""Sequences for the min-entropy estimators, the same on every machine: made from the output of SHAKE-256."""

import hashlib

import numpy as np

SIZE = 20_000


def _bytes(name: str, size: int = SIZE) -> np.ndarray:
    return np.frombuffer(hashlib.shake_256(name.encode()).digest(size), np.uint8)


def samples(name: str) -> tuple[np.ndarray, int]:  # noqa: PLR0911 - a table
    """The samples of a name, one to a byte, and the bits of each."""
    raw = _bytes(name)
    match name:
        case "bits":
            return raw & np.uint8(1), 1
        case "biased":
            return (raw < 77).astype(np.uint8), 1
        case "sticky":  # a bit that changes in one of ten steps
            return (np.cumsum(raw < 26) % 2).astype(np.uint8), 1
        case "nibbles":
            return raw >> np.uint8(4), 4
        case "bell":
            return (_bytes(name, 4 * SIZE).reshape(SIZE, 4).astype(np.uint16).sum(axis=1) // 4).astype(np.uint8), 8
        case "periodic":  # 0 to 6 over and over, one of twenty replaced
            return np.where(raw < 13, raw % 8, np.arange(SIZE) % 7).astype(np.uint8), 3
        case "bytes":
            return raw, 8
    raise KeyError(name)


NAMES = ("bits", "biased", "sticky", "nibbles", "bell", "periodic", "bytes")
