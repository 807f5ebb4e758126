"""Gaps and overlaps as queries of the tables."""

from datetime import date

import msgspec
import pytest

from qit4n.coordination import clocks, matrix, roadmap
from qit4n.coordination.reading import load
from qit4n.errors import StandardsDataError


@pytest.fixture(scope="module")
def desk():
    return load()


def of(gaps, topic, aspect):
    return next(gap for gap in gaps if (gap.topic, gap.aspect) == (topic, aspect))


def test_a_closed_gap_names_the_documents_that_closed_it(desk):
    """The architecture of QKD operation was asked for in line 364 and is published in the Y.3800 series."""
    gap = of(matrix.changes(desk), "qkdn-operation", "architecture")
    assert gap.state == "closed"
    assert "Y.3814 (01/2023)" in [item.document for item in gap.closed_by]
    assert 364 in [cell.record_line for cell in gap.since]


def test_what_was_searched_and_not_found_stays_open(desk):
    """Sustainability: no document of ITU-T SG5 or ETSI TC EE was found; the gap says where it was looked for."""
    gap = of(matrix.gaps(desk), "qkdn-sustainability", "architecture")
    assert {item.group for item in gap.searched} >= {"SG5"}


def test_publishing_a_document_closes_a_gap(desk):
    """With one row more the gap is closed; with the row in hand only, it is under way."""
    row = next(item for item in desk.work_items if item.status == "published")
    new = msgspec.structs.replace(row, id="new", topics=("qkdn-sustainability",), aspects=("architecture",))
    with_it = msgspec.structs.replace(desk, work_items=(*desk.work_items, new))
    assert of(matrix.changes(with_it), "qkdn-sustainability", "architecture").state == "closed"
    in_hand = msgspec.structs.replace(new, status="draft")
    with_it = msgspec.structs.replace(desk, work_items=(*desk.work_items, in_hand))
    assert of(matrix.changes(with_it), "qkdn-sustainability", "architecture").state == "under way"


def test_what_the_record_called_not_needed_is_no_gap(desk):
    """QRNG terminology was judged not needed in line 373."""
    assert not [gap for gap in matrix.changes(desk) if gap.topic == "qrng"]


def test_an_overlap_has_two_bodies_with_the_same_kind_of_document(desk):
    """Protocols of QKD networks: ITU-T and ETSI, accepted with a reason; expired drafts do not count."""
    found = next(one for one in matrix.overlaps(desk) if (one.topic, one.aspect) == ("qkdn-protocols", "protocol"))
    assert {"ITU-T", "ETSI"} <= set(found.items)
    assert found.accepted
    assert all(
        item.status != "expired" for one in matrix.overlaps(desk) for items in one.items.values() for item in items
    )
    assert all(len(one.items) > 1 for one in matrix.overlaps(desk))


def test_a_gap_is_as_well_closed_as_its_best_documented_document(desk):
    """The row in use for the terminology of transport is from memory: the closing says so."""
    gap = of(matrix.changes(desk), "qkdn-transport", "terminology")
    assert (gap.state, gap.confidence, [one.document for one in gap.deciding]) == ("closed", "low", ["FG-QIT4N D2.1"])
    assert of(matrix.changes(desk), "qkdn-operation", "architecture").confidence == "high"
    found = matrix.changes(desk)
    count = matrix.tally(found)
    assert sum(count.values()) == len(found)
    assert count["closed low"] == sum(
        all(one.confidence == "low" for one in gap.closed_by) for gap in found if gap.closed_by
    )
    assert f"{count['closed low']} from memory alone" in matrix.summary(found)


def test_quantum_computers_and_tests_of_modules_close_no_gap_of_networks(desk):
    """CEN/CLC TR 18202 is about a computer, ISO/IEC 23837-2 about how modules are evaluated."""
    found = {(gap.topic, gap.aspect): [one.document for one in gap.closed_by] for gap in matrix.changes(desk)}
    assert not [place for place, names in found.items() if {"CEN/CLC TR 18202", "ISO/IEC 23837-2:2023"} & set(names)]
    assert of(matrix.gaps(desk), "quantum-computing", "architecture").nearby[0].document == "CEN/CLC TR 18202"


def test_what_is_older_than_the_record_closes_none_of_its_gaps(desk):
    """The use cases of ETSI are of 2010; they are named as near by where nothing newer is there."""
    assert all((one.year or matrix.YEAR) >= matrix.YEAR for gap in matrix.changes(desk) for one in gap.closed_by)
    old = next(item for item in desk.work_items if item.document == "GS QKD 002 V1.1.1")
    alone = msgspec.structs.replace(desk, work_items=(old,))
    gap = of(matrix.changes(alone), "qkdn-application", "use-cases")
    assert (gap.state, gap.nearby) == ("open", (old,))


def test_holes_of_the_picture_are_no_gaps(desk):
    """Line 464 has headings for ISO, IEEE and IETF with nothing legible under them."""
    assert {cell.record_line for cell in matrix.unreadable(desk)} == {464}
    assert not [gap for gap in matrix.changes(desk) if 464 in gap.lines]


def test_a_cell_of_the_table_without_a_roadmap_asks_for_none(desk):
    """M2 has columns for terminology, use cases and architecture: its line 437 asks for these three."""
    asked = {gap.aspect for gap in matrix.changes(desk) if gap.topic == "qkdn-protocols" and 437 in gap.lines}
    assert asked == {"terminology", "use-cases", "architecture"}


def test_overlaps_are_accepted_in_a_table(desk):
    """Without the row it is to be talked about."""
    without = msgspec.structs.replace(desk, overlaps=())
    assert not [one for one in matrix.overlaps(without) if one.accepted]
    accepted = [one for one in matrix.overlaps(desk) if one.accepted]
    assert {(one.topic, one.aspect) for one in accepted} == {(one.topic, one.aspect) for one in desk.overlaps}


def test_the_clock_of_a_consent():
    """ITU-T A.8, four weeks and three: consented on 26 November 2025, Q.4165 is of January 2026."""
    found = clocks.clock("AAP", "consent", date(2025, 11, 26))
    assert (found.if_quiet, found.if_reviewed) == (date(2025, 12, 24), date(2026, 1, 14))
    assert date(2026, 1, 31) > found.if_quiet
    assert clocks.clock("AAP", "last call", date(2022, 7, 15)).if_quiet == date(2022, 8, 12)


def test_a_draft_stops_the_clock():
    """Nobody knows how long writing takes: the weeks count from the next step."""
    found = clocks.clock("ISO", "20 working draft", date(2026, 1, 1))
    assert found.if_quiet is None
    assert (found.after, found.days_quiet, found.days_reviewed) == ("30 committee draft", 140, 196)
    assert "20 to 28 weeks from 30 committee draft" in clocks.told(found)
    with pytest.raises(StandardsDataError, match="steps: draft, consent"):
        clocks.clock("AAP", "nap")


def test_every_item_in_hand_that_is_a_document_has_a_clock(desk):
    """Committees have none."""
    without = {item.document for item in desk.work_items if item.status in matrix.OPEN and not clocks.clock_of(item)}
    assert without == {"TC QT", "JTC 3", "JTC 22 WG programme"}


def test_the_timeline_is_in_order(desk):
    """Years first, then what is in hand."""
    years = list(roadmap.timeline(desk, "qkdn-network"))
    assert years == sorted(years)
    assert {"2019", "in hand", "in hand, due 2028"} <= set(years)
