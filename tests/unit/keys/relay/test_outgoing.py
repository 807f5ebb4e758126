"""How much an end-to-end pool sends next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qit4n.keys.relay.outgoing import (
    AVOID_S,
    BACK_OFF_S,
    BURST_S,
    CHUNKS_IN_FLIGHT,
    LARGEST_CHUNK_BYTES,
    SMALLEST_CHUNK_BYTES,
    Flight,
    OutgoingPool,
)
from qit4n.network.model import Trust
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import ck

PLENTY = 1 << 30


@pytest.fixture
def pool():
    """An empty pool with a target of 4 Mbit."""
    pool = OutgoingPool("B", Trust())
    pool.order(ck.PoolOrder(peer="B", paths=(("A", "B"),), target_bits=1 << 22), "A")
    return pool


def flight(size=128):
    return Flight(bytes(64 + size), {}, Knowledge(paths=(("A", "B"),), threshold=1), "", 0.0)


def test_the_first_chunk_is_small_and_each_success_doubles(pool):
    """The first keys come soon; ten successes later chunks have 64 KiB, and never more."""
    sizes = []
    for _ in range(12):
        sizes.append(pool.chunk_bytes(PLENTY))
        pool.succeed()
    assert sizes[:4] == [128, 256, 512, 1024]
    assert sizes[-3:] == [LARGEST_CHUNK_BYTES] * 3


def test_a_refusal_halves_and_waits(pool):
    """Down to the smallest; the pool rests for the back-off and remembers why."""
    for _ in range(4):
        pool.succeed()
    pool.back_off("C: no key", 10.0)
    assert pool.chunk_bytes(PLENTY) == 1024
    assert (pool.not_before, pool.last_refusal) == (10.0 + BACK_OFF_S, "C: no key")
    for _ in range(9):
        pool.back_off("C: no key", 10.0)
    assert pool.chunk_bytes(PLENTY) == SMALLEST_CHUNK_BYTES
    pool.succeed()
    assert pool.last_refusal == ""


@given(st.integers(0, 20), st.integers(0, 1 << 22), st.integers(0, 1 << 22), st.integers(0, 1 << 24))
def test_no_chunk_takes_more_than_a_quarter_of_the_stock_or_the_order(successes, stock, most_bits, target):
    """Whatever the pool wants; the smallest chunk is always tried."""
    pool = OutgoingPool("B", Trust())
    pool.order(ck.PoolOrder(peer="B", paths=(("A", "B"),), target_bits=target, most_bits=most_bits), "A")
    for _ in range(successes):
        pool.succeed()
    size = pool.chunk_bytes(stock)
    assert SMALLEST_CHUNK_BYTES <= size <= max(SMALLEST_CHUNK_BYTES, min(stock // 4, most_bits // 8, 65_536))
    assert size % 32 == 0


def test_little_gaps_are_filled_with_no_little_chunks(pool):
    """A pool from which one key was taken sends a quarter of its target, or as much as it may: no 128-byte chunks."""
    for _ in range(12):
        pool.succeed()
    pool.order(ck.PoolOrder(peer="B", paths=(("A", "B"),), target_bits=8 * 4096), "A")
    pool.ready.add("1", bytes(64 + 4096 - 32), 64)
    assert pool.wants_more
    assert pool.chunk_bytes(PLENTY) == 1024


def test_only_so_many_chunks_are_on_their_way(pool):
    """The limit bounds what a crash can waste."""
    for number in range(CHUNKS_IN_FLIGHT):
        assert pool.wants_more
        pool.in_flight[str(number)] = flight()
    assert not pool.wants_more
    assert pool.coming_bytes == CHUNKS_IN_FLIGHT * 128


def test_a_flight_is_hopeless_when_too_few_shares_are_left():
    """2 of 3: one may fail, not two."""
    paths = tuple(("A", site, "D") for site in "BCE")
    one = Flight(bytes(192), {}, Knowledge(paths=paths, threshold=2), "", 0.0)
    one.failed[1] = "lost"
    assert not one.hopeless
    one.failed[3] = "lost"
    assert one.hopeless


def test_no_repr_shows_key():
    """A flight that lands in a log shows sizes and paths."""
    assert "topsecret" not in repr(
        Flight(b"topsecret" * 10, {1: b"d"}, Knowledge(paths=(("A", "B"),), threshold=1), "", 0.0)
    )


@pytest.mark.parametrize(
    ("paths", "trust", "said"),
    [
        ((("A", "C", "B"), ("A", "C", "D", "B")), Trust(paths=2), "meet at C"),
        ((("A", "B"), ("A", "B")), Trust(paths=2), "twice"),
        ((("A", "C", "E"),), Trust(), "A to B"),
        ((("A", "C", "C", "B"),), Trust(), "A to B"),
        ((("A", "C", "B"),), Trust(scheme="central", centre="C"), "centre C"),
    ],
)
def test_paths_of_the_controller_that_break_the_trust_are_not_used(paths, trust, said):
    """The source looks itself: shares never meet at a site, and the centre sees no share; the reason is told."""
    pool = OutgoingPool("B", trust)
    pool.order(ck.PoolOrder(peer="B", paths=paths, target_bits=1 << 22, trust=trust), "A")
    assert pool.paths(0.0) == ()
    assert said in pool.last_refusal


def test_disjoint_paths_are_used():
    """Direct and over different sites."""
    paths = (("A", "B"), ("A", "C", "B"), ("A", "D", "E", "B"))
    pool = OutgoingPool("B", Trust(paths=3))
    pool.order(ck.PoolOrder(peer="B", paths=paths, target_bits=1 << 22, trust=Trust(paths=3)), "A")
    assert pool.paths(0.0) == paths


ONE, TWO, THREE = ("A", "C", "B"), ("A", "D", "B"), ("A", "E", "B")


def test_a_path_that_fails_is_replaced_by_a_backup_for_a_while(pool):
    """Without asking anybody, and the other way round after the time is over."""
    pool.order(ck.PoolOrder(peer="B", paths=(ONE,), target_bits=1 << 22, backups=(TWO,)), "A")
    assert pool.paths(10.0) == (ONE,)
    pool.avoid((ONE,), 10.0)
    assert pool.paths(10.1) == (TWO,)
    pool.avoid((TWO,), 10.2)
    assert pool.paths(10.3) == (ONE,)  # both have failed: as ordered
    assert pool.paths(10.3 + AVOID_S) == (ONE,)


def test_of_several_paths_only_the_failing_one_is_replaced_and_shares_still_never_meet():
    """A backup that meets the other path, or breaks the policy, is not taken."""
    pool = OutgoingPool("B", Trust(paths=2, excluded=("F",)))
    order = ck.PoolOrder(
        peer="B",
        paths=(ONE, TWO),
        target_bits=1 << 22,
        trust=pool.trust,
        backups=(("A", "F", "B"), ("A", "E", "D", "B"), THREE),
    )
    pool.order(order, "A")
    pool.avoid((ONE,), 10.0)
    assert pool.paths(10.0) == (THREE, TWO)


def test_a_path_over_an_excluded_site_is_refused():
    """Whoever sends the table."""
    pool = OutgoingPool("B", Trust(excluded=("C",)))
    pool.order(ck.PoolOrder(peer="B", paths=(ONE,), target_bits=1 << 22, trust=pool.trust), "A")
    assert pool.paths(0.0) == ()
    assert "excludes" in pool.last_refusal


@given(st.floats(100, 1e6), st.lists(st.floats(0.01, 3.0), min_size=5, max_size=60))
def test_no_more_is_sent_than_the_rate_allows(rate_bps, pauses):
    """Over any time: the rate, and a burst of two seconds or two smallest chunks."""
    pool = OutgoingPool("B", Trust())
    pool.order(ck.PoolOrder(peer="B", paths=(ONE,), target_bits=1 << 22, rate_bps=rate_bps), "A")
    now = sent = 0
    for pause in pauses:
        now += pause
        while size := pool.within_rate(SMALLEST_CHUNK_BYTES, now):
            pool.allowance -= size
            sent += size
    burst = max(BURST_S * rate_bps / 8, 2 * SMALLEST_CHUNK_BYTES)
    assert sent <= rate_bps / 8 * now + burst
    assert sent >= min(rate_bps / 8 * sum(min(pause, BURST_S) for pause in pauses), burst) - SMALLEST_CHUNK_BYTES


def test_without_a_rate_nothing_is_held_back(pool):
    """Where key is plentiful the controller gives none."""
    assert pool.within_rate(LARGEST_CHUNK_BYTES, 0.0) == LARGEST_CHUNK_BYTES
