"""The tables: read, checked, written again."""

import pytest

from qit4n.coordination.tables import TABLES, load, to_csv
from qit4n.errors import StandardsDataError


@pytest.fixture
def folder(tmp_path):
    """A folder of one's own with the shipped tables."""
    desk = load()
    for name, kind in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(to_csv(getattr(desk, name), kind))
    return tmp_path


def test_what_is_exported_is_loaded_again(folder):
    """Nothing is lost on the way through files."""
    assert load(folder) == load()


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("topics.csv", "new,nowhere,label", "there is no topic nowhere"),
        ("topics.csv", "qkdn,,twice", "line 22: the id qkdn is given twice"),
        ("bodies.csv", "new,,name,more", "line 23: as many fields as there are columns"),
        ("bodies.csv", ",,name", "the id is empty"),
        ("cells.csv", "new,qkdn,SG2,terminology,maybe,x,T,1,high", "Invalid enum value 'maybe'"),
        ("cells.csv", "new,qkdn,SG99,terminology,todo,x,T,1,high", "there is no body SG99"),
        ("work_items.csv", "new,ETSI,,d,t,qkdn,poems,draft,2026,s,high", "Invalid enum value 'poems'"),
        ("work_items.csv", "new,ETSI,,d,t,qkdn,test,draft,soon,s,high", "line 195: Expected `int | null`"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(folder, file, line, told):
    """File, line and what would be right; nothing is guessed."""
    with (folder / file).open("a") as out:
        out.write(line + "\n")
    with pytest.raises(StandardsDataError) as caught:
        load(folder)
    assert file in str(caught.value)
    assert told in str(caught.value)


def test_a_missing_table_tells_how_to_get_one(folder):
    """The error names the file and the command that writes a set."""
    (folder / "terms.csv").unlink()
    with pytest.raises(StandardsDataError, match="qit standards export"):
        load(folder)


def test_every_fragment_is_short_and_every_row_has_its_source():
    """What is quoted of the record is a few words; cells, statements and documents say where they come from."""
    desk = load()
    assert all(len(one.fragment) <= 60 for one in desk.statements)
    assert all(one.record_line > 0 for one in (*desk.cells, *desk.statements))
    assert all(item.source for item in desk.work_items)
