"""``qit schema``: the JSON Schema of the network file."""

import json
from typing import Annotated

import typer

from qit4n.network.schema import schema as published


def schema(
    json_: Annotated[bool, typer.Option("--json", help="on one line")] = False,
) -> None:
    """Print the JSON Schema (2020-12) of the network file, for editors and other tools."""
    print(json.dumps(published(), indent=None if json_ else 2))
