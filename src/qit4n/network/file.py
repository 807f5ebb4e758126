"""Reading the network file: every problem at once, each with file, line, path, what is wrong, what would be right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from jsonschema import Draft202012Validator

from qit4n.errors import NetworkFileError, UnknownNetworkError
from qit4n.network import yamltext
from qit4n.network.consistency import contradictions, oddities
from qit4n.network.devices import located
from qit4n.network.explain import explain
from qit4n.network.finding import Finding
from qit4n.network.mend import mended
from qit4n.network.model import Network
from qit4n.network.schema import schema
from qit4n.network.yamltext import At, Places, Problem

MAX_FILE_BYTES = 4 * 1024 * 1024
EXAMPLES = resources.files("qit4n.network") / "examples"


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What a text says: a network if there are no problems; warnings are of what is probably not meant."""

    network: Network | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


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
    try:
        path = Path(name)
        if not path.exists():
            return _example(name)
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise NetworkFileError(f"{name} is too large: at most {MAX_FILE_BYTES} bytes are read")
        return content.decode("utf-8").replace("\r\n", "\n"), name
    except UnicodeDecodeError as error:
        raise NetworkFileError(f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NetworkFileError(f"{name[:200]!r} cannot be read: {reason}; name a readable YAML file") from error


def _example(name: str) -> tuple[str, str]:
    known = examples()
    if name in known:
        return known[name], f"{name}.yaml"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the examples are {', '.join(known)}"
    raise UnknownNetworkError(f"there is no file and no example {name}; {hint}")


def load(name: str) -> Network:
    """The network of a file or example; the files of its devices as absolute paths.

    Raises:
        NetworkFileError: with one line per problem.
    """
    return located(parse(*read(name)), Path(name).parent)


def parse(text: str, name: str) -> Network:
    """The network that ``text`` describes; ``name`` stands for it in errors.

    Raises:
        NetworkFileError: with one line per problem.
    """
    found = examine(text, name)
    if found.network is None:
        raise NetworkFileError("\n".join(map(str, found.problems)))
    return found.network


def check(text: str, name: str) -> list[Problem]:
    """All problems of ``text``; none if it is a network file."""
    return list(examine(text, name).problems)


def examine(text: str, name: str) -> Examination:
    """What ``text`` says, all that is wrong with it, and what is odd."""
    data, places = yamltext.read(text, name)
    if not isinstance(data, dict):
        if not places.problems:
            places.add((), "the file is not a mapping", "begin with 'qit4n: 1' and 'name: ...'")
        return Examination(network=None, problems=_ordered(places.problems))
    problems, known = list(places.problems), {one.path for one in places.problems}
    found = [places.problem(*one) for error in _validator().iter_errors(data) for one in explain(error)]
    problems += [one for one in found if one.path not in known]
    network, unreadable = _typed(data, places, problems)
    if network is not None:
        problems += _told(contradictions(network), places, unreadable)
    if problems or network is None:
        return Examination(network=None, problems=_ordered(problems))
    return Examination(network=network, problems=(), warnings=_ordered(_told(oddities(network), places, [])))


def _typed(data: dict[str, Any], places: Places, problems: list[Problem]) -> tuple[Network | None, list[At]]:
    """The network; if there are problems already, with stand-ins for what is unreadable, and where these are."""
    unreadable: list[At] = []
    if problems:
        repaired = mended(data)
        if repaired is None:
            return None, []
        data, unreadable = repaired
    try:
        return msgspec.convert(data, Network, strict=False), unreadable
    except msgspec.ValidationError as error:
        if not problems:
            problems.append(places.problem((), f"a value cannot be used: {error}", yamltext.HINT))
        return None, []


def _told(findings: Iterable[Finding], places: Places, unreadable: list[At]) -> list[Problem]:
    return [places.problem(one.at, one.what, one.right) for one in findings if not one.doubtful(unreadable)]


def _ordered(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda one: (one.line, one.column, one.path, one.what)))


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())
