"""Cascade on packed parities: one end of a group of frames that are corrected side by side.

The compiled kernel is ``src/cpp/cascade.cpp``, which explains the machine; its twin here says the same bits, some
hundred times slower. Both are used alike: :meth:`ask` gives the own parities of the nodes that are next in all
frames, :meth:`learn` takes the other end's parities of the same nodes; no bytes from :meth:`ask` mean done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.compiled import kernels

Packed = NDArray[np.uint8]
Words = NDArray[np.uint32]

WORD_BITS = 64
WORD_LEVEL = 6


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What both ends agree on.

    Attributes:
        words: words of 64 bits per frame.
        levels: block size of each pass, as a power of two.
        sequential: so many passes start one after the other, the others together.
        waves: in so many waves the odd blocks of a pass are searched.
        flight: at most so many frames are at work at once; when one is done the next begins.
        orders: for each pass the permutation of the words; (passes, words).
        shifts: for each pass the rotation of each of the 64 columns; (passes, 64), below ``words``.
        after: for each pass a second permutation of the words, of sequential passes the identity; (passes, words).
    """

    words: int
    levels: tuple[int, ...]
    sequential: int
    waves: int
    flight: int
    orders: Words
    shifts: Words
    after: Words


def schedule(words: int, seed: int, levels: tuple[int, ...], *, sequential: int, waves: int, flight: int) -> Schedule:
    """Permutations from a public seed; that of the first pass is the identity.

    In pass p, bit c of word j is bit c of word ``orders[p, (after[p, j] + shifts[p, c]) mod words]``. All come from the
    raw output of PCG64, whose stream NumPy guarantees; NumPy's own shuffles carry no such promise.
    """
    source = np.random.PCG64(seed)  # noqa: TID251 - public, from a seed that both ends know
    orders = np.empty((len(levels), words), np.uint32)
    shifts = np.zeros((len(levels), WORD_BITS), np.uint32)
    orders[0] = np.arange(words)
    after = orders.copy()
    for number in range(1, len(levels)):
        orders[number] = np.argsort(source.random_raw(words), kind="stable")
        shifts[number] = source.random_raw(WORD_BITS) % np.uint64(words)
        mixed = number >= sequential
        after[number] = np.argsort(source.random_raw(words), kind="stable") if mixed else np.arange(words)
    return Schedule(
        words=words,
        levels=levels,
        sequential=sequential,
        waves=waves,
        flight=flight,
        orders=orders,
        shifts=shifts,
        after=after,
    )


class Cascade(Protocol):
    """One end."""

    @property
    def asked_bits(self) -> int:
        """Parities said so far."""

    @property
    def corrected(self) -> int:
        """Errors found so far."""

    def ask(self) -> bytes:
        """The own parities that are next; empty when nothing is left to ask."""

    def learn(self, other: bytes) -> None:
        """Take the other end's parities of the same nodes.

        Raises:
            ValueError: they are not as many as were asked for.
        """

    def key(self, into: Packed) -> None:
        """Write the key, corrected once nothing is left to ask, into an array of its size."""


def cascade(key: Packed, plan: Schedule, *, corrects: bool) -> Cascade:
    """One end for ``key``: whole frames, packed. One of both ends ``corrects``."""
    native = kernels()
    if native is None:
        return CascadeTwin(key, plan, corrects=corrects)
    found: Cascade = compiled_cascade(native, key, plan, corrects=corrects)
    return found


def compiled_cascade(native: Any, key: Packed, plan: Schedule, *, corrects: bool) -> Any:
    """One end by the kernel of one instruction set."""
    levels = np.array(plan.levels, np.uint8)
    tables = [one.ravel() for one in (plan.orders, plan.shifts, plan.after)]
    return native.Cascade(key, plan.words, levels, plan.sequential, plan.waves, plan.flight, *tables, corrects)


def _inferred(number: int, level: int) -> int:
    """When a later pass starts, the number of errors is even: the oddness of the last block follows."""
    return 1 if number and level > WORD_LEVEL else 0


@dataclass(frozen=True)
class _Leaf:
    number: int
    start: int
    level: int


@dataclass
class _Pass:
    """Bits in the order of the pass, the level of the leaf that holds each bit, odd leaves and listed ones."""

    bits: NDArray[np.uint8]
    leaf_level: bytearray
    odd: set[int] = field(default_factory=set)
    listed: set[int] = field(default_factory=set)

    def parity(self, start: int, level: int) -> int:
        return int(np.count_nonzero(self.bits[start : start + (1 << level)])) & 1


class _Frame:
    def __init__(self, plan: Schedule, bits: NDArray[np.uint8], places: list[NDArray[np.int64]]) -> None:
        self._plan = plan
        self._places = places
        self._passes: list[_Pass] = []
        self._starting = 0
        self._leaves: list[_Leaf] = []
        self._asked: list[_Leaf] = []
        self._own: list[int] = []
        self._wave = 0
        self.bits = bits
        self.done = False
        self.corrected = 0

    def ask(self) -> list[int]:
        """Own parities; empty when done."""
        self._choose()
        if self._asked:
            self._own = [self._passes[one.number].parity(one.start, one.level - 1) for one in self._asked]
        else:
            self._start()
        self.done = not self._own
        return self._own

    @property
    def said(self) -> int:
        """Number of parities said last."""
        return len(self._own)

    def learn(self, other: Sequence[int], *, corrects: bool) -> None:
        """Take the other end's parities."""
        differences = [own ^ one for own, one in zip(self._own, other, strict=True)]
        if not self._asked:
            rest = iter(differences)
            while self._starting < len(self._passes):
                self._learn_blocks(self._starting, rest)
                self._starting += 1
            return
        found = [half for one, odd in zip(self._asked, differences, strict=True) if (half := self._split(one, odd))]
        for one in found:
            self._correct(one, corrects=corrects)

    def _is_odd(self, one: _Leaf) -> bool:
        return one.start in self._passes[one.number].odd

    def _choose(self) -> None:
        self._asked = []
        while self._leaves and not self._asked:
            kept = []
            for one in self._leaves:
                block = one.number and one.level == self._plan.levels[one.number]
                if self._is_odd(one) and block and (one.start >> one.level) % self._plan.waves > self._wave:
                    kept.append(one)
                    continue
                self._passes[one.number].listed.discard(one.start)
                if self._is_odd(one):
                    self._asked.append(one)
            self._leaves = kept
            if not self._asked:
                self._wave += 1

    def _start(self) -> None:
        plan, self._own, self._wave = self._plan, [], 0
        self._starting = len(self._passes)
        if self._starting == len(plan.levels):
            return
        end = self._starting + 1 if self._starting < plan.sequential else len(plan.levels)
        for number in range(self._starting, end):
            level = plan.levels[number]
            size = -(-self.bits.size >> level) << level
            ordered = np.zeros(size, np.uint8)
            ordered[self._places[number]] = self.bits
            self._passes.append(_Pass(ordered, bytearray([level]) * size))
            count = (size >> level) - _inferred(number, level)
            self._own += np.bitwise_xor.reduce(ordered.reshape(-1, 1 << level), axis=1)[:count].tolist()

    def _learn_blocks(self, number: int, differences: Iterator[int]) -> None:
        level, current, last = self._plan.levels[number], self._passes[number], 0
        blocks = current.bits.size >> level
        for index in range(blocks):
            odd = last if index == blocks - _inferred(number, level) else next(differences)
            last ^= odd
            if odd:
                self._list(_Leaf(number, index << level, level))

    def _list(self, one: _Leaf) -> None:
        current = self._passes[one.number]
        current.odd.add(one.start)
        if one.level and one.start not in current.listed:
            current.listed.add(one.start)
            self._leaves.append(one)

    def _split(self, one: _Leaf, odd: int) -> _Leaf | None:
        """An odd leaf becomes two, of which one is odd; that one if it is a single bit."""
        current, level = self._passes[one.number], one.level - 1
        middle = one.start + (1 << level)
        current.leaf_level[one.start : one.start + (2 << level)] = bytes([level]) * (2 << level)
        half = _Leaf(one.number, one.start if odd else middle, level)
        current.odd.discard(one.start)
        current.odd.add(half.start)
        if level == 0:
            return half
        self._list(half)
        return None

    def _correct(self, error: _Leaf, *, corrects: bool) -> None:
        """Every leaf that holds the error changes its oddness."""
        if not self._is_odd(error):
            return
        self.corrected += 1
        bit = int(np.flatnonzero(self._places[error.number] == error.start)[0])
        if corrects:
            self.bits[bit] ^= 1
        for number, current in enumerate(self._passes):
            place = int(self._places[number][bit])
            if corrects:
                current.bits[place] ^= 1
            level = current.leaf_level[place]
            leaf = _Leaf(number, place >> level << level, level)
            if leaf.start in current.odd:
                current.odd.discard(leaf.start)
            else:
                self._list(leaf)


class CascadeTwin:
    """The same bits as the compiled kernel."""

    def __init__(self, key: Packed, plan: Schedule, *, corrects: bool) -> None:
        """For whole frames, packed."""
        words = np.ascontiguousarray(key).view("<u8").reshape(-1, plan.words)
        rows, columns = np.divmod(np.arange(WORD_BITS * plan.words), WORD_BITS)
        places = []
        for order, shift, after in zip(plan.orders, plan.shifts, plan.after, strict=True):
            turned = (np.argsort(order)[rows] - shift[columns].astype(np.int64)) % plan.words
            places.append(np.argsort(after)[turned] * WORD_BITS + columns)
        bits = np.unpackbits(words.view(np.uint8), bitorder="little").reshape(len(words), -1)
        self._frames = [_Frame(plan, frame.copy(), places) for frame in bits]
        self._flight = plan.flight
        self._active: list[_Frame] = []
        self._next = 0
        self._corrects = corrects
        self._said = 0
        self.asked_bits = 0

    @property
    def corrected(self) -> int:
        """Errors found in the frames that are done."""
        return sum(frame.corrected for frame in self._frames if frame.done)

    def ask(self) -> bytes:
        """See :class:`Cascade`."""
        said = [frame.ask() for frame in self._active]
        self._active = [frame for frame in self._active if not frame.done]
        while len(self._active) < self._flight and self._next < len(self._frames):
            self._active.append(self._frames[self._next])
            said.append(self._active[-1].ask())
            self._next += 1
        self.asked_bits += sum(map(len, said))
        packed = b"".join(np.packbits(np.array(one, np.uint8), bitorder="little").tobytes() for one in said)
        self._said = len(packed)
        return packed

    def learn(self, other: bytes) -> None:
        """See :class:`Cascade`."""
        if len(other) != self._said:
            raise ValueError("the parities answer another question")
        bits, at = np.unpackbits(np.frombuffer(other, np.uint8), bitorder="little"), 0
        for frame in self._active:
            frame.learn(bits[at : at + frame.said].tolist(), corrects=self._corrects)
            at += -(-frame.said // 8) * 8

    def key(self, into: Packed) -> None:
        """See :class:`Cascade`."""
        into[:] = np.packbits(np.stack([frame.bits for frame in self._frames]), bitorder="little").ravel()
