"""Error correction by LDPC codes: the reference sends a syndrome, the corrector finds its errors. One way.

The codes and how a key is cut into frames: :mod:`.ldpc`::

    plan = LdpcPlan.of(key.size, qber)                    # one end makes it and tells the other its five numbers
    reference = LdpcReference(key, plan)              # the end whose key is the truth
    corrector = LdpcCorrector(other_key, plan)
    corrector.learn(reference.syndrome())
    while corrector.failed.size and corrector.rounds < ROUNDS:          # rarely
        corrector.learn_more(reference.more(corrector.failed))
    corrector.key                                     # of the frames that are not in corrector.failed

Frames are independent: they can be decoded in any order, and the compiled decoder lets other threads run.

**Leakage** is every bit that was sent: ``reference.leaked_bits``. Which frames ask for more depends on the errors, as
does which frames fail; see ``docs/decisions/0002-cascade-leakage.md`` for why the error pattern is taken as public.
A decoded frame may be wrong (another word with the same syndrome), so keys are verified by a hash afterwards.
"""

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import BlockRefusedError, ProtocolError
from qit4n.kernels.ldpc import CERTAIN, LANES, Bits, Words, decode, syndrome, unpacked
from qit4n.quantum.distillation.ldpc import PRIOR, LdpcPlan

ITERATIONS = 60
ROUNDS = 8
"""Of further parities, after which a frame is given up."""


class LdpcReference:
    """The end whose key is the truth."""

    def __init__(self, key: Bits, plan: LdpcPlan) -> None:
        """Answer for ``key`` (values 0/1).

        Raises:
            ProtocolError: the plan is for another length.
        """
        if key.size != plan.size:
            raise ProtocolError(f"a key of {key.size} bits, a plan for {plan.size}")
        self.plan = plan
        self._frames = plan.frame_words(key)
        self._rounds = np.zeros(plan.frames, np.int64)
        self.leaked_bits = 0

    def syndrome(self) -> bytes:
        """Syndromes of all frames."""
        code = self.plan.code(0)
        self.leaked_bits += LANES * code.rows * self.plan.frames
        return b"".join(_bytes(syndrome(code, frame)) for frame in self._frames)

    def more(self, frames: NDArray[np.int64]) -> bytes:
        """Parities of the next halves of checks of some frames.

        Raises:
            ProtocolError: no such frame, or it has had all rounds.
        """
        if np.unique(frames).size != frames.size or not np.all((frames >= 0) & (frames < self.plan.frames)):
            raise ProtocolError("no such frames")
        if np.any(self._rounds[frames] >= ROUNDS):
            raise ProtocolError(f"more than {ROUNDS} rounds")
        self._rounds[frames] += 1
        self.leaked_bits += 8 * self.plan.more_bytes * frames.size
        return b"".join(self._halves(frame, int(self._rounds[frame])) for frame in frames.tolist())

    def _halves(self, frame: int, rounds: int) -> bytes:
        return _bytes(syndrome(self.plan.code(rounds), self._frames[frame])[self.plan.new_words(rounds)])


class LdpcCorrector:
    """The end that corrects.

    Attributes:
        key: the key, corrected where frames decoded (values 0/1).
        failed: frames that did not decode so far, ascending.
        rounds: further rounds so far.
        corrected: number of bits flipped.
        iterations: those of each frame's last attempt.
    """

    def __init__(self, key: Bits, plan: LdpcPlan) -> None:
        """Correct ``key`` (values 0/1; a copy is made).

        Raises:
            ProtocolError: the plan is for another length.
        """
        if key.size != plan.size:
            raise ProtocolError(f"a key of {key.size} bits, a plan for {plan.size}")
        self.key = key.copy()
        self.failed = np.arange(plan.frames, dtype=np.int64)
        self.rounds = 0
        self.corrected = 0
        self.iterations = np.zeros(plan.frames, np.int64)
        self.plan = plan
        self._frames = plan.frame_words(key)
        self._wanted: dict[int, Words] = {}

    def learn(self, syndromes: bytes) -> None:
        """Take the syndromes of all frames, and decode.

        Raises:
            ProtocolError: the wrong number of bytes.
        """
        sent = _words(syndromes, self.plan.frames, self.plan.syndrome_bytes)
        code = self.plan.code(0)
        for frame, words in enumerate(sent):
            self._wanted[frame] = words ^ syndrome(code, self._frames[frame])
        self._decode()

    def learn_more(self, halves: bytes) -> None:
        """Take the parities that the frames in :attr:`failed` asked for, and decode them again.

        Raises:
            ProtocolError: the wrong number of bytes.
        """
        sent = _words(halves, self.failed.size, self.plan.more_bytes)
        self.rounds += 1
        code = self.plan.code(self.rounds)
        new = self.plan.new_words(self.rounds)
        for frame, words in zip(self.failed.tolist(), sent, strict=True):
            half = words ^ syndrome(code, self._frames[frame])[new]
            whole = self._wanted[frame]
            self._wanted[frame] = np.concatenate([whole[: new.start], half, whole[new.stop :], whole[new] ^ half])
        self._decode()

    def _decode(self) -> None:
        code, payload = self.plan.code(self.rounds), self.plan.payload
        left = []
        for frame in self.failed.tolist():
            start, end = frame * payload, min((frame + 1) * payload, self.plan.size)
            prior = np.full(LANES * code.columns, CERTAIN, np.int8)
            prior[: end - start] = PRIOR
            errors, used = decode(code, self._wanted[frame], prior, ITERATIONS)
            self.iterations[frame] = ITERATIONS if used is None else used
            if used is None:
                left.append(frame)
                continue
            flips = unpacked(errors)[: end - start]
            self.key[start:end] ^= flips
            self.corrected += int(np.count_nonzero(flips))
        self.failed = np.array(left, np.int64)


class LdpcEnd:
    """One end of a correction, as :mod:`.reconcile` wants it: the corrector begins by asking for syndromes."""

    def __init__(self, key: Bits, plan: LdpcPlan, *, corrects: bool) -> None:
        """``key``: ``plan.size`` bits, eight to a byte."""
        bits = np.unpackbits(key, count=plan.size)
        self._key = key
        self._corrector = LdpcCorrector(bits, plan) if corrects else None
        self._reference = None if corrects else LdpcReference(bits, plan)
        self._learnt = False
        self.done = False
        self.leaked_bits = 0
        self.replies_bits = 0

    def begin(self) -> list[tuple[int, bytes]]:
        """What the corrector says first: nothing, which asks for the syndromes."""
        return [(0, b"")]

    def take(self, number: int, content: bytes) -> bytes | None:
        """Syndromes, or the numbers of frames that failed; what this end says then, None for nothing.

        Raises:
            ProtocolError: it is not what comes next.
            BlockRefusedError: frames are left that did not decode.
        """
        if number or self.done:
            raise ProtocolError(f"group {number} is not at work")
        return self._decode(content) if self._corrector else self._reveal(content)

    def _reveal(self, content: bytes) -> bytes:
        if self._reference is None or (self._learnt != bool(content)) or len(content) % 4:
            raise ProtocolError("a question for parities that is not the next one")
        self._learnt = True
        self.replies_bits += 8 * len(content)
        if not content:
            said = self._reference.syndrome()
        else:
            said = self._reference.more(np.frombuffer(content, "<u4").astype(np.int64))
        self.leaked_bits = self._reference.leaked_bits
        return said

    def _decode(self, content: bytes) -> bytes | None:
        corrector = self._corrector
        if corrector is None:
            raise ProtocolError("this end does not correct")
        self.leaked_bits += 8 * len(content)
        if self._learnt:
            corrector.learn_more(content)
        else:
            corrector.learn(content)
        self._learnt = True
        if not corrector.failed.size:
            self.done = True
            return None
        if corrector.rounds >= ROUNDS:
            raise BlockRefusedError(
                "correction-failed", f"{corrector.failed.size} of {corrector.plan.frames} frames did not decode"
            )
        said = corrector.failed.astype("<u4").tobytes()
        self.replies_bits += 8 * len(said)
        return said

    def finish(self) -> None:
        """The corrector says that it is done.

        Raises:
            ProtocolError: it has not heard the syndromes yet.
        """
        if not self._learnt:
            raise ProtocolError("corrected before the syndromes were asked for")
        self.done = True

    def key(self) -> Bits:
        """The key, corrected so far, packed."""
        return np.packbits(self._corrector.key) if self._corrector else self._key


def _bytes(words: Words) -> bytes:
    return words.astype("<u8", copy=False).tobytes()


def _words(sent: bytes, frames: int, each: int) -> Words:
    if len(sent) != frames * each:
        raise ProtocolError(f"{len(sent)} bytes for {frames} frames of {each}")
    return np.frombuffer(sent, "<u8").astype(np.uint64).reshape(frames, -1)
