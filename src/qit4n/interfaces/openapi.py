"""The OpenAPI 3.1 document of ETSI GS QKD 014 as this KME serves it: its own limits, methods and statuses. Pure.

Member names and the models are those of clause 6; what the document leaves open is as ``etsi014.py`` decides it.
"""

from importlib.metadata import version
from typing import Any

import msgspec

from qit4n.interfaces import etsi014
from qit4n.network.model import Policies

SAE = {"type": "string", "minLength": 1, "maxLength": 64}
UUID = {"type": "string", "format": "uuid"}
OBJECTS = {"type": "array", "items": {"type": "object"}}
REASONS = {
    400: "The request is malformed, out of range, or names keys that are not there.",
    401: "The certificate is not of an application that may ask this.",
    404: "There is no such path.",
    405: "The path does not take this method.",
    408: "The request did not come in time.",
    411: "The length of the body is not told.",
    413: "The body is too large.",
    414: "The URL is too long.",
    415: "The body is encoded in a way that is not taken.",
    429: "The application asks more often, or for more key, than its limits allow.",
    431: "The head of the request is too large.",
    501: "The transfer coding is not known.",
    503: "Not now: not enough key, or the store does not take writes. Try again after Retry-After.",
}


def document(policies: Policies) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Key delivery API of ETSI GS QKD 014 V1.1.1",
            "version": version("qit4n"),
            "description": "Mutual TLS; who asks is read from the client certificate. Sizes are in bits.",
        },
        "servers": [{"url": etsi014.BASE.rstrip("/")}],
        "security": [{"certificate": []}],
        "paths": _paths(policies),
        "components": {
            "securitySchemes": {"certificate": {"type": "mutualTLS"}},
            "schemas": _schemas(policies),
            "responses": {
                "Error": {"description": "Refused.", "content": _json("Error")},
            },
        },
    }


def text(policies: Policies) -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document(policies))


def _paths(policies: Policies) -> dict[str, Any]:
    number = _integer(1, policies.max_keys_per_request, 1)
    size = _size(policies)
    calls: dict[str, dict[str, Any]] = {
        "status": {"GET": _operation("Get status (clause 5.2)", "getStatus", "Status")},
        "enc_keys": {
            "GET": _operation(
                "Get key (clause 5.3)", "getKeySimple", "KeyContainer", [_query("number", number), _query("size", size)]
            ),
            "POST": _operation("Get key (clause 5.3)", "getKey", "KeyContainer", body="KeyRequest"),
        },
        "dec_keys": {
            "GET": _operation(
                "Get key with key IDs (clause 5.4), one key",
                "getKeyWithKeyID",
                "KeyContainer",
                [_query("key_ID", UUID, required=True)],
            ),
            "POST": _operation("Get key with key IDs (clause 5.4)", "getKeyWithKeyIDs", "KeyContainer", body="KeyIDs"),
        },
    }
    found = {}
    for call, methods in etsi014.METHODS.items():
        who = "master_SAE_ID" if call == "dec_keys" else "slave_SAE_ID"
        item: dict[str, Any] = {"parameters": [{"name": who, "in": "path", "required": True, "schema": SAE}]}
        for method in methods:
            item[method.lower()] = calls[call][method]
        found[f"/{{{who}}}/{call}"] = item
    return found


def _operation(
    summary: str, name: str, answer: str, parameters: list[dict[str, Any]] | None = None, body: str = ""
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": summary,
        "operationId": name,
        "responses": {"200": {"description": "Granted.", "content": _json(answer)}},
    }
    for status, reason in REASONS.items():
        found["responses"][str(status)] = {"description": reason, "content": _json("Error")}
    if parameters:
        found["parameters"] = parameters
    if body:
        found["requestBody"] = {"required": body == "KeyIDs", "content": _json(body)}
    return found


def _schemas(policies: Policies) -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    extension = {"type": "object"}
    return {
        "Status": _object(
            {
                "source_KME_ID": {"type": "string"},
                "target_KME_ID": {"type": "string"},
                "master_SAE_ID": SAE,
                "slave_SAE_ID": SAE,
                "key_size": count,
                "stored_key_count": count,
                "max_key_count": count,
                "max_key_per_request": count,
                "max_key_size": count,
                "min_key_size": count,
                "max_SAE_ID_count": count,
            },
            {"status_extension": extension},
        ),
        "KeyRequest": _object(
            {},
            {
                "number": _integer(1, policies.max_keys_per_request, 1),
                "size": _size(policies),
                "additional_slave_SAE_IDs": {
                    "type": "array",
                    "items": SAE,
                    "maxItems": policies.max_additional_slaves,
                    "uniqueItems": True,
                },
                "extension_mandatory": OBJECTS,
                "extension_optional": OBJECTS,
            },
        ),
        "KeyIDs": _object(
            {
                "key_IDs": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": etsi014.MAX_KEY_IDS,
                    "items": _object({"key_ID": UUID}, {"key_ID_extension": extension}),
                }
            },
            {"key_IDs_extension": extension},
        ),
        "KeyContainer": _object(
            {
                "keys": {
                    "type": "array",
                    "items": _object(
                        {"key_ID": UUID, "key": {"type": "string", "contentEncoding": "base64"}},
                        {"key_ID_extension": extension, "key_extension": extension},
                    ),
                }
            },
            {"key_container_extension": extension},
        ),
        "Error": _object({"message": {"type": "string"}}, {"details": OBJECTS}),
    }


def _object(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": required | optional}
    if required:
        found["required"] = list(required)
    return found


def _integer(least: int, most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def _size(policies: Policies) -> dict[str, Any]:
    most, least = policies.max_key_size_bits, policies.min_key_size_bits
    return _integer(least, most, policies.key_size_bits) | {"multipleOf": 8}


def _query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
