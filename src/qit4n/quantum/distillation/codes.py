"""Error correction by LDPC codes: the reference sends a syndrome, the corrector finds its errors. One way.

A key is cut into frames of one code each::

    plan = Plan.of(key.size, qber)                    # both ends alike, from public numbers
    reference = LdpcReference(key, plan)              # the end whose key is the truth
    corrector = LdpcCorrector(other_key, plan)
    corrector.learn(reference.syndrome())
    while corrector.failed.size and corrector.rounds < ROUNDS:          # rarely
        corrector.learn_more(reference.more(corrector.failed))
    corrector.key                                     # of the frames that are not in corrector.failed

Syndromes are packed bits; a frame fills ``plan.syndrome_bytes``, the answer of a later round ``plan.more_bytes``.

**Codes.** ``codes.json`` holds base graphs of 256 columns (see :mod:`.design`), lifted by the group Z_q x Z_64 for q
of 1 to 16, that is frames of up to 16384 q bits. Lanes of 64 checks turn in the one, words change place in the other.

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
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from qit4n.errors import ProtocolError
from qit4n.kernels.ldpc import CERTAIN, LANES, Bits, Code, Words, decode, packed, syndrome, unpacked

FILE = importlib.resources.files(__package__) / "codes.json"
BASE_COLUMNS = 256
LIFTINGS = (64, 128, 256, 512, 1024)
PRIOR = 16
ITERATIONS = 60
ROUNDS = 8


def normalisation() -> Bits:
    """Sixteenths of min-sum by the share of unmet checks in 1/64: a fit to what density evolution finds best."""
    return np.clip(np.rint(18.0 - 35.0 / 64.0 * np.arange(65)), 3, 13).astype(np.uint8)


def difference(a: NDArray[np.int64] | int, b: int, lifting: int) -> NDArray[np.int64]:
    """``a - b`` in the group Z_q x Z_64, q = lifting / 64, whose elements are written ``64 * word + lane``."""
    lanes = np.subtract(a, b) % LANES
    words = (np.floor_divide(a, LANES) - b // LANES) % (lifting // LANES)
    found: NDArray[np.int64] = LANES * words + lanes
    return found


@cache
def _base_graphs() -> dict[int, list[list[int]]]:
    """Rows to columns, as :func:`.design.base_graph` gives them."""
    return {int(rows): columns for rows, columns in json.loads(FILE.read_text(encoding="utf-8")).items()}


@cache
def _code(rows: int, lifting: int, columns: int, split: int) -> Code:
    """The first ``columns`` of a base graph, its first ``split`` rows halved (the new halves follow), lifted."""
    met: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
    for column, edges in enumerate(_base_graphs()[rows][:columns]):
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Public parameters of one correction.

    Attributes:
        size: bits of the key.
        frames: number of frames.
        rows: which base graph: its rows, of 256 columns when it is not shortened.
        lifting: bits for each column, checks for each row.
    """

    size: int
    frames: int
    rows: int
    lifting: int

    def __post_init__(self) -> None:
        """Refuse numbers that fit no code.

        Raises:
            ProtocolError: no such code, or the key is longer than its frames.
        """
        if self.rows not in _base_graphs() or self.lifting not in LIFTINGS:
            raise ProtocolError(f"no code of {self.rows} rows lifted to {self.lifting}")
        if self.size < 1 or not self.size <= self.frames * BASE_COLUMNS * self.lifting or self.frames > self.size:
            raise ProtocolError(f"{self.size} bits in {self.frames} frames of {BASE_COLUMNS * self.lifting}")

    @classmethod
    def of(cls, size: int, qber: float) -> "Plan":
        """The plan that leaks least at an error rate, with a frame in a hundred or fewer in need of more."""
        best, least = None, math.inf
        for lifting in LIFTINGS:
            for rows in _base_graphs():
                payload = min(BASE_COLUMNS * lifting, rows * lifting / needed_leak(qber, rows, lifting))
                frames = math.ceil(size / payload)
                leak = frames * rows * lifting
                if leak < least:
                    best, least = cls(size=size, frames=frames, rows=rows, lifting=lifting), leak
        if best is None:
            raise ValueError("no code")
        return best

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
        return self.rows * self.lifting // 8

    @property
    def split_rows(self) -> int:
        """Rows that each further round halves: about a twentieth."""
        return -(-self.rows // 20)

    @property
    def words_each_round(self) -> int:
        """Words of 64 checks that each further round halves."""
        return self.split_rows * self.lifting // LANES

    @property
    def more_bytes(self) -> int:
        """Length of what a further round sends for a frame."""
        return 8 * self.words_each_round

    def code(self, rounds: int) -> Code:
        """The code of a frame after some further rounds."""
        return _code(self.rows, self.lifting, self.columns, rounds * self.split_rows)

    def frame_words(self, key: Bits) -> Words:
        """Frames of a key (values 0/1), one a row, padded with zeros."""
        width = self.columns * self.lifting
        padded = np.zeros((self.frames, width), np.uint8)
        for frame, words in enumerate(padded):
            part = key[frame * self.payload : (frame + 1) * self.payload]
            words[: part.size] = part
        return packed(padded.reshape(-1)).reshape(self.frames, -1)


def needed_leak(qber: float, rows: int, lifting: int) -> float:
    """Syndrome bits per key bit at which about one frame in a hundred fails."""
    q = max(qber, 1e-4)
    entropy = -q * math.log2(q) - (1.0 - q) * math.log2(1.0 - q)
    bits = BASE_COLUMNS * lifting
    return entropy * (1.17 + 2.2 * math.sqrt((1.0 - q) / (q * bits))) + 0.0 * rows


class LdpcReference:
    """The end whose key is the truth."""

    def __init__(self, key: Bits, plan: Plan) -> None:
        """Answer for ``key`` (values 0/1).

        Raises:
            ProtocolError: the plan is for another length.
        """
        if key.size != plan.size:
            raise ProtocolError(f"a key of {key.size} bits, a plan for {plan.size}")
        self._plan = plan
        self._frames = plan.frame_words(key)
        self._rounds = np.zeros(plan.frames, np.int64)
        self.leaked_bits = 0

    def syndrome(self) -> bytes:
        """Syndromes of all frames."""
        code = self._plan.code(0)
        self.leaked_bits += LANES * code.rows * self._plan.frames
        return b"".join(_bytes(syndrome(code, frame)) for frame in self._frames)

    def more(self, frames: NDArray[np.int64]) -> bytes:
        """Parities of the next halves of checks of some frames.

        Raises:
            ProtocolError: no such frame, or it has had all rounds.
        """
        if np.unique(frames).size != frames.size or not np.all((frames >= 0) & (frames < self._plan.frames)):
            raise ProtocolError("no such frames")
        if np.any(self._rounds[frames] >= ROUNDS):
            raise ProtocolError(f"more than {ROUNDS} rounds")
        self._rounds[frames] += 1
        self.leaked_bits += 8 * self._plan.more_bytes * frames.size
        return b"".join(self._halves(frame, int(self._rounds[frame])) for frame in frames.tolist())

    def _halves(self, frame: int, rounds: int) -> bytes:
        last = slice((rounds - 1) * self._plan.words_each_round, rounds * self._plan.words_each_round)
        return _bytes(syndrome(self._plan.code(rounds), self._frames[frame])[last])


class LdpcCorrector:
    """The end that corrects.

    Attributes:
        key: the key, corrected where frames decoded (values 0/1).
        failed: frames that did not decode so far, ascending.
        rounds: further rounds so far.
        corrected: number of bits flipped.
        iterations: those of each frame's last attempt.
    """

    def __init__(self, key: Bits, plan: Plan) -> None:
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
        self._plan = plan
        self._frames = plan.frame_words(key)
        self._wanted: dict[int, Words] = {}

    def learn(self, syndromes: bytes) -> None:
        """Take the syndromes of all frames, and decode.

        Raises:
            ProtocolError: the wrong number of bytes.
        """
        sent = _words(syndromes, self._plan.frames, self._plan.syndrome_bytes)
        code = self._plan.code(0)
        for frame, words in enumerate(sent):
            self._wanted[frame] = words ^ syndrome(code, self._frames[frame])
        self._decode()

    def learn_more(self, halves: bytes) -> None:
        """Take the parities that the frames in :attr:`failed` asked for, and decode them again.

        Raises:
            ProtocolError: the wrong number of bytes.
        """
        sent = _words(halves, self.failed.size, self._plan.more_bytes)
        self.rounds += 1
        code = self._plan.code(self.rounds)
        end = self.rounds * self._plan.words_each_round
        last = slice(end - self._plan.words_each_round, end)
        for frame, words in zip(self.failed.tolist(), sent, strict=True):
            half = words ^ syndrome(code, self._frames[frame])[last]
            wanted = self._wanted[frame]
            self._wanted[frame] = np.concatenate([wanted[: last.start], half, wanted[end:], wanted[last] ^ half])
        self._decode()

    def _decode(self) -> None:
        code, payload = self._plan.code(self.rounds), self._plan.payload
        left = []
        for frame in self.failed.tolist():
            start, end = frame * payload, min((frame + 1) * payload, self._plan.size)
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


def _bytes(words: Words) -> bytes:
    return words.astype("<u8", copy=False).tobytes()


def _words(sent: bytes, frames: int, each: int) -> Words:
    if len(sent) != frames * each:
        raise ProtocolError(f"{len(sent)} bytes for {frames} frames of {each}")
    return np.frombuffer(sent, "<u8").astype(np.uint64).reshape(frames, -1)
