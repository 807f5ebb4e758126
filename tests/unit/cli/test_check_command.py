"""``qit check``: all problems, or what the network is and what its links will do."""

import json

import pytest
import typer
from typer.testing import CliRunner

from qit4n.cli.check import check
from qit4n.cli.up import up
from qit4n.coordination import export, reading
from qit4n.errors import NetworkFileError, StandardsDataError, UnknownNetworkError
from qit4n.network.file import examples

app = typer.Typer()
app.command()(check)


def run(*arguments):
    """Output and exit code of the command; its QitError is raised."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout, result.exit_code


@pytest.fixture
def broken(tmp_path):
    """A file with two problems."""
    text = examples()["metro"].replace("length_km: 14,", "length_km: x,").replace("site: user4", "site: user5")
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    return str(path)


def test_a_good_file_is_summed_up_and_its_links_are_predicted():
    """One line of figures, a line per link, and how many demands one failure stops."""
    lines = run("secoqc")[0].splitlines()
    assert lines[0] == "secoqc: 6 sites, 8 links, 202.28 km, 6 applications, 15 demands"
    assert len(lines) == 10
    assert all("one-decoy-bb84" in line and "predicted, QBER 1." in line for line in lines[1:-1])
    assert lines[-1] == "  of 15 demands 6 survive any one link, 8 any one site but their own (--json)"


def test_what_one_failure_stops_is_told_of_each_demand():
    """In words where the demands are few, and for scripts always."""
    assert run("dual-homed")[0].splitlines()[-1] == (
        "  app-bank - app-vault: survives any one link; survives any one site but vault"
    )
    found = json.loads(run("two-data-centres", "--json")[0])["network"]["single_points"]
    pair = ["app-east", "app-west"]
    assert found == [{"between": pair, "links": ["east-west"], "ducts": [], "sites": [], "own_sites": ["east", "west"]}]


def test_all_problems_come_in_one_error(broken):
    """The error has the number of problems and one line for each, with file, line and path."""
    with pytest.raises(NetworkFileError) as caught:
        run(broken)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{broken} has 2 problems"
    assert [line.removeprefix(broken).split(":")[3].strip() for line in lines[1:]] == [
        "links[0].medium.length_km",
        "applications[3].site",
    ]


def test_json_lists_the_problems_and_exits_with_their_code(broken):
    """One JSON document and exit code 3, for scripts."""
    output, code = run(broken, "--json")
    document = json.loads(output)
    assert (code, document["ok"], len(document["problems"])) == (3, False, 2)
    assert set(document["problems"][0]) == {"line", "column", "path", "what", "right"}
    assert "network" not in document


def test_json_of_a_good_file_carries_the_prediction():
    """Summary and prediction per link, in base units."""
    output, code = run("two-data-centres", "--json")
    document = json.loads(output)
    assert (code, document["ok"], document["problems"], document["warnings"]) == (0, True, [], [])
    link = document["network"]["links"]["east-west"]
    assert link["protocol"] == "one-decoy-bb84"
    assert 1e4 < link["secret_rate_bps"] < link["sifted_rate_bps"]
    assert link["key_bits_per_block"] == pytest.approx(link["secret_rate_bps"] * link["block_duration_s"])


def test_what_is_odd_is_a_warning_and_no_error(tmp_path):
    """An unused module, an unlinked site and an application without demand are told with exit code 0."""
    text = examples()["two-data-centres"]
    text = text.replace("sites:\n", "sites:\n  - {id: lonely}\n")
    text = text.replace("modules:\n", "modules:\n  spare: {pulse_rate_hz: 1e6}\n")
    text = text.replace("applications:\n", "applications:\n  - {id: app-idle, site: east}\n")
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    output, code = run(str(path))
    warnings = [line for line in output.splitlines() if line.startswith("warning: ")]
    assert code == 0
    assert [one.split(": ")[2] for one in warnings] == ["sites[0]", "modules.spare", "applications[0]"]


def test_a_link_that_will_make_no_key_is_marked(tmp_path):
    """Too much loss is no error of the file, but nobody should have to find out by waiting."""
    path = tmp_path / "far.yaml"
    path.write_text(
        examples()["two-data-centres"].replace("length_km: 25.0, loss_db: 5.6", "length_km: 300, loss_db: 60")
    )
    output = run(str(path))[0]
    assert "<- no key" in output


def test_an_unknown_name_is_refused():
    """Neither file nor example: exit code 4 and the nearest name."""
    with pytest.raises(UnknownNetworkError, match="did you mean metro"):
        run("metr")


def test_a_damaged_folder_of_tables_is_a_problem_of_the_file(tmp_path):
    """Found from the network file, with its line, and with file and line of the table; a good one is no problem."""
    path, tables = tmp_path / "net.yaml", tmp_path / "tables"
    path.write_text(examples()["secoqc"] + "\nstandards: tables\n")
    for name, text in export.files(reading.load(), "csv", tmp_path).items():
        tables.mkdir(exist_ok=True)
        (tables / name).write_text(text)
    assert run(str(path))[1] == 0
    with (tables / "topics.csv").open("a") as out:
        out.write("new,nowhere,x\n")
    with pytest.raises(NetworkFileError) as caught:
        run(str(path))
    told = str(caught.value)
    line = len(path.read_text().splitlines())
    assert f"net.yaml:{line}:1: standards: the tables in {tables} are damaged: topics.csv:" in told
    assert "there is no topic nowhere" in told
    document = json.loads(run(str(path), "--json")[0])
    assert not document["ok"]
    assert document["problems"][0]["path"] == "standards"


def test_a_network_with_damaged_tables_does_not_start(tmp_path):
    """``qit up`` says what is wrong before any process runs."""
    path = tmp_path / "net.yaml"
    path.write_text(examples()["secoqc"] + "\nstandards: none\n")
    with pytest.raises(
        StandardsDataError, match=f"standards: the tables in {tmp_path}/none are damaged: .* is no folder"
    ):
        up(str(path), state=tmp_path / "state")
    assert not (tmp_path / "state").exists()
