"""The tables that the pages of the desk show."""

import pytest

from qit4n.cli.main import run
from qit4n.coordination.reading import load
from qit4n.dashboard.deskfolder import DeskFolder


@pytest.fixture
def tables(tmp_path, capsys):
    """A folder of one's own."""
    with pytest.raises(SystemExit):
        run(["standards", "export", str(tmp_path / "tables")])
    capsys.readouterr()
    return tmp_path / "tables"


def test_without_a_folder_the_shipped_tables_are_shown():
    """And nothing is wrong."""
    folder = DeskFolder(None)
    assert folder.read() == load()
    assert folder.problem == ""


def test_a_changed_file_is_read_again(tables):
    """The next page shows it; without a change the same tables are given again."""
    folder = DeskFolder(str(tables))
    before = folder.read()
    assert folder.read() is before
    with (tables / "topics.csv").open("a") as out:
        out.write("energy,qkdn,energy of links\n")
    assert folder.read().topic("energy").label == "energy of links"


def test_while_a_file_is_damaged_the_tables_read_before_are_shown(tables):
    """With what is wrong; once it is mended nothing is told any more."""
    folder = DeskFolder(str(tables))
    before, good = folder.read(), (tables / "topics.csv").read_text()
    (tables / "topics.csv").write_text(good + "energy,nowhere,x\n")
    assert folder.read() == before
    assert "topics.csv:" in folder.problem
    assert "there is no topic nowhere" in folder.problem
    assert "shown instead: the tables read before" in folder.problem
    (tables / "topics.csv").write_text(good)
    assert folder.read() == before
    assert folder.problem == ""


def test_a_folder_that_is_damaged_from_the_start_shows_the_shipped_tables(tmp_path):
    """And says so, each time."""
    folder = DeskFolder(str(tmp_path / "none"))
    for _ in range(2):
        assert folder.read() == load()
        assert "shown instead: the shipped tables" in folder.problem
