"""The coordination desk from the command line."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from qit4n.cli.main import run
from qit4n.coordination.reading import load


@pytest.fixture(autouse=True)
def _a_pipe(monkeypatch):
    """What goes into a pipe is not cut to a width; xdist sets one."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("standards matrix", "qkdn-operation"),
        ("standards matrix --columns", "quantum-metrology"),
        ("standards gaps", "qkdn-sustainability"),
        ("standards overlaps", "ITU-T specifies the network, ETSI the SDN control of its nodes (our reading of"),
        ("standards diff", "gaps in 2019:"),
        ("standards diff", "from memory alone"),
        ("standards diff", "FG-QIT4N D2.1 (low)"),
        ("standards diff", "low    FG-QIT4N D2.1: memory"),
        ("standards diff", "no gap: qit4n, IEEE: hole in the picture"),
        ("standards matrix --columns", "Too early? (368 low); Reinterpret results of ETSI jointly (487 low)"),
        ("standards why repeaters", "RFC 9340"),
        ("standards roadmap qkdn-protocols", "Q.4160 (12/2023)"),
        ("standards roadmap qkdn-network", "AAP: draft; 4 to 7 weeks from consent"),
        ("standards clock", "ISO/IEC Directives"),
        (
            "standards clock AAP consent --since 2022-07-15",
            "approved 2022-08-12 at the earliest, 2022-09-02 with review",
        ),
        ("standards clock tap Determination --since 2026-12-01", "approved 2027-03-01 at the earliest, 2027-03-29"),
        ("standards roadmap QIN", "IG.19"),
        ("standards why 'Quantum Repeaters'", "RFC 9340"),
        ("standards document Y.3803", "Key management"),
        ("standards document P1913", "clock: IEEE: draft"),
        ("standards trace 014 6.4", "test_014_6_4_a_batch_with_one_wrong_id_consumes_nothing"),
        ("standards trace 014 5.4 --text", "def test_014_5_4_get_key_with_key_ids_gives"),
        ("terms lookup KME", "key management entity"),
        ("terms lookup trusted\\ node", "to avoid: trusted repeater, trusted relay"),
        ("terms conflicts", "K (in QKD)"),
        ("terms check", "kept to the glossary"),
        ("consensus", "Nobody objects to: JCA"),
        ("consensus", "US 228, Canada 277"),
    ],
)
def test_each_question_has_an_answer(capsys, arguments, told):
    """What a chair asks first is in what is printed."""
    run_quietly(arguments)
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        "standards matrix",
        "standards matrix --columns",
        "standards gaps",
        "standards overlaps",
        "standards diff",
        "standards document 014",
        "standards trace 014 5.4",
        "terms conflicts",
        "terms lookup KME",
        "terms check",
    ],
)
def test_json_is_one_array(capsys, arguments):
    """For programs."""
    run_quietly(f"{arguments} --json")
    assert isinstance(json.loads(capsys.readouterr().out), list)


@pytest.mark.parametrize("arguments", ["standards roadmap", "standards clock AAP", "standards why qin", "consensus"])
def test_json_is_one_object(capsys, arguments):
    """What has several parts."""
    run_quietly(f"{arguments} --json")
    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("standards gaps", "SG16 (since 2025 SG21), ITU-T SG20"),
        ("standards diff", "Y.3812 (09/2022) (high)"),
        ("standards matrix --columns", "High precision network time reference, navigation"),
        ("standards roadmap", "draft-van-meter-qirg-quantum-network-architecture-02"),
        ("consensus", "AT (ad hoc Chairman) 357"),
    ],
)
def test_nothing_is_cut_off_in_a_narrow_window(capsys, monkeypatch, columns, arguments, wanted):
    """Text goes on in the next line: its letters come in order, and no line of the table is wider than the window."""
    monkeypatch.setenv("COLUMNS", columns)
    run_quietly(arguments)
    lines = capsys.readouterr().out.splitlines()
    rule = next(line for line in lines if line and set(line) == {"-"})
    assert len(rule) <= max(int(columns), 64)
    starts = [at for at in range(len(rule)) if any(line[at : at + 1].strip() for line in lines)]
    texts = ["".join(line[at:].replace(" ", "") for line in lines) for at in starts]
    assert any(is_inside(wanted.replace(" ", ""), text) for text in texts)


def is_inside(letters, text):
    """Whether the letters come in this order, whatever stands between them."""
    rest = iter(text)
    return all(letter in rest for letter in letters)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("standards why poetry", "there is no topic poetry"),
        ("standards document Z.99", "no document is called Z.99"),
        ("standards clock AAP consent --since tomorrow", "a date is written as"),
        ("standards clock XYZ", "there is no process XYZ; known: AAP"),
        ("standards trace 014 no-such-title", "014 has no clause no-such-title"),
        ("standards diff --folder {tmp}/none", "is no folder; qit standards export"),
        ("standards trace 014 77.7", "names 014 77.7"),
        ("standards export {tmp} --format word", "one of csv, yaml, json, skos"),
        ("terms lookup phlogiston", "no term phlogiston"),
        ("consensus {tmp}/none.csv", "is missing"),
    ],
)
def test_a_question_beside_the_tables_is_an_error_with_advice(capsys, tmp_path, arguments, told):
    """Exit code 18 and a sentence."""
    with pytest.raises(SystemExit) as ended:
        run(arguments.format(tmp=tmp_path).split())
    assert ended.value.code == 18
    assert told in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", ["csv", "yaml", "json", "skos", "markdown", "html"])
def test_what_is_exported_is_never_written_over(capsys, tmp_path, kind):
    """The files are there; a second time is refused and nothing is changed."""
    run_quietly(f"standards export {tmp_path}/out --format {kind}")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert all(len(text) > 100 for text in before.values())
    with pytest.raises(SystemExit):
        run(f"standards export {tmp_path}/out --format {kind}".split())
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    assert "is there already" in capsys.readouterr().err


def test_a_table_is_not_exported_beside_itself_in_another_form(capsys, tmp_path):
    """CSV into a folder of YAML would make two files of each table, which no command reads."""
    run_quietly(f"standards export {tmp_path}/out --format yaml")
    with pytest.raises(SystemExit):
        run(f"standards export {tmp_path}/out --format csv".split())
    assert "topics.yaml is there already" in capsys.readouterr().err
    run_quietly(f"standards export {tmp_path}/out --format json")


NASTY = """
- id: T 9/é#
  label: nasty <term> (NT)
  definition: |
    uses key | and <script>alert(1)</script>
    on two lines
  body: ETSI
  document: doc "x" & y
  confidence: low
"""


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")  # of rdflib itself
def test_whatever_stands_in_a_table_is_whole_in_every_form(capsys, tmp_path):
    """SKOS is read by rdflib, if it is there: a concept for each term; a row of Markdown is a line; HTML is escaped."""
    run_quietly(f"standards export {tmp_path}/own --format yaml")
    with (tmp_path / "own" / "terms.yaml").open("a") as out:
        out.write(NASTY)
    for kind in ("csv", "skos", "markdown", "html"):
        run_quietly(f"standards export {tmp_path}/{kind} --folder {tmp_path}/own --format {kind}")
    own = load(tmp_path / "own")
    assert load(tmp_path / "csv") == own
    (row,) = [line for line in (tmp_path / "markdown" / "terms.md").read_text().splitlines() if "nasty" in line]
    assert "key \\| and <script>alert(1)</script> on two lines | doc" in row
    assert "<script" not in (tmp_path / "html" / "desk.html").read_text()
    rdflib = pytest.importorskip("rdflib")
    graph = rdflib.Graph().parse(tmp_path / "skos" / "terms.jsonld", format="json-ld")
    concepts = set(graph.subjects(rdflib.RDF.type, rdflib.SKOS.Concept))
    assert len(concepts) == len(own.terms)
    assert all(len(list(graph.objects(one, rdflib.SKOS.prefLabel))) == 1 for one in concepts)
    assert set(graph.objects(None, rdflib.SKOS.related)) <= concepts
    graph.serialize(format="turtle")


def test_two_clicks_lead_from_a_cell_to_code_and_a_test(capsys, tmp_path):
    """The cell of protocols at ETSI links to 014; there the clause unfolds the function and the test."""
    run_quietly(f"standards export {tmp_path}/out --format html")
    text = (tmp_path / "out" / "desk.html").read_text()
    assert '<a href="#014">014</a>' in text
    assert '<h3 id="014">014</h3>' in text
    (clause,) = re.findall(r'<tr id="014-5.3">.*?</tr>', text, re.DOTALL)
    assert "5.3 Get key" in clause
    assert re.search(r"<details><summary><code>src/qit4n/interfaces/etsi014.py:\d+</code> _get_key", clause)
    assert "def test_014_5_3_an_empty_store_is_503_with_a_hint_when_to_come_back(" in clause


def test_the_page_and_markdown_tell_confidence_and_source(capsys, tmp_path):
    """At each row and in the summary."""
    run_quietly(f"standards export {tmp_path}/html --format html")
    run_quietly(f"standards export {tmp_path}/md --format markdown")
    for text in ((tmp_path / "html" / "desk.html").read_text(), (tmp_path / "md" / "diff.md").read_text()):
        assert "from memory alone" in text
        assert "memory; no copy and no page that names it was found" in text
        assert "closed" in text
    assert 'class="closed low">closed, low' in (tmp_path / "html" / "desk.html").read_text()


def test_a_meeting_is_about_the_options_of_a_folder(capsys, tmp_path):
    """``--folder`` alone shows its statements; with a file the options of the folder hold."""
    run_quietly(f"standards export {tmp_path}/own")
    with (tmp_path / "own" / "statements.csv").open("a") as out:
        out.write("new,400,next,Nigeria,member-state,JCA,oppose,,,,high\n")
    run_quietly(f"consensus --folder {tmp_path}/own")
    assert "Nobody objects to: nothing" in capsys.readouterr().out
    shutil.copy(tmp_path / "own" / "statements.csv", tmp_path / "meeting.csv")
    (tmp_path / "own" / "options.csv").write_text("id,label\nFG,x\nhybrid,x\nSG+JCA,x\nnone,x\n")
    (tmp_path / "own" / "statements.csv").write_text(
        (tmp_path / "own" / "statements.csv").read_text().partition("\n")[0] + "\n"
    )
    with pytest.raises(SystemExit):
        run(f"consensus {tmp_path}/meeting.csv --folder {tmp_path}/own".split())
    assert "there is no option JCA" in " ".join(capsys.readouterr().err.split())


def test_a_wrong_word_fails_the_check(capsys, tmp_path):
    """Exit code 18, with file and line; the same command passes on this checkout."""
    shutil.copytree(Path(__file__).parents[3] / "docs", tmp_path / "docs")
    (tmp_path / "src").mkdir()
    run_quietly(f"terms check {tmp_path}")
    (tmp_path / "docs" / "new.md").write_text("Our QKD\ndevice.\n")
    with pytest.raises(SystemExit) as ended:
        run(f"terms check {tmp_path}".split())
    assert ended.value.code == 18
    told = capsys.readouterr()
    assert "docs/new.md:1: QKD device: say QKD module" in told.out
    assert "1 place does not keep to the glossary" in " ".join(told.err.split())


def test_a_changed_table_changes_the_answer(capsys, tmp_path):
    """A document more in one's own folder closes a gap."""
    run_quietly(f"standards export {tmp_path}/own")
    with (tmp_path / "own" / "work_items.csv").open("a") as out:
        out.write("new,ITU-T,SG5,L.1,Energy of QKD,qkdn-sustainability,architecture,published,2026,,,,made up,low\n")
    run_quietly(f"standards diff --json --folder {tmp_path}/own")
    found = json.loads(capsys.readouterr().out.partition("[{")[2].join(["[{", ""]))
    (gap,) = [one for one in found if (one["topic"], one["aspect"]) == ("qkdn-sustainability", "architecture")]
    assert [one["document"] for one in gap["closed_by"]] == ["L.1"]


def run_quietly(arguments):
    with pytest.raises(SystemExit) as ended:
        run(shlex.split(arguments))
    assert not ended.value.code


def test_one_command_runs_the_tests_of_a_clause_and_tells_how_they_ended(capfd, tmp_path):
    """A checkout with one test that passes and one that fails: both are told with their result, and the exit is 1."""
    for folder in ("src/qit4n", "tests", "docs/reference"):
        (tmp_path / folder).mkdir(parents=True)
    root = Path(__file__).parents[3]
    shutil.copy(root / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(root / "docs" / "reference" / "checklist.md", tmp_path / "docs" / "reference")
    text = "def test_014_5_3_good(): ...\n\n\ndef test_014_5_3_bad():\n    assert False\n"
    (tmp_path / "tests" / "test_y.py").write_text(text)
    with pytest.raises(SystemExit) as ended:
        run(f"standards trace 014 5.3 --run --source {tmp_path}".split())
    assert ended.value.code == 1
    told = capfd.readouterr().out
    assert re.search(r"test  passed 20[\d-]+ [\d:]+ UTC  tests/test_y.py:1  test_014_5_3_good", told)
    assert re.search(r"test  failed 20[\d-]+ [\d:]+ UTC  tests/test_y.py:4  test_014_5_3_bad", told)
