"""The tap: how much leaves, what it is made of, and that nothing leaves after a failure."""

import math

import numpy as np
import pytest

from qit4n.errors import EntropyError
from qit4n.quantum.qrng.sources import EMULATED
from qit4n.quantum.qrng.tap import BLOCK_BITS, EPSILON, Claim, Counts, Tap, seed_bytes

CLAIM = Claim(8, 6.0)
DICE = np.random.default_rng(11)
SEED = DICE.bytes(seed_bytes(CLAIM))
START, BLOCK = 4096, BLOCK_BITS // 8


def tap(claim=CLAIM, counts=None):
    return Tap(claim, SEED if claim == CLAIM else DICE.bytes(seed_bytes(claim)), counts or Counts())


def test_a_block_gives_what_the_leftover_hash_lemma_says():
    """From n samples of h bits leave n h - 2 log2(1 / 2 epsilon) bits, in whole bytes, and epsilon is added up."""
    counts = Counts()
    found = tap(counts=counts).feed(DICE.bytes(START + 2 * BLOCK))
    each = math.floor(BLOCK * 6.0 - 2 * 99) // 8 * 8
    assert 8 * len(found) == 2 * each == counts.extracted_bits
    assert counts.epsilon == 2 * EPSILON
    assert counts.raw_bits == 8 * (START + 2 * BLOCK)


def test_a_block_is_the_toeplitz_hash_of_its_samples():
    """The bits that leave are sums over the raw bits along the diagonals of the seed, counted one by one."""
    raw = DICE.bytes(START + BLOCK)
    found = np.unpackbits(np.frombuffer(tap().feed(raw), np.uint8))
    bits = np.unpackbits(np.frombuffer(raw[START:], np.uint8)).astype(np.int64)
    diagonals = np.unpackbits(np.frombuffer(SEED, np.uint8)).astype(np.int64)
    for row in (0, 1, 777, found.size - 1):
        assert found[row] == bits @ diagonals[row : row + bits.size][::-1] % 2


def test_the_first_samples_are_tested_and_thrown_away():
    """Nothing that came before the start was over has a part in what leaves, whatever pieces the stream comes in."""
    raw, other = DICE.bytes(START + BLOCK), DICE.bytes(START)
    one, two = tap(), tap()
    assert not one.feed(raw[: START - 1])
    assert not one.started
    first = one.feed(raw[START - 1 :])
    assert one.started
    assert first == b"".join(two.feed((other + raw[START:])[place : place + 999]) for place in range(0, len(raw), 999))


def test_after_a_failure_nothing_leaves():
    """A stuck source fails in the block under way, nothing of which leaves; good samples do not open the tap again."""
    stuck = tap()
    assert stuck.feed(DICE.bytes(START + BLOCK))
    with pytest.raises(EntropyError, match="repetition count"):
        stuck.feed(DICE.bytes(BLOCK - 100) + b"\x00" * 100 + DICE.bytes(BLOCK))
    assert stuck.failed
    with pytest.raises(EntropyError, match="closed"):
        stuck.feed(DICE.bytes(2 * BLOCK))


def test_a_biased_source_fails_without_any_long_run():
    """A value in every other place is caught by the adaptive proportion test, the rest being random."""
    stream = np.frombuffer(DICE.bytes(START), np.uint8).copy()
    stream[::2] = 9
    with pytest.raises(EntropyError, match="adaptive proportion"):
        tap().feed(stream.tobytes())


def test_samples_lie_side_by_side():
    """Samples of 1, 2 and 4 bits are unpacked with the first in the most significant bits."""
    assert Claim(1, 1.0).samples(b"\xa0").tolist() == [1, 0, 1, 0, 0, 0, 0, 0]
    assert Claim(2, 1.0).samples(b"\x1b").tolist() == [0, 1, 2, 3]
    assert Claim(4, 1.0).samples(b"\x1b").tolist() == [1, 11]


def test_a_claim_that_leaves_nothing_is_refused():
    """So little entropy that a block is spent on epsilon alone is an error, not an empty stream."""
    with pytest.raises(EntropyError, match="leave nothing"):
        Tap(Claim(8, 0.001), b"", Counts())


@pytest.mark.parametrize("name", EMULATED)
def test_emulated_sources_are_what_their_models_say(name):
    """Each emulated source passes its own health tests, and its likeliest value is no likelier than its model says."""
    source = EMULATED[name]
    raw = source.read(np.random.default_rng(5), 200_000)
    assert Tap(source.claim, DICE.bytes(seed_bytes(source.claim)), Counts()).feed(raw)
    found = source.claim.samples(raw)
    share = np.bincount(found).max() / found.size
    assert share <= 2.0**-source.claim.min_entropy + 4 * math.sqrt(share / found.size)
