"""The JSON Schema of the network file, made from the typed model (``qit schema`` prints it)."""

from functools import cache
from typing import Any

import msgspec

from qit4n.network.model import Network


@cache
def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the network file, version 1. Units stand in the names of the members."""
    made = msgspec.json.schema(Network)
    definitions = made.pop("$defs")
    root = definitions.pop("Network")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:qit4n:network-file:1",
        **root,
        "title": "qit4n network file, version 1",
        "$defs": definitions,
    }


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the schema with its ``$ref``, if it has one, replaced by what it refers to."""
    if "$ref" not in part:
        return part
    found = schema()["$defs"][part["$ref"].rsplit("/", 1)[1]]
    return {**found, **{key: value for key, value in part.items() if key != "$ref"}}
