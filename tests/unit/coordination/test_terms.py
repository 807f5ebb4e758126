"""Words that clash, and house usage."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
import rdflib

from qit4n.coordination import formats, terms, usage
from qit4n.coordination.reading import load
from qit4n.errors import StandardsDataError


@pytest.fixture(scope="module")
def desk():
    return load()


@pytest.mark.parametrize("word", ["K (in QKD)", "key", "QIN", "qcom", "framework", "architecture"])
def test_the_quarrels_of_the_record_come_out(desk, word):
    """Each is found as one word with several meanings, each meaning with its source."""
    found = [one for one in terms.conflicts(desk) if one.kind == "several meanings" and one.subject == word]
    assert len(found) == 1
    assert len({term.definition for term in found[0].terms}) > 1


def test_two_words_for_one_thing(desk):
    """ITU-T says supply where ETSI says delivery."""
    assert "key supply = key delivery" in [one.subject for one in terms.conflicts(desk) if one.kind == "several words"]


def test_definitions_in_a_circle_and_abbreviations_that_nobody_explains(desk):
    """The KM is made of KMA and KSA, which are parts of the KM; SLA is used and not defined."""
    found = {(one.kind, one.subject) for one in terms.conflicts(desk)}
    assert ("circle", "key management agent (KMA) -> key manager (KM) -> key management agent (KMA)") in found
    assert ("undefined abbreviation", "SLA") in found
    assert ("undefined abbreviation", "QKDN") not in found


def test_the_longest_name_is_the_one_that_is_used(desk):
    """``QKD-key`` in a definition is that term, not ``key``."""
    assert "key" not in terms.uses(desk.terms)["KMA-key"]
    assert "QKD-key" in terms.uses(desk.terms)["KMA-key"]


def test_lookup_has_all_definitions_and_helps_with_a_near_miss(desk):
    """Any case, the short form too; what is not there is an error that names neighbours."""
    assert len(terms.lookup(desk, "qin")) == 4
    assert terms.lookup(desk, "kme")[0].label == "key management entity (KME)"
    with pytest.raises(StandardsDataError, match="multi-path relay"):
        terms.lookup(desk, "path relay")


def test_likeness_is_of_content_words():
    """Same words: 1; none in common: 0; plurals count as one."""
    assert terms.likeness("the keys of a link", "key of links") == 1
    assert terms.likeness("entangled pair", "bit string") == 0


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")
def test_skos_is_read_by_another_library(desk):
    """Another parser reads the JSON-LD: a concept per definition, KM matched with KME."""
    graph = rdflib.Graph().parse(data=formats.to_skos(desk), format="json-ld")
    skos = rdflib.Namespace("http://www.w3.org/2004/02/skos/core#")
    concepts = set(graph.subjects(rdflib.RDF.type, skos.Concept))
    assert len(concepts) == len(desk.terms)
    pairs = {
        (str(graph.value(one, skos.prefLabel)), str(graph.value(other, skos.prefLabel)))
        for one, other in graph.subject_objects(skos.exactMatch)
    }
    assert ("key manager", "key management entity") in pairs


def test_json_has_every_row(desk):
    """As many terms and statements as the tables."""
    found = json.loads(formats.to_json(desk))
    assert (len(found["terms"]), len(found["statements"])) == (len(desk.terms), len(desk.statements))


def put(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("src/new.py", "class QKDDevice:", 2),
        ("src/new.py", "qkd_device = 1", 2),
        ("src/new.py", "# the QKD-device", 2),
        ("docs/new.md", "all QKD devices", 2),
        ("docs/new.md", "this is a QKD\ndevice", 2),
        ("docs/new.md", "- a list with a QKD\n  device", 2),
        ("src/new.py", "# a comment on a QKD\n# device", 2),
        ("src/new.js", "// a QKD\n// device", 2),
        ("docs/new.json", '{"qkd_device": 1}', 2),
        ("docs/new.json", '{"description": "a QKD device"}', 2),
    ],
)
def test_a_wrong_word_is_found_however_it_is_written(tmp_path, desk, name, text, line):
    """Class, variable, prose, plural, over the end of a line, in every kind of file; file and line are told."""
    put(tmp_path, name, f"Fine: a QKD module.\n{text}\n")
    (found,) = usage.check(tmp_path, desk)
    assert (found.file, found.line) == (name, line)
    assert "QKD device: say QKD module" in found.text


def test_phrases_end_at_punctuation_and_paragraphs_and_exceptions_are_kept(tmp_path, desk):
    """Two words with a comma or an empty line between are no phrase; ETSI 014 has its own word; longer terms win."""
    put(tmp_path, "src/new.py", "take(key), delivery\n# key\n\n# delivery\n# a quantum relay point\n")
    put(tmp_path, "src/etsi014.py", "key delivery\n")
    assert not list(usage.check(tmp_path, desk))


def test_the_rules_are_those_of_the_glossary(tmp_path, desk):
    """A word that a row of the glossary deprecates is refused, and not before."""
    put(tmp_path, "docs/new.md", "Use a light funnel here.\n")
    assert not list(usage.check(tmp_path, desk))
    rows = (msgspec.structs.replace(desk.terms[0], deprecated=("light funnel",)), *desk.terms[1:])
    (found,) = usage.check(tmp_path, msgspec.structs.replace(desk, terms=rows))
    assert "light funnel: say key" in found.text
    assert len(usage.rules(desk)) == sum(len(term.deprecated) for term in desk.terms) > 20


@pytest.mark.parametrize(
    "text", ["the quiet zone exchange (QZX)", "QZX (quiet zone exchange)", "`QZX`", "    QZX\n", "TLS"]
)
def test_abbreviations_of_the_documents_are_explained(tmp_path, desk, text):
    """In the document, in the glossary or as generally known; code is not text."""
    put(tmp_path, "docs/new.md", f"A text.\n\n{text}\n")
    assert not list(usage.check(tmp_path, desk))
    put(tmp_path, "docs/other.md", "The QZX is down.\n")
    (found,) = usage.check(tmp_path, desk)
    assert (found.file, found.line) == ("docs/other.md", 1)
    assert "QZX is explained nowhere" in found.text


def test_our_own_text_keeps_to_the_glossary_until_a_wrong_word_is_put_in(tmp_path, desk):
    """This checkout is right; a copy of its documents with one sentence more is not."""
    root = Path(__file__).parents[3]
    assert not list(usage.check(root, desk))
    shutil.copytree(root / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("*.svg", "*.png"))
    for file in root.glob("*.md"):
        shutil.copy(file, tmp_path)
    assert not list(usage.check(tmp_path, desk))
    with (tmp_path / "README.md").open("a") as out:
        out.write("\nA trusted\nrepeater in between.\n")
    (found,) = usage.check(tmp_path, desk)
    assert found.file == "README.md"
    assert "trusted repeater: say trusted node" in found.text
