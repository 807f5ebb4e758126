"""Error correction by Cascade (Brassard and Salvail 1993), with sub-block reuse and many frames in flight.

A block is cut into frames of 65 536 bits at most, and these into groups. In each round both ends say their own parities
of the same nodes of a group's frames; ``qit4n.kernels.cascade`` finds from the differences what is asked next, at
both ends alike, and the corrector (receiver) flips what is found. Each group has its own rounds, so that the frames
of a group share a round trip, and the ends work on one group while another is on its way.

Block sizes were chosen by measurement for efficiency at few round trips, near those of Martinez-Mateo et al.,
arXiv:1407.3257: the first holds about one error, the second is eight or sixteen times as large, then 4096 bits, then
halves (or thirds) of the frame, all at once; each of these lets a left pair of errors pass with probability 1/2.

**Leakage.** Every parity that the reference reveals is counted; an inferred one is none. Tupkary and Luetkenhaus,
arXiv:2307.00576, show that what the corrector says must not be ignored: here its parities are those of the reference
plus those of the error pattern (the XOR of both keys), which is taken as public. Both counts travel with the block,
see ``docs/decisions/0002-cascade-leakage.md``.
"""

import itertools
import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.kernels.cascade import WORD_BITS, Schedule, cascade, schedule
from qit4n.refpoints import Message

Packed = NDArray[np.uint8]

FRAME_BITS = 65_536
GROUP_FRAMES = 16
MOST_GROUPS = 2
HALVES = 14
SEQUENTIAL = 3
LEAST_QBER = 1e-3
FIRST_BLOCK_SHIFT = 0.3


class CascadePlan(Message, frozen=True, kw_only=True, dict=True, tag="cascade"):
    """Public parameters of one correction.

    Attributes:
        size: bits of the block.
        seed: seed of the permutations.
        qber: expected error rate.
        waves: blocks of a pass are searched in so many waves; more waves leak less and take more round trips.
        flight: frames of a group that are at work at once.
    """

    size: int
    seed: int
    qber: float
    waves: int
    flight: int

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: no bits, no waves, no frames at work, or an error rate out of range.
        """
        if self.size < 1 or not 0.0 <= self.qber <= 1.0 or not 1 <= self.waves <= 16 or self.flight < 1:  # noqa: PLR2004
            raise ValueError(
                f"no plan for {self.size} bits, error rate {self.qber}, {self.waves} waves, {self.flight} in flight"
            )

    @property
    def frames(self) -> int:
        """Number of frames, of ``FRAME_BITS`` at most."""
        return -(-self.size // FRAME_BITS)

    @property
    def words(self) -> int:
        """Words of 64 bits in a frame; zeros fill the last."""
        return -(-self.size // (WORD_BITS * self.frames))

    @property
    def levels(self) -> tuple[int, ...]:
        """Block sizes of the passes as powers of two."""
        half = (WORD_BITS * self.words).bit_length() - 2  # two blocks or three
        first = max(2, math.floor(math.log2(1.0 / max(self.qber, LEAST_QBER)) + FIRST_BLOCK_SHIFT))
        second = first + (3 if first > 4 else 4)  # noqa: PLR2004 - measured: blocks of 2^8 bits and more
        return tuple(min(level, half) for level in (first, second, max(12, second + 2), *([half] * HALVES)))

    @cached_property
    def schedule(self) -> Schedule:
        """What the kernel needs to know."""
        return schedule(self.words, self.seed, self.levels, sequential=SEQUENTIAL, waves=self.waves, flight=self.flight)

    @property
    def groups(self) -> list[slice]:
        """Bytes of the padded key that each group of frames holds."""
        count = min(MOST_GROUPS, -(-self.frames // GROUP_FRAMES))
        ends = [self.frames * number // count * 8 * self.words for number in range(count + 1)]
        return [slice(start, end) for start, end in itertools.pairwise(ends)]


class CascadeEnd:
    """One end of a correction. Parities go to and fro by group; the corrector begins."""

    def __init__(self, key: Packed, plan: CascadePlan, *, corrects: bool) -> None:
        """``key``: ``plan.size`` bits, eight to a byte, as ``numpy.packbits`` gives them."""
        self.plan = plan
        self._key = key
        padded = np.zeros(8 * plan.words * plan.frames, np.uint8)
        padded[: key.size] = key
        self._groups = [cascade(padded[part], plan.schedule, corrects=corrects) for part in plan.groups]
        self._corrects = corrects
        self._left = set(range(len(self._groups)))

    @property
    def done(self) -> bool:
        """Whether no group has anything left to ask."""
        return not self._left

    @property
    def leaked_bits(self) -> int:
        """Parities of the reference that were revealed."""
        return sum(group.asked_bits for group in self._groups)

    @property
    def replies_bits(self) -> int:
        """Parities of the corrector: one for each of the reference."""
        return self.leaked_bits

    @property
    def corrected(self) -> int:
        """Errors found so far."""
        return sum(group.corrected for group in self._groups)

    def begin(self) -> list[tuple[int, bytes]]:
        """What the corrector says first: its parities of each group."""
        return [(number, group.ask()) for number, group in enumerate(self._groups)]

    def take(self, number: int, parities: bytes) -> bytes | None:
        """Parities of the other end for a group; what this end says then, None for nothing.

        Raises:
            ProtocolError: there is no such group at work, or the parities are not as many as were asked for.
        """
        if number not in self._left:
            raise ProtocolError(f"parities for group {number}, which is not at work")
        group = self._groups[number]
        try:
            if self._corrects:
                group.learn(parities)
                return self._said(number, group.ask())
            own = group.ask()
            group.learn(parities)
        except ValueError as error:
            raise ProtocolError(f"group {number}: {error}") from error
        return self._said(number, own)

    def _said(self, number: int, parities: bytes) -> bytes | None:
        if parities:
            return parities
        self._left.discard(number)
        return None

    def finish(self) -> None:
        """The corrector says that it is done: the reference has nothing left to ask either.

        Raises:
            ProtocolError: it has.
        """
        for number in sorted(self._left):
            if self._groups[number].ask():
                raise ProtocolError(f"group {number} is said to be corrected, and is not")
            self._left.discard(number)

    def key(self) -> Packed:
        """The key, corrected so far, packed."""
        corrected = np.empty(8 * self.plan.words * self.plan.frames, np.uint8)
        for group, part in zip(self._groups, self.plan.groups, strict=True):
            group.key(corrected[part])
        return corrected[: self._key.size]
