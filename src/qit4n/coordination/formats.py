"""The desk's tables in other forms: JSON, SKOS (as JSON-LD) for the terms, Markdown."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from qit4n.coordination.tables import Desk, Term
from qit4n.coordination.terms import by_name, names_of, uses

BASE = "urn:qit4n:term:"
CONTEXT = {"skos": "http://www.w3.org/2004/02/skos/core#", "dcterms": "http://purl.org/dc/terms/"}


def to_json(desk: Desk) -> str:
    """All tables as one JSON object of arrays."""
    return json.dumps(msgspec.to_builtins(desk), indent=1, ensure_ascii=False) + "\n"


def to_skos(desk: Desk) -> str:
    """The terms as a SKOS concept scheme in JSON-LD; each definition of a source is a concept of its own.

    ``exactMatch`` joins words that were judged to mean the same; ``related`` the terms that a definition uses;
    ``hiddenLabel`` words that should not be used.
    Source: W3C SKOS Reference, 18 August 2009.
    """
    named, rows = by_name(desk.terms), {term.label: term for term in reversed(desk.terms)}
    used = uses(desk.terms)
    graph: list[dict[str, Any]] = [
        {"@id": f"{BASE}scheme", "@type": "skos:ConceptScheme", "skos:prefLabel": _text("Terms of quantum networks")}
    ]
    for term in desk.terms:
        same = named.get(term.same_as.casefold()) if term.same_as else None
        graph.append(_concept(term, same, [rows[label] for label in sorted(used[term.label])]))
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False) + "\n"


def _concept(term: Term, same: Term | None, related: list[Term]) -> dict[str, Any]:
    first, *others = names_of(term.label)
    found: dict[str, Any] = {
        "@id": _address(term),
        "@type": "skos:Concept",
        "skos:inScheme": {"@id": f"{BASE}scheme"},
        "skos:prefLabel": _text(first),
        "skos:definition": _text(term.definition),
        "dcterms:source": term.document,
    }
    if others:
        found["skos:altLabel"] = [_text(other) for other in others]
    if term.deprecated:
        found["skos:hiddenLabel"] = [_text(word) for word in term.deprecated]
    found["skos:note"] = _text(f"confidence: {term.confidence}")
    if term.note:
        found["skos:editorialNote"] = _text(term.note)
    if same is not None:
        found["skos:exactMatch"] = {"@id": _address(same)}
    if related:
        found["skos:related"] = [{"@id": _address(one)} for one in related]
    return found


def _address(term: Term) -> str:
    """Of a term; an id may have letters that stand in no address."""
    return BASE + quote(term.id, safe="")


def _text(value: str) -> dict[str, str]:
    return {"@value": value, "@language": "en"}


def to_markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; a cell stands in one line."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(re.sub(r"([|\\])", r"\\\1", " ".join(cell.split())) for cell in line) + " |\n"
        for line in lines
    )
