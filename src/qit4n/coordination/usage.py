"""Whether our own code, interfaces and documents keep to the glossary.

A word is wrong where the glossary calls it ``deprecated`` for a term that it has another word for; ``usage.csv`` lists
the files in which such a word is right all the same. Identifiers count as the words they are made of: ``QKDDevice``,
``qkd_device`` and ``QKD device`` are the same phrase, also when a line ends in the middle of it. An abbreviation in the
documents is wrong if neither the glossary nor ``abbreviations.csv`` nor the document itself says what it means.
"""

import csv
import functools
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path

from qit4n.coordination.tables import Desk
from qit4n.coordination.terms import names_of

FOLDERS = ("src", "tests", "docs", "benchmarks")
SUFFIXES = frozenset({".py", ".md", ".yaml", ".yml", ".toml", ".json", ".js", ".css", ".cpp", ".hpp"})
OWN = "coordination"  # the desk itself quotes everybody's words
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\w\s`*-]")  # punctuation parts phrases
MARKS = re.compile(r"^\s*(?:#+|//+|\*+|>+|- )\s*")  # of comments, quotations and lists: no part of the text
PARAGRAPH = "\n"
CODE = re.compile(r"```.*?```|``[^`]*``|`[^`]*`|\]\([^)]*\)|<[^>]*>|https?://\S+|^ {4}[^\n]*", re.DOTALL | re.MULTILINE)
ABBREVIATION = re.compile(r"(?<![\w./-])[A-Z][A-Z0-9]*[A-Z][A-Z0-9]*(?![\w/])")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A word to avoid, what to say instead, in which files it is right all the same, and the source."""

    avoid: str
    prefer: str
    exceptions: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where something is wrong, and what."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        """One line, as compilers write it."""
        return f"{self.file}:{self.line}: {self.text}"


def rules(desk: Desk) -> tuple[Rule, ...]:
    """One for each word that the glossary deprecates."""
    allowed = {row["avoid"]: row["except"].split(";") for row in _rows("usage.csv")}
    return tuple(
        Rule(
            avoid=word,
            prefer=names_of(term.label)[0],
            exceptions=tuple(allowed.get(word, ())),
            reason=term.document,
        )
        for term in desk.terms
        for word in term.deprecated
    )


def check(root: Path, desk: Desk) -> Iterator[Finding]:
    """Every wrong word and every unexplained abbreviation below a checkout, in the order of files and lines."""
    sought = rules(desk)
    phrases: dict[str, list[tuple[Rule, list[str]]]] = defaultdict(list)
    for rule in sought:
        words = _words(rule.avoid)
        phrases[words[0]].append((rule, words))
    longer = _longer(desk, [words for found in phrases.values() for _, words in found])
    known = _known(desk) | _shouted(root)
    for path in _files(root):
        name, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        yield from _phrases(name, text, phrases, longer)
        if path.suffix == ".md":
            yield from _abbreviations(name, text, known)


def _phrases(
    name: str, text: str, sought: dict[str, list[tuple[Rule, list[str]]]], longer: list[list[str]]
) -> Iterator[Finding]:
    places = [(word, number) for number, line in enumerate(text.splitlines(), start=1) for word in _line(line)]
    words = [word for word, _ in places]
    for at, word in enumerate(words):
        for rule, phrase in sought.get(word, ()):
            if words[at : at + len(phrase)] != phrase or any(fnmatch(name, one) for one in rule.exceptions):
                continue
            if not any(_covers(words, at, len(phrase), whole) for whole in longer):
                yield Finding(
                    file=name, line=places[at][1], text=f"{rule.avoid}: say {rule.prefer} (glossary: {rule.reason})"
                )


def _line(line: str) -> Iterable[str]:
    found = _words(MARKS.sub("", line))
    return found if found or line.strip() else (PARAGRAPH,)


def _covers(words: list[str], at: int, length: int, whole: list[str]) -> bool:
    """Whether the phrase stands inside a longer term: ``quantum relay`` in ``quantum relay point``."""
    starts = range(max(at - len(whole) + length, 0), at + 1)
    return any(words[start : start + len(whole)] == whole for start in starts)


def _longer(desk: Desk, phrases: list[list[str]]) -> list[list[str]]:
    """Names of the glossary that hold a phrase to avoid and more."""
    names = {tuple(_words(name)) for term in desk.terms for name in names_of(term.label)}
    return [
        list(name)
        for name in names
        if any(
            len(name) > len(phrase) and phrase == list(name[at : at + len(phrase)])
            for phrase in phrases
            for at in range(len(name))
        )
    ]


def _abbreviations(name: str, text: str, known: frozenset[str]) -> Iterator[Finding]:
    plain = CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    told: set[str] = set()
    for number, line in enumerate(plain.splitlines(), start=1):
        for match in ABBREVIATION.finditer(line):
            word = match[0]
            if word in known or word in told or _is_explained(word, plain):
                continue
            told.add(word)
            yield Finding(
                file=name,
                line=number,
                text=f"{word} is explained nowhere: write it out here, or add it to the glossary or abbreviations.csv",
            )


def _is_explained(word: str, text: str) -> bool:
    """``key manager (KM)`` or ``KM (key manager)`` stands in the text."""
    return re.search(rf"[a-z]s? \({word}s?\)|\b{word} \((?:an? )?[a-z]+[ -][a-z]", text) is not None


@functools.cache
def abbreviations() -> dict[str, str]:
    """What is generally known, and what it means."""
    return {row["abbreviation"]: row["meaning"] for row in _rows("abbreviations.csv")}


def _known(desk: Desk) -> frozenset[str]:
    texts = [term.label for term in desk.terms]
    texts += [f"{body.id} {body.name}" for body in desk.bodies]
    texts += [f"{item.group} {item.document}" for item in desk.work_items]
    texts += [option.id for option in desk.options]
    return frozenset(word for text in texts for word in re.findall(r"[A-Za-z0-9]+", text)) | frozenset(abbreviations())


def _shouted(root: Path) -> frozenset[str]:
    """Words that stand in capitals and are none the less words: the documents have them in small letters too."""
    texts = (path.read_text(encoding="utf-8") for path in _files(root) if path.suffix == ".md")
    words = {word.upper() for text in texts for word in re.findall(r"\b[a-z]{4,}\b", CODE.sub(" ", text))}
    return frozenset(words | {path.stem for path in root.glob("*.md")})


def _files(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*.md"))
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and OWN not in path.parts and path.is_file():
                yield path


def _words(text: str) -> list[str]:
    """In small letters, and without the s of a plural."""
    return [re.sub(r"(?<=[^s])s$", "", word.lower()) for word in WORDS.findall(text)]


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files("qit4n.coordination") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))
