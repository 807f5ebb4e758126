"""Gaps and overlaps as queries of the tables."""

from datetime import date

import msgspec
import pytest

from qit4n.coordination import matrix, roadmap
from qit4n.coordination.tables import load


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


def test_the_approval_clock(desk):
    """ITU-T A.8: four weeks of last call, three of review; Y.3811 took longer than the least (AAP record)."""
    found = roadmap.clock(date(2022, 7, 15))
    assert (found.if_quiet, found.if_reviewed) == (date(2022, 8, 12), date(2022, 9, 2))
    assert date(2022, 9, 29) >= found.if_reviewed
    years = list(roadmap.timeline(desk, "qkdn-network"))
    assert years == sorted(years)
    assert "2019" in years
