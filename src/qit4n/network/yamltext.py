"""YAML text as plain data, with the place of every value.

The reading is that of YAML 1.2's core schema, so that nobody is surprised: ``1e8`` is a number; ``on``, ``yes``,
``2024-01-02`` and ``12:30`` are words; ``010`` is ten. Keys given twice are problems, never the last one wins.

PyYAML's parser in C would be seven times as fast, but it overflows the stack on deeply nested input; the one in
Python raises ``RecursionError``, which becomes a problem like any other.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

At = tuple[str | int, ...]
HINT = "see 'qit example two-data-centres' for a file that is right"
LARGEST = 2**63 - 1
_FLOAT = r"^[-+]?(\d+\.\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|\d+[eE][-+]?\d+)$"
_INT = r"^[-+]?[0-9]+$"


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


class Places:
    """Where each value stands in the text, and what is wrong with the YAML itself."""

    def __init__(self, name: str) -> None:
        """Places of the file that is called ``name`` in problems."""
        self.name = name
        self.problems: list[Problem] = []
        self._marks: dict[At, yaml.Mark] = {}

    def __len__(self) -> int:
        """How many values stand in the text, those of aliases counted each time."""
        return len(self._marks)

    def remember(self, at: At, mark: yaml.Mark) -> None:
        """The value or member ``at`` stands at ``mark``."""
        self._marks[at] = mark

    def problem(self, at: At, what: str, right: str) -> Problem:
        """A problem at the nearest place that stands in the text."""
        known = at
        while known and known not in self._marks:
            known = known[:-1]
        line, column = _line_and_column(self._marks.get(known))
        return Problem(file=self.name, line=line, column=column, path=path_text(at), what=what, right=right)

    def line_of(self, at: At) -> int:
        """The line of a value, from 1; of what it stands in, if it does not stand in the text itself."""
        return self.problem(at, "", "").line

    def add(self, at: At, what: str, right: str) -> None:
        """Note a problem of the YAML itself."""
        self.problems.append(self.problem(at, what, right))


def path_text(at: At) -> str:
    """``links[3].medium.length_km`` for its parts."""
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN.fullmatch(part) else shown(part))
    return text


def read(text: str, name: str, hint: str = HINT) -> tuple[Any, Places]:
    """The data of a YAML text and their places; ``places.problems`` says what is wrong.

    The data are None if the text is no YAML at all; a single value that cannot be read is None in its place.
    ``hint`` says what would be right in the place of what is no YAML.
    """
    places = Places(name)
    try:
        return _compose(text, places), places
    except yaml.MarkedYAMLError as error:
        line, column = _line_and_column(error.problem_mark or error.context_mark)
        what = " ".join(part for part in (error.context, error.problem) if part)
        places.problems = [_not_yaml(name, line, column, what, hint)]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        what = f"the character U+{error.character:04X} is not allowed"
        places.problems = [_not_yaml(name, line, column, what, hint)]
    except yaml.YAMLError as error:
        places.problems = [_not_yaml(name, 1, 1, str(error), hint)]
    except RecursionError:
        places.problems = [_not_yaml(name, 1, 1, "it is nested too deeply", hint)]
    return None, places


def _not_yaml(name: str, line: int, column: int, what: str, right: str) -> Problem:
    return Problem(file=name, line=line, column=column, path="", what=f"not YAML: {what}", right=right)


def _line_and_column(mark: yaml.Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")
_PLAIN = re.compile(r"[\w~.<-]+")
_TAG = "tag:yaml.org,2002:"
# tag, form and first characters of the words that are no text
RESOLVERS = (
    (_TAG + "float", _FLOAT, "-+0123456789."),
    (_TAG + "int", _INT, "-+0123456789"),
    (_TAG + "bool", r"^(true|false|True|False)$", "tTfF"),
)
_TAGS = {_TAG + kind for kind in ("map", "seq", "str", "int", "float", "bool", "null")}
_REPLACED = {_TAG + kind for kind in ("float", "int", "bool", "timestamp", "merge", "value")}


class _Loader(yaml.SafeLoader):
    """The parser of PyYAML with the numbers and booleans of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag not in _REPLACED]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def _compose(text: str, places: Places) -> Any:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        most = 10 * len(text) + 10_000  # aliases repeat a value, but not without end
        return None if root is None else _Reader(places, most).plain(root, (), frozenset())
    finally:
        loader.dispose()


class _Reader:
    """From nodes to plain data."""

    def __init__(self, places: Places, most: int) -> None:
        self._places = places
        self._most = most

    def plain(self, node: yaml.Node, at: At, above: frozenset[int]) -> Any:
        """The data of a node; ``above`` are the nodes that it is inside of."""
        self._places.remember(at, node.start_mark)
        if id(node) in above:
            raise yaml.YAMLError("an alias (*) inside its own anchor (&)")
        if len(self._places) > self._most:
            raise yaml.YAMLError("too many values; aliases (*) multiply them")
        above = above | {id(node)}
        if node.tag not in _TAGS:
            self._places.add(at, f"the tag {shown(node.tag)} is not known", "leave the tag (!...) out")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at, above)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*at, number), above) for number, item in enumerate(node.value)]
        return self._scalar(node, at)

    def _mapping(self, node: yaml.MappingNode, at: At, above: frozenset[int]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._places.remember(at, key_node.start_mark)
                self._places.add(at, "a list or mapping stands as the name of a member", "write a word before the ':'")
                continue
            key = str(key_node.value)
            twice = key in found
            found[key] = self.plain(value_node, (*at, key), above)
            self._places.remember((*at, key), key_node.start_mark)
            if twice:
                self._places.add((*at, key), f"{shown(key)} is given twice", "keep one of them")
        return found

    def _scalar(self, node: yaml.Node, at: At) -> str | float | bool | None:
        text, kind = str(node.value), node.tag.removeprefix(_TAG)
        if kind == "str":
            if _UNPRINTABLE.search(text):
                self._places.add(at, f"{shown(text)} has control characters", "write plain text")
            return text
        value = _VALUES[kind](text) if kind in _VALUES else None
        if not isinstance(value, float) or math.isfinite(value):
            return value
        self._places.add(at, f"{shown(text)} cannot be read as a value", "write a plain word or a number of usual size")
        return None


def _whole(text: str) -> float:
    digits = len(text.lstrip("-+0"))
    return int(text) if digits < len(str(LARGEST)) else math.inf


_VALUES: dict[str, Callable[[str], float | bool | None]] = {
    "null": lambda _: None,
    "bool": lambda text: {"true": True, "false": False}.get(text.lower(), math.nan),
    "int": lambda text: _whole(text) if re.fullmatch(_INT, text) else math.nan,
    "float": lambda text: float(text) if re.fullmatch(_FLOAT, text) else math.nan,
}


def shown(value: Any) -> str:
    """A value as it stands in YAML, shortened, for a message."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004
