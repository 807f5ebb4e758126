"""Syndromes and decoding of quasi-cyclic LDPC codes, for errors of a binary symmetric channel.

The decoder is layered (Hocevar 2004) normalised min-sum (Chen and Fossorier 2002) with messages of eight bits. The
normalisation follows the number of checks that are not met yet: the more there are, the more min-sum overestimates.

Bits are packed into words of 64, the lowest first. Checks and bits are worked on 64 at a time, in this order by the
NumPy twins and by the compiled kernels, which give the same bits.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels

Bits = NDArray[np.uint8]
Words = NDArray[np.uint64]
LANES = 64
CAP = 63
CERTAIN = 127
NEAR = 8  # with one check in so many not met, the decision is worth a look
ONE = np.uint64(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Code:
    """A parity-check matrix of ``64 * rows`` checks on ``64 * columns`` bits.

    Attributes:
        columns: number of words of a frame.
        starts: where each row of 64 checks begins in ``places``, and the end (int32, rows + 1).
        places: ``64 * column + shift`` (uint32, one for each row and column that meet, at most once): check i of the
            row takes part of bit ``(shift + i) mod 64`` of the column.
        scales: normalisation of min-sum in sixteenths, by the share of checks not met, from none to all (uint8).
    """

    columns: int
    starts: NDArray[np.int32]
    places: NDArray[np.uint32]
    scales: Bits
    rows: int = field(init=False)
    turns: NDArray[np.uint32] = field(init=False)
    last: Bits = field(init=False)

    def __post_init__(self) -> None:
        """Derive the rest.

        ``turns`` are ``places`` with shifts relative to the row that met the column before (the last one before the
        first), ``last`` is the shift of the last row that meets each column.
        """
        column, shift = np.divmod(self.places.astype(np.int64), LANES)
        order = np.argsort(column, kind="stable")
        ends = np.flatnonzero(np.diff(column[order], append=-1))
        last = np.zeros(self.columns, np.uint8)
        last[column[order[ends]]] = shift[order[ends]]
        before = np.empty_like(shift)
        before[order] = np.roll(shift[order], 1)
        firsts = order[np.roll(ends + 1, 1) % max(1, order.size)]
        before[firsts] = last[column[firsts]]
        turns = (LANES * column + (shift - before) % LANES).astype(np.uint32)
        for name, value in (("rows", self.starts.size - 1), ("turns", turns), ("last", last)):
            object.__setattr__(self, name, value)


def packed(bits: Bits) -> Words:
    """Words of bits (values 0/1, a multiple of 64 of them)."""
    return np.packbits(bits, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def unpacked(words: Words) -> Bits:
    """Bits, values 0/1, of words."""
    return np.unpackbits(words.astype("<u8", copy=False).view(np.uint8), bitorder="little")


def syndrome(code: Code, words: Words) -> Words:
    """Parities of the checks on a frame of ``code.columns`` words.

    Raises:
        ValueError: the frame has another length.
    """
    if words.size != code.columns:
        raise ValueError(f"a frame of {code.columns} words, got {words.size}")
    if compiled := kernels():
        found = np.empty(code.rows, np.uint64)
        compiled.ldpc_syndrome(code.starts, code.places, np.ascontiguousarray(words), found)
        return found
    return twin_syndrome(code, words)


def decode(code: Code, wanted: Words, prior: NDArray[np.int8], iterations: int) -> tuple[Words, int | None]:
    """The most likely errors that have the syndrome ``wanted``, and the iterations it took; None: not found.

    Args:
        code: the code.
        wanted: syndrome of the errors, ``code.rows`` words.
        prior: belief that each bit is right, -127..127; only the ratios count, 127 is certain.
        iterations: how many to try.

    Raises:
        ValueError: a length is wrong.
    """
    if prior.size != LANES * code.columns or wanted.size != code.rows:
        raise ValueError(f"{prior.size} beliefs and {wanted.size} words of syndrome for another code")
    if compiled := kernels():
        found = np.empty(code.columns, np.uint64)
        used = compiled.ldpc_decode(
            code.starts,
            code.places,
            code.turns,
            code.last,
            code.scales,
            prior,
            np.ascontiguousarray(wanted),
            iterations,
            found,
        )
        return found, None if used < 0 else used
    return twin_decode(code, wanted, prior, iterations)


def twin_syndrome(code: Code, words: Words) -> Words:
    """:func:`syndrome` in NumPy."""
    column, shift = np.divmod(code.places, np.uint32(LANES))
    taken, right = words[column], shift.astype(np.uint64)
    # A shift by all 64 bits is undefined: the left one goes in two steps.
    turned = (taken >> right) | (taken << (np.uint64(LANES - 1) - right) << ONE)
    parities = np.zeros(code.rows, np.uint64)
    filled = np.diff(code.starts) > 0
    parities[filled] = np.bitwise_xor.reduceat(turned, code.starts[:-1][filled])
    return parities


def twin_decode(code: Code, wanted: Words, prior: NDArray[np.int8], iterations: int) -> tuple[Words, int | None]:
    """:func:`decode` in NumPy."""
    lanes = np.arange(LANES)
    column, shift = np.divmod(code.places.astype(np.int64), LANES)
    bits = LANES * column[:, None] + (shift[:, None] + lanes) % LANES
    beliefs = prior.astype(np.int16)
    messages = np.zeros(bits.shape, np.int16)
    sought = unpacked(wanted).reshape(-1, LANES).astype(bool)
    words = packed((beliefs < 0).astype(np.uint8))
    checks = LANES * code.rows
    unmet = _weight(twin_syndrome(code, words) ^ wanted)
    used = 0
    while unmet and used < iterations:
        scale = int(code.scales[unmet * (code.scales.size - 1) // checks])
        unmet = 0
        for row, (start, end) in enumerate(zip(code.starts[:-1], code.starts[1:], strict=True)):
            unmet += _update(beliefs, bits[start:end], messages[start:end], sought[row], scale)
        used += 1
        if unmet * NEAR <= checks or used == iterations:
            words = packed((beliefs < 0).astype(np.uint8))
            unmet = _weight(twin_syndrome(code, words) ^ wanted)
    return words, None if unmet else used


def _weight(words: Words) -> int:
    return int(np.bitwise_count(words).sum())


def _update(
    beliefs: NDArray[np.int16],
    bits: NDArray[np.int64],
    messages: NDArray[np.int16],
    sought: NDArray[np.bool_],
    scale: int,
) -> int:
    """One row of 64 checks: what it hears from its bits (its own last messages taken out), and says to them.

    Returns:
        How many of the checks were not met before.
    """
    unmet = sought ^ np.logical_xor.reduce(beliefs[bits] < 0, axis=0)
    heard = np.clip(beliefs[bits] - messages, -128, 127)
    size = np.abs(heard)
    capped = np.vstack([size, np.full((2, LANES), CAP, np.int16)])
    first, second = np.partition(capped, 1, axis=0)[:2]
    negative = heard < 0
    odd = sought ^ np.logical_xor.reduce(negative, axis=0)
    said = np.where(size == first, second * scale >> 4, first * scale >> 4)
    messages[:] = np.where(odd ^ negative, -said, said)
    beliefs[bits] = np.clip(heard + messages, -128, 127)
    return int(np.count_nonzero(unmet))
