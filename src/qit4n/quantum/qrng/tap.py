"""The tap between a noise source and those who draw: health tests, then Toeplitz extraction (ITU-T X.1702). No IO.

The first samples after opening are tested and thrown away. A block leaves only when all of its samples have passed;
when a test fails, nothing more leaves, also nothing of the block under way.

A block of n samples with h bits of min-entropy each gives m = floor(n h - 2 log2(1 / (2 epsilon))) bits that are
epsilon-close to uniform and independent of the seed (leftover hash lemma; Tomamichel et al., IEEE Trans. Inf. Theory
57, 5524 (2011), for a quantum adversary). The extractor is strong: one seed that does not depend on the source serves
all blocks, and their epsilons add up (Frauchiger, Renner and Troyer, arXiv:1311.4547).
"""

import math
from dataclasses import dataclass

import numpy as np

from qit4n.errors import EntropyError
from qit4n.kernels.toeplitz import seed_bits, toeplitz_hash
from qit4n.quantum.qrng.counting import Samples
from qit4n.quantum.qrng.health import START_SAMPLES, Health, cutoffs

BLOCK_BITS = 1 << 17
EPSILON = 2.0**-100
BYTE_BITS = 8


@dataclass(frozen=True)
class Claim:
    """What is said of a source: bits per raw sample, and how many of them are min-entropy.

    Samples of fewer than eight bits lie side by side in their bytes, the first in the most significant bits.
    """

    sample_bits: int
    min_entropy: float

    def samples(self, raw: bytes) -> Samples:
        """The samples in whole bytes of the stream."""
        stream = np.frombuffer(raw, np.uint8)
        if self.sample_bits == BYTE_BITS:
            return stream
        shifts = np.arange(BYTE_BITS - self.sample_bits, -1, -self.sample_bits, dtype=np.uint8)
        return ((stream[:, None] >> shifts) & np.uint8((1 << self.sample_bits) - 1)).reshape(-1)

    @property
    def block_bits(self) -> int:
        """Bits that a block of ``BLOCK_BITS`` raw bits gives, whole bytes; 0 if the claim leaves nothing."""
        entropy = BLOCK_BITS / self.sample_bits * self.min_entropy
        return max(0, math.floor(entropy - 2.0 * math.log2(1.0 / (2.0 * EPSILON)))) // BYTE_BITS * BYTE_BITS


@dataclass
class Counts:
    """What has passed: raw and extracted bits, and the sum of the epsilons of the blocks."""

    raw_bits: int = 0
    extracted_bits: int = 0
    epsilon: float = 0.0


def seed_bytes(claim: Claim) -> int:
    """Bytes of seed that a tap for such a source needs."""
    return (seed_bits(BLOCK_BITS, claim.block_bits) + 7) // 8


class Tap:
    """One opening of the source: it ends with the first failure."""

    def __init__(self, claim: Claim, seed: bytes, counts: Counts) -> None:
        """``seed`` is ``seed_bytes`` random bytes that the source has no influence on; ``counts`` goes on counting.

        Raises:
            EntropyError: the claim is so low that a block gives nothing.
        """
        if not claim.block_bits:
            raise EntropyError(f"{claim.min_entropy} bits of min-entropy per sample leave nothing of a block")
        self._claim = claim
        self._seed = np.frombuffer(seed, np.uint8)
        self._health = Health(cutoffs(claim.min_entropy, claim.sample_bits))
        self._counts = counts
        self._starting = START_SAMPLES
        self._block = b""
        self.failed = False

    @property
    def started(self) -> bool:
        """Whether the samples of the start have passed."""
        return self._starting == 0

    def feed(self, raw: bytes) -> bytes:
        """Take bytes of the source; extracted bytes, often none.

        Raises:
            EntropyError: a health test failed, now or before; nothing leaves any more.
        """
        if self.failed:
            raise EntropyError("the tap is closed: a health test failed")
        try:
            self._health.check(self._claim.samples(raw))
        except EntropyError:
            self.failed, self._block = True, b""
            raise
        self._counts.raw_bits += BYTE_BITS * len(raw)
        skipped = min(len(raw), -(-self._starting * self._claim.sample_bits // BYTE_BITS))
        self._starting = max(0, self._starting - skipped * BYTE_BITS // self._claim.sample_bits)
        self._block += raw[skipped:]
        size, found = BLOCK_BITS // BYTE_BITS, []
        while len(self._block) >= size:
            block, self._block = self._block[:size], self._block[size:]
            found.append(self._extract(block))
        return b"".join(found)

    def _extract(self, block: bytes) -> bytes:
        outputs = self._claim.block_bits
        self._counts.extracted_bits += outputs
        self._counts.epsilon += EPSILON
        return toeplitz_hash(np.frombuffer(block, np.uint8), BLOCK_BITS, self._seed, outputs).tobytes()
