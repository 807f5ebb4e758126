"""The page of truth: tables within their limits, misses shown, and the page in the documents is what is computed."""

import re
from pathlib import Path

import pytest
from benchmarks import truth
from benchmarks.experiments import EXPERIMENTS, QUOTED

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "truth.md"


def test_closed_forms_are_within_their_limits():
    """BB84 and CV to 1e-9, BBM92 to 1e-5 of what the other packages compute, over more than 80 rows."""
    found = truth.tables()
    assert set(found) == set(truth.LIMITS)
    assert sum(rows for rows, _ in found.values()) > 80
    for name, (_, difference) in found.items():
        assert difference <= truth.LIMITS[name], name


def test_every_miss_is_explained():
    """Each row that missed its factor has a comment that says why; each experiment cites and marks its inputs."""
    lines = PAGE.read_text("utf-8").splitlines()
    for one in EXPERIMENTS:
        row = next(line for line in lines if line.startswith(f"| {one.name}:"))
        assert ("missed**" in row) == one.comment.startswith("missed"), one.name
        assert f"  - {one.name}: {one.inputs}." in lines
        assert f"- {one.reference}" in lines
        assert re.match(r"(paper|abstract|quoted|listed|recalled|assumed|as )", one.inputs), one.name


def test_every_source_that_quotes_a_paper_is_named():
    """And none is named that quotes nothing."""
    cited = {name for one in EXPERIMENTS for name in re.findall(r"quoted \((\w+)\)", one.inputs)}
    assert cited == set(QUOTED)


@pytest.mark.long
def test_the_page_is_what_is_computed():
    """Run ``python -m benchmarks.truth > docs/reference/truth.md`` when a model has changed."""
    assert truth.page() == PAGE.read_text("utf-8")
