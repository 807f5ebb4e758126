"""The published OpenAPI document: valid, served, and true of what the server does."""

import json

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from qit4n.interfaces import etsi014, openapi
from qit4n.network.model import Policies

DOCUMENT = openapi.document(Policies())


def schema(name):
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def test_the_document_is_valid_openapi_3_1():
    """Judged by openapi-spec-validator."""
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_kme_serves_the_document_to_its_applications_only(kme):
    """The same that is published; a site's certificate gets 401."""
    status, served, _ = kme.call("alice", "GET", "/api/v1/openapi.json")
    assert (status, served) == (200, DOCUMENT)
    assert kme.call("A", "GET", "/api/v1/openapi.json")[0] == 401
    assert kme.call("alice", "POST", "/api/v1/openapi.json")[0] == 405


def test_every_method_of_the_parser_is_in_the_document_and_no_other():
    """Paths and methods are those of the table that the parser uses."""
    found = {
        path.rpartition("/")[2]: {method.upper() for method in item if method != "parameters"}
        for path, item in DOCUMENT["paths"].items()
    }
    assert found == {call: set(methods) for call, methods in etsi014.METHODS.items()}


def test_answers_are_as_the_document_says(kme):
    """Status, Key container and Error of the live server fit their schemas."""
    _, status, _ = kme.call("alice", "GET", "bob/status")
    _, keys = kme.enc(number=3)
    _, error = kme.enc(size=9)
    for name, answer in (("Status", status), ("KeyContainer", keys), ("Error", error)):
        Draft202012Validator(schema(name)).validate(answer)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"number": 2, "size": 128}, True),
        ({"number": 0}, False),
        ({"number": 129}, False),
        ({"size": 9}, False),
        ({"size": 8192}, False),
        ({"additional_slave_SAE_IDs": ["carol"]}, True),
        ({"additional_slave_SAE_IDs": "carol"}, False),
        ({"extension_optional": [{"x": 1}]}, True),
    ],
)
def test_what_the_document_allows_the_server_takes(kme, wanted, fits):
    """A request that fits the schema of the Key request is granted, one that does not is 400."""
    assert Draft202012Validator(schema("KeyRequest")).is_valid(wanted) == fits
    status, _ = kme.enc(**wanted)
    assert status == (200 if fits else 400)


def test_the_command_prints_the_document_of_a_network(capsys):
    """Limits are those of the file."""
    from qit4n.cli.main import run

    with pytest.raises(SystemExit) as ended:
        run(["schema", "--openapi", "two-data-centres", "--json"])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["openapi"] == "3.1.0"
