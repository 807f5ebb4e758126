"""Words: what each source means by one, and where words clash.

A *conflict* is one of: the same word with different meanings, different words with the same meaning, an abbreviation
that is used in a definition and defined nowhere, definitions that lead in a circle. Whether two definitions mean the
same is judged by the words they share (Jaccard index of the content words); a person's verdict stands in ``same_as``.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from qit4n.coordination.tables import Desk, Term
from qit4n.errors import StandardsDataError

SAME_WORD, SAME_MEANING = 0.5, 0.7
STOP = frozenset(
    re.findall(r"\w+", "a an and are as at be by each for from has in is it its of on or that the to which with")
)
ABBREVIATION = re.compile(r"\b[A-Z][A-Za-z]*[A-Z][A-Za-z]*\b")
Kind = Literal["several meanings", "several words", "undefined abbreviation", "circle"]


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A clash of words; ``terms`` are the rows that prove it."""

    kind: Kind
    subject: str
    terms: tuple[Term, ...]
    text: str


@functools.cache
def names_of(label: str) -> tuple[str, ...]:
    """The words that a label defines: ``key manager (KM)`` defines ``key manager`` and ``KM``."""
    if label.endswith(
        ("(in QKD)", "(ETSI)", "(QKDN)", "(015)", "(014)", "(tracking)")
    ):  # a qualifier, not a short form
        return (label.partition(" (")[0],)
    found = []
    for part in label.split(" / "):
        found.append(re.sub(r"\s*\([^)]*\)", "", part))
        found += re.findall(r"\(([^)]*)\)", part)
    return tuple(name for name in found if name)


def by_name(terms: Iterable[Term]) -> dict[str, Term]:
    """The first row of each word, by name, whole label and id, in lower case."""
    found: dict[str, Term] = {}
    for term in terms:
        for name in (term.label, *names_of(term.label), term.id):
            found.setdefault(name.casefold(), term)
    return found


def lookup(desk: Desk, word: str) -> tuple[Term, ...]:
    """Every definition of a word, whatever its case.

    Raises:
        StandardsDataError: the word is not in the glossary; with the nearest ones.
    """
    wanted = word.casefold()
    found = tuple(
        term for term in desk.terms if wanted in {name.casefold() for name in (*names_of(term.label), term.label)}
    )
    if not found:
        near = sorted({term.label for term in desk.terms if wanted in term.label.casefold()})[:5]
        hint = f"; with this word in them: {', '.join(near)}" if near else ""
        raise StandardsDataError(f"the glossary has no term {word}{hint}")
    return found


def likeness(one: str, other: str) -> float:
    """Share of content words that two definitions have in common, 0 to 1."""
    first, second = _content(one), _content(other)
    return len(first & second) / len(first | second) if first | second else 0.0


@functools.cache
def _content(text: str) -> frozenset[str]:
    return frozenset(word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", text.casefold()) if word not in STOP)


@functools.lru_cache(maxsize=4)
def conflicts(desk: Desk) -> tuple[Conflict, ...]:
    """All clashes of words."""
    return (
        *_several_meanings(desk.terms),
        *_several_words(desk.terms),
        *_undefined(desk),
        *_circles(desk.terms),
    )


def _several_meanings(terms: Iterable[Term]) -> Iterator[Conflict]:
    by_name: dict[str, list[Term]] = defaultdict(list)
    for term in terms:
        for name in names_of(term.label):
            by_name[name.casefold()].append(term)
    for name, found in by_name.items():
        apart = [
            term
            for number, term in enumerate(found)
            if any(
                likeness(term.definition, other.definition) < SAME_WORD
                for other in found[:number] + found[number + 1 :]
            )
        ]
        if len(apart) > 1:
            label = next(one for one in names_of(apart[0].label) if one.casefold() == name)
            sources = ", ".join(f"{term.document}{_line(term)}" for term in apart)
            yield Conflict(
                kind="several meanings",
                subject=apart[0].label if "(in QKD)" in apart[0].label else label,
                terms=tuple(apart),
                text=f"{len(apart)} meanings: {sources}",
            )


def _line(term: Term) -> str:
    return f" line {term.record_line}" if term.record_line else ""


def _several_words(terms: tuple[Term, ...]) -> Iterator[Conflict]:
    named, told = by_name(terms), set()
    for term in terms:
        if not term.same_as:
            continue
        other = named[term.same_as.casefold()]
        told.add(frozenset((term.label, other.label)))
        name = other.label if term.same_as == other.id else term.same_as
        yield Conflict(
            kind="several words",
            subject=f"{term.label} = {name}",
            terms=(term, other),
            text=f"{term.document} says {term.label}, {other.document} {name}",
        )
    for number, term in enumerate(terms):
        for other in terms[:number]:
            if (
                not set(names_of(term.label)) & set(names_of(other.label))
                and not _documents(term) & _documents(other)  # one document that has both tells them apart
                and frozenset((term.label, other.label)) not in told
                and likeness(term.definition, other.definition) >= SAME_MEANING
            ):
                text = f"nearly the same definition: {other.document}, {term.document}"
                yield Conflict(
                    kind="several words", subject=f"{other.label} = {term.label}", terms=(other, term), text=text
                )


def _documents(term: Term) -> set[str]:
    return {one.strip() for one in re.split("[;/,]", term.document)}


def _undefined(desk: Desk) -> Iterator[Conflict]:
    known = {word for term in desk.terms for word in re.findall(r"[\w]+", term.label)}
    known |= {word for body in desk.bodies for word in re.findall(r"\w+", f"{body.id} {body.name}")}
    known |= {group for item in desk.work_items for group in re.findall(r"\w+", f"{item.group} {item.document}")}
    used: dict[str, list[Term]] = defaultdict(list)
    for term in desk.terms:
        for found in ABBREVIATION.findall(term.definition):
            if found not in known and found.removesuffix("s") not in known:
                used[found].append(term)
    for word, terms in used.items():
        where = ", ".join(term.label for term in terms)
        yield Conflict(
            kind="undefined abbreviation",
            subject=word,
            terms=tuple(terms),
            text=f"used to define {where}, defined nowhere",
        )


def uses(terms: Iterable[Term]) -> dict[str, frozenset[str]]:
    """Which terms the definition of each one uses, by label; the longest name wins (``QKD-key`` is not ``key``)."""
    rows = list(terms)
    label_of = {name.casefold(): term.label for term in rows for name in names_of(term.label)}
    names = sorted(label_of, key=len, reverse=True)
    pattern = re.compile(r"(?<![\w-])(" + "|".join(re.escape(name) for name in names) + r")s?(?![\w-])")
    found: dict[str, set[str]] = defaultdict(set)
    for term in rows:
        used = {label_of[match] for match in pattern.findall(term.definition.casefold())}
        found[term.label] |= used - {term.label}
    return {label: frozenset(used) for label, used in found.items()}


def _circles(terms: tuple[Term, ...]) -> Iterator[Conflict]:
    """The shortest circles of definitions: two terms that need each other, or a longer round if there is none."""
    graph, rows = uses(terms), {term.label: term for term in reversed(terms)}
    seen: set[frozenset[str]] = set()
    for start in graph:
        round_ = _shortest_round(graph, start)
        if round_ and frozenset(round_) not in seen:
            seen.add(frozenset(round_))
            yield Conflict(
                kind="circle",
                subject=" -> ".join((*round_, round_[0])),
                terms=tuple(rows[label] for label in round_),
                text=f"{len(round_)} definitions that need each other",
            )


def _shortest_round(graph: dict[str, frozenset[str]], start: str) -> tuple[str, ...]:
    """The shortest way from a term back to itself, without its last step."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        longer: list[tuple[str, ...]] = []
        for way in ways:
            for after in sorted(graph.get(way[-1], ())):
                if after == start:
                    return way
                if after not in seen:
                    seen.add(after)
                    longer.append((*way, after))
        ways = longer
    return ()
