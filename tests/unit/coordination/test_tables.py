"""The tables: read, checked, written again."""

import csv
from importlib import resources

import msgspec
import pytest

from qit4n.coordination.reading import load, read_statements
from qit4n.coordination.sheets import to_csv, to_yaml
from qit4n.coordination.tables import TABLES
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


@pytest.fixture(scope="module")
def yaml_texts():
    """The shipped tables as YAML, which takes a second."""
    desk = load()
    return {f"{name}.yaml": to_yaml(getattr(desk, name)) for name in TABLES}


@pytest.fixture
def yaml_folder(tmp_path, yaml_texts):
    """The same as YAML."""
    for name, text in yaml_texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_yaml_and_csv_are_the_same_tables(yaml_folder):
    """What is exported as YAML is loaded again, and a folder may have both kinds."""
    assert load(yaml_folder) == load()
    (yaml_folder / "topics.yaml").unlink()
    (yaml_folder / "topics.csv").write_text(to_csv(load().topics, TABLES["topics"]))
    (yaml_folder / "terms.yaml").rename(yaml_folder / "terms.yml")
    assert load(yaml_folder) == load()


ITEM = "- {{id: new, body: ETSI, document: d, title: t, topics: [qkdn], {}, status: draft, source: s, confidence: low}}"


@pytest.mark.parametrize(
    "word", ["1e8", "2026", "no", "null", "~", "2026-11-23", "a: b", "- c", "#d", " e", "f\ng", "ü"]
)
def test_words_that_look_like_something_else_survive_yaml(yaml_folder, word):
    """Whatever stands in a text is written in such a way that it comes back, but for spaces around it."""
    term = msgspec.structs.replace(load().terms[0], id="new", label=word, deprecated=(word.strip(), "x"), same_as="")
    with (yaml_folder / "terms.yaml").open("a") as out:
        out.write(to_yaml((term,)))
    assert load(yaml_folder).terms[-1] == msgspec.structs.replace(term, label=word.strip())


@pytest.mark.parametrize(
    ("file", "rows", "line", "told"),
    [
        ("topics", "- {id: new, parent: nowhere, label: x}", 1, "there is no topic nowhere"),
        ("topics", "- id: new\n  parent: qkdn", 1, "label (empty): it must not be empty"),
        ("topics", "- id: new\n  label: x\n  titel: y", 3, "there is no column titel; columns: id, parent, label"),
        ("topics", "- id: new\n  label: x\n  label: y", 3, "'label' is given twice; keep one of them"),
        (
            "topics",
            "- id: new\n  label: 2.10",
            1,
            "label 2.1: text; what looks like a number or a list stands in",
        ),
        ("topics", "- id: new\n  label: [a]", 1, "label a: text; what looks like a number or a list stands in quotes"),
        ("topics", "- new", 1, "'new' is no row; it is a list, each row as '- id: ...'"),
        ("topics", "- id: new\n  label: [", 3, "not YAML: "),
        ("topics", "- {id: qkdn, label: x}", 1, "the id qkdn is given twice, first at topics.yaml:3"),
        ("topics", "- id: !!python/none x\n  label: x", 1, "leave the tag (!...) out"),
        (
            "overlaps",
            "- id: new\n  topic: qkdn\n  aspect: poems\n  reason: x\n  source: x\n  confidence: low",
            1,
            "aspect poems: one of terminology",
        ),
        (
            "work_items",
            ITEM.format("aspects: [test, poems]"),
            1,
            "aspects test;poems: at least one, separated by ;, each one of terminology",
        ),
        (
            "work_items",
            ITEM.format("aspects: [test], year: 2026.5"),
            1,
            "year 2026.5: a whole number from 1900 to 2100, or nothing",
        ),
    ],
)
def test_a_bad_row_of_yaml_is_refused_with_its_place(yaml_folder, file, rows, line, told):
    """As in CSV: file, line of the row and what would be right."""
    path = yaml_folder / f"{file}.yaml"
    before = len(path.read_text().splitlines())
    with path.open("a") as out:
        out.write(rows + "\n")
    with pytest.raises(StandardsDataError) as caught:
        load(yaml_folder)
    assert str(caught.value).startswith(f"{file}.yaml:{before + line}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["", "id: x", "just words"])
def test_yaml_that_is_no_list_is_refused(yaml_folder, text):
    """With the form of a row and the columns."""
    (yaml_folder / "topics.yaml").write_text(text)
    with pytest.raises(StandardsDataError, match=r"topics\.yaml:1: the file is no list of rows; .*id, parent, label"):
        load(yaml_folder)


def test_a_table_without_rows_is_an_empty_list(yaml_folder):
    """As written and read."""
    (yaml_folder / "overlaps.yaml").write_text(to_yaml(()))
    assert load(yaml_folder).overlaps == ()


def test_lists_may_be_text_as_in_csv(yaml_folder):
    """``a;b`` and ``[a, b]`` are the same."""
    text = (yaml_folder / "work_items.yaml").read_text()
    first, rest = text.split("topics: [qkdn, coordination]", 1)
    (yaml_folder / "work_items.yaml").write_text(f"{first}topics: qkdn;coordination{rest}")
    assert load(yaml_folder) == load()


def test_two_files_of_one_table_are_refused(folder):
    """Nobody has to guess which of them counts."""
    (folder / "topics.yaml").write_text(to_yaml(load().topics))
    with pytest.raises(StandardsDataError, match=r"topics\.csv and topics\.yaml are the same table; keep one"):
        load(folder)


def test_a_meeting_may_be_yaml(yaml_folder):
    """The statements of one meeting, from a file of its own."""
    assert read_statements(yaml_folder / "statements.yaml") == load().statements


W = "new,ETSI,,d,t,qkdn,test,draft,2026,,,,s,high"  # a work item that is right
S = "new,400,next,X,member-state,FG,support,g,f,,high"  # and a statement


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("topics.csv", "new,nowhere,label", "there is no topic nowhere"),
        ("topics.csv", "qkdn,,twice", "the id qkdn is given twice, first at topics.csv:3"),
        ("topics.csv", "new,qkdn,", "label (empty): it must not be empty"),
        ("topics.csv", "new,new,label", "new -> new is a circle; leave the parent of the topmost empty"),
        ("bodies.csv", "new,,name,more", "as many fields as there are columns"),
        ("bodies.csv", ",,name", "id (empty): it must not be empty"),
        ("cells.csv", "new,qkdn,SG2,terminology,maybe,x,T,1,high", "status maybe: one of todo, ongoing"),
        ("cells.csv", "new,qkdn,SG99,terminology,todo,x,T,1,high", "there is no body SG99"),
        ("cells.csv", "new,qkdn,SG2,terminology,todo,x,T,-3,high", "record_line -3: a whole number from 1 to 100000"),
        ("cells.csv", "new,qkdn,SG2,terminology,todo,x,T,99999999999999999999,high", "a whole number from 1"),
        ("cells.csv", "new,qkdn,SG2,terminology,todo,x,T,,high", "record_line (empty): a whole number"),
        ("work_items.csv", W.replace("test", "poems"), "aspects poems: at least one, separated by ;, each one of"),
        ("work_items.csv", W.replace("2026", "soon"), "year soon: a whole number from 1900 to 2100, or nothing"),
        ("work_items.csv", W.replace("qkdn", "poetry"), "there is no topic poetry"),
        ("work_items.csv", W.replace("2026,,,", "2026,XYZ,,"), "there is no process XYZ; known: AAP"),
        ("work_items.csv", W.replace("2026,,,", "2026,AAP,nap,"), "there is no step of AAP nap; known: additional"),
        (
            "work_items.csv",
            W.replace("2026,,,", "2026,AAP,consent,soon"),
            "since soon: a date as 2026-11-23, or nothing",
        ),
        (
            "work_items.csv",
            W.replace("2026,,,", "2026,AAP,,2026-01-01"),
            "a date needs the step that was reached on it",
        ),
        ("work_items.csv", W.replace("2026,,,", "2026,,consent,"), "needs the process that it belongs to"),
        ("overlaps.csv", "new,terminology,terminology,why,s,low", "is accepted at overlaps.csv:4 already"),
        ("terms.csv", "new,word,meaning,Nobody,d,,,,,low", "there is no body Nobody"),
        ("terms.csv", "new,word,meaning,ETSI,d,,phlogiston,,,low", "same_as phlogiston: the glossary has no such term"),
        ("terms.csv", "new,word,,ETSI,d,,,,,low", "definition (empty): it must not be empty"),
        ("terms.csv", "new,word,meaning,ETSI,d,,,,,certain", "confidence certain: one of high, medium, low"),
        ("statements.csv", S.replace("FG", "JAC"), "there is no option JAC; the table options lists them: FG, JCA"),
        ("statements.csv", S.replace("support", "shouts"), "stance shouts: one of support, oppose"),
        ("statements.csv", S.replace(",,high", ",P999,high"), "there is no statement P999"),
        ("statements.csv", S.replace(",,high", ",new,high"), "name the version that was recorded first"),
        ("statements.csv", S.replace("next,X", "next,"), "delegation (empty): it must not be empty"),
        ("topics.csv", '"new,qkdn,label', "a field with a comma or a quote in it stands in quotes"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(folder, file, line, told):
    """File, row and what would be right; nothing is guessed."""
    rows = len((folder / file).read_text().splitlines())
    with (folder / file).open("a") as out:
        out.write(line + "\n")
    with pytest.raises(StandardsDataError) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{file}:{rows + 1}: ")
    assert told in str(caught.value)


def test_a_loop_of_topics_is_refused(folder):
    """Two that are each other's parent: the way round is told."""
    text = (folder / "topics.csv").read_text().replace("qit4n,,quantum", "qit4n,qkdn,quantum")
    (folder / "topics.csv").write_text(text)
    with pytest.raises(StandardsDataError, match=r"topics\.csv:3: .*qkdn.* is a circle"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _: "", "the file is empty; its first line names the columns id, parent, label"),
        (lambda text: text.replace(",", ";"), "save the sheet as CSV with commas"),
        (lambda text: text.replace("label", "title", 1), "there is no column title; the column label is missing"),
        (lambda text: text.replace("parent", "label", 1), "the column label is there twice"),
    ],
)
def test_wrong_columns_are_told(folder, change, told):
    """What a spreadsheet can do to a file."""
    (folder / "topics.csv").write_text(change((folder / "topics.csv").read_text()))
    with pytest.raises(StandardsDataError, match=told):
        load(folder)


def test_a_byte_order_mark_and_foreign_line_ends_do_no_harm(folder):
    """As Excel saves "CSV UTF-8"."""
    for file in folder.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load(folder) == load()


def test_another_encoding_is_refused(folder):
    """As older spreadsheets save: the error says which file and what to do."""
    (folder / "topics.csv").write_bytes((folder / "topics.csv").read_text().encode("utf-16"))
    with pytest.raises(StandardsDataError, match=r"topics\.csv cannot be read.*save it as CSV in UTF-8"):
        load(folder)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    """With the command that makes one."""
    with pytest.raises(StandardsDataError, match="is no folder; qit standards export"):
        load(tmp_path / "none")


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
    assert all(term.document for term in desk.terms)


def test_what_is_from_memory_is_never_of_more_than_low_confidence():
    """Confidence is about the source, not about how sure somebody felt."""
    desk = load()
    rows = [row for rows in (desk.work_items, desk.overlaps) for row in rows]
    assert not [row.id for row in rows if "memory" in row.source and row.confidence != "low"]
    assert {row.confidence for row in desk.work_items} == {"high", "medium", "low"}
    clocks = resources.files("qit4n.coordination") / "clocks.csv"
    steps = list(csv.DictReader(clocks.read_text("utf-8").splitlines()))
    assert not [step for step in steps if "memory" in step["source"] and step["confidence"] != "low"]
