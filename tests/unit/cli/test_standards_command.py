"""The coordination desk from the command line."""

import json

import pytest

from qit4n.cli.main import run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("standards matrix", "qkdn-operation"),
        ("standards matrix --columns", "quantum-metrology"),
        ("standards gaps", "qkdn-sustainability"),
        ("standards overlaps", "ITU-T specifies the"),
        ("standards diff", "gaps in 2019:"),
        ("standards why repeaters", "RFC 9340"),
        ("standards roadmap qkdn-protocols", "Q.4160 (12/2023)"),
        ("standards roadmap --consent 2022-07-15", "2022-08-12"),
        ("standards document Y.3803", "Key management"),
        ("standards trace 014 6.4", "test_014_6_4_a_batch_with_one_wrong_id_consumes_nothing"),
        ("terms lookup KME", "key management entity"),
        ("terms conflicts", "K (in QKD)"),
        ("terms check", "rules kept"),
        ("consensus", "Nobody objects to: JCA"),
    ],
)
def test_each_question_has_an_answer(capsys, arguments, told):
    """What a chair asks first is in what is printed."""
    run_quietly(arguments)
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", ["standards matrix", "standards gaps", "standards overlaps", "standards diff", "terms conflicts"]
)
def test_json_is_one_array(capsys, arguments):
    """For programs."""
    run_quietly(f"{arguments} --json")
    assert isinstance(json.loads(capsys.readouterr().out), list)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("standards why poetry", "there is no topic poetry"),
        ("standards document Z.99", "no document is called Z.99"),
        ("standards roadmap --consent tomorrow", "a date is written as"),
        ("standards trace 014 77.7", "names 014 77.7"),
        ("standards export {tmp} --format word", "one of csv, json, skos"),
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


@pytest.mark.parametrize("kind", ["csv", "json", "skos", "markdown", "html"])
def test_what_is_exported_is_never_written_over(capsys, tmp_path, kind):
    """The files are there; a second time is refused and nothing is changed."""
    run_quietly(f"standards export {tmp_path}/out --format {kind}")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert all(len(text) > 500 for text in before.values())
    with pytest.raises(SystemExit):
        run(f"standards export {tmp_path}/out --format {kind}".split())
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    assert "is there already" in capsys.readouterr().err


def test_the_page_leads_from_a_cell_to_code_and_tests(capsys, tmp_path):
    """The cell of protocols at ETSI links to 014; there the clause stands with a file and a test."""
    run_quietly(f"standards export {tmp_path}/out --format html")
    text = (tmp_path / "out" / "desk.html").read_text()
    assert '<a href="#014">014</a>' in text
    assert 'id="014"' in text
    assert "test_014_6_4_a_batch_with_one_wrong_id_consumes_nothing" in text


def test_a_changed_table_changes_the_answer(capsys, tmp_path):
    """A document more in one's own folder closes a gap."""
    run_quietly(f"standards export {tmp_path}/own")
    with (tmp_path / "own" / "work_items.csv").open("a") as out:
        out.write("new,ITU-T,SG5,L.1,Energy of QKD,qkdn-sustainability,architecture,published,2026,made up,low\n")
    run_quietly(f"standards diff --json --folder {tmp_path}/own")
    found = json.loads(capsys.readouterr().out.partition("[{")[2].join(["[{", ""]))
    (gap,) = [one for one in found if (one["topic"], one["aspect"]) == ("qkdn-sustainability", "architecture")]
    assert [one["document"] for one in gap["closed_by"]] == ["L.1"]


def run_quietly(arguments):
    with pytest.raises(SystemExit) as ended:
        run(arguments.split())
    assert not ended.value.code
