"""What a violation of the JSON Schema means for a person: place, what is wrong, what would be right."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from qit4n.network.schema import resolved
from qit4n.network.yamltext import At, shown

if TYPE_CHECKING:  # sites use what is here, but never the schema
    from jsonschema.exceptions import ValidationError

KINDS = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
    "boolean": "true or false",
    "null": "null",
}
WRONG = {
    "minimum": "{shown} is less than {limit}",
    "exclusiveMinimum": "{shown} is not more than {limit}",
    "maximum": "{shown} is more than {limit}",
    "exclusiveMaximum": "{shown} is not less than {limit}",
    "multipleOf": "{shown} is not a multiple of {limit}",
    "pattern": "{shown} has a form that is not allowed",
    "enum": "{shown} is not known here",
    "minItems": "there are fewer than {limit} entries",
    "maxItems": "there are more than {limit} entries",
    "anyOf": "{shown} is not what is expected here",
}
LIMITS = {
    "exclusiveMinimum": "more than {}",
    "minimum": "at least {}",
    "exclusiveMaximum": "less than {}",
    "maximum": "at most {}",
    "multipleOf": "a multiple of {}",
}
LISTED = 8


def explain(error: "ValidationError") -> Iterator[tuple[At, str, str]]:
    """Place, what is wrong and what would be right, from what the schema says."""
    while error.validator == "anyOf" and error.context:
        error = max(error.context, key=lambda one: (len(one.absolute_path), one.validator != "type"))
    at = tuple(error.absolute_path)
    part = dict(error.schema) if isinstance(error.schema, Mapping) else {}
    if error.validator == "items":
        return  # a tuple that is too long: maxItems says so
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(part.get("properties", {}))
        for name in error.instance:
            if name not in known:
                yield (*at, name), f"{shown(name)} is not known here", nearest(name, known, "known here")
    elif error.validator == "required" and isinstance(error.instance, dict):
        name = missing(error)
        yield at, f"{shown(name)} is missing", f"add it: {_wanted(part['properties'].get(name, {}), name)}"
    elif about_a_name(error):
        yield (*at, str(error.instance)), _what(error), f"right would be: {_wanted(part, '')}"
    else:
        last = next((one for one in reversed(at) if isinstance(one, str)), "it")
        yield at, _what(error), f"{_quotes(error)}right would be: {_wanted(part, last)}"


def about_a_name(error: "ValidationError") -> bool:
    """Whether the name of a member of a mapping is wrong, not its value."""
    return "propertyNames" in error.absolute_schema_path


def missing(error: "ValidationError") -> str:
    """The member that a violation of ``required`` is about."""
    required: list[str] = list(error.validator_value)  # type: ignore[arg-type]  # never unset in a found violation
    return next(name for name in required if error.message.startswith(repr(name)))


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """A hint at the name that was probably meant, or a list of those there are."""
    known = list(known)
    close = difflib.get_close_matches(name, known[:1000], n=1)
    listed = ", ".join(known[:LISTED]) + (", ..." if len(known) > LISTED else "")
    return f"did you mean {close[0]!r}?" if close else f"{otherwise}: {listed or 'none'}"


def _what(error: "ValidationError") -> str:
    text = shown(error.instance)
    if error.validator == "type":
        return f"{text} is not {_kind(error.validator_value)}"
    return WRONG.get(str(error.validator), "{shown} is not allowed").format(shown=text, limit=error.validator_value)


def _quotes(error: "ValidationError") -> str:
    """A number or truth value where a word is wanted needs quotes: ``id: "12"``."""
    wanted = error.validator == "type" and error.validator_value == "string"
    return "write it in quotes; " if wanted and isinstance(error.instance, int | float) else ""


def _kind(kind: Any) -> str:
    return " or ".join(KINDS.get(one, one) for one in ([kind] if isinstance(kind, str) else kind))


def _wanted(part: dict[str, Any], name: str) -> str:
    part = resolved(part)
    described = part.get("description", "").split("\n")[0].rstrip(".")
    limits = ", ".join(text.format(_number(part[key])) for key, text in LIMITS.items() if key in part)
    kind = " ".join(text for text in (_kind(part["type"]) if "type" in part else "", limits) if text)
    if "enum" in part:
        kind = " or ".join(map(shown, part["enum"]))
    prefix = f"{name}: " if name else ""
    example = f"for example {prefix}{_yaml(part['examples'][0])}" if part.get("examples") else ""
    return "; ".join(text for text in (described, kind, example) if text) or name


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True)).replace("\n...", "").strip()
