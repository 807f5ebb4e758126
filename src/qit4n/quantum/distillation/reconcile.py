"""Error correction by Cascade (Brassard and Salvail 1993), with sub-block reuse, smallest odd blocks first.

The *reference* (transmitter) answers questions for parities of its key; the *corrector* (receiver) asks and flips
its own bits. Each pass cuts a permutation of the key into blocks of a power of two; binary search halves a block.
Every parity that is known, asked or inferred, is kept as a node of the pass's tree. When a bit is flipped, every
known node above it in every pass changes its oddness, and the smallest odd ones are searched next. One question
holds all nodes that can be asked at once, so a round trip is shared by the whole block.

Block sizes follow Martinez-Mateo et al., arXiv:1407.3257: ``k1 = 2**ceil(log2(1/Q) - 1/2)``,
``k2 = 2**ceil((log2(1/Q) + 23/2) / 2)``, then 4096, then half of the key.

**Leakage.** Every parity that the reference reveals is counted; an inferred one is none. The corrector's questions
depend on the positions of errors. Tupkary and Luetkenhaus, arXiv:2307.00576, show that this must not be ignored:
here the error pattern (the XOR of both keys) is taken as public, which makes the questions a function of public
data; their bits are counted apart, see ``docs/decisions/0002-cascade-leakage.md``.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from qit4n.errors import ProtocolError
from qit4n.kernels.parity import Bits, Index, permutation, tree

PASSES = 10
LEAST_QBER = 1e-3
LEVELS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Public parameters of one correction: how many bits, the seed of the permutations, levels of each pass."""

    size: int
    seed: int
    levels: tuple[int, ...]

    @classmethod
    def of(cls, size: int, seed: int, qber: float) -> "Plan":
        """Block sizes for an expected error rate."""
        a = math.log2(1.0 / max(qber, LEAST_QBER)) - 0.5
        half = max(1, math.ceil(math.log2(size)) - 1)
        first, second = math.ceil(a), math.ceil((a + 12.0) / 2.0)
        levels = (first, second, 12, *(half for _ in range(PASSES - 3)))
        return cls(size=size, seed=seed, levels=tuple(min(level, half) for level in levels))

    def order(self, number: int) -> Index:
        """Positions of the key in the order of pass ``number``."""
        return permutation(self.size, self.seed + number)

    def blocks(self, number: int) -> int:
        """Number of blocks of a pass."""
        return -(-self.size // (1 << self.levels[number]))


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """Blocks asked for: arrays of equal length: pass, level (block of ``2**level`` bits), index in that level."""

    passes: Bits
    levels: Bits
    indices: Index


class CascadeReference:
    """The end whose key is the truth."""

    def __init__(self, key: Bits, plan: Plan) -> None:
        """Answer for ``key`` (values 0/1)."""
        self._key = key
        self._plan = plan
        self._trees: dict[int, list[Bits]] = {}
        self.leaked_bits = 0

    def answer(self, nodes: Nodes) -> Bits:
        """Parities of the blocks, one bit each, all counted as leaked."""
        found = np.zeros(nodes.indices.size, np.uint8)
        for number in np.unique(nodes.passes).tolist():
            for level in np.unique(nodes.levels[nodes.passes == number]).tolist():
                mine = (nodes.passes == number) & (nodes.levels == level)
                found[mine] = self._parities(number, level, nodes.indices[mine])
        self.leaked_bits += found.size
        return found

    def _parities(self, number: int, level: int, indices: Index) -> Bits:
        if number >= len(self._plan.levels) or level > self._plan.levels[number]:
            raise ProtocolError(f"no blocks of level {level} in pass {number}")
        if number not in self._trees:
            self._trees[number] = tree(self._key[self._plan.order(number)], self._plan.levels[number])
        blocks = self._trees[number][level]
        if indices.size and not 0 <= indices.min() <= indices.max() < blocks.size:
            raise ProtocolError(f"no block {indices.max()} of level {level} in pass {number}")
        return blocks[indices]


UNKNOWN = 2


@dataclass
class _Pass:
    """One started pass at the corrector: where each key bit lies, own parities, the reference's (2: unknown)."""

    place: Index
    order: Index
    own: list[Bits]
    reference: list[Bits]


@dataclass
class _Open:
    """Odd known blocks whose halves are to be asked: one array per (pass, level)."""

    blocks: dict[tuple[int, int], list[Index]] = field(default_factory=dict)

    def add(self, number: int, level: int, indices: Index) -> None:
        """Remember some."""
        if indices.size:
            self.blocks.setdefault((level, number), []).append(indices)


class CascadeCorrector:
    """The end that asks and corrects. :meth:`question` gives the next blocks to ask for, None when done."""

    def __init__(self, key: Bits, plan: Plan) -> None:
        """Correct ``key`` (values 0/1; a copy is made)."""
        self.key = key.copy()
        self._plan = plan
        self._passes: list[_Pass] = []
        self._open = _Open()
        self._asked: list[tuple[int, int, Index]] = []
        self.asked_bits = 0
        self.corrected = 0

    def question(self) -> Nodes | None:
        """The next blocks whose parity is needed."""
        self._asked = []
        while not self._asked:
            if self._open.blocks:
                self._choose()
            elif len(self._passes) < len(self._plan.levels):
                self._start_pass()
            else:
                return None
        self.asked_bits += sum(indices.size for _, _, indices in self._asked)
        return Nodes(
            passes=np.concatenate([np.full(i.size, number, np.uint8) for number, _, i in self._asked]),
            levels=np.concatenate([np.full(i.size, level, np.uint8) for _, level, i in self._asked]),
            indices=np.concatenate([indices for _, _, indices in self._asked]),
        )

    def learn(self, parities: Bits) -> None:
        """Take the answer to the last question."""
        if parities.size != sum(indices.size for _, _, indices in self._asked):
            raise ProtocolError(f"{parities.size} parities answer another question")
        at = 0
        for number, level, indices in self._asked:
            self._learn(number, level, indices, parities[at : at + indices.size])
            at += indices.size

    def _start_pass(self) -> None:
        number = len(self._passes)
        levels = self._plan.levels[number]
        order = self._plan.order(number)
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        own = tree(self.key[order], levels)
        reference = [np.full(blocks.size, UNKNOWN, np.uint8) for blocks in own]
        self._passes.append(_Pass(place, order, own, reference))
        self._asked.append((number, levels, np.arange(self._plan.blocks(number), dtype=np.int64)))

    def _choose(self) -> None:
        """Search the smallest odd blocks: flip those of one bit, ask for the left halves of the others."""
        smallest = min(level for level, _ in self._open.blocks)
        chosen = [key for key in self._open.blocks if key[0] < smallest + LEVELS_AT_ONCE]
        for level, number in chosen:
            indices = np.unique(np.concatenate(self._open.blocks.pop((level, number))))
            current = self._passes[number]
            odd = indices[current.own[level][indices] != current.reference[level][indices]]
            if level == 0:
                self._flip(current.order[odd])
                return
            self._descend(number, level, odd)

    def _descend(self, number: int, level: int, odd: Index) -> None:
        """Go on in the half that is known to be odd; where the halves are unknown, ask for the left one."""
        current, left = self._passes[number], 2 * odd
        reference, own = current.reference[level - 1], current.own[level - 1]
        known = reference[left] != UNKNOWN
        if known.any():
            halves = left[known]
            self._open.add(number, level - 1, np.where(own[halves] != reference[halves], halves, halves + 1))
        ask = left[~known]
        whole = (ask + 1) << (level - 1) >= self._plan.size
        if whole.any():
            self._learn(number, level - 1, ask[whole], current.reference[level][ask[whole] // 2])
        if not whole.all():
            self._asked.append((number, level - 1, ask[~whole]))

    def _learn(self, number: int, level: int, indices: Index, parities: Bits) -> None:
        current = self._passes[number]
        current.reference[level][indices] = parities
        found = indices
        if level < self._plan.levels[number]:
            siblings = indices ^ 1
            current.reference[level][siblings] = parities ^ current.reference[level + 1][indices // 2]
            found = np.concatenate([indices, siblings])
        odd = current.own[level][found] != current.reference[level][found]
        self._open.add(number, level, found[odd])

    def _flip(self, positions: Index) -> None:
        """Correct errors; every known block above them changes its oddness."""
        positions = np.unique(positions)
        self.key[positions] ^= 1
        self.corrected += positions.size
        for number, current in enumerate(self._passes):
            indices = current.place[positions]
            for level, own in enumerate(current.own):
                touched, times = np.unique(indices >> level, return_counts=True)
                changed = touched[times % 2 == 1]
                own[changed] ^= 1
                reference = current.reference[level][changed]
                self._open.add(number, level, changed[(reference != UNKNOWN) & (own[changed] != reference)])
