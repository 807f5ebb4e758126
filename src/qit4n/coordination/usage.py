"""House usage: words that our own code, interfaces and documents avoid, and what to say instead (``usage.csv``).

Identifiers count as the words they are made of: ``QKDDevice``, ``qkd_device`` and ``QKD device`` are the same phrase.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path

FOLDERS = ("src", "tests", "docs", "benchmarks")
SUFFIXES = frozenset({".py", ".md", ".yaml", ".cpp", ".hpp"})
OWN = "coordination"  # the desk itself quotes everybody's words
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\w\s`*-]")  # punctuation parts phrases


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A phrase to avoid, what to say instead, in which files it is right all the same, and why."""

    avoid: str
    prefer: str
    exceptions: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where a phrase stands."""

    file: str
    line: int
    rule: Rule

    def __str__(self) -> str:
        """One line, as compilers write it."""
        return f"{self.file}:{self.line}: {self.rule.avoid}: say {self.rule.prefer} ({self.rule.reason})"


def rules() -> tuple[Rule, ...]:
    """The house's rules."""
    text = (resources.files("qit4n.coordination") / "usage.csv").read_text(encoding="utf-8")
    return tuple(
        Rule(
            avoid=row["avoid"],
            prefer=row["prefer"],
            exceptions=tuple(one for one in row["except"].split(";") if one),
            reason=row["reason"],
        )
        for row in csv.DictReader(io.StringIO(text))
    )


def check(root: Path) -> Iterator[Finding]:
    """Every phrase to avoid below a checkout, in the order of files and lines."""
    sought = [(rule, " " + " ".join(_words(rule.avoid)) + " ") for rule in rules()]
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        mine = [(rule, phrase) for rule, phrase in sought if not any(fnmatch(name, one) for one in rule.exceptions)]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            words = " " + " ".join(_words(line)) + " "
            for rule, phrase in mine:
                if phrase in words:
                    yield Finding(file=name, line=number, rule=rule)


def _files(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*.md"))
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and OWN not in path.parts and path.is_file():
                yield path


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORDS.findall(text)]
