"""Error correction by LDPC codes: the reference sends a syndrome, the corrector finds its errors. One way.

A key is cut into frames of one code each::

    plan = LdpcPlan.of(key.size, qber)                    # one end makes it and tells the other its five numbers
    reference = LdpcReference(key, plan)              # the end whose key is the truth
    corrector = LdpcCorrector(other_key, plan)
    corrector.learn(reference.syndrome())
    while corrector.failed.size and corrector.rounds < ROUNDS:          # rarely
        corrector.learn_more(reference.more(corrector.failed))
    corrector.key                                     # of the frames that are not in corrector.failed

Syndromes are packed bits; a frame fills ``plan.syndrome_bytes``, the answer of a later round ``plan.more_bytes``. An
end that is told a plan makes sure that it bears what the plan leaks. Frames are independent: they can be decoded in
any order, and the compiled decoder lets other threads run.

**Codes.** ``codes.json`` holds base graphs of 512 columns (see :mod:`.design`), lifted by the group Z_q x Z_64 for q
of 1 to 8, that is frames of up to 32768 q bits. Lanes of 64 checks turn in the one, words change place in the other.

**Rate.** A frame that is shorter than its code is *shortened*: the last columns are left out, the rest of the last one
is known to be zero. A frame that does not decode gets *more*: in each round some checks are split in two halves, and
the reference sends the parity of one; the other follows. That lowers the rate of the code with its profile kept,
where a disclosed bit of the key would cost one bit and tell h(Q) of one.

**Leakage** is every bit that was sent: ``reference.leaked_bits``. Which frames ask for more depends on the errors, as
does which frames fail; see ``docs/decisions/0002-cascade-leakage.md`` for why the error pattern is taken as public.
A decoded frame may be wrong (another word with the same syndrome), so keys are verified by a hash afterwards.
"""

import importlib.resources
import json
import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import BlockRefusedError, ProtocolError
from qit4n.kernels.ldpc import CERTAIN, LANES, Bits, Code, Words, decode, packed, syndrome, unpacked
from qit4n.physics.rates import binary_entropy
from qit4n.refpoints import Message

FILE = importlib.resources.files(__package__) / "codes.json"
BASE_COLUMNS = 512
LIFTINGS = (64, 128, 256, 512)
PRIOR = 16  # belief in a bit of the key
ITERATIONS = 60
LEAST_QBER = 1e-3
ROUNDS = 8  # of further parities, after which a frame is given up


def normalisation() -> Bits:
    """Sixteenths of min-sum by the share of unmet checks in 1/64.

    A fit to what density evolution finds best in each iteration, but for the upper end, where graphs with cycles need
    less confidence than trees.
    """
    scales: Bits = np.clip(np.rint(16.5 - 0.5 * np.arange(65)), 7, 13).astype(np.uint8)
    return scales


def difference(a: NDArray[np.int64] | int, b: int, lifting: int) -> NDArray[np.int64]:
    """``a - b`` in the group Z_q x Z_64, q = lifting / 64, whose elements are written ``64 * word + lane``."""
    lanes = np.subtract(a, b) % LANES
    words = (np.floor_divide(a, LANES) - b // LANES) % (lifting // LANES)
    found: NDArray[np.int64] = LANES * words + lanes
    return found


@cache
def base_graphs() -> dict[int, list[list[int]]]:
    """Rows to columns, as :func:`.design.base_graph` gives them."""
    return {int(rows): columns for rows, columns in json.loads(FILE.read_text(encoding="utf-8")).items()}


@lru_cache(maxsize=64)
def _code(rows: int, lifting: int, columns: int, split: int) -> Code:
    """The first ``columns`` of a base graph, its first ``split`` rows halved (the new halves follow), lifted."""
    met: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
    for column, edges in enumerate(base_graphs()[rows][:columns]):
        for edge in edges:
            row, shift = divmod(edge, LIFTINGS[-1])
            met[row].append((column, shift))
    met = [row[::2] for row in met[:split]] + met[split:] + [row[1::2] for row in met[:split]]
    words = lifting // LANES
    places = [
        [LANES * (column * words + (word + shift // LANES) % words) + shift % LANES for column, shift in row]
        for row in met
        for word in range(words)
    ]
    return Code(
        columns=columns * words,
        starts=np.cumsum([0, *map(len, places)]).astype(np.int32),
        places=np.concatenate(places).astype(np.uint32),
        scales=normalisation(),
    )


class LdpcPlan(Message, frozen=True, kw_only=True, tag="ldpc"):
    """Public parameters of one correction.

    Attributes:
        size: bits of the key.
        frames: number of frames.
        rows: which base graph: its rows, of 512 columns when it is not shortened.
        halved: rows of the base graph that are split in two halves from the start.
        lifting: bits for each column, checks for each row.
    """

    size: int
    frames: int
    rows: int
    halved: int
    lifting: int

    def __post_init__(self) -> None:
        """Refuse numbers that fit no code.

        Raises:
            ValueError: no such code, or the key does not fit the frames.
        """
        if self.rows not in base_graphs() or self.lifting not in LIFTINGS or not 0 <= self.halved <= self.rows // 3:
            raise ValueError(f"no code of {self.rows} rows, {self.halved} of them halved, lifted to {self.lifting}")
        fits = 1 <= self.frames <= self.size <= self.frames * BASE_COLUMNS * self.lifting
        if not fits or (self.frames - 1) * self.payload >= self.size:
            raise ValueError(f"{self.size} bits in {self.frames} frames of {BASE_COLUMNS * self.lifting}")

    @classmethod
    def of(cls, size: int, qber: float) -> "LdpcPlan":
        """The plan that leaks least at an error rate, with a frame in a hundred or fewer in need of more.

        Raises:
            ValueError: no code bears the error rate; all bear 0.12.
        """
        plans: list[LdpcPlan | None] = []
        for lifting in LIFTINGS:
            longest = BASE_COLUMNS * lifting
            fewest = -(-size // longest)
            for rows in base_graphs():
                enough = -(-size // max(1, int(rows * lifting / needed_leak(qber, longest)))) + 1
                numbers = {fewest, *range(fewest, min(size, enough) + 1)[-3:]}
                plans += [cls._of(size, qber, frames, rows, lifting) for frames in sorted(numbers)]
        found = [plan for plan in plans if plan]
        if not found:
            raise ValueError(f"no code for an error rate of {qber}")
        return min(found, key=lambda plan: (plan.frames * plan.syndrome_bytes, plan.halved))

    @classmethod
    def _of(cls, size: int, qber: float, frames: int, rows: int, lifting: int) -> "LdpcPlan | None":
        """As many rows halved as it takes; None: more than there may be, or the last frame would be empty."""
        payload = -(-size // frames)
        if (frames - 1) * payload >= size:
            return None
        columns = -(-payload // lifting)
        short = 1.0 - columns / BASE_COLUMNS
        for halved in range(rows // 3 + 1):
            # Measured: what shortening costs, most at low rates, and halving.
            excess = 0.08 * short**2 + 0.3 * short * rows / BASE_COLUMNS + 0.1 * halved / rows
            if (rows + halved) * lifting >= needed_leak(qber, payload, excess) * payload:
                return cls(size=size, frames=frames, rows=rows, halved=halved, lifting=lifting)
        return None

    @property
    def payload(self) -> int:
        """Bits of the key in a frame; the last frame may have fewer."""
        return -(-self.size // self.frames)

    @property
    def columns(self) -> int:
        """Columns that are not left out."""
        return -(-self.payload // self.lifting)

    @property
    def syndrome_bytes(self) -> int:
        """Length of the syndrome of a frame."""
        return (self.rows + self.halved) * self.lifting // 8

    @property
    def split_rows(self) -> int:
        """Rows that each further round halves: about a twentieth."""
        return -(-self.rows // 20)

    @property
    def more_bytes(self) -> int:
        """Length of what a further round sends for a frame."""
        return self.split_rows * self.lifting // 8

    def new_words(self, rounds: int) -> slice:
        """The words of the syndrome, by the code after so many further rounds, that the last of them sends."""
        words = self.lifting // LANES
        end = (self.halved + rounds * self.split_rows) * words
        return slice(end - self.split_rows * words, end)

    def code(self, rounds: int) -> Code:
        """The code of a frame after some further rounds."""
        return _code(self.rows, self.lifting, self.columns, self.halved + rounds * self.split_rows)

    def frame_words(self, key: Bits) -> Words:
        """Frames of a key (values 0/1), one a row, padded with zeros."""
        width = self.columns * self.lifting
        padded = np.zeros((self.frames, width), np.uint8)
        for frame, words in enumerate(padded):
            part = key[frame * self.payload : (frame + 1) * self.payload]
            words[: part.size] = part
        return packed(padded.reshape(-1)).reshape(self.frames, -1)


def needed_leak(qber: float, bits: int, excess: float = 0.0) -> float:
    """Syndrome bits per bit of a frame at which fewer than one frame in a hundred fails: measured.

    The first terms are near the threshold of the codes, the last is for frames with more errors than the mean, whose
    number varies by sqrt(q (1 - q) bits); ``excess`` is for codes that are less than ideal.
    """
    q = max(qber, LEAST_QBER)
    return float(binary_entropy(q)) * (1.14 + 0.15 * q + excess + 3.8 * math.sqrt((1.0 - q) / (q * bits)))


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
