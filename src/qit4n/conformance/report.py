"""What was found, as text, JSON or JUnit's XML."""

from collections import Counter
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import msgspec

from qit4n.conformance.check import Outcome, Result

DOCUMENT = "ETSI GS QKD 014 V1.1.1"


def as_line(result: Result) -> str:
    """One line of the text report; a second one if there is something to say."""
    check = result.check
    first = f"{result.outcome.upper():8}{check.clause:5}{check.id:22}{check.sentence}"
    return first + (f"\n{'':13}-> {result.seen}" + _meaning(result) if result.seen else "")


def _meaning(result: Result) -> str:
    if result.outcome is not Outcome.WARN:
        return ""
    return {
        "open": " (the document leaves it open)",
        "recommended": " (recommended; the document does not ask for it)",
    }[result.check.weight.value]


def summary(results: Sequence[Result]) -> str:
    """The counts in one line."""
    counts = Counter(one.outcome for one in results)
    return f"{DOCUMENT}: " + ", ".join(f"{counts[one]} {one}" for one in Outcome)


def as_json(results: Sequence[Result]) -> str:
    """One JSON document."""
    counts = Counter(one.outcome for one in results)
    rows = [
        {
            "id": one.check.id,
            "clause": one.check.clause,
            "weight": one.check.weight.value,
            "sentence": one.check.sentence,
            "outcome": one.outcome.value,
            "seen": one.seen,
            "seconds": round(one.seconds, 3),
        }
        for one in results
    ]
    found = {"document": DOCUMENT, "counts": {one.value: counts[one] for one in Outcome}, "checks": rows}
    return msgspec.json.format(msgspec.json.encode(found)).decode()


def as_junit(results: Sequence[Result]) -> str:
    """A test suite in JUnit's XML; a warning passes, with its text as output."""
    counts = Counter(one.outcome for one in results)
    suite = Element(
        "testsuite",
        name=DOCUMENT,
        tests=str(len(results)),
        failures=str(counts[Outcome.FAIL]),
        skipped=str(counts[Outcome.SKIPPED]),
        errors="0",
    )
    for one in results:
        case = SubElement(
            suite, "testcase", classname=f"clause {one.check.clause}", name=one.check.id, time=f"{one.seconds:.3f}"
        )
        if one.outcome is Outcome.FAIL:
            SubElement(case, "failure", message=one.seen).text = one.check.sentence
        elif one.outcome is Outcome.SKIPPED:
            SubElement(case, "skipped", message=one.seen)
        elif one.seen:
            SubElement(case, "system-out").text = f"warning: {one.seen}{_meaning(one)}"
    indent(suite)
    return tostring(suite, encoding="unicode", xml_declaration=True)
