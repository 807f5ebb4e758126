"""YAML as plain data with places: numbers of YAML 1.2, words that stay words, one problem for each trap."""

import pytest

from qit4n.network.yamltext import path_text, read


def value(text):
    """The value of the one member ``a``, when nothing is wrong."""
    data, places = read(f"a: {text}", "f")
    assert places.problems == []
    return data["a"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1e8", 1e8),
        ("1E+8", 1e8),
        ("-1.5e-3", -1.5e-3),
        (".5", 0.5),
        ("010", 10),
        ("-7", -7),
        ("true", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2024-01-02", "2024-01-02"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("'12'", "12"),
        ("=", "="),
        ("[1, b]", [1, "b"]),
    ],
)
def test_a_word_is_what_yaml_1_2_says(text, meant):
    """Numbers are decimal, true and false the only truth values, all else is text."""
    found = value(text)
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("a: 1\na: 2", 2, 1, "given twice"),
        ("a: 1e999", 1, 4, "cannot be read"),
        ("a: " + "9" * 5000, 1, 4, "cannot be read"),
        ("a: !!bool maybe", 1, 4, "cannot be read"),
        ("a: !!python/name:os.system ''", 1, 4, "tag"),
        ("a: !foo {b: 1}", 1, 4, "tag"),
        ("? [1, 2]\n: 3", 1, 3, "a list or mapping"),
        ('a: "x\\e[31m"', 1, 4, "control characters"),
        ('a: "\\ud800"', 1, 4, "control characters"),
        ("b: 1\na: x\x07", 2, 5, "U+0007"),
        ("a: [1\nb: 2", 2, 2, "not YAML"),
        ("a: &x [*x]", 1, 1, "own anchor"),
        ("a: *nothing", 1, 4, "undefined alias"),
        ("a: 1\n---\nb: 2", 2, 1, "document"),
        ("[" * 50_000, 1, 1, "too deeply"),
    ],
)
def test_each_trap_is_one_problem_at_its_place(text, line, column, what):
    """What cannot be meant is named where it stands, and nothing is raised."""
    problems = read(text, "f")[1].problems
    assert [(one.line, one.column) for one in problems] == [(line, column)]
    assert what in problems[0].what


def test_an_alias_repeats_its_anchor():
    """An anchor may be used again; the data are copies, not one object."""
    data, places = read("a: &x {b: 1}\nc: *x", "f")
    assert places.problems == []
    assert data == {"a": {"b": 1}, "c": {"b": 1}}
    assert data["a"] is not data["c"]


def test_the_place_of_a_part_that_is_absent_is_that_of_the_whole():
    """A missing member is reported at the mapping that lacks it."""
    places = read("x: 1\na:\n  b: 1\n", "f")[1]
    assert str(places.problem(("a", "c", 0), "what", "right")) == "f:2:1: a.c[0]: what; right"


def test_paths_read_like_code_and_carry_no_control_characters():
    """Plain names stand bare, strange ones are quoted and escaped."""
    assert path_text(("links", 3, "medium", "length_km")) == "links[3].medium.length_km"
    assert path_text(("modules", "\x1b[31m")) == r"modules.'\x1b[31m'"
