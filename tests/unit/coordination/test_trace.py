"""From a clause to code and tests, read from this checkout."""

from pathlib import Path

import pytest

from qit4n.coordination import results, trace
from qit4n.errors import StandardsDataError

ROOT = Path(__file__).parents[3]


def test_a_clause_leads_to_code_and_tests():
    """ETSI 014 clause 6.4: parser or key store on one side, tests called after it on the other."""
    found = trace.find(ROOT, "ETSI GS QKD 014", "6.4")
    assert {one.is_test for one in found} == {True, False}
    assert "test_014_6_4_a_batch_with_one_wrong_id_consumes_nothing" in [one.name for one in found]


def test_a_document_leads_to_all_its_clauses_and_a_clause_to_those_below_it():
    """5 has 5.1, but not 5.10's neighbours by spelling: 5.1 is not 5.12."""
    whole, five = trace.find(ROOT, "014"), trace.find(ROOT, "014", "5")
    assert {"5.1", "5.3"} <= {one.clause for one in five} < {one.clause for one in whole}


@pytest.mark.parametrize(
    ("text", "document", "clause"),
    [
        ("see 014 clause 5.3.", "014", "5.3"),
        ("ETSI GS QKD 014 V1.1.1: requests", "014", ""),
        ("(ITU-T Y.3803)", "Y.3803", ""),
        ("RFC 9112 3.2.2", "RFC9112", "3.2.2"),
        ("Y.3807 table 2, and so on", "Y.3807", "2"),
    ],
)
def test_markers(tmp_path, text, document, clause):
    """Documents with and without clause, as people write them."""
    (tmp_path / "src" / "qit4n").mkdir(parents=True)
    (tmp_path / "src" / "qit4n" / "one.py").write_text(f'"""{text}"""\n')
    (found,) = trace.places(tmp_path)
    assert (found.document, found.clause, found.line, found.is_test) == (document, clause, 1, False)


@pytest.mark.parametrize("text", ["10 000 keys", "0.014 of it", "size 2014 clause", "1_014"])
def test_numbers_are_no_documents(tmp_path, text):
    """Figures in the text are not taken for ETSI documents."""
    (tmp_path / "src" / "qit4n").mkdir(parents=True)
    (tmp_path / "src" / "qit4n" / "one.py").write_text(f'"""{text}"""\n')
    assert not trace.places(tmp_path)


def test_tests_that_are_coroutines_count_and_the_desk_does_not(tmp_path):
    """An ``async def`` proves its clause; what the desk says or tests of a document is no evidence of it."""
    for folder in ("src/qit4n/cli", "tests/unit/coordination"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src/qit4n/cli/standards.py").write_text('"""As Y.3803 says."""\n')
    (tmp_path / "tests/unit/coordination/test_x.py").write_text("def test_014_5_3_of_the_desk(): ...\n")
    (tmp_path / "tests/unit/test_y.py").write_text("async def test_014_5_3_a_key(): ...\n")
    assert [(one.clause, one.name) for one in trace.places(tmp_path)] == [("5.3", "test_014_5_3_a_key")]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    """With the option that names one."""
    with pytest.raises(StandardsDataError, match="--source"):
        trace.places(tmp_path)


def test_the_mark_of_the_checklist_counts_as_proof(tmp_path):
    """A test that carries a line of the checklist proves the clauses of that line, with the mark told."""
    for folder in ("src/qit4n", "tests", "docs/reference"):
        (tmp_path / folder).mkdir(parents=True)
    row = "| 3g | ETSI GS QKD 014 | 5.3, 6.5 | an empty pool is 503 |\n| 9z | ETSI GS QKD 004 | | whole |\n"
    (tmp_path / "docs/reference/checklist.md").write_text(row)
    text = '@pytest.mark.checklist("3g", "9z")\n@pytest.mark.parametrize("x", [1])\ndef test_empty(x): ...\n'
    (tmp_path / "tests/test_y.py").write_text(text)
    found = trace.places(tmp_path)
    assert [(one.document, one.clause, one.mark) for one in found] == [
        ("004", "", "9z"),
        ("014", "5.3", "3g"),
        ("014", "6.5", "3g"),
    ]
    assert {(one.name, one.is_test, one.line) for one in found} == {("test_empty", True, 3)}


@pytest.mark.parametrize("clause", ["5.2", "5.3", "5.4"])
def test_every_method_of_etsi_014_has_code_and_a_test_that_is_called_after_it(clause):
    """Get status, Get key, Get key with key IDs."""
    found = trace.find(ROOT, "014", clause)
    assert [one for one in found if one.name.startswith(f"test_014_{clause.replace('.', '_')}_")]
    assert {"src/qit4n/interfaces/etsi014.py"} <= {one.file for one in found if not one.is_test}


def test_a_clause_can_be_named_by_its_title():
    """As people say it: get key."""
    assert trace.clause_of("ETSI GS QKD 014", "get key") == "5.3"
    assert trace.clause_of("014", "5.3") == "5.3"
    with pytest.raises(StandardsDataError, match=r"titles: .*get key with key ids"):
        trace.clause_of("014", "give key")


def test_a_place_is_named_after_the_function_around_it():
    """Which function implements Get key, and its text."""
    (one,) = [place for place in trace.find(ROOT, "014", "5.3") if place.file == "src/qit4n/interfaces/etsi014.py"]
    assert one.name == "_get_key"
    assert "def _get_key(" in results.excerpt(ROOT, one)


def test_the_last_result_of_a_test_is_told(tmp_path):
    """What pytest noted; nothing for a test that has not run, and nothing where the note is broken."""
    for folder in ("src/qit4n", "tests", results.FILE.parent):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests/test_y.py").write_text("def test_014_5_3_a(): ...\ndef test_014_5_3_b(): ...\n")
    noted = '{"tests/test_y.py::test_014_5_3_a": {"outcome": "passed", "at": "2026-11-23 10:00 UTC"}}'
    (tmp_path / results.FILE).write_text(noted)
    told = [str(one.result) for one in results.proofs(tmp_path, trace.find(tmp_path, "014", "5.3"))]
    assert told == ["passed 2026-11-23 10:00 UTC", "None"]
    (tmp_path / results.FILE).write_text("{")
    assert results.results(tmp_path) == {}
