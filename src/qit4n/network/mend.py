"""Stand-ins for what violates the schema, so that the rest of the file can be examined in the same run."""

import contextlib
import copy
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from qit4n.network.explain import about_a_name, missing
from qit4n.network.schema import resolved, schema
from qit4n.network.yamltext import At

ROUNDS = 4
_SIMPLE: dict[str, Any] = {"number": 1, "integer": 1, "boolean": False, "null": None}


def mended(data: dict[str, Any]) -> tuple[dict[str, Any], list[At]] | None:
    """A copy of ``data`` that fits the schema, and the places at which it says something else than ``data``.

    None if some rounds of repair do not lead to data that fit.
    """
    mender = _Mender(copy.deepcopy(data))
    validator = Draft202012Validator(schema())
    for _ in range(ROUNDS):
        errors = list(validator.iter_errors(mender.data))
        if not errors:
            return mender.data, mender.places
        for error in errors:
            with contextlib.suppress(LookupError, TypeError):  # its place went with another one; the next round sees
                mender.mend(error)
    return None


class _Mender:
    """Repairs data in place and remembers where."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.places: list[At] = []

    def mend(self, error: ValidationError) -> None:
        """Let the data fit, as far as one violation goes."""
        at = tuple(error.absolute_path)
        self.places.append(at)
        if about_a_name(error):
            self._put(at, _without(self._get(at), [str(error.instance)]))
        elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known = dict(error.schema)["properties"]  # type: ignore[arg-type]  # never the schemas true and false
            unknown = [name for name in error.instance if name not in known]
            self.places[-1:] = [(*at, name) for name in unknown]
            self._put(at, _without(self._get(at), unknown))
        elif error.validator == "required" and isinstance(error.instance, dict):
            name = missing(error)
            self.places[-1] = (*at, name)
            self._put((*at, name), self._stand_in(error.schema["properties"][name]))  # type: ignore[index]
        else:
            self._put(at, self._stand_in(error.schema))  # type: ignore[arg-type]

    def _get(self, at: At) -> Any:
        part: Any = self.data
        for step in at:
            part = part[step]
        return part

    def _put(self, at: At, value: Any) -> None:
        if at:
            self._get(at[:-1])[at[-1]] = value
        else:
            self.data = value

    def _stand_in(self, part: dict[str, Any]) -> Any:
        """Something that this part of the schema allows; each name only once."""
        part = resolved(part)
        kind = part.get("type")
        if "default" in part:
            return copy.deepcopy(part["default"])
        if "enum" in part:
            return part["enum"][0]
        if kind == "string":
            return f"stand-in-{len(self.places)}"
        if kind == "array":
            items = part.get("prefixItems") or [part["items"]] * part.get("minItems", 0)
            return [self._stand_in(item) for item in items]
        if kind == "object":
            return {name: self._stand_in(part["properties"][name]) for name in part.get("required", ())}
        return part["examples"][0] if part.get("examples") else _SIMPLE.get(str(kind))


def _without(mapping: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: part for name, part in mapping.items() if name not in names}
