"""Reading the network file: every problem at once, each with file, line, path, what is wrong, what would be right."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from qit4n.errors import NetworkFileError, UnknownNetworkError
from qit4n.network.consistency import contradictions
from qit4n.network.model import Network
from qit4n.network.schema import schema

MAX_FILE_BYTES = 16 * 1024 * 1024
EXAMPLES = resources.files("qit4n.network") / "examples"
At = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something wrong at a place of a file; ``path`` like ``links[3].medium.length_km``, lines count from 1."""

    file: str
    line: int
    column: int
    path: str
    what: str
    right: str

    def __str__(self) -> str:
        """One line for people and editors."""
        path = f" {self.path}:" if self.path else ""
        return f"{self.file}:{self.line}:{self.column}:{path} {self.what}; {self.right}"


def examples() -> dict[str, str]:
    """Names and texts of the shipped examples."""
    files = sorted(EXAMPLES.iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".yaml"): file.read_text("utf-8") for file in files if file.name.endswith(".yaml")}


def read(name: str) -> tuple[str, str]:
    """Text and display name of a file, or of the example called ``name``.

    Raises:
        UnknownNetworkError: there is neither.
        NetworkFileError: the file cannot be read.
    """
    path = Path(name)
    if not path.is_file():
        known = examples()
        if name in known:
            return known[name], f"{name}.yaml"
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the examples are {', '.join(known)}"
        raise UnknownNetworkError(f"there is no file and no example {name}; {hint}")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise NetworkFileError(f"{name} has {path.stat().st_size} bytes; at most {MAX_FILE_BYTES} are read")
        return path.read_text("utf-8"), name
    except UnicodeDecodeError as error:
        raise NetworkFileError(f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise NetworkFileError(f"{name} cannot be read: {error.strerror}") from error


def load(name: str) -> Network:
    """The network of a file or example.

    Raises:
        NetworkFileError: with one line per problem.
    """
    return parse(*read(name))


def parse(text: str, name: str) -> Network:
    """The network that ``text`` describes; ``name`` stands for it in errors.

    Raises:
        NetworkFileError: with one line per problem.
    """
    network, problems = _examine(text, name)
    if network is None or problems:
        raise NetworkFileError("\n".join(map(str, problems)))
    return network


def check(text: str, name: str) -> list[Problem]:
    """All problems of ``text``; none if it is a network file."""
    return _examine(text, name)[1]


def _examine(text: str, name: str) -> tuple[Network | None, list[Problem]]:
    places = _Places(name)
    try:
        data = _compose(text, places)
    except yaml.MarkedYAMLError as error:
        return None, [_syntax_problem(name, error)]
    except (yaml.YAMLError, RecursionError) as error:
        return None, [Problem(file=name, line=1, column=1, path="", what=f"not YAML: {error}", right=_YAML_HINT)]
    if places.problems:
        return None, places.problems
    if not isinstance(data, dict):
        return None, [places.problem((), "the file is not a mapping", "begin with 'qit4n: 1' and 'name: ...'")]
    found = [places.problem(*_explain(error)) for error in _validator().iter_errors(data)]
    if found:
        return None, sorted(found, key=lambda problem: (problem.line, problem.column, problem.path))
    network = msgspec.convert(data, Network, strict=False)
    wrong = [places.problem(at, what, right) for at, what, right in contradictions(network)]
    return network, sorted(wrong, key=lambda problem: (problem.line, problem.path))


_YAML_HINT = "see 'qit example two-data-centres' for a file that is right"


def _syntax_problem(name: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = " ".join(part for part in (error.context, error.problem) if part)
    return Problem(file=name, line=line, column=column, path="", what=f"not YAML: {what}", right=_YAML_HINT)


class _Places:
    """Where each value stands in the text, and what is wrong with the YAML itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._marks: dict[At, yaml.Mark] = {}
        self.problems: list[Problem] = []

    def remember(self, at: At, mark: yaml.Mark) -> None:
        self._marks[at] = mark

    def problem(self, at: At, what: str, right: str) -> Problem:
        """A problem at the nearest place that stands in the text."""
        known = at
        while known and known not in self._marks:
            known = known[:-1]
        mark = self._marks.get(known)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Problem(file=self._name, line=line, column=column, path=path_text(at), what=what, right=right)


def path_text(at: At) -> str:
    """``links[3].medium.length_km`` for its parts."""
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class _Loader(yaml.SafeLoader):
    """YAML 1.2 numbers and booleans: 1e8 is a number, on/off/yes/no are words."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class' interface
        first: [
            (tag, pattern) for tag, pattern in found if tag not in {_TAG + "float", _TAG + "bool", _TAG + "timestamp"}
        ]
        for _TAG in ("tag:yaml.org,2002:",)
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|\d+[eE][-+]?\d+)$"),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false|True|False)$"), list("tTfF"))


def _compose(text: str, places: _Places) -> Any:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return None if root is None else _plain(root, (), loader, places, set())
    finally:
        loader.dispose()


def _plain(node: yaml.Node, at: At, loader: _Loader, places: _Places, above: set[int]) -> Any:
    places.remember(at, node.start_mark)
    if id(node) in above:
        raise yaml.YAMLError("an alias (*) inside its own anchor (&)")
    if len(places._marks) > 2_000_000:  # noqa: PLR2004, SLF001
        raise yaml.YAMLError("too many values; aliases (*) may multiply them")
    above = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, at, loader, places, above)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*at, number), loader, places, above) for number, item in enumerate(node.value)]
    return _scalar(node, at, loader, places)


def _scalar(node: yaml.Node, at: At, loader: _Loader, places: _Places) -> Any:
    try:
        value = loader.construct_object(node)
    except (ValueError, OverflowError, yaml.YAMLError):
        places.problems.append(places.problem(at, f"unreadable value {str(node.value)[:40]!r}", "write it in quotes"))
        return None
    if isinstance(value, float) and not math.isfinite(value):
        places.problems.append(places.problem(at, "the number is not finite", "write a finite number"))
    return value if isinstance(value, str | int | float | bool) or value is None else str(node.value)


def _plain_mapping(node: yaml.MappingNode, at: At, loader: _Loader, places: _Places, above: set[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        places.remember((*at, key), key_node.start_mark)
        if key in found:
            places.problems.append(places.problem((*at, key), f"{key!r} is given twice", "keep one of them"))
        found[key] = _plain(value_node, (*at, key), loader, places, above)
        places.remember((*at, key), key_node.start_mark)
    return found


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _explain(error: ValidationError) -> tuple[At, str, str]:
    """Place, what is wrong and what would be right, from what the schema says."""
    while error.validator == "anyOf" and error.context:
        error = max(error.context, key=lambda one: (len(one.absolute_path), one.validator != "type"))
    at = tuple(error.absolute_path)
    schema_ = dict(error.schema) if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        return _unknown_member(error.instance, schema_, at)
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = next(name for name in schema_["required"] if error.message.startswith(repr(name)))
        return at, f"{missing!r} is missing", f"add it: {_wanted(schema_['properties'].get(missing, {}), missing)}"
    last = next((part for part in reversed(at) if isinstance(part, str)), "it")
    return at, _what(error), f"right would be: {_wanted(schema_, str(last))}"


WRONG = {
    "minimum": "{shown} is less than {limit}",
    "exclusiveMinimum": "{shown} is not more than {limit}",
    "maximum": "{shown} is more than {limit}",
    "exclusiveMaximum": "{shown} is not less than {limit}",
    "multipleOf": "{shown} is not a multiple of {limit}",
    "pattern": "{shown} has a form that is not allowed",
    "minItems": "there are fewer than {limit} entries",
    "maxItems": "there are more than {limit} entries",
}


def _what(error: ValidationError) -> str:
    shown = repr(error.instance)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."  # noqa: PLR2004
    kind = str(error.validator)
    if kind == "type":
        return f"{shown} is not {_article(error.validator_value)}"
    if kind == "anyOf":
        return f"{shown} is not what is expected here"
    text = WRONG.get(kind)
    return text.format(shown=shown, limit=error.validator_value) if text else f"{shown} is not allowed ({kind})"


def _article(kind: Any) -> str:
    names = {
        "number": "a number",
        "integer": "a whole number",
        "string": "a text",
        "array": "a list",
        "object": "a mapping",
    }
    return " or ".join(names.get(one, one) for one in ([kind] if isinstance(kind, str) else kind))


def _unknown_member(instance: dict[str, Any], schema_: dict[str, Any], at: At) -> tuple[At, str, str]:
    known = list(schema_.get("properties", {}))
    unknown = next(name for name in instance if name not in known)
    close = difflib.get_close_matches(unknown, known, n=1)
    right = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
    return (*at, unknown), f"{unknown!r} is not known here", right


def _wanted(part: dict[str, Any], name: str) -> str:
    part = _resolved(part)
    described = part.get("description", "").split("\n")[0].rstrip(".")
    kind = _article(part["type"]) if isinstance(part.get("type"), str) else ""
    limits = ", ".join(_limits(part))
    example = f"for example {name}: {_yaml_text(part['examples'][0])}" if part.get("examples") else ""
    return "; ".join(text for text in (described, kind + (f" {limits}" if limits else ""), example) if text) or name


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        found = schema()["$defs"][part["$ref"].rsplit("/", 1)[1]]
        return {**found, **{key: value for key, value in part.items() if key != "$ref"}}
    return part


def _yaml_text(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True)).replace("\n...", "").strip()


def _limits(part: dict[str, Any]) -> Iterator[str]:
    words = {
        "exclusiveMinimum": "more than",
        "minimum": "at least",
        "exclusiveMaximum": "less than",
        "maximum": "at most",
        "multipleOf": "a multiple of",
    }
    for key, word in words.items():
        if key in part:
            yield f"{word} {part[key]}"
