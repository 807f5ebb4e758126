"""``qit schema``: the published JSON Schema."""

import json

import pytest
import typer
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from qit4n.cli.schema import schema
from qit4n.network.file import examples

app = typer.Typer()
app.command()(schema)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_printed_schema_is_valid_and_names_itself(options):
    """It is a JSON Schema 2020-12 with an identifier that is no address."""
    printed = json.loads(CliRunner().invoke(app, options).stdout)
    Draft202012Validator.check_schema(printed)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["$id"].startswith("urn:")


@pytest.mark.parametrize("name", list(examples()))
def test_the_printed_schema_accepts_the_shipped_text_itself(name):
    """A plain YAML reader and a plain validator accept the file as it is shipped: no trap of YAML 1.1 in it."""
    printed = json.loads(CliRunner().invoke(app).stdout)
    Draft202012Validator(printed).validate(yaml.safe_load(examples()[name]))


def test_with_json_it_is_one_line():
    """For scripts that read line by line."""
    assert len(CliRunner().invoke(app, ["--json"]).stdout.splitlines()) == 1


def test_each_figure_tells_its_unit():
    """Every number of the schema has its unit in the name or says in a description what it counts."""
    units = ("_km", "_db", "_hz", "_s", "_bits", "_deg", "_probability", "_efficiency", "_fraction")
    printed = json.loads(CliRunner().invoke(app).stdout)
    parts = [printed, *printed["$defs"].values()]
    numbers = {
        name: member
        for part in parts
        for name, member in part["properties"].items()
        if member.get("type") in {"number", "integer"}
    }
    assert len(numbers) > 20
    assert [name for name, one in numbers.items() if not name.endswith(units) and "description" not in one] == []
