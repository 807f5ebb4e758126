"""Words that clash, and house usage."""

import json

import pytest
import rdflib

from qit4n.coordination import formats, terms, usage
from qit4n.coordination.tables import load
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


@pytest.mark.parametrize("text", ["class QKDDevice:", "qkd_device = 1", "a QKD device here", "# the QKD-device"])
def test_a_wrong_word_is_found_however_it_is_written(tmp_path, text):
    """Class, variable, prose: the same phrase; file and line are told."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "new.py").write_text(f'"""Fine: QKD module."""\n{text}\n')
    (found,) = usage.check(tmp_path)
    assert (found.file, found.line, found.rule.prefer) == ("src/new.py", 2, "QKD module")


def test_phrases_end_at_punctuation_and_exceptions_are_kept(tmp_path):
    """Two words with a comma between are no phrase; ETSI 014 may say key delivery."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "new.py").write_text("take(key), delivery\n")
    (tmp_path / "src" / "etsi014.py").write_text("key delivery\n")
    assert not list(usage.check(tmp_path))
