"""LDPC codes for error correction, and the plan of one correction: how a key is cut into frames of one code each.

**Codes.** ``codes.json`` holds base graphs of 512 columns (see :mod:`.design`), lifted by the group Z_q x Z_64 for q
of 1 to 8, that is frames of up to 32768 q bits. Lanes of 64 checks turn in the one, words change place in the other.

**Rate.** A frame that is shorter than its code is *shortened*: the last columns are left out, the rest of the last one
is known to be zero. A frame that does not decode gets *more*: in each round some checks are split in two halves, and
the reference sends the parity of one; the other follows. That lowers the rate of the code with its profile kept,
where a disclosed bit of the key would cost one bit and tell h(Q) of one.

Syndromes are packed bits; a frame fills ``plan.syndrome_bytes``, the answer of a later round ``plan.more_bytes``. An
end that is told a plan makes sure that it bears what the plan leaks. What both ends say: :mod:`.ldpcends`.
"""

import importlib.resources
import json
import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.ldpc import LANES, Bits, Code, Words, packed
from qit4n.physics.rates import binary_entropy
from qit4n.refpoints import Message

FILE = importlib.resources.files(__package__) / "codes.json"
BASE_COLUMNS = 512
LIFTINGS = (64, 128, 256, 512)
PRIOR = 16  # belief in a bit of the key
LEAST_QBER = 1e-3


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
