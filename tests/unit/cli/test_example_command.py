"""``qit example``: list, print, generate."""

import json

import pytest
import typer
from typer.testing import CliRunner

from qit4n.cli.example import example
from qit4n.errors import NetworkFileError, UnknownNetworkError
from qit4n.network.file import check, examples, parse
from qit4n.network.generate import SHAPES

app = typer.Typer()
app.command()(example)


def run(*arguments):
    """Output of the command; its QitError is raised."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception:
        raise result.exception
    return result.stdout


def test_the_list_has_each_example_with_its_title_and_the_shapes():
    """Without a name: what there is."""
    output = run()
    for name, text in examples().items():
        assert any(line.startswith(name) and parse(text, name).title in line for line in output.splitlines())
    assert all(shape in output for shape in SHAPES)
    assert json.loads(run("--json"))["examples"].keys() == examples().keys()


@pytest.mark.parametrize("name", list(examples()))
def test_an_example_is_printed_as_it_is_shipped(name):
    """Comments and all, so that it can be saved and changed."""
    assert run(name) == examples()[name]


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_shape_is_a_file_without_problems_that_says_how_it_was_made(shape):
    """The output is a network file; its first line is the command that makes it again."""
    output = run(shape, "--size", "4", "--length-km", "12.5")
    assert check(output, shape) == []
    assert output.startswith(f"# Made by: qit example {shape} --size 4 --length-km 12.5")
    assert run(*output.splitlines()[0].split("qit example ")[1].split()) == output


def test_json_is_the_network_itself():
    """With --json: the same content as one JSON document."""
    document = json.loads(run("ring", "--size", "3", "--json"))
    assert [link["ends"] for link in document["links"]] == [["s1", "s2"], ["s2", "s3"], ["s3", "s1"]]


def test_what_cannot_be_is_refused():
    """Unknown names get the nearest one; impossible sizes the possible ones."""
    with pytest.raises(UnknownNetworkError, match="did you mean 'chain'"):
        run("chian")
    with pytest.raises(NetworkFileError, match="more than 0"):
        run("chain", "--length-km", "-3")
