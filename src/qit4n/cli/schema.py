"""``qit schema``: the JSON Schema of the network file."""

import json

from qit4n.network.schema import schema as published


def schema() -> None:
    """Print the JSON Schema (2020-12) of the network file, for editors and other tools."""
    print(json.dumps(published(), indent=2))
