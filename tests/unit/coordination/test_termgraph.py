"""Terms as a picture: nothing lies upon anything else, and what is drawn is what the definitions say."""

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qit4n.coordination.columns import LANE, ROW, layout
from qit4n.coordination.reading import load
from qit4n.coordination.termgraph import term_graph
from qit4n.coordination.terms import uses

WORDS = "abcdefgh"
GRAPHS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)).filter(lambda arrow: arrow[0] != arrow[1]),
    unique=True,
    max_size=20,
)


@given(GRAPHS)
@example([("e", "b"), ("f", "b"), ("f", "c"), ("b", "c"), ("c", "f")])  # an arrow within a column
def test_no_word_lies_upon_another_or_upon_a_passing_arrow(arrows):
    """Words of one column are a row apart, columns do not touch, and level pieces of arrows keep off the words."""
    widths = {word: 10.0 * number + 20 for number, word in enumerate(WORDS)}
    found = layout(widths, arrows)
    for one, other in itertools.combinations(WORDS, 2):
        (x, y), (u, v) = found.words[one], found.words[other]
        beside = x + widths[one] < u or u + widths[other] < x
        assert beside or abs(y - v) > ROW - 1e-6, (one, other)
    for arrow, points in found.arrows.items():
        for (x, y), (u, v) in itertools.pairwise(points):
            if y != v:
                continue
            for word in set(WORDS) - set(arrow):
                left, height = found.words[word]
                beside = max(x, u) <= left or min(x, u) >= left + widths[word]
                assert beside or abs(height - y) > (ROW + LANE) / 2 - 1e-6, (arrow, word)
    for x, y in itertools.chain(found.words.values(), *found.arrows.values()):
        assert 0 <= x <= found.width
        assert 0 <= y <= found.height


@given(GRAPHS)
def test_arrows_lead_to_the_right_unless_there_is_a_circle(arrows):
    """An arrow runs from its word to its word; without circles (a way back, by search) none runs to the left."""
    found = layout(dict.fromkeys(WORDS, 20.0), arrows)
    assert set(found.arrows) == set(arrows)
    reach = {word: {end for start, end in arrows if start == word} for word in WORDS}
    for _ in WORDS:
        reach = {word: ends | {far for end in ends for far in reach[end]} for word, ends in reach.items()}
    has_circle = any(word in ends for word, ends in reach.items())
    for (first, last), points in found.arrows.items():
        assert points[0][1] == pytest.approx(found.words[first][1])
        assert points[-1][1] == pytest.approx(found.words[last][1])
        assert has_circle or found.words[first][0] < found.words[last][0]


def test_a_chain_takes_a_column_for_each_word_and_a_star_two():
    """As many columns as the longest way has words, counted by hand."""
    chain = layout(dict.fromkeys("abcd", 20.0), [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    assert [chain.words[word][0] for word in "abcd"] == sorted({x for x, _ in chain.words.values()})
    star = layout(dict.fromkeys("abcd", 20.0), [("a", "d"), ("b", "d"), ("c", "d")])
    assert len({x for x, _ in star.words.values()}) == 2


def test_every_use_of_a_term_that_is_used_is_drawn():
    """As many arrows as the definitions of terms that are used, or that clash, have."""
    desk = load()
    text, used = term_graph(desk), uses(desk.terms)
    labels = set(re.findall(r"<title>(.*?): ", text))
    assert {"key", "QKDN", "QIN"} <= labels
    assert "BB84" not in labels
    assert text.count('class="edge"') == sum(len(used[label] & labels) for label in labels)


def test_a_word_is_shown_with_all_that_use_it_and_links():
    """Also terms that no other definition uses; each label leads to its own page, escaped."""
    desk = load()
    text, used = term_graph(desk, "/standards/terms?word=", "qkd"), uses(desk.terms)
    labels = set(re.findall(r"<title>(.*?): ", text))
    assert labels == {"QKD"} | used["QKD"] | {label for label, found in used.items() if "QKD" in found}
    assert 'href="/standards/terms?word=classical%20channel"' in text
    assert '<g class="clash chosen">' in text


def test_a_glossary_without_uses_has_a_sentence():
    """One's own tables may have no terms at all."""
    import msgspec

    assert term_graph(msgspec.structs.replace(load(), terms=())) == "<p>No definition uses another term.</p>"
