"""From a clause to code and tests, read from this checkout."""

from pathlib import Path

import pytest

from qit4n.coordination import trace
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


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    """With the option that names one."""
    with pytest.raises(StandardsDataError, match="--source"):
        trace.places(tmp_path)
