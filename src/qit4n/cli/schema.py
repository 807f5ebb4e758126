"""``qit schema``: the JSON Schema of the network file, or the OpenAPI document of ETSI GS QKD 014."""

import json
from typing import Annotated

import typer

from qit4n.interfaces.openapi import document
from qit4n.network.file import load
from qit4n.network.schema import schema as published


def schema(
    openapi: Annotated[
        str | None, typer.Option(metavar="FILE", help="the OpenAPI document that the KMEs of this network serve")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="on one line")] = False,
) -> None:
    """Print the JSON Schema (2020-12) of the network file, for editors and other tools."""
    found = published() if openapi is None else document(load(openapi).policies)
    print(json.dumps(found, indent=None if json_ else 2))
