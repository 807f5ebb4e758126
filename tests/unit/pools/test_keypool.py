"""The algebra of key pools."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qit4n.errors import OutOfKeyError, ProtocolError
from qit4n.pools.keypool import KeyPool


def filled(*sizes):
    pool = KeyPool()
    for number, size in enumerate(sizes):
        pool.add(str(number), bytes((number * 50 + at) % 256 for at in range(size)))
    return pool


@given(st.lists(st.integers(0, 40), max_size=6), st.lists(st.integers(0, 60), max_size=12))
def test_every_byte_leaves_once_and_in_order(sizes, cuts):
    """Whatever is cut, the cuts together are a prefix of what was added; nothing is lost or doubled."""
    pool = filled(*sizes)
    everything = b"".join(bytes((n * 50 + at) % 256 for at in range(size)) for n, size in enumerate(sizes))
    taken = b""
    for size in cuts:
        if size > pool.available_bytes:
            with pytest.raises(OutOfKeyError):
                pool.cut(size)
            continue
        taken += pool.cut(size).material
        assert pool.available_bytes == len(everything) - len(taken)
    assert everything.startswith(taken)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.lists(st.integers(1, 30), max_size=12), st.data())
def test_both_ends_cut_the_same_bytes_whatever_is_lost(sizes, cuts, data):
    """The follower that hears only some of the spans gets the same bytes for those, and has no more left."""
    owner, follower = filled(*sizes), filled(*sizes)
    for size in cuts:
        if size <= owner.available_bytes:
            cut = owner.cut(size)
            if data.draw(st.booleans()):
                assert follower.cut_at(cut.spans).material == cut.material
                with pytest.raises(ProtocolError):
                    follower.cut_at(cut.spans)


def test_a_span_beyond_its_slab_takes_nothing():
    """A bad span among good ones: refused whole."""
    pool = filled(10, 10)
    with pytest.raises(ProtocolError, match="lies outside"):
        pool.cut_at([("0", 0, 4), ("1", 8, 4)])
    assert pool.available_bytes == 20
    with pytest.raises(ProtocolError, match="lies outside"):
        pool.cut_at([("0", 0, 4), ("0", 2, 4)])


def test_used_up_slabs_are_named_once_and_forgotten():
    """After a cut the slabs that are used up are named, so that the store can erase them."""
    pool = filled(4, 4, 4)
    cut = pool.cut(9)
    assert pool.spent(cut) == ("0", "1")
    assert pool.slabs == ("2",)
    assert pool.available_bytes == 3


def test_the_repr_of_a_cut_shows_no_key():
    """A cut that lands in a log shows where it came from, not what it is."""
    pool = KeyPool()
    pool.add("s", b"topsecret!")
    text = repr(pool.cut(9))
    assert "topsecre" not in text
    assert "('s', 0, 9)" in text


def test_a_slab_is_added_once():
    """The same slab again is an error, not a second helping."""
    pool = filled(4)
    with pytest.raises(ProtocolError):
        pool.add("0", b"other")


def test_a_slab_that_is_shorter_than_what_has_left_of_it_gives_nothing():
    """A block that is hardly longer than its salt: what is cut over it has the length that was asked for."""
    pool = KeyPool()
    pool.add("short", bytes(40), head=64)
    pool.add("long", bytes(200), head=64)
    assert pool.available_bytes == 136
    assert pool.left("short") == 0
    cut = pool.cut(100)
    assert len(cut.material) == 100
    assert [slab for slab, _, _ in cut.spans] == ["long"]
    pool.remove("short")
    assert pool.available_bytes == 36
