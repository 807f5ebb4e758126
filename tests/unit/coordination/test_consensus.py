"""Positions: derived from the statements of the record, and moved by a new one."""

from collections import Counter

import msgspec
import pytest

from qit4n.coordination.consensus import bridges, changes, disputes, options, preferences
from qit4n.coordination.reading import load, read_statements
from qit4n.coordination.sheets import to_csv
from qit4n.coordination.tables import Statement as Said
from qit4n.errors import StandardsDataError


@pytest.fixture(scope="module")
def record():
    return load().statements


def said(number, delegation, option, stance, line=400):
    return Said(
        id=f"N{number}",
        record_line=line + number,
        agenda_item="next",
        delegation=delegation,
        kind="member-state",
        option=option,
        stance=stance,
        gist="",
        fragment="",
        version_of="",
        confidence="high",
    )


def test_only_the_jca_is_free_of_objection_and_the_lines_prove_it(record):
    """As read by hand: FG is opposed by US (228) and Canada (277), hybrid by France (293), SG+JCA by Huawei (290)."""
    found = {option.name: [(one.delegation, one.record_line) for one in option.oppose] for option in options(record)}
    assert found == {
        "JCA": [],
        "hybrid": [("France", 293)],
        "SG+JCA": [("Huawei", 290)],
        "FG": [("US", 228), ("Canada", 277)],
    }


def test_last_preferences_are_those_counted_by_hand(record):
    """Counted by hand from the record: FG 14, hybrid 5, JCA 2, SG+JCA 2 of 23 speakers."""
    assert Counter(one.option for one in preferences(record).values()) == {"FG": 14, "hybrid": 5, "JCA": 2, "SG+JCA": 2}


def test_one_more_statement_changes_the_view(record):
    """When somebody opposes the JCA, no option is left that nobody objects to."""
    assert any(option.is_free_of_objection for option in options(record))
    after = options((*record, said(1, "Nigeria", "JCA", "oppose")))
    assert not any(option.is_free_of_objection for option in after)


def test_questions_and_neutral_remarks_change_nothing():
    """An objection stands until the same delegation speaks otherwise of the same option."""
    first = [said(1, "X", "FG", "oppose"), said(2, "X", "FG", "question"), said(3, "X", "FG", "neutral")]
    assert [one.delegation for one in options(first)[0].oppose] == ["X"]
    assert options([*first, said(4, "X", "FG", "support")])[0].is_free_of_objection


def test_a_change_of_mind_is_seen_with_both_lines(record):
    """UAE: for the FG in line 274, for the hybrid in line 297."""
    pairs = [(one.earlier.delegation, one.earlier.record_line, one.later.record_line) for one in changes(record)]
    assert ("UAE", 274, 297) in pairs
    assert [
        (one.earlier.stance, one.later.stance)
        for one in changes([said(1, "X", "FG", "support"), said(2, "X", "FG", "oppose")])
    ] == [("support", "oppose")]


def test_two_options_in_one_utterance_are_no_change_of_mind(record):
    """China (238) and Nigeria (275) name both in one line; what they support is what they spoke for."""
    assert not [one for one in changes(record) if one.earlier.record_line == one.later.record_line]
    assert not [one for one in changes(record) if one.later.delegation in {"China", "Nigeria"}]
    both = [said(1, "X", "A", "conditional", line=400), said(0, "X", "B", "support", line=401)]
    assert {one.record_line for one in both} == {401}
    assert preferences(both)["X"].option == "B"
    assert not changes([*both, said(2, "X", "A", "support")])
    assert [one.later.option for one in changes([*both, said(2, "X", "C", "support")])] == ["C"]


def test_both_versions_of_a_disputed_sentence_are_kept(record):
    """The start of the architecture work: January (line 167) or June (line 168); neither counts twice as a stance."""
    found = [(first.record_line, second.record_line) for first, second in disputes(record)]
    assert (167, 168) in found
    assert len(found) == 3


def test_bridges_count_who_spoke_for_something_else_and_not_against():
    """Of three speakers two might be won over to A, one to B."""
    statements = [
        said(1, "X", "A", "support"),
        said(2, "Y", "B", "support"),
        said(3, "Z", "B", "support"),
        said(4, "X", "B", "oppose"),
    ]
    assert {option.name: count for option, count in bridges(statements)} == {"A": 2, "B": 0}


def test_another_meeting_is_loaded_from_its_file(tmp_path, record):
    """What was written is read again; a wrong stance is refused with file and line."""
    file = tmp_path / "meeting.csv"
    file.write_text(to_csv(record, Said))
    assert read_statements(file) == record
    file.write_text(to_csv([msgspec.structs.replace(record[0], stance="shouts")], Said))
    with pytest.raises(StandardsDataError, match=r"meeting.csv:2: stance shouts"):
        read_statements(file)


@pytest.mark.parametrize("text", ["", to_csv([], Said)])
def test_an_empty_meeting_is_no_meeting(tmp_path, text):
    """No file of consensus without a statement in it."""
    file = tmp_path / "meeting.csv"
    file.write_text(text)
    with pytest.raises(StandardsDataError, match=r"meeting.csv: (the file is empty|no statement in it)"):
        read_statements(file)


def test_with_a_desk_a_meeting_is_about_its_options(tmp_path):
    """A slip in the name of an option is no new option."""
    file = tmp_path / "meeting.csv"
    file.write_text(to_csv([said(1, "X", "JAC", "support")], Said))
    assert read_statements(file)[0].option == "JAC"
    with pytest.raises(StandardsDataError, match="there is no option JAC"):
        read_statements(file, load())
