"""Cutting a block out of sifted detections: key-basis bits side by side, masks of intensities, counts of the rest.

A sifted detection is one byte: bit, basis (1: test), error, and from bit 3 on the intensity.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels

Bytes = NDArray[np.uint8]

BIT, BASIS, ERROR = 1, 2, 4
INTENSITY_SHIFT = 3


@dataclass(frozen=True, kw_only=True)
class Split:
    """Key-basis bits and, for each intensity, which of them came from it, packed; test bits and errors by intensity."""

    key: Bytes
    masks: Bytes
    test_counts: tuple[int, ...]
    test_errors: tuple[int, ...]

    def __repr__(self) -> str:
        """Amounts only."""
        return f"Split({self.key.size} bytes of key, test counts {self.test_counts})"


def split(kept: Bytes, key_bits: int, kinds: int) -> Split:
    """Split detections of ``kinds`` intensities, ``key_bits`` of them in the key basis. ``masks``: (kinds, bytes).

    Raises:
        ValueError: there are not as many in the key basis.
    """
    if np.count_nonzero(kept & np.uint8(BASIS) == 0) != key_bits:
        raise ValueError(f"{key_bits} bits of the key basis were announced, another number is there")
    native = kernels()
    return split_twin(kept, kinds) if native is None else compiled_split(native, kept, key_bits, kinds)


def compiled_split(native: object, kept: Bytes, key_bits: int, kinds: int) -> Split:
    """By the kernel of one instruction set."""
    key, masks = np.empty((key_bits + 7) // 8, np.uint8), np.empty((kinds, (key_bits + 7) // 8), np.uint8)
    counts = np.empty((kinds, 2), np.int64)
    native.split(kept, key_bits, kinds, key, masks.reshape(-1), counts.reshape(-1))  # type: ignore[attr-defined]
    return Split(
        key=key, masks=masks, test_counts=tuple(counts[:, 0].tolist()), test_errors=tuple(counts[:, 1].tolist())
    )


def split_twin(kept: Bytes, kinds: int) -> Split:
    """The same bits as the compiled kernel."""
    keyed = kept & np.uint8(BASIS) == 0
    key, test = kept[keyed], kept[~keyed] & ~np.uint8(BIT | BASIS)
    shifted = [np.uint8(kind << INTENSITY_SHIFT) for kind in range(kinds)]
    intensities = key & ~np.uint8(BIT | BASIS | ERROR)
    wrong = [int(np.count_nonzero(test == kind | np.uint8(ERROR))) for kind in shifted]
    right = [int(np.count_nonzero(test == kind)) for kind in shifted]
    return Split(
        key=np.packbits(key & np.uint8(BIT)),
        masks=np.stack([np.packbits(intensities == kind) for kind in shifted]),
        test_counts=tuple(one + other for one, other in zip(wrong, right, strict=True)),
        test_errors=tuple(wrong),
    )
